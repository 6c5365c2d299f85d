"""Transfers whose items have client metadata of their own: from a dict, or a file in the bucket."""

import json

import pytest

from airflow_provider_encord._storage.selection import REASONS
from airflow_provider_encord.exceptions import EncordInputError, EncordMachineError
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator
from airflow_provider_encord.transfers.s3_to_encord import S3ToEncordOperator

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:
    from airflow.exceptions import TaskDeferred

SOURCE = "airflow_source"  # what a transfer may write itself
KEYS = ("in/a.mp4", "in/deep/b.mp4", "in/study/1.dcm", "in/study/2.dcm", "in/group/1.png", "in/scan.nii.gz", "in/x.exe")


class TaskInstance:
    dag_id, task_id, run_id, map_index, try_number, max_tries = "dag", "task", "run", -1, 1, 0

    def xcom_push(self, key, value, **_):
        pass


class Store(dict):
    def set(self, key, value):
        self[key] = json.loads(json.dumps(value))

    def delete(self, key):
        self.pop(key, None)


@pytest.fixture
def context():
    return {"ti": TaskInstance(), "task_state_store": Store()}


@pytest.fixture
def folder(hook):
    return hook.create_folder("studies").uuid


@pytest.fixture
def task(bucket, folder):
    _, name = bucket

    def task(by_item, **given):
        given = {"folder_uuid": folder, "integration": "AWS", "group_images": True, "on_empty": "succeed", **given}
        given = {"prefix": f"s3://{name}/in/", "poll_interval": 0.01, "source_conn_id": "aws_default", **given}
        return BucketToEncordOperator(task_id="transfer", client_metadata_by_item=by_item, **given)

    return task


@pytest.fixture
def run(task, context):
    return lambda by_item, **given: task(by_item, **given).execute(context)


@pytest.fixture
def metadata(folder):
    """What the items have, by their file or folder."""

    def metadata():
        items = EncordHook().list_items(folder)
        return {
            item.name.removesuffix(" (DICOM)").rpartition("/")[2]: {
                key: value for key, value in (item.client_metadata or {}).items() if key != SOURCE
            }
            for item in items
        }

    return metadata


def balanced(report):
    assert tuple(report["left_out"]) == REASONS
    return report["listed"] == sum([*report["left_out"].values(), *(report[n] for n in ("present", "changed", "new"))])


BY_KEY = {"in/a.mp4": {"n": 1}, "in/study": {"n": 2}, "in/group/": {"n": 3}, "in/scan.nii.gz": {"n": 4}, "in/x.exe": {}}
LINES = "".join(json.dumps({"key": key, **told}) + "\n" for key, told in BY_KEY.items())


@pytest.mark.parametrize("form", ["dict", "jsonl", "csv"])
def test_each_item_and_group_gets_its_own(form, bucket, run, metadata, tmp_path):
    put, name = bucket
    put(*KEYS)
    given = BY_KEY
    if form == "jsonl":
        put("tables/metadata.jsonl", body=LINES.encode())
        given = f"s3://aws_default@{name}/tables/metadata.jsonl"
    elif form == "csv":
        rows = ["key,n", *(f"{key},{told.get('n', '')}" for key, told in BY_KEY.items())]
        put("tables/metadata.CSV", body="\r\n".join(rows).encode("utf-8-sig"))
        given = f"s3://{name}/tables/metadata.CSV"
    details = tmp_path / "details.jsonl"
    more = {"client_metadata_conn_id": "aws_default"} if form == "csv" else {}
    done = run(given, client_metadata={"day": 1, "n": 0}, max_items_per_job=2, details_path=str(details), **more)
    made = str if form == "csv" else int
    assert metadata() == {
        "a.mp4": {"day": 1, "n": made(1)},
        "b.mp4": {"day": 1, "n": 0},
        "study": {"day": 1, "n": made(2)},
        "group": {"day": 1, "n": made(3)},
        "scan.nii.gz": {"day": 1, "n": made(4)},
    }
    assert (done["metadata_unused"], done["without_metadata"], done["new_items"]) == (1, 1, 5)
    assert balanced(done)
    last = json.loads(details.read_text().splitlines()[-1])
    assert (last["outcome"], last["metadata_unused"], last["without_metadata"]) == ("account", 1, 1)

    put("in/late.mp4")
    done = run(given, client_metadata={"day": 2}, **more)
    assert metadata()["late.mp4"] == {"day": 2}
    assert (done["metadata_unused"], done["without_metadata"], done["present"], done["new"]) == (1, 1, 6, 1)
    assert balanced(done)


