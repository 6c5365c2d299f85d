"""Events of assets that a task declares as outlets: what it added is in their extra, and nothing added is no event."""

import json
import os
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from airflow_provider_encord._airflow import asset_events
from airflow_provider_encord._compat import AirflowSkipException
from airflow_provider_encord._resume.task_store import Memory
from airflow_provider_encord.assets import create_asset
from airflow_provider_encord.operators.data_rows import EncordLinkItemsOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.operators.uploads import EncordUploadImageOperator
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator

try:
    from airflow.sdk import AssetAlias
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:
    from airflow.datasets import DatasetAlias as AssetAlias
    from airflow.exceptions import TaskDeferred

try:
    from airflow.sdk.execution_time.context import OutletEventAccessors
except ImportError:
    from airflow.utils.context import OutletEventAccessors


@pytest.fixture
def asset(dataset, encord):
    return create_asset(dataset_hash=dataset, host=encord.url)


@pytest.fixture
def context(context):
    return {**context, "outlet_events": OutletEventAccessors()}


@pytest.fixture
def private(dataset, asset, manifest):
    """Make an operator that registers so many videos, with the asset as its outlet."""

    def build(count=2, **more):
        given = {"dataset_hash": dataset, "integration": "AWS", "manifest": manifest(count), "on_empty": "succeed"}
        return EncordAddPrivateDataOperator(task_id="task", outlets=[asset], **given | more)

    return build


def extra_of(context, asset):
    return dict(context["outlet_events"][asset].extra)


def test_the_extra_tells_what_was_added(private, context, asset, dataset):
    began = datetime.now(UTC)
    task = private(3)
    report = task.execute(context)
    extra = extra_of(context, asset)
    assert began <= datetime.fromisoformat(extra.pop("until")) <= datetime.now(UTC)
    assert extra == {"dataset_hash": dataset, "added": 3, "failed": 0, "job_ids": report["job_ids"]}
    assert task.outlets == [asset]


def test_it_is_kept_beside_what_the_user_put_there(private, context, asset):
    context["outlet_events"][asset].extra = {"team": "vision"}
    private().execute(context)
    assert extra_of(context, asset)["team"] == "vision"
    assert extra_of(context, asset)["added"] == 2


def test_it_is_there_after_deferring(private, context, asset):
    began = datetime.now(UTC)
    with pytest.raises(TaskDeferred):
        private(deferrable=True, defer_after=0).execute(context)
    deferred = datetime.now(UTC)
    (job_id,) = context["ti"].xcoms["job_ids"]
    context["outlet_events"] = OutletEventAccessors()
    private().execute_complete(context, {"status": "done", "job_ids": [job_id], "message": ""})
    extra = extra_of(context, asset)
    assert (extra["added"], extra["job_ids"]) == (2, [job_id])
    assert began <= datetime.fromisoformat(extra["until"]) <= deferred, "what came later was not looked at"


def test_without_a_task_store_the_time_after_deferring_is_the_start_of_the_run(context):
    started = datetime(2026, 1, 1, tzinfo=UTC)
    context = {**context, "task_state_store": None, "dag_run": SimpleNamespace(start_date=started)}
    memory = Memory(context, durable=True, identity={})
    assert asset_events._began(context, memory) == started


def test_a_retry_that_finds_its_job_tells_when_that_was_started(private, context, asset):
    private().execute(context)
    before = extra_of(context, asset)
    context["ti"].retry()
    context["outlet_events"] = OutletEventAccessors()
    private().execute(context)
    assert extra_of(context, asset) == before


@pytest.mark.parametrize("more", [{"manifest": {"videos": []}}, {"dry_run": True}], ids=["empty", "dry run"])
def test_nothing_added_is_no_event(private, context, more):
    task = private(**more)
    task.outlets += [AssetAlias("alias")]
    task.execute(context)
    assert [type(each) for each in task.outlets] == [AssetAlias]
    assert len(context["outlet_events"]) == 0


