"""S3ToEncordOperator against a local S3 and a local Encord: only what is new is registered, and once."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest

from airflow_provider_encord._compat import AirflowSkipException
from airflow_provider_encord._storage.selection import REASONS
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator
from airflow_provider_encord.transfers.s3_to_encord import S3ToEncordOperator

NONE = dict.fromkeys(REASONS, 0)


class Ti:
    def __init__(self):
        self.xcoms = {}

    def xcom_push(self, key, value, **_):
        self.xcoms[key] = value


class Store(dict):
    def set(self, key, value):
        self[key] = value

    def delete(self, key):
        self.pop(key, None)


def run(dataset, name, kind=S3ToEncordOperator, context=None, **arguments):
    arguments = {"prefix": f"s3://{name}/in/", "integration": "AWS", "on_empty": "succeed", **arguments}
    operator = kind(task_id="transfer", dataset_hash=dataset, poll_interval=0.01, **arguments)
    return operator.execute({"ti": Ti(), **(context or {})})


def titles(dataset):
    return sorted(row.data_title for row in EncordHook().list_data_rows(dataset))


def jobs(encord):
    return len(encord.requests("upload_job_start"))


def test_three_runs_register_each_object_once(encord, bucket, dataset):
    put, name = bucket
    first = [f"in/{number:03}.{kind}" for number in range(60) for kind in ("mp4", "jpg", "wav")]
    put(*first, "in/readme.exe", "out/x.mp4")
    put("in/empty.mp4", body=b"")
    report = run(dataset, name, max_items_per_job=50)
    assert (report["added"], report["skipped"], report["failed"], len(report["job_ids"])) == (180, 0, 0, 4)
    assert titles(dataset) == sorted(first)
    assert run(dataset, name)["added"] == 0
    assert jobs(encord) == 4
    put("in/new 1.mp4", "in/new#2.jpg")
    assert run(dataset, name)["added"] == 2
    assert jobs(encord) == 5
    assert len(titles(dataset)) == 182


def test_nothing_new_can_skip_the_tail(encord, bucket, dataset):
    _, name = bucket
    with pytest.raises(AirflowSkipException):
        run(dataset, name, on_empty="skip")
    assert jobs(encord) == 0


def test_folders_of_images_become_groups(encord, bucket, dataset):
    put, name = bucket
    put("in/a/2.jpg", "in/a/10.jpg", "in/b/1.jpg", "in/b/c.mp4")
    run(dataset, name, group_images=True)
    assert titles(dataset) == ["in/a", "in/b", "in/b/c.mp4"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"pattern": "*.mp4"}, ["in/a.mp4"]),
        ({"pattern": "**/*.mp4"}, ["in/a.mp4", "in/deep/b.mp4"]),
        ({"pattern": "deep/*"}, ["in/deep/b.mp4"]),
        ({"min_size": 10}, ["in/big.jpg"]),
        ({"max_size": 5, "kinds": {"jpg": "images"}}, ["in/c.jpg"]),
        ({"prefix": "s3://{name}/in/de"}, ["in/deep/b.mp4"]),
        ({"prefix": "s3://{name}/in", "pattern": "a*.mp4"}, ["in/a.mp4"]),
        ({"prefix": "s3://{name}/in/*.mp4"}, ["in/a.mp4"]),
        ({"prefix": "s3://{name}/in/d*/"}, ["in/deep/b.mp4"]),
        ({"prefix": "s3://{name}/in/deep*/b.mp4"}, ["in/deep/b.mp4"]),
        ({"kinds": {".MP4": "videos"}, "exclude": "deep/"}, ["in/a.mp4"]),
    ],
)
def test_filters(filters, expected, encord, bucket, dataset):
    put, name = bucket
    put("in/a.mp4", "in/deep/b.mp4", "in/c.jpg")
    put("in/big.jpg", body=b"x" * 20)
    run(dataset, name, **{key: value.format(name=name) if key == "prefix" else value for key, value in filters.items()})
    assert titles(dataset) == expected


def test_what_encord_would_fail_on_is_left_out_by_default(encord, bucket, dataset, s3_url):
    put, name = bucket
    put("in/a.mp4", "in/._a.mp4", "in/deep/._b.png")
    client = boto3.client(
        "s3", endpoint_url=s3_url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    for storage_class in ("GLACIER", "DEEP_ARCHIVE", "GLACIER_IR"):
        client.put_object(Bucket=name, Key=f"in/{storage_class}.mp4", Body=b"x", StorageClass=storage_class)
    report = run(dataset, name)
    assert titles(dataset) == ["in/GLACIER_IR.mp4", "in/a.mp4"]
    assert report["left_out"] == {**NONE, "exclude": 2, "archived": 2}
    assert run(dataset, name, exclude=(), include_archived=True)["new"] == 4


def test_only_the_data_interval(encord, bucket, dataset):
    put, name = bucket
    put("in/a.mp4")
    now = datetime.now(UTC)
    day = timedelta(days=1)
    past = {"data_interval_start": now - 2 * day, "data_interval_end": now - day}
    assert run(dataset, name, context=past, in_data_interval=True)["added"] == 0
    today = {"data_interval_start": now - day, "data_interval_end": now + day}
    assert run(dataset, name, context=today, in_data_interval=True)["added"] == 1
    with pytest.raises(EncordInputError, match=r"CronDataIntervalTimetable.*create_cron_data_intervals"):
        run(dataset, name, in_data_interval=True)


def test_a_try_that_died_between_two_jobs_is_finished_by_the_next(encord, bucket, dataset, monkeypatch):
    put, name = bucket
    put(*(f"in/{number}.mp4" for number in range(25)))
    store = Store()
    started = EncordHook.start_upload_job

    def dies_after_two(self, *arguments, **more):
        if jobs(encord) == 2:
            raise KeyboardInterrupt
        return started(self, *arguments, **more)

    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(EncordHook, "start_upload_job", dies_after_two)
        run(dataset, name, context={"task_state_store": store}, max_items_per_job=10)
    report = run(dataset, name, context={"task_state_store": store}, max_items_per_job=10)
    assert jobs(encord) == 3
    assert report["added"] == 25
    assert len(titles(dataset)) == 25
    assert store["encord_jobs"]["complete"]


def test_a_retry_after_all_was_started_does_not_skip(encord, bucket, dataset, monkeypatch):
    put, name = bucket
    put("in/a.mp4")
    store = Store()

    def dies(*arguments, **more):
        raise KeyboardInterrupt

    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(EncordHook, "wait", dies)
        run(dataset, name, context={"task_state_store": store}, on_empty="skip")
    assert run(dataset, name, context={"task_state_store": store}, on_empty="skip")["added"] == 1
    assert jobs(encord) == 1


def test_a_prefix_may_hold_any_letter(encord, bucket, dataset):
    put, name = bucket
    put("in/a#b/1.mp4", "in/a?c/2.mp4", "in/ab.mp4")
    run(dataset, name, prefix=f"s3://{name}/in/a#b/")
    assert titles(dataset) == ["in/a#b/1.mp4"]


def test_dry_run_only_counts(encord, bucket, dataset):
    put, name = bucket
    put("in/a.mp4", "in/b.mp4")
    place = {"dataset_hash": dataset, "folder_uuid": None}
    account = {
        "listed": 2,
        "left_out": NONE,
        "present": 0,
        "changed": 0,
        "new": 2,
        "new_items": 2,
        "title_collisions": 0,
    }
    assert run(dataset, name, dry_run=True) == {**place, **account, "dry_run": True, "items": 2, "jobs": 1}
    assert jobs(encord) == 0


def test_any_bucket_is_listed_through_object_storage(encord, tmp_path, dataset):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").write_bytes(b"x")
    form = "https://account.blob.core.windows.net/container{key}"
    report = run(
        dataset,
        "",
        BucketToEncordOperator,
        prefix=f"file://{tmp_path}/in",
        integration="Azure",
        object_url=form,
    )
    assert report["added"] == 1


@pytest.mark.parametrize("prefix", ["gs://b/x", "s3:///x", "/tmp/x", ""])
def test_a_prefix_that_is_not_of_s3_is_refused(prefix, encord, dataset):
    with pytest.raises(EncordInputError, match="prefix"):
        run(dataset, "", prefix=prefix)
    assert jobs(encord) == 0
