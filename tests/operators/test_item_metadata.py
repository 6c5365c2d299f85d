"""Uploads whose items have client metadata of their own: as a list, a dict or a file, and over attempts."""

import json
import shutil
from pathlib import Path

import pytest

from airflow_provider_encord._resume.task_store import Memory
from airflow_provider_encord.exceptions import EncordInputError, EncordJobError, EncordUploadError
from airflow_provider_encord.operators._uploading import Uploading
from airflow_provider_encord.operators.uploads import (
    EncordCreateDicomSeriesOperator,
    EncordCreateImageGroupOperator,
    EncordUploadFilesOperator,
    EncordUploadImageOperator,
)

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:
    from airflow.exceptions import TaskDeferred

TAGS = ("airflow_task", "airflow_file")
NAMES = ["a.png", "b.png", "c.png"]
FORMS = {
    "a list": lambda media, write: [{"n": 1}, None, {"n": 3}],
    "a list as text": lambda media, write: "[{'n': 1}, None, {'n': 3}]",
    "by path": lambda media, write: {str(media / "a.png"): {"n": 1}, str(media / "c.png"): {"n": 3}, "z": {}},
    "by name": lambda media, write: {"a.png": {"n": 1}, "c.png": {"n": 3}, "z": {}},
    "a dict as text": lambda media, write: json.dumps({"a.png": {"n": 1}, "c.png": {"n": 3}, "z": {}}),
    "a CSV file": lambda media, write: write("m.csv", "\ufeffname,n\na.png,1\nc.png,3\nz,4\n"),
    "a JSONL file": lambda media, write: write(
        "m.jsonl", f'{{"key": "{media}/a.png", "n": 1}}\n{{"key": "{media}/c.png", "n": 3}}\n{{"key": "z"}}\n'
    ),
}


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


@pytest.fixture
def upload(context, dataset, media):
    def run(by_item, each=EncordUploadImageOperator, names=NAMES, **arguments):
        arguments = {"file_paths": [str(media / name) for name in names], "poll_interval": 0.01, **arguments}
        if "folder_uuid" not in arguments:
            arguments["dataset_hash"] = dataset
        return each(task_id="task", client_metadata_by_item=by_item, **arguments).execute(context)

    return run


@pytest.fixture
def metadata(hook, dataset):
    """What the rows have, by title, and without our tags."""

    def metadata():
        rows = hook.list_data_rows(dataset, fetch_client_metadata=True)
        assert all(set(TAGS) <= set(row.client_metadata) for row in rows)
        return {
            row.data_title: {key: value for key, value in row.client_metadata.items() if key not in TAGS}
            for row in rows
        }

    return metadata


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per_job", [1, 1000])
def test_each_item_gets_its_own(form, per_job, upload, metadata, media, write, tmp_path):
    details = tmp_path / "details.jsonl"
    given = FORMS[form](media, write)
    more = {"client_metadata": {"day": 1, "n": 0}, "max_items_per_job": per_job, "details_path": str(details)}
    done = upload(given, **more)
    values = ("1", "3") if form == "a CSV file" else (1, 3)
    assert metadata() == {
        "a.png": {"day": 1, "n": values[0]},
        "b.png": {"day": 1, "n": 0},
        "c.png": {"day": 1, "n": values[1]},
    }
    counts = {"metadata_unused": int("list" not in form), "without_metadata": 1}
    assert {name: done[name] for name in counts} == counts
    assert json.loads(details.read_text().splitlines()[-1]) == {"outcome": "account", **counts}


def test_without_it_reports_and_identities_are_as_before(upload, media):
    assert not {"metadata_unused", "without_metadata"} & set(upload(None))


def test_items_of_a_folder_and_other_kinds(upload, hook, tmp_path):
    folder = hook.create_folder("notes").uuid
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    files = [str(tmp_path / name) for name in ("a.txt", "b.txt")]
    given = {"file_paths": files, "folder_uuid": folder, "kind": "plainText", "durable": False}
    upload([{"n": 1}, {"n": 2}], EncordUploadFilesOperator, **given)
    found = {item.name: item.client_metadata for item in hook.list_items(folder)}
    assert found == {"a.txt": {"n": 1}, "b.txt": {"n": 2}}


