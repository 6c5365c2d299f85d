"""Good files get in, and each bad one is named: whatever fails, wherever it fails, in one attempt or over several."""

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from airflow_provider_encord.exceptions import (
    EncordInputError,
    EncordJobError,
    EncordMachineError,
    EncordUploadError,
)
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.operators.uploads import (
    EncordCreateImageGroupOperator,
    EncordUploadImageOperator,
    EncordUploadVideoOperator,
)

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:
    from airflow.exceptions import TaskDeferred

SIZE = int(os.environ.get("ENCORD_TEST_FILES", "250"))
EACH = SIZE // 500 or 1
"""How many files are broken in each of five ways: 5 of 250, and 100 of 10,000 with ENCORD_TEST_FILES=10000."""


class WorkerLost(BaseException):
    pass


@pytest.fixture(params=["3.3", "before"])
def any_airflow(request, context):
    """With a task state store, and without."""
    if request.param == "before":
        del context["task_state_store"]
    return request.param


@pytest.fixture
def folder_of(tmp_path, media):
    """Make images with these names; of one named so, something is wrong."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            if "broken" in name:
                path.write_bytes(b"no image " + name.encode())
            elif "empty" in name:
                path.touch()
            elif "missing" not in name:
                shutil.copyfile(media / "a.png", path)
        return [str(tmp_path / name) for name in names]

    return make


@pytest.fixture
def upload(dataset, context, encord):
    """Run one attempt; through the trigger's event if it defers."""

    def run(paths, each=EncordUploadImageOperator, **arguments):
        arguments = {"dataset_hash": dataset, "poll_interval": 0.01, **arguments}
        task = each(task_id="task", file_paths=paths, **arguments)
        try:
            return task.execute(context)
        except TaskDeferred as deferred:
            kwargs = json.loads(json.dumps(deferred.kwargs or {}))
            ids = deferred.trigger.serialize()[1]["job_ids"]
        again = each(task_id="task", file_paths=paths, **arguments)
        event = {"status": "done", "job_ids": ids, "message": ""}
        return again.execute_complete(context, event=event, **kwargs)

    return run


@pytest.fixture
def titles(hook, dataset):
    return lambda: sorted(row.data_title for row in hook.list_data_rows(dataset))


@pytest.fixture
def sent(asked, encord):
    """Count what was put into storage since the last count."""

    def count():
        found = asked().count("storage_put")
        encord.clear_requests()
        return found

    return count


@pytest.fixture
def no_waiting(encord, monkeypatch):
    """Let pauses between two requests be short."""
    connection = json.loads(os.environ["AIRFLOW_CONN_ENCORD_DEFAULT"])
    connection["extra"]["longest_pause"] = 0.01
    monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", json.dumps(connection))


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


# -- many files, broken in five ways --------------------------------------------------------------------------------


@pytest.fixture
def many(folder_of):
    """Return the paths of many files: those that storage refuses, as a fault, are among the first."""
    bad = ["missing{}.png", "script{}.py", "empty{}.png", "broken{}.png"]
    names = [f"good{number}.png" for number in range(SIZE - 4 * EACH)]
    return folder_of(*names, *(each.format(number) for each in bad for number in range(EACH)))


