"""Every object of a bucket is accounted for, on every cloud, and nothing is registered twice."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

import buckets
from airflow_provider_encord._compat import AirflowSkipException, ObjectStoragePath
from airflow_provider_encord._storage.listing import StoredObject
from airflow_provider_encord._storage.selection import REASONS
from airflow_provider_encord.exceptions import EncordInputError, EncordMachineError, EncordNothingToDoError
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator
from airflow_provider_encord.transfers.s3_to_encord import S3ToEncordOperator

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:
    from airflow.exceptions import TaskDeferred

DAY = timedelta(days=1)
NUMBERS = ("listed", "left_out", "present", "changed", "new", "new_items", "title_collisions")
OBJECTS = {
    "in/a.mp4": 2,
    "in/B.JPG": 2,
    "in/deep/c d.png": 2,
    "in/study/1.dcm": 2,
    "in/study/2.dcm": 2,
    "in/setup.exe": 2,
    "in/readme": 2,
    "in/other/e.mp4": 2,
    "in/._a.mp4": 2,
    "in/trash/f.mp4": 2,
    "in/big.mp4": 100,
    "in/empty.mp4": 0,
    "in/scan.nii.gz": 2,
}


class TaskInstance:
    dag_id, task_id, run_id, map_index, try_number, max_tries = "dag", "task", "run", -1, 1, 0

    def __init__(self):
        self.xcoms = {}

    def xcom_push(self, key, value, **_):
        self.xcoms[key] = value


class Store(dict):
    def set(self, key, value):
        self[key] = value

    def delete(self, key):
        self.pop(key, None)


@pytest.fixture
def context():
    now = datetime.now(UTC)
    return {"ti": TaskInstance(), "data_interval_start": now - DAY, "data_interval_end": now + DAY}


@pytest.fixture
def run(encord, dataset, context):
    def run(prefix, kind=BucketToEncordOperator, **given):
        place = {} if "folder_uuid" in given else {"dataset_hash": dataset}
        given = {"integration": "AWS", "on_empty": "succeed", "poll_interval": 0.01, **place, **given}
        return kind(task_id="transfer", prefix=prefix, **given).execute(context)

    return run


@pytest.fixture
def said(capsys, caplog):
    """What was logged since the last call, wherever Airflow writes it."""
    caplog.set_level("INFO")
    return lambda: capsys.readouterr().out + caplog.text


@pytest.fixture
def jobs(encord):
    return lambda: len(encord.requests("upload_job_start")) + len(encord.requests("folder_job_start"))


@pytest.fixture(scope="module", params=[buckets.S3, buckets.Google, buckets.Azure, buckets.Local])
def store(request, tmp_path_factory):
    with buckets.running(request.param, tmp_path_factory.mktemp("store")) as running:
        running.make("mixed")
        for key, size in OBJECTS.items():
            running.put("mixed", key, b"x" * size)
        if running.scheme == "s3":
            running.client.put_object(Bucket="mixed", Key="in/old.mp4", Body=b"xx", StorageClass="GLACIER")
        yield running


@pytest.fixture
def local(tmp_path):
    """Puts files into a folder."""

    def put(*names, modified=None):
        for name in names:
            path = tmp_path / "bucket" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
            if modified:
                os.utime(path, (modified.timestamp(),) * 2)
        return str(tmp_path / "bucket")

    return put


ON_DISK = {"integration": "Azure", "object_url": "https://account.blob.core.windows.net/container{key}"}


def account(report):
    numbers = {name: report[name] for name in NUMBERS}
    assert tuple(report["left_out"]) == REASONS
    assert report["listed"] == sum([*report["left_out"].values(), *(report[name] for name in NUMBERS[2:5])])
    return numbers


@pytest.mark.parametrize("place", ["dataset", "folder"])
def test_each_object_of_a_mixed_bucket_is_accounted_for_and_registered_once(place, store, run, jobs, tmp_path, said):
    folder = EncordHook().create_folder("mixed").uuid if place == "folder" else None
    archived = int(store.scheme == "s3")
    given = {
        "exclude": ["._*", "trash/"],
        "max_size": 50,
        "in_data_interval": True,
        "details_path": str(tmp_path / "details"),
        **({"folder_uuid": folder} if folder else {}),
        **(ON_DISK if store.scheme == "file" else {}),
    }
    left_out = {"kind": 2 + (not folder), "pattern": 0, "exclude": 2, "size": 1, "interval": 0, "empty": 1}
    left_out["archived"] = archived
    expected = {
        "listed": len(OBJECTS) + archived,
        "left_out": left_out,
        "present": 0,
        "changed": 0,
        "new": 6 + bool(folder),
        "new_items": 5 + bool(folder),
        "title_collisions": 0,
    }
    done = run(store.url("mixed", "in"), **given)
    assert account(done) == expected
    assert (done["added"], done["failed"]) == (expected["new_items"], 0)
    lines = [json.loads(line) for line in (tmp_path / "details").read_text().splitlines()]
    assert lines[-1] == {"outcome": "account", **expected}
    assert [line["outcome"] for line in lines[:-1]] == ["added"] * expected["new_items"]
    log = said()
    assert f"{expected['listed']} objects listed" in log
    assert f"{expected['new']} new (items: {expected['new_items']})" in log
    started = jobs()

    again = run(store.url("mixed", "in"), **given)
    assert account(again) == {**expected, "present": expected["new"], "new": 0, "new_items": 0}
    assert (again["added"], again["job_ids"], jobs()) == (0, [], started)
    lines = [json.loads(line) for line in (tmp_path / "details").read_text().splitlines()]
    assert lines == [{"outcome": "account", **account(again)}]
    if folder and store.scheme == "az":
        urls = [item.url for item in EncordHook().list_items(folder) if item.url]
        assert all(url.startswith(f"{store.address}/mixed/in/") for url in urls)
        assert any(url.endswith("/deep/c%20d.png") for url in urls)


@pytest.mark.parametrize("older", [False, True], ids=["", "noted before"])
def test_a_blob_of_azure_changes_by_its_content_and_not_by_its_metadata(older, store, run):
    if store.scheme != "az":
        return
    bucket, folder = f"changed-{older}".lower(), EncordHook().create_folder("changed").uuid
    store.make(bucket)
    for key in ("in/a.mp4", "in/b.mp4", "in/study/1.dcm", "in/study/2.dcm"):
        store.put(bucket, key, b"x")

    def counts():
        done = run(store.url(bucket, "in"), folder_uuid=folder)
        return done["present"], done["changed"], done["new"]

    assert counts() == (0, 0, 4)
    if older:  # a note without an MD5, with which only a blob that was left alone can be compared
        items = EncordHook().list_items(folder)
        notes = {item.uuid: dict(item.client_metadata["airflow_source"]) for item in items}
        assert all(note.pop("md5") for note in notes.values())
        changes = {uuid: {"client_metadata": {"airflow_source": note}} for uuid, note in notes.items()}
        EncordHook().update_items(changes, merge_metadata=False)
        assert counts() == (4, 0, 0)
    for key in ("in/a.mp4", "in/study/1.dcm"):
        store.client.get_blob_client(bucket, key).set_blob_metadata({"reviewed": "yes"})
    assert counts() == ((1, 3, 0) if older else (4, 0, 0))
    store.put(bucket, "in/a.mp4", b"y")
    assert counts() == ((1, 3, 0) if older else (3, 1, 0))
    store.put(bucket, "in/study/1.dcm", b"y")
    assert counts() == (1, 3, 0)


def test_a_pattern_and_a_window_are_reasons(local, run):
    now = datetime.now(UTC)
    local("a.mp4", "deep/b.mp4", modified=now)
    local("old.mp4", "older.mp4", modified=now - 2 * DAY)
    folder = local("late.mp4", modified=now + 2 * DAY)
    window = {"modified_after": (now - DAY).isoformat(), "modified_before": (now + DAY).isoformat()}
    done = run(folder, pattern="*", **window, **ON_DISK)
    assert account(done)["left_out"] == dict.fromkeys(REASONS, 0) | {"pattern": 1, "interval": 3}
    assert done["new"] == 1


def test_the_first_moment_of_a_window_belongs_to_it_and_the_last_does_not(local, run):
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    folder = local("a.mp4", modified=noon)
    local("b.mp4", modified=noon + DAY)
    done = run(folder, modified_after="2026-01-01T12:00:00Z", modified_before=noon + DAY, **ON_DISK)
    assert (done["new"], done["left_out"]["interval"]) == (1, 1)
    with pytest.raises(EncordInputError, match="holds no time"):
        run(folder, modified_after=noon, modified_before=noon, **ON_DISK)


def test_an_unknown_time_in_a_data_interval_is_an_error(run, monkeypatch, jobs):
    untimed = StoredObject("gs://bucket/in/a.mp4", "bucket", "in/a.mp4", 1, None)
    monkeypatch.setattr(BucketToEncordOperator, "objects", lambda self: [untimed])
    with pytest.raises(EncordInputError, match="does not tell when"):
        run("gs://bucket/in/", in_data_interval=True)
    assert jobs() == 0
    assert run("gs://bucket/in/")["new"] == 1


def test_names_without_an_extension_can_have_a_kind(local, run):
    folder = local("study/IM0001", "study/IM0002", "clip.mp4")
    done = run(folder, kinds='{"": "dicom_series", ".MP4": "videos"}', **ON_DISK)
    assert (done["new"], done["new_items"], done["left_out"]["kind"]) == (3, 2, 0)


@pytest.mark.parametrize("form", ["{}/2026-*/", "file://{}/2026-*/", "{}/20?6-*/*.mp4"])
def test_a_glob_in_a_local_folder(form, local, run):
    folder = local("2026-01/a.mp4", "2026-02/b.mp4", "2027-01/c.mp4")
    assert run(form.format(folder), **ON_DISK)["added"] == 2


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_local_folder_that_is_missing_is_an_error(form, local, run, jobs):
    missing = form.format(local() + "/no-such-folder")
    with pytest.raises(EncordMachineError, match="no-such-folder"):
        run(missing, **ON_DISK)
    with pytest.raises(EncordMachineError, match="no-such-folder"):
        run(ObjectStoragePath(missing if "://" in missing else f"file://{missing}"), **ON_DISK)
    assert jobs() == 0


def test_nothing_listed_is_told_from_nothing_new(local, run, context, tmp_path):
    (tmp_path / "bucket").mkdir()
    folder = local()
    with pytest.raises(AirflowSkipException, match=r"There is no object below .*bucket.*: is the prefix right\?"):
        run(folder, on_empty="skip", **ON_DISK)
    assert context["ti"].xcoms["return_value"]["listed"] == 0
    local("a.mp4", "b.exe")
    run(folder, **ON_DISK)
    message = r"Nothing is new below .*: 2 objects listed: 1 left out \(kind 1\), 1 present"
    with pytest.raises(AirflowSkipException, match=message):
        run(folder, on_empty="skip", **ON_DISK)
    with pytest.raises(EncordNothingToDoError, match=message):
        run(folder, on_empty="fail", **ON_DISK)


def test_the_window_is_told_with_what_it_leaves_out(local, run, context, said):
    folder = local("a.mp4", modified=context["data_interval_start"] - DAY)
    window = f"modified from {context['data_interval_start'].isoformat()} until "
    with pytest.raises(AirflowSkipException) as skipped:
        run(folder, on_empty="skip", in_data_interval=True, **ON_DISK)
    assert f"{window}{context['data_interval_end'].isoformat()}: 1 objects listed: " in str(skipped.value)
    assert window in said()
    run(folder, modified_before=context["data_interval_start"], **ON_DISK)
    assert f"modified until {context['data_interval_start'].isoformat()}: 1 objects listed: " in said()


def test_an_attempt_that_finds_the_jobs_of_another_reports_its_account(
    encord, dataset, context, local, monkeypatch, run
):
    """Also when it waits in the triggerer."""
    context["task_state_store"] = Store()
    folder = local("a.mp4", "b.exe")
    encord.settings(job_seconds=3600)

    def dies(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(EncordHook, "wait", dies)
        run(folder, **ON_DISK)
    context["ti"].try_number, context["ti"].max_tries = 2, 1
    given = {"dataset_hash": dataset, "prefix": folder, "deferrable": True, "defer_after": 0, **ON_DISK}
    with pytest.raises(TaskDeferred) as deferred:
        BucketToEncordOperator(task_id="transfer", **given).execute(context)
    [job] = deferred.value.trigger.serialize()[1]["job_ids"]
    encord.force_job(job, status="DONE")
    event = {"status": "done", "message": "It is over", "job_ids": [job], "counts": {}}
    task = BucketToEncordOperator(task_id="transfer", **given)
    done = task.execute_complete(context, event, **(deferred.value.kwargs or {}))
    assert (done["added"], done["listed"], done["new"], done["left_out"]["kind"]) == (1, 2, 1, 1)


def test_a_connection_in_the_url_wins(encord, run, bucket):
    put, name = bucket
    put("in/a.mp4", "in/b.mp4")
    prefix = f"s3://aws_default@{name}/in/"
    assert run(prefix, S3ToEncordOperator, aws_conn_id="unknown")["added"] == 2
    assert run(prefix, source_conn_id="unknown")["present"] == 2


def test_the_other_name_of_the_connection_is_named():
    given = {"dataset_hash": "0" * 32, "integration": "AWS", "prefix": "s3://bucket/"}
    with pytest.raises(EncordInputError, match="write aws_conn_id='my_aws', or use BucketToEncordOperator"):
        S3ToEncordOperator(task_id="transfer", source_conn_id="my_aws", **given)