def test_the_same_name_in_two_folders(upload, metadata, media, tmp_path, capsys, caplog):
    (tmp_path / "a.png").write_bytes((media / "b.png").read_bytes())
    files = [str(media / "a.png"), str(tmp_path / "a.png")]
    upload({"a.png": {"n": 1}, files[1]: {"n": 2}}, file_paths=files, title=None)
    assert "several items" not in capsys.readouterr().out + caplog.text
    assert upload({"a.png": {"n": 1}}, file_paths=files, durable=False)["without_metadata"] == 0
    assert "1 names of client_metadata_by_item are those of several items" in capsys.readouterr().out + caplog.text


def test_upstream_tasks_and_templates(dataset, context, media, metadata):
    """Whole lists of one upstream task, and of mapped ones, whose XComs come as a lazy sequence."""

    class LazySelectSequence:
        def __init__(self, *values):
            self._values = values

        def __iter__(self):
            return iter(self._values)

        def __len__(self):
            return len(self._values)

    files = LazySelectSequence(*(str(media / name) for name in NAMES))
    each = EncordUploadImageOperator(
        task_id="task",
        dataset_hash=dataset,
        file_paths="{{ files }}",
        client_metadata_by_item="{{ metadata }}",
        client_metadata={"day": "{{ ds }}"},
    )
    each.file_paths, each.client_metadata_by_item = files, LazySelectSequence({"n": 1}, None, {"n": 3})
    each.client_metadata = {"day": "1"}
    assert each.execute(context)["without_metadata"] == 1
    assert metadata() == {"a.png": {"day": "1", "n": 1}, "b.png": {"day": "1"}, "c.png": {"day": "1", "n": 3}}


def test_a_template_inside_of_a_dict_is_rendered(dataset, media):
    each = EncordUploadImageOperator(
        task_id="task",
        dataset_hash=dataset,
        file_paths=["{{ a }}"],
        client_metadata_by_item={"a.png": {"day": "{{ ds }}"}},
    )
    each.render_template_fields({"a": str(media / "a.png"), "ds": "2026-01-01"})
    assert each.client_metadata_by_item == {"a.png": {"day": "2026-01-01"}}


# -- attempts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["a list", "by name", "a CSV file"])
@pytest.mark.parametrize("store", [True, False])
@pytest.mark.parametrize("arrived", [1, 2])
def test_a_later_attempt_registers_the_rest_with_the_right_metadata(
    form, store, arrived, upload, metadata, media, write, context, encord
):
    if not store:
        del context["task_state_store"]
    given = FORMS[form](media, write)
    encord.fault("storage_put", skip=arrived, times=None, status=403)
    with pytest.raises(EncordUploadError):
        upload(given, max_items_per_job=1, max_workers=1)
    encord.clear_faults()
    context["ti"].retry()
    done = upload(given, max_items_per_job=1, max_workers=1)
    values = ("1", "3") if form == "a CSV file" else (1, 3)
    assert metadata() == {"a.png": {"n": values[0]}, "b.png": {}, "c.png": {"n": values[1]}}
    assert done["without_metadata"] == 1


@pytest.fixture
def six_files(tmp_path, media, encord):
    """Six files, of which two are good; the others fail at each of the stages. The metadata of each is its place."""
    names = ["empty.png", "a.png", "broken.png", "refused.png", "missing.png", "b.png"]
    for name in names:
        shutil.copyfile(media / "a.png", tmp_path / name)
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "broken.png").write_bytes(b"no image")
    (tmp_path / "missing.png").unlink()
    encord.fault("storage_put", skip=2, status=400)  # the third file that is sent
    return [str(tmp_path / name) for name in names]