def test_many_files_of_which_some_are_broken_in_five_ways(many, upload, encord, titles, tmp_path):
    encord.fault("storage_put", status=400, times=EACH)
    details = tmp_path / "details"
    done = upload(many, max_failed_items=0.02, max_items_per_job=max(100, SIZE // 10), details_path=str(details))
    assert (done["added"], done["failed"], len(titles())) == (SIZE - 5 * EACH, 5 * EACH, SIZE - 5 * EACH)
    failed = [line for line in lines_of(details) if line["outcome"] == "failed"]
    assert Counter(line["stage"] for line in failed) == {
        "check": 2 * EACH,
        "read": EACH,
        "upload": EACH,
        "job": EACH,
    }
    assert {line["path"] for line in failed} == set(many[-4 * EACH :]) | {
        line["path"] for line in failed if line["stage"] == "upload"
    }
    assert all(line["error"] for line in failed)
    assert {error["path"] for error in done["errors"]} <= {line["path"] for line in failed}
    assert len(done["errors"]) == min(20, 5 * EACH)


def test_with_none_allowed_a_second_attempt_sends_only_what_was_mended(
    any_airflow, many, upload, encord, titles, sent, context, tmp_path, media
):
    encord.fault("storage_put", status=400, times=EACH)
    with pytest.raises(EncordJobError, match=f"{5 * EACH} of {SIZE} files failed, and max_failed_items allows 0"):
        upload(many, max_items_per_job=max(100, SIZE // 10))
    assert (sent(), len(titles())) == (SIZE - 3 * EACH, SIZE - 5 * EACH)
    mended = [path.replace(".py", ".png") for path in many]
    for path in mended[-4 * EACH :]:
        shutil.copyfile(media / "b.png", path)
    context["ti"].retry()
    done = upload(mended, max_items_per_job=max(100, SIZE // 10))
    assert (sent(), done["added"], done["skipped"], done["failed"]) == (5 * EACH, 5 * EACH, SIZE - 5 * EACH, 0)
    assert titles() == sorted(Path(path).name for path in mended)


# -- which error, and what it says ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ("empty.png", EncordInputError, r"empty\.png: is empty \(0 bytes\)"),
        ("script.py", EncordInputError, r"script\.py: is text/x-python by its name.*\.jpg, \.jpeg, \.png"),
        ("missing.png", EncordMachineError, r"missing\.png: does not exist, looked for on host \S+ by user"),
        ("broken.png", EncordJobError, r"broken\.png: "),
    ],
)
def test_the_error_names_the_file_and_the_good_one_is_in(bad, error, message, upload, folder_of, titles):
    with pytest.raises(error, match=message) as caught:
        upload(folder_of("good.png", bad))
    assert "1 of 2 files failed, and max_failed_items allows 0. 1 are in Encord" in str(caught.value)
    assert titles() == ["good.png"]


@pytest.mark.parametrize("status", [400, 403, 500])
def test_what_storage_refuses_is_left_out(status, upload, folder_of, encord, titles, sent, no_waiting):
    encord.fault("storage_put", status=status, times=None, skip=1)
    with pytest.raises(EncordUploadError, match=f"b.png: .*storage answered HTTP {status}"):
        upload(folder_of("a.png", "b.png"), max_workers=1)
    assert titles() == ["a.png"]
    assert sent() == {400: 2, 403: 3, 500: 5}[status]  # storage that fails is asked again before the file counts


def test_a_passing_failure_does_not_count(upload, folder_of, encord):
    encord.fault("storage_put", status=503, times=2)
    assert upload(folder_of("a.png", "b.png"))["failed"] == 0


def test_a_file_that_vanishes_between_check_and_upload(upload, folder_of, monkeypatch, titles):
    paths = folder_of("a.png", "b.png")
    put = EncordHook.put_files

    def late(*args, **kwargs):
        Path(paths[1]).unlink()
        return put(*args, **kwargs)

    monkeypatch.setattr(EncordHook, "put_files", late)
    done = upload(paths, max_failed_items=1)
    assert (done["added"], done["failed"], titles()) == (1, 1, ["a.png"])
    (error,) = done["errors"]
    assert (error["path"], error["stage"]) == (paths[1], "upload")
    assert "could not be read (FileNotFoundError" in error["error"]


@pytest.mark.parametrize(("allowed", "ends_well"), [(0.5, True), (2, True), (0.49, False), (1, False)])
def test_the_share_is_one_of_all_files(allowed, ends_well, upload, folder_of, titles):
    paths = folder_of("a.png", "b.png", "empty.png", "broken.png")
    if ends_well:
        assert upload(paths, max_failed_items=allowed)["failed"] == 2
    else:
        with pytest.raises(EncordJobError, match="2 of 4 files"):
            upload(paths, max_failed_items=allowed)
    assert titles() == ["a.png", "b.png"]


@pytest.mark.parametrize("on_empty", ["skip", "fail"])
def test_when_all_files_fail_and_may_fail_there_was_something_to_do(on_empty, upload, folder_of, asked):
    done = upload(folder_of("empty.png", "missing.png"), max_failed_items=2, on_empty=on_empty)
    assert (done["added"], done["failed"], "storage_put" in asked()) == (0, 2, False)


def test_a_dry_run_names_what_would_fail_and_fails_with_it(upload, folder_of, caplog, asked):
    paths = folder_of("a.png", "empty.png", "b.png")
    assert upload(paths, dry_run=True, max_failed_items=1)["items"] == 2
    with pytest.raises(EncordInputError, match=r"empty\.png"):
        upload(paths, dry_run=True)
    assert "presigned_urls" not in asked()


def test_a_task_that_does_not_wait_tells_at_once(upload, folder_of, titles):
    paths = folder_of("a.png", "empty.png")
    with pytest.raises(EncordInputError, match=r"empty\.png"):
        upload(paths, wait_for_completion=False)
    assert titles() == ["a.png"]


@pytest.mark.parametrize("name", ["empty.png", "missing.png", "broken.png"])
def test_one_bad_image_keeps_a_group_out(name, upload, folder_of, titles, sent):
    with pytest.raises((EncordInputError, EncordMachineError, EncordJobError), match=name.partition(".")[0]):
        upload(folder_of("a.png", name), EncordCreateImageGroupOperator)
    assert titles() == []
    assert sent() == (2 if name == "broken.png" else 0)


def test_a_refused_type_can_be_left_to_encord(upload, folder_of, media, tmp_path, titles, asked):
    shutil.copyfile(media / "a.png", tmp_path / "a.mpo.py")
    with pytest.raises(EncordInputError, match="check_file_types=False"):
        upload([str(tmp_path / "a.mpo.py")])
    assert asked() == []
    with pytest.raises(EncordUploadError, match="storage answered HTTP 403"):  # by its media type
        upload([str(tmp_path / "a.mpo.py")], check_file_types=False)
    assert "presigned_urls" in asked()


# -- over several attempts ------------------------------------------------------------------------------------------


def test_one_broken_video_of_four_in_three_attempts(upload, context, media, tmp_path, titles, sent):
    paths = [shutil.copy(media / "clip.mp4", tmp_path / f"{number}.mp4") for number in range(3)]
    paths.append(shutil.copy(media / "a.png", tmp_path / "broken.mp4"))
    counts = []
    for _ in range(3):
        with pytest.raises(EncordJobError, match=r"broken\.mp4"):
            upload(paths, EncordUploadVideoOperator)
        counts.append(sent())
        context["ti"].retry()
    assert (counts, titles()) == ([4, 0, 0], ["0.mp4", "1.mp4", "2.mp4"])


def test_after_a_clear_a_file_that_the_job_refused_is_sent_again(upload, context, folder_of, sent):
    paths = folder_of("a.png", "broken.png")
    with pytest.raises(EncordJobError):
        upload(paths)
    context["ti"].clear()
    sent()
    with pytest.raises(EncordJobError):
        upload(paths)
    assert sent() == 1


def test_keys_survive_a_job_that_failed_as_a_whole(upload, context, folder_of, encord, sent, titles):
    paths = folder_of("a.png", "b.png")
    encord.force_job(status="ERROR", error="no space left")
    with pytest.raises(EncordJobError, match="no space left"):
        upload(paths)
    assert (sent(), titles()) == (2, [])
    context["ti"].retry()
    assert (upload(paths)["added"], sent()) == (2, 0)


def test_a_clear_after_success_sends_what_was_mended(any_airflow, upload, context, folder_of, sent, titles, media):
    paths = folder_of("a.png", "empty.png", "broken.png")
    assert upload(paths, max_failed_items=2)["failed"] == 2
    for path in paths[1:]:
        shutil.copyfile(media / "b.png", path)
    context["ti"].clear()
    sent()
    done = upload(paths, max_failed_items=2)
    assert (done["added"], done["skipped"], done["failed"], sent()) == (2, 1, 0, 2)
    assert len(titles()) == 3


def test_what_was_registered_is_sent_again_if_it_was_removed(upload, context, folder_of, sent, titles, hook, dataset):
    paths = folder_of("a.png", "b.png", "broken.png")
    upload(paths, max_failed_items=1)
    first = next(row for row in hook.list_data_rows(dataset) if row.data_title == "a.png")
    hook.delete_data(dataset, [first.data_hash])
    context["ti"].clear()
    sent()
    assert upload(paths, max_failed_items=1)["added"] == 1
    assert (sent(), titles()) == (2, ["a.png", "b.png"])


@pytest.mark.parametrize("jobs_end", [False, True])
def test_a_worker_that_dies_while_it_waits_loses_no_failure(
    jobs_end, any_airflow, upload, context, folder_of, encord, sent, titles, monkeypatch
):
    paths = folder_of("a.png", "empty.png", "b.png", "broken.png")
    wait = EncordHook.wait

    def lost(*args, **kwargs):
        if jobs_end:
            wait(*args, **kwargs)
        raise WorkerLost

    encord.settings(job_seconds=0 if jobs_end else 0.5)
    with monkeypatch.context() as dying, pytest.raises(WorkerLost):
        dying.setattr(EncordHook, "wait", lost)
        upload(paths, max_items_per_job=2)
    context["ti"].retry()
    sent()
    with pytest.raises(EncordJobError, match="2 of 4 files") as caught:
        upload(paths, max_items_per_job=2)
    assert ("empty.png" in str(caught.value), "broken.png" in str(caught.value)) == (True, True)
    if any_airflow == "3.3" or jobs_end:
        assert titles() == ["a.png", "b.png"]
        assert sent() <= 1


@pytest.mark.parametrize("count", [1, 150])
def test_failures_survive_deferral(count, any_airflow, upload, folder_of, tmp_path, titles):
    empty = [f"empty{number}-{'x' * 100}.png" for number in range(count)]
    paths = folder_of("a.png", *empty, "broken.png")
    details = tmp_path / "details"
    arguments = {"deferrable": True, "defer_after": 0, "max_failed_items": count + 1, "details_path": str(details)}
    done = upload(paths, **arguments)
    assert (done["added"], done["failed"], titles()) == (1, count + 1, ["a.png"])
    failed = [line for line in lines_of(details) if line["outcome"] == "failed"]
    assert {line["path"] for line in failed if line["stage"] == "check"} == set(paths[1:-1])
    (of_job,) = [line for line in failed if line["stage"] == "job"]
    # Before Airflow 3.3 nobody remembers after a deferral which object was which file.
    assert of_job["path"] == {"3.3": paths[-1], "before": None}[any_airflow]
    assert len(of_job["urls"]) == 1


@pytest.mark.parametrize("into", ["folder", "both"])
def test_a_folder_gets_the_good_files_and_a_dataset_their_rows(into, upload, context, folder_of, hook, encord, sent):
    folder = hook.create_folder("a folder").uuid
    other = hook.create_dataset("no mirror", create_backing_folder=False).dataset_hash
    paths = folder_of("a.png", "refused.png", "empty.png", "broken.png")
    place = {"folder_uuid": folder, "dataset_hash": other if into == "both" else None}
    encord.fault("storage_put", status=400, skip=1, times=1)
    done = upload(paths, max_failed_items=3, max_workers=1, **place)
    assert (done["added"], {error["path"]: error["stage"] for error in done["errors"]}) == (
        1,
        {paths[1]: "upload", paths[2]: "check", paths[3]: "job"},
    )
    assert len(hook.list_data_rows(other)) == (into == "both")
    context["ti"].retry()
    sent()
    done = upload(paths[:2], max_workers=1, **place)
    assert (done["added"], done["skipped"], sent()) == (1, 1, 1)
    assert len(hook.list_data_rows(other)) == 2 * (into == "both")


def test_a_worker_that_dies_between_two_jobs_counts_what_failed_before(upload, context, folder_of, monkeypatch, sent):
    paths = folder_of("a.png", "empty.png", "b.png", "missing.png", "c.png", "broken.png")
    start, calls = EncordHook.start_upload_job, []

    def lost(*args, **kwargs):
        calls.append(args)
        if len(calls) == 2:
            raise WorkerLost
        return start(*args, **kwargs)

    with monkeypatch.context() as dying, pytest.raises(WorkerLost):
        dying.setattr(EncordHook, "start_upload_job", lost)
        upload(paths, max_items_per_job=2)
    context["ti"].retry()
    sent()
    done = upload(paths, max_items_per_job=2, max_failed_items=0.5)
    assert (done["failed"], [error["path"] for error in done["errors"]]) == (3, [paths[1], paths[3], paths[5]])
    assert (len(done["items"]), sent()) == (3, 2)


def test_each_map_index_counts_its_own(upload, context, folder_of, titles):
    paths = folder_of("a.png", "empty.png", "b.png")
    context["ti"].map_index = 0
    assert upload(paths[:2], max_failed_items=0.5)["failed"] == 1
    context["ti"].map_index = 1
    context["task_state_store"].clear()  # Airflow keeps one for each map index
    assert upload(paths[2:], max_failed_items=0.5)["failed"] == 0
    assert titles() == ["a.png", "b.png"]


def test_a_title_that_native_rendering_made_a_number_is_refused_in_words(upload, folder_of, asked):
    with pytest.raises(EncordInputError, match="title must be a string, not 20260101"):
        upload(folder_of("a.png"), title=20260101)
    assert asked() == []
