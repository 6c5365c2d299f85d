"""Jobs that nobody waits for any more: cancelled where Encord can, told where it cannot."""

import json
import re
import time
from datetime import timedelta

import pytest

from airflow_provider_encord._airflow import job_run
from airflow_provider_encord.exceptions import EncordJobError, EncordTimeoutError
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.uploads import EncordUploadImageOperator

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:
    from airflow.exceptions import TaskDeferred

CANCEL = "folder_job_cancel"


@pytest.fixture
def folder(hook, encord):
    made = hook.create_folder("a folder").uuid
    encord.settings(job_seconds=3600)
    encord.clear_requests()
    return made


@pytest.fixture
def task(folder, manifest):
    """A task whose jobs go on for an hour; each registers one of three videos."""

    def make(**arguments):
        given = {"folder_uuid": folder, "integration": "AWS", "manifest": manifest(3), "poll_interval": 0.01}
        given |= {"max_items_per_job": 1, "timeout": 0.001, **arguments}
        return EncordAddPrivateDataOperator(task_id="task", **given)

    return make


@pytest.fixture
def status(hook, folder):
    return lambda job_ids: [hook.get_folder_upload_job(folder, job).status for job in job_ids]


@pytest.fixture
def said(capsys, caplog):
    """What was logged, on Airflow 2 or 3."""
    return lambda: capsys.readouterr().out + caplog.text


@pytest.fixture
def quick(monkeypatch):
    """Give a cancelled job no time to end, and a task that is killed little time."""
    monkeypatch.setattr(job_run, "_SECONDS_TO_END", 0)
    monkeypatch.setattr(job_run, "KILL_SECONDS", 0.3)


def deferred(task, context):
    with pytest.raises(TaskDeferred) as caught:
        task.execute(context)
    return caught.value.trigger


# -- out of time -----------------------------------------------------------------------------------------------------


def test_the_deadline_cancels_and_tells_what_was_added(task, context, encord, status, xcoms, hook, folder, tmp_path):
    details = tmp_path / "details"
    encord.force_job(status="PENDING", done_units=2)
    with pytest.raises(EncordTimeoutError, match=r"has cancelled it.*2 done, 1 cancelled") as caught:
        task(max_items_per_job=10, details_path=str(details)).execute(context)
    assert status(xcoms["job_ids"]) == ["CANCELLED"]
    assert caught.value.job_ids == xcoms["job_ids"]
    items = [item.uuid for item in hook.list_items(folder)]
    assert sorted(xcoms["item_uuids"]) == sorted(items)
    assert [json.loads(line)["outcome"] for line in details.read_text().splitlines()] == ["added"] * 2


def test_the_deadline_cancels_each_job_that_runs(task, context, encord, status, xcoms):
    encord.settings(job_seconds=0)
    run, started = task(), []
    start = run.hook.start_folder_upload_job

    def one_ended(*args, **kwargs):
        encord.settings(job_seconds=3600 if started else 0)
        started.append(start(*args, **kwargs))
        return started[-1]

    run.hook.start_folder_upload_job = one_ended
    with pytest.raises(EncordTimeoutError, match="1 done, 2 cancelled"):
        run.execute(context)
    assert status(started) == ["DONE", "CANCELLED", "CANCELLED"]


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_retry_after_the_deadline_starts_what_is_missing(deferrable, task, context, encord, hook, folder, asked):
    encord.force_job(status="PENDING", done_units=1)
    run = task(max_items_per_job=10, deferrable=deferrable, defer_after=0)
    if deferrable:
        trigger = deferred(run, context)
        event = trigger.event("timeout", "It had not ended.")
        with pytest.raises(EncordTimeoutError, match="1 done, 2 cancelled"):
            task(max_items_per_job=10).execute_complete(context, event)
    else:
        with pytest.raises(EncordTimeoutError, match="1 done, 2 cancelled"):
            run.execute(context)
    assert asked().count(CANCEL) == 1
    context["ti"].retry()
    encord.settings(job_seconds=0)
    done = task(max_items_per_job=10).execute(context)
    assert (done["added"], done["skipped"]) == (2, 1)
    assert len(hook.list_items(folder)) == 3