PLACES = {
    "a list": lambda names: [{"n": at} for at in range(len(names))],
    "by name": lambda names: {name: {"n": at} for at, name in enumerate(names)} | {"z": {}},
}


@pytest.mark.parametrize("form", PLACES)
@pytest.mark.parametrize("store", [True, False])
@pytest.mark.parametrize("per_job", [2, 3, 1000])
def test_files_that_fail_and_files_that_are_there_do_not_shift_the_metadata(
    form, store, per_job, six_files, upload, metadata, media, context
):
    if not store:
        del context["task_state_store"]
    names = [Path(path).name for path in six_files]
    given = {"file_paths": six_files, "max_items_per_job": per_job, "max_workers": 1}
    with pytest.raises(EncordJobError, match="4 of 6 files failed"):
        upload(PLACES[form](names), **given)
    assert metadata() == {"a.png": {"n": 1}, "b.png": {"n": 5}}
    for path in six_files:
        if Path(path).name not in ("a.png", "b.png"):
            shutil.copyfile(media / "b.png", path)
    context["ti"].retry()
    done = upload(PLACES[form](names), **given)
    assert metadata() == {name: {"n": at} for at, name in enumerate(names)}
    assert (done["metadata_unused"], done["without_metadata"]) == (int(form == "by name"), 0)


def test_in_a_folder_each_item_that_got_in_has_its_own(six_files, upload, hook):
    folder = hook.create_folder("images").uuid
    by_item = PLACES["a list"](six_files)
    done = upload(by_item, file_paths=six_files, folder_uuid=folder, max_workers=1, max_failed_items=4, durable=False)
    assert done["failed"] == 4
    found = {item.name: item.client_metadata for item in hook.list_items(folder) if not item.is_placeholder}
    assert found == {"a.png": {"n": 1}, "b.png": {"n": 5}}


def test_a_cleared_task_leaves_what_is_there_and_gives_what_was_removed_its_own(
    upload, metadata, media, context, hook, dataset
):
    given = {"a.png": {"n": 1}, "c.png": {"n": 3}}
    done = upload(given)
    gone = [item["data_hash"] for item in done["items"] if item["title"] == "c.png"]
    hook.delete_data(dataset, gone)
    context["ti"].clear()
    assert upload({**given, "c.png": {"n": 4}})["without_metadata"] == 1
    assert metadata() == {"a.png": {"n": 1}, "b.png": {}, "c.png": {"n": 4}}


def test_an_attempt_that_recalls_the_jobs_recalls_the_counts(upload, context, encord, write, metadata):
    given = write("m.csv", "name,n\na.png,1\nz,2\n")
    upload(given)
    encord.clear_requests()
    write("m.csv", "")
    context["ti"].retry()
    done = upload(given)
    assert (done["metadata_unused"], done["without_metadata"]) == (1, 2)
    assert not encord.requests("upload_job_start")


@pytest.mark.parametrize("form", FORMS)
def test_the_metadata_of_single_items_is_part_of_the_identity(form, dataset, context, media, write):
    def subject(given):
        task = EncordUploadImageOperator(
            task_id="task", dataset_hash=dataset, file_paths=NAMES, client_metadata_by_item=given
        )
        task.check_rendered()
        return Memory(context, durable=True, identity=Uploading(task, context).identity())._subject

    given = FORMS[form](media, write)
    assert subject(given) == subject(given)
    assert len({subject(None), subject(given), subject([None, None, {}])}) == 3