def test_objects_that_are_there_already_are_no_event(private, context):
    private().execute(context)
    context["task_state_store"].clear()
    context["outlet_events"] = OutletEventAccessors()
    task = private()
    assert task.execute(context)["skipped"] == 2
    assert task.outlets == []


def test_a_skip_says_nothing(private, context):
    with pytest.raises(AirflowSkipException):
        private(manifest={"videos": []}, on_empty="skip").execute(context)
    assert len(context["outlet_events"]) == 0


def test_a_retry_after_an_attempt_that_added_everything_is_an_event(private, context, asset):
    """The first attempt had no event, since it failed. Before Airflow 3.3 nothing tells what it did."""
    private().execute(context)
    del context["task_state_store"]
    context["ti"].retry()
    context["outlet_events"] = OutletEventAccessors()
    task = private()
    task.execute(context)
    assert task.outlets == [asset]
    assert extra_of(context, asset)["added"] == 0


def test_an_alias_is_left_alone(private, context):
    task = private()
    task.outlets = [AssetAlias("alias")]
    task.execute(context)
    assert len(context["outlet_events"]) == 0


def test_a_task_that_does_not_wait_tells_its_jobs(private, context, asset):
    report = private(wait_for_completion=False).execute(context)
    assert extra_of(context, asset)["job_ids"] == report["job_ids"]
    assert "added" not in extra_of(context, asset)


def test_many_long_ids_stay_below_four_kilobytes(private, context, asset):
    task = private()
    secret = "X-Amz-Signature=0123456789abcdef"
    report = {"dataset_hash": f"https://host.test/?{secret}", "added": 1, "job_ids": ["j" * 255] * 30}
    asset_events.tell_assets(task, context, report, Memory(context, durable=False, identity={}))
    extra = extra_of(context, asset)
    assert 10 < len(extra["job_ids"]) <= 20
    assert len(json.dumps(extra)) < 4096
    assert "0123456789abcdef" not in json.dumps(extra)


def test_at_most_twenty_jobs(private, context, asset):
    report = private(25, max_items_per_job=1).execute(context)
    assert extra_of(context, asset)["job_ids"] == report["job_ids"][:20]
    assert extra_of(context, asset)["added"] == 25


def test_an_upload_and_a_link_tell_theirs(dataset, context, asset, hook, media):
    upload = EncordUploadImageOperator(
        task_id="upload", dataset_hash=dataset, file_paths=[media / "a.png"], outlets=[asset]
    )
    upload.execute(context)
    assert extra_of(context, asset)["added"] == 1
    (row,) = hook.list_data_rows(dataset)
    other = hook.create_dataset("other").dataset_hash
    link = EncordLinkItemsOperator(
        task_id="link", dataset_hash=other, item_uuids=[row.backing_item_uuid], outlets=[asset]
    )
    context["outlet_events"] = OutletEventAccessors()
    link.execute(context)
    assert (extra_of(context, asset)["linked"], extra_of(context, asset)["dataset_hash"]) == (1, other)
    link.execute(context)
    assert link.outlets == [], "the dataset held it already"


def test_work_that_adds_nothing_by_its_nature_keeps_its_event(dataset, context, asset):
    task = EncordReEncodeDataOperator(
        task_id="task", dataset_hash=dataset, title_like="nothing", outlets=[asset], on_empty="succeed"
    )
    task.execute(context)
    assert task.outlets == [asset]


def test_a_window_ends_the_time(dataset, context, asset, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x")
    os.utime(tmp_path / "a.mp4", (0, 0))
    given = {"dataset_hash": dataset, "integration": "AWS", "prefix": f"file://{tmp_path}", "outlets": [asset]}
    window = {"modified_before": "2026-01-01", "object_url": "https://bucket.test/{key}"}
    BucketToEncordOperator(task_id="task", **given, **window).execute(context)
    assert extra_of(context, asset)["until"] == "2026-01-01T00:00:00+00:00"