def test_a_dataset_a_template_and_the_log(bucket, dataset, context, capsys, caplog):
    caplog.set_level("INFO")
    put, name = bucket
    put("in/a.mp4", "in/deep/a.mp4")
    put("tables/2026-01-01.csv", body=b"name,n\na.mp4,1\nz.mp4,2\n")
    task = S3ToEncordOperator(
        task_id="transfer",
        dataset_hash=dataset,
        integration="AWS",
        prefix=f"s3://{name}/in/",
        client_metadata_by_item=f"s3://{name}/tables/{{{{ ds }}}}.csv",
        client_metadata_conn_id="{{ conn }}",
        poll_interval=0.01,
    )
    task.render_template_fields({"ds": "2026-01-01", "conn": "aws_default"})
    task.execute(context)
    rows = EncordHook().list_data_rows(dataset, fetch_client_metadata=True)
    assert [{k: v for k, v in row.client_metadata.items() if k != SOURCE} for row in rows] == [{"n": "1"}] * 2
    said = capsys.readouterr().out + caplog.text
    assert "2026-01-01.csv', a file by name, for 2 items" in said
    assert "1 metadata_unused, 0 without_metadata" in said
    assert "1 names of client_metadata_by_item are those of several items" in said


def test_without_it_the_account_is_as_before(bucket, run):
    bucket[0]("in/a.mp4")
    assert not {"metadata_unused", "without_metadata"} & set(run(None))


def test_a_dry_run_counts(bucket, run):
    bucket[0](*KEYS)
    done = run(BY_KEY, dry_run=True)
    assert (done["items"], done["metadata_unused"], done["without_metadata"]) == (5, 1, 1)


def test_the_attempt_after_a_lost_worker_registers_the_rest_with_its_own(bucket, run, metadata, context, monkeypatch):
    put, _ = bucket
    put(*(f"in/{number}.mp4" for number in range(4)))
    given = {f"in/{number}.mp4": {"n": number} for number in range(4)}
    start, calls = EncordHook.start_folder_upload_job, []

    def lost(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return start(self, *args, **kwargs)

    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(EncordHook, "start_folder_upload_job", lost)
        run(given, max_items_per_job=1)
    context["ti"].try_number = 2
    done = run(given, max_items_per_job=1)
    assert metadata() == {f"{number}.mp4": {"n": number} for number in range(4)}
    assert (done["metadata_unused"], done["without_metadata"]) == (0, 0)


def test_the_counts_survive_a_deferred_wait(bucket, run, task, context, encord):
    put, _ = bucket
    put("in/a.mp4", "in/b.mp4")
    del context["task_state_store"]
    encord.settings(job_seconds=3600)
    given = {"a.mp4": {"n": 1}, "z": {}}
    with pytest.raises(TaskDeferred) as deferred:
        run(given, deferrable=True, defer_after=0)
    [job] = deferred.value.trigger.serialize()[1]["job_ids"]
    encord.force_job(job, status="DONE")
    event = {"status": "done", "message": "It is over", "job_ids": [job], "counts": {}}
    done = task(given).execute_complete(context, event, **json.loads(json.dumps(deferred.value.kwargs)))
    assert (done["added"], done["metadata_unused"], done["without_metadata"]) == (2, 1, 1)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"client_metadata_by_item": [{}]}, "client_metadata_by_item must be a dict of dicts by key or name"),
        ({"client_metadata_by_item": {"a": {SOURCE: {}}}}, f"without '{SOURCE}'"),
        ({"client_metadata": {SOURCE: {}}}, f"without '{SOURCE}'"),
        ({"client_metadata_by_item": {}, "client_metadata_conn_id": "aws"}, "client_metadata_conn_id is about a file"),
    ],
)
def test_what_is_wrong_is_refused_when_the_dag_is_parsed(given, problem, task):
    with pytest.raises(EncordInputError, match=problem):
        task(given.pop("client_metadata_by_item", None), **given)


@pytest.mark.parametrize(
    ("key", "body", "error", "problem"),
    [
        ("m.csv", b"object,n\na,1\n", EncordInputError, "no column 'key' or 'name'; its columns are object, n"),
        ("m.csv", b"key,n\na,1\nb,1\na,2\n", EncordInputError, "line 4: 'a' is in line 2, too"),
        ("m.jsonl", b'{"key": "a", "airflow_source": 1}', EncordInputError, "line 1: it has 'airflow_source'"),
        (None, b"", EncordMachineError, "cannot be read on this machine"),
    ],
)
def test_a_file_is_read_before_the_first_request(key, body, error, problem, bucket, run, encord):
    put, name = bucket
    put("in/a.mp4")
    if key:
        put(key, body=body)
    encord.clear_requests()
    with pytest.raises(error, match=problem):
        run(f"s3://{name}/{key or 'none.csv'}", client_metadata_conn_id="aws_default")
    assert encord.requests() == []