@pytest.mark.parametrize("store", [True, False])
def test_the_counts_and_the_failed_files_survive_a_deferred_wait(
    store, upload, context, encord, dataset, media, write, tmp_path
):
    if not store:
        del context["task_state_store"]
    encord.settings(job_seconds=3600)
    given = write("m.csv", "name,n\na.png,1\nz,2\n")
    files = [*(str(media / name) for name in NAMES), str(tmp_path / "missing.png")]
    with pytest.raises(TaskDeferred) as deferred:
        upload(given, file_paths=files, max_failed_items=1, deferrable=True, defer_after=0)
    [job] = deferred.value.trigger.serialize()[1]["job_ids"]
    encord.force_job(job, status="DONE")
    write("m.csv", "")  # it is not read again
    event = {"status": "done", "message": "It is over", "job_ids": [job], "counts": {}}
    task = EncordUploadImageOperator(
        task_id="task", dataset_hash=dataset, file_paths=files, client_metadata_by_item=given, max_failed_items=1
    )
    done = task.execute_complete(context, event, **json.loads(json.dumps(deferred.value.kwargs or {})))
    assert (done["added"], done["metadata_unused"], done["without_metadata"]) == (3, 1, 3)
    assert [error["path"] for error in done["errors"]] == files[3:]


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"client_metadata_by_item": [{}]}, "has 1 elements and file_paths 3"),
        ({"client_metadata_by_item": [{}, {}, {}, {}]}, "has 4 elements and file_paths 3"),
        ({"client_metadata_by_item": [{}, "a", {}]}, r"client_metadata_by_item\[1\] must be a dict"),
        ({"client_metadata_by_item": {"a.png": 1}}, r"client_metadata_by_item\['a\.png'\] must be a dict"),
        ({"client_metadata_by_item": {"a.png": {"airflow_task": 1}}}, "without 'airflow_task'"),
        ({"client_metadata_by_item": [{"airflow_file": 1}, {}, {}]}, "without 'airflow_file'"),
        ({"client_metadata": {"airflow_source": 1}}, "without 'airflow_source'"),
        ({"client_metadata_by_item": "metadata.xlsx"}, "The file's name does not tell its format"),
        ({"client_metadata_by_item": {"a.png": {}}, "client_metadata_conn_id": "aws"}, "client_metadata_conn_id"),
        ({"client_metadata_conn_id": "aws"}, "client_metadata_conn_id is about a file"),
        ({"client_metadata": "metadata.csv"}, "client_metadata_by_item has other forms"),
        ({"client_metadata": [{}, {}, {}]}, "client_metadata_by_item has other forms"),
    ],
)
def test_what_is_wrong_is_refused_when_the_dag_is_parsed(given, problem):
    with pytest.raises(EncordInputError, match=problem):
        EncordUploadImageOperator(task_id="task", dataset_hash="0" * 32, file_paths=NAMES, **given)


@pytest.mark.parametrize("each", [EncordCreateImageGroupOperator, EncordCreateDicomSeriesOperator])
def test_files_that_are_one_item_have_one_metadata(each):
    with pytest.raises(EncordInputError, match="all files of this task are one: use client_metadata"):
        each(task_id="task", dataset_hash="0" * 32, file_paths=["1.dcm", "2.dcm"], client_metadata_by_item=[{}, {}])


@pytest.mark.parametrize(
    ("content", "problem"),
    [("site\nx\n", "no column 'key' or 'name'"), ("key,n\na,1\na,2\n", "line 3: 'a' is in line 2, too")],
)
def test_a_file_is_read_before_the_first_request(content, problem, upload, write, asked):
    with pytest.raises(EncordInputError, match=problem):
        upload(write("m.csv", content))
    assert asked() == []


def test_lists_of_two_lengths_send_nothing(dataset, context, media, asked):
    each = EncordUploadImageOperator(
        task_id="task", dataset_hash=dataset, file_paths="{{ files }}", client_metadata_by_item="{{ metadata }}"
    )
    each.file_paths, each.client_metadata_by_item = [str(media / "a.png")], "[{}, {}]"
    with pytest.raises(EncordInputError, match="has 2 elements and file_paths 1"):
        each.execute(context)
    assert asked() == []


def test_a_dict_of_dicts_for_all_is_told(upload, metadata, capsys, caplog):
    upload(None, client_metadata={"a.png": {"n": 1}})
    assert metadata()["b.png"] == {"a.png": {"n": 1}}
    assert "goes to every item as it is, though all its values are dicts" in capsys.readouterr().out + caplog.text