def test_a_job_that_ends_in_the_last_moment_is_a_success(task, context, encord, hook, folder):
    trigger = deferred(task(deferrable=True, defer_after=0), context)
    for job in trigger.job_ids:
        encord.force_job(job, status="DONE")
    done = task().execute_complete(context, trigger.event("timeout", "It had not ended."))
    assert (done["added"], done["status"]) == (3, "DONE")


def test_what_cannot_be_cancelled_goes_on_and_is_joined_by_a_retry(task, context, encord, status, xcoms, quick, asked):
    encord.fault(CANCEL, times=None, status=503)
    with pytest.raises(EncordTimeoutError, match=r"go on: they were not cancelled.*3 pending"):
        task().execute(context)
    encord.clear_faults()
    jobs = xcoms["job_ids"]
    assert status(jobs) == ["PENDING"] * 3
    for job in jobs:
        encord.force_job(job, status="DONE")
    context["ti"].retry()
    assert task().execute(context)["job_ids"] == jobs
    assert asked().count("folder_job_start") == 3


def test_without_cancel_on_kill_nothing_is_cancelled(task, context, encord, status, xcoms, asked):
    with pytest.raises(EncordTimeoutError, match="It goes on in Encord"):
        task(cancel_on_kill=False).execute(context)
    assert status(xcoms["job_ids"]) == ["PENDING"] * 3
    assert CANCEL not in asked()


def test_jobs_of_a_dataset_go_on(context, encord, dataset, manifest, xcoms, hook):
    encord.settings(job_seconds=3600)
    run = EncordAddPrivateDataOperator(
        task_id="task", dataset_hash=dataset, integration="AWS", manifest=manifest(1), timeout=0.001
    )
    with pytest.raises(EncordTimeoutError, match="offers no way to cancel"):
        run.execute(context)
    assert hook.get_upload_job(dataset, xcoms["job_id"]).status == "PENDING"


def test_execution_timeout_leaves_time_to_cancel(task, context):
    run = task(timeout=None, execution_timeout=timedelta(seconds=100), wait_for_completion=False)
    run.execute(context)
    left = run._job_run._work.deadline - time.time()
    assert 85 < left < 91


# -- killed ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def started(task, context):
    """A task that has started its jobs and waits."""

    def start(**arguments):
        run = task(wait_for_completion=False, timeout=None, **arguments)
        run.execute(context)
        return run

    return start


def test_a_kill_cancels_each_job(started, status, xcoms, said):
    started().on_kill()
    assert status(xcoms["job_ids"]) == ["CANCELLED"] * 3
    text = said()
    assert all(f"Cancelled upload job {job} in folder" in text for job in xcoms["job_ids"])


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": "before"}, {"delay": 30}], ids=str)
def test_a_kill_that_cannot_cancel_one_job_cancels_the_others_and_never_raises(
    fault, started, status, xcoms, encord, said, quick
):
    run = started()
    encord.fault(CANCEL, times=1, **fault)
    begun = time.monotonic()
    run.on_kill()
    assert time.monotonic() - begun < 20
    assert status(xcoms["job_ids"])[1:] == ["CANCELLED"] * 2
    assert "could not be cancelled, so it goes on" in said()


def test_a_kill_with_many_jobs_ends_in_time(started, asked, said, xcoms, monkeypatch):
    run = started()
    monkeypatch.setattr(job_run, "_LONGEST_KILL", -1)
    run.on_kill()
    assert CANCEL not in asked()
    text = said()
    assert all(re.search(rf"{job} of folder \S+ goes on: it was not cancelled", text) for job in xcoms["job_ids"])


