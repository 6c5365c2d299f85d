"""Syncing a folder with a bucket in a local S3."""

import asyncio
import time
from types import SimpleNamespace

import boto3
import pytest
from moto.server import ThreadedMotoServer

from airflow_provider_encord._client.jobs import FolderSyncWatch
from airflow_provider_encord._compat import AirflowSkipException
from airflow_provider_encord.emulator import LocalEncord
from airflow_provider_encord.exceptions import EncordJobCancelledError, EncordJobError, EncordTimeoutError
from airflow_provider_encord.operators import folders
from airflow_provider_encord.operators.folders import EncordSyncFolderOperator
from airflow_provider_encord.triggers import encord as triggers
from airflow_provider_encord.triggers.folders import EncordFolderSyncTrigger

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:
    from airflow.exceptions import TaskDeferred

pytestmark = pytest.mark.usefixtures("no_pause")


@pytest.fixture(scope="module")
def s3_url():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def local_encord(s3_url):
    """One that looks into the local S3."""
    with LocalEncord(s3_endpoint=s3_url) as local:
        yield local


@pytest.fixture
def put(s3_url, request):
    """Puts objects of these keys into a new bucket; its name."""
    client = boto3.client(
        "s3", endpoint_url=s3_url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    name = f"bucket-{abs(hash(request.node.name))}"
    client.create_bucket(Bucket=name)

    def run(*keys):
        for key in keys:
            client.put_object(Bucket=name, Key=key, Body=b"x")

    run.bucket = name
    return run


@pytest.fixture
def folder(hook, encord, put):
    """A folder that is synced with the bucket."""
    encord.settings(sync_seconds=0)
    made = hook.create_folder("synced", integration="AWS", remote_url=f"s3://{put.bucket}/in/").uuid
    encord.clear_requests()
    return made


def sync(context, folder, **arguments):
    return EncordSyncFolderOperator(task_id="task", folder_uuid=folder, **arguments).execute(context)


def test_what_is_in_the_bucket_is_in_the_folder(folder, put, context, xcoms, hook):
    put("in/a.jpg", "in/b.mp4", "other/c.mp4")
    report = sync(context, {"folder_uuid": folder})
    assert report == {
        "folder_uuid": folder,
        "job_id": xcoms["job_id"],
        "job_ids": xcoms["job_ids"],
        "status": "DONE",
        "done": 2,
        "failed": 0,
        "pending": 0,
        "cancelled": 0,
        "pages_failed": 0,
        "jobs_failed": 0,
    }
    assert xcoms["folder_uuid"] == folder
    assert [item.name for item in hook.iter_items(folder)] == ["in/a.jpg", "in/b.mp4"]


def test_an_empty_bucket_is_nothing_to_do(folder, context, xcoms):
    with pytest.raises(AirflowSkipException):
        sync(context, folder)
    assert xcoms["return_value"]["done"] == 0
    assert sync(context, folder, on_empty="succeed", durable=False)["done"] == 0


def test_files_that_fail(folder, put, context, encord):
    put("in/a.jpg", "in/b.jpg")
    encord.force_job(fail_units=[0])
    with pytest.raises(EncordJobError, match=f"Folder {folder}: sync .* is DONE .1 done, 1 failed"):
        sync(context, folder)
    encord.force_job(fail_units=[0])
    report = sync(context, folder, max_failed_items=0.5)
    assert (report["done"], report["failed"]) == (1, 1)


@pytest.mark.parametrize(("status", "error"), [("ERROR", EncordJobError), ("CANCELLED", EncordJobCancelledError)])
def test_a_sync_that_ends_badly(status, error, folder, context, encord, asked):
    encord.force_job(status=status)
    with pytest.raises(error, match=f"Folder {folder}: sync .* is {status}"):
        sync(context, folder, max_failed_items=1)
    with pytest.raises(AirflowSkipException):
        sync(context, folder)
    assert asked().count("sync_start") == 2


def test_it_is_waited_for_in_the_triggerer_and_never_started_twice(folder, put, context, encord, asked, hook):
    put("in/a.jpg")
    encord.force_job(status="HELD")
    task = EncordSyncFolderOperator(task_id="task", folder_uuid=folder, deferrable=True, defer_after=0)
    for _ in range(2):
        with pytest.raises(TaskDeferred) as deferred:
            task.execute(context)
        context["ti"].retry()
    assert asked().count("sync_start") == 1
    path, kwargs = deferred.value.trigger.serialize()
    assert path == "airflow_provider_encord.triggers.folders.EncordFolderSyncTrigger"
    assert (kwargs["folder_uuid"], kwargs["dataset_hash"]) == (folder, None)
    trigger = EncordFolderSyncTrigger(**kwargs)
    event = trigger.event("done", "It is over", counts={"done": 1})
    assert event["folder_uuid"] == folder
    encord.force_job(kwargs["job_ids"][0])
    hook.wait(trigger.watches()[0])
    assert task.execute_complete(context, event)["done"] == 1
    with pytest.raises(EncordTimeoutError, match=f"of folder {folder} goes on: Encord offers no way"):
        task.execute_complete(context, trigger.event("timeout", "Too late."))


@pytest.mark.parametrize(
    ("status", "ends"), [(None, "done"), ("ERROR", "failed"), ("CANCELLED", "cancelled"), ("HELD", "timeout")]
)
def test_the_trigger(status, ends, folder, put, encord, hook, monkeypatch):
    async def events():
        return [event.payload async for event in trigger.run()]

    put("in/a.jpg")
    monkeypatch.setattr(triggers, "EARLIEST_EVENT_SECONDS", 0)
    encord.force_job(status=status)
    trigger = EncordFolderSyncTrigger(
        encord_conn_id="encord_default",
        folder_uuid=folder,
        job_ids=[hook.start_folder_sync(folder)],
        deadline=time.time() + (60 if status != "HELD" else -1),
        poll_interval=0.01,
    )
    (event,) = asyncio.run(events())
    assert (event["status"], event["folder_uuid"]) == (ends, folder)
    if ends == "done":
        assert event["counts"]["done"] == 1


def test_while_another_one_runs_it_waits_until_its_own_can_start(
    folder, put, context, encord, hook, asked, monkeypatch
):
    put("in/a.jpg")
    encord.force_job(status="HELD")
    other = hook.start_folder_sync(folder)
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            encord.force_job(other)
            hook.wait(FolderSyncWatch(folder, other))

    monkeypatch.setattr(folders, "time", SimpleNamespace(sleep=pause, time=time.time))
    report = sync(context, folder, poll_interval=7)
    assert pauses == [7, 7]
    assert report["job_id"] != other
    assert asked().count("sync_start") == 4


def test_another_one_that_does_not_end_in_time(folder, context, encord, hook, monkeypatch):
    encord.force_job(status="HELD")
    hook.start_folder_sync(folder)
    now = [time.time()]
    clock = SimpleNamespace(time=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(folders, "time", clock)
    with pytest.raises(EncordTimeoutError, match="another sync was still running"):
        sync(context, folder, timeout=60)
    assert not context["task_state_store"]["encord_jobs"]["starting"]


def test_without_waiting(folder, context, encord, xcoms):
    encord.force_job(status="HELD")
    report = sync(context, folder, wait_for_completion=False)
    assert report == {"folder_uuid": folder, "job_ids": xcoms["job_ids"], "status": "STARTED"}


def test_a_killed_task_says_that_the_sync_goes_on(folder, context, encord, monkeypatch):
    encord.force_job(status="HELD")
    task = EncordSyncFolderOperator(task_id="task", folder_uuid=folder, wait_for_completion=False)
    task.execute(context)
    said = []
    monkeypatch.setattr(task.log, "warning", lambda text, *given: said.append(text % given))
    task.on_kill()
    assert f"of folder {folder} goes on: Encord offers no way to cancel it" in said[0]