def test_a_kill_without_cancel_on_kill_sends_nothing(started, asked, said):
    started(cancel_on_kill=False).on_kill()
    assert CANCEL not in asked()
    assert "go on: they were not cancelled" in said()


def test_a_kill_before_anything_is_started_and_after_the_end_does_nothing(task, context, encord, asked, said):
    run = task(timeout=None)
    run.on_kill()
    encord.settings(job_seconds=0)
    run.execute(context)
    run.on_kill()
    assert CANCEL not in asked()
    assert "cancel" not in said()


def test_a_kill_while_a_poll_is_under_way_leaves_the_session_alone(task, context, encord, monkeypatch, status, xcoms):
    """Airflow calls it from a signal handler, in the middle of whatever the task does; the wait sees the end."""
    run = task(timeout=None, max_items_per_job=10)
    look = run.hook._transport._session.request

    def killed(*args, **kwargs):
        if "data-upload-jobs/" in args[1]:
            run.on_kill()
        return look(*args, **kwargs)

    monkeypatch.setattr(run.hook._transport._session, "request", killed)
    with pytest.raises(EncordJobError, match="CANCELLED"):
        run.execute(context)
    assert status(xcoms["job_ids"]) == ["CANCELLED"]


# -- cleared ---------------------------------------------------------------------------------------------------------


def test_a_cleared_task_cancels_what_runs_and_starts_anew(started, task, context, encord, status, xcoms, hook, folder):
    started(max_items_per_job=10)
    (first,) = xcoms["job_ids"]
    context["ti"].clear()
    encord.settings(job_seconds=0)
    done = task(max_items_per_job=10, timeout=None).execute(context)
    assert status([first]) == ["CANCELLED"]
    assert first not in done["job_ids"]
    assert (done["added"], len(hook.list_items(folder))) == (3, 3)


def test_a_cleared_task_whose_trigger_has_cancelled_before_starts_anew(
    started, task, context, encord, xcoms, hook, folder
):
    started(max_items_per_job=10)
    (first,) = xcoms["job_ids"]
    hook.cancel_folder_upload_job(folder, first)
    context["ti"].clear()
    encord.settings(job_seconds=0)
    done = task(max_items_per_job=10, timeout=None).execute(context)
    assert (done["added"], first in done["job_ids"]) == (3, False)


@pytest.mark.parametrize("how", ["retry", "cleared, not to cancel", "cleared, cannot cancel"])
def test_others_join_the_job_that_runs(how, started, task, context, encord, status, xcoms, asked, quick):
    started(max_items_per_job=10)
    (first,) = xcoms["job_ids"]
    if how == "retry":
        context["ti"].retry()
    else:
        context["ti"].clear()
        encord.fault(CANCEL, times=None, status=503)
    given = {"cancel_on_kill": False} if how == "cleared, not to cancel" else {}
    done = task(max_items_per_job=10, timeout=None, wait_for_completion=False, **given).execute(context)
    assert (done["job_ids"], status([first])) == ([first], ["PENDING"])
    assert asked().count("folder_job_start") == 1


def test_an_upload_that_was_cancelled_is_made_whole(context, encord, folder, media, hook):
    files = [str(media / name) for name in ("a.png", "b.png", "c.png")]
    given = {"folder_uuid": folder, "file_paths": files, "poll_interval": 0.01}
    encord.force_job(status="PENDING", done_units=1)
    with pytest.raises(EncordTimeoutError):
        EncordUploadImageOperator(task_id="task", **given, timeout=0.001).execute(context)
    context["ti"].retry()
    encord.settings(job_seconds=0)
    done = EncordUploadImageOperator(task_id="task", **given).execute(context)
    assert (done["added"], done["skipped"]) == (2, 1)
    assert sorted(item.name for item in hook.list_items(folder) if not item.is_placeholder) == [
        "a.png",
        "b.png",
        "c.png",
    ]
