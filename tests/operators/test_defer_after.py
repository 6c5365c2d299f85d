"""Short jobs: how often a job is asked for, when a task is deferred, and how long it keeps its slot before."""

from collections import Counter
from types import SimpleNamespace

import pytest

from airflow_provider_encord._airflow import job_run
from airflow_provider_encord._client.jobs import State, Verdict
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:
    from airflow.exceptions import TaskDeferred

HOUR = 3600


@pytest.fixture
def polls(encord):
    """How many polls there were of each kind."""
    return lambda: Counter(
        each["operation"] for each in encord.requests() if each["operation"] in ("upload_job_poll", "re_encode_status")
    )


@pytest.fixture
def videos(hook, dataset, encord, manifest):
    added = hook.add_private_data_to_dataset(dataset, encord.integrations["AWS"], manifest(5))
    encord.clear_requests()
    return [item.data_hash for item in added]


@pytest.fixture
def build(dataset, videos, manifest):
    """Make the operator of a kind, whose work is five jobs."""
    kinds = {
        "register": (
            EncordAddPrivateDataOperator,
            {"integration": "AWS", "manifest": manifest(5, skip_duplicate_urls=False)},
        ),
        "re-encode": (EncordReEncodeDataOperator, {"data_hashes": videos}),
    }

    def make(kind, **more):
        each, given = kinds[kind]
        given = {"dataset_hash": dataset, "max_items_per_job": 1, "deferrable": True, "poll_interval": 0.01, **given}
        return each(task_id="task", **given | more)

    return make


@pytest.fixture
def looked(monkeypatch):
    """Which jobs were asked for, by whichever way."""
    found = []
    for name in ("look", "wait"):
        method = getattr(EncordHook, name)

        def spy(self, watch, method=method, **more):
            found.append(str(getattr(watch, "job_id", None) or watch.task_id))
            return method(self, watch, **more)

        monkeypatch.setattr(EncordHook, name, spy)
    return found


every_kind = pytest.mark.parametrize("kind", ["register", "re-encode"])


def end_all(encord, job_ids):
    for job_id in job_ids:
        force = encord.force_job if isinstance(job_id, str) else encord.force_task
        force(job_id, status="DONE")


def test_each_job_is_asked_for_once_before_deferring_and_read_once_after(build, context, encord, polls, looked):
    encord.settings(job_seconds=HOUR)
    with pytest.raises(TaskDeferred) as deferred:
        build("register", defer_after=0.4).execute(context)
    _, kwargs = deferred.value.trigger.serialize()
    job_ids = kwargs["job_ids"]
    assert len(job_ids) == 5
    assert looked == job_ids
    assert polls() == {"upload_job_poll": 5}
    looked.clear()
    encord.clear_requests()
    end_all(encord, job_ids)
    event = {"status": "done", "message": "m", "job_ids": job_ids}
    assert build("register").execute_complete(context, event)["added"] == 5
    assert looked == job_ids
    assert polls() == {"upload_job_poll": 5}


@every_kind
@pytest.mark.parametrize("deferrable", [True, False])
@pytest.mark.parametrize("how", ["retry", "clear"])
def test_a_second_attempt_reads_each_finished_job_once(kind, deferrable, how, build, context, encord, polls, looked):
    encord.settings(job_seconds=HOUR, re_encode_seconds=HOUR)
    with pytest.raises(TaskDeferred) as deferred:
        build(kind, defer_after=0).execute(context)
    job_ids = deferred.value.trigger.serialize()[1]["job_ids"]
    end_all(encord, job_ids)
    encord.clear_requests()
    getattr(context["ti"], how)()
    assert build(kind, deferrable=deferrable).execute(context)["job_ids"] == job_ids
    assert looked == list(map(str, job_ids))
    assert sum(polls().values()) == 5


@every_kind
def test_what_ends_at_once_is_not_deferred(kind, build, context, polls):
    assert len(build(kind).execute(context)["job_ids"]) == 5
    assert sum(polls().values()) == 5


@every_kind
def test_without_patience_a_task_is_deferred_at_once(kind, build, context, encord, polls):
    with pytest.raises(TaskDeferred):
        build(kind, defer_after=0).execute(context)
    assert not polls()


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves when somebody sleeps or Encord holds a poll, and a little at each look."""
    now = SimpleNamespace(seconds=0.0, slept=[])

    def sleep(seconds):
        now.seconds += seconds
        now.slept.append(seconds)

    def monotonic():
        now.seconds += 0.001
        return now.seconds

    fake = SimpleNamespace(sleep=sleep, monotonic=monotonic, time=lambda: 1e9 + now.seconds)
    monkeypatch.setattr(job_run, "time", fake)
    return now


@pytest.fixture
def take(clock, monkeypatch):
    """Let the jobs take so many seconds, each its own or all the same; return which were asked for, when, how long."""

    def prepare(seconds, holds):
        asked = []

        def look(self, watch, *, held_seconds=0):
            at = clock.seconds
            job = str(getattr(watch, "job_id", None) or watch.task_id)
            asked.append((job, at, held_seconds))
            ends = seconds[len({job for job, _, _ in asked}) - 1] if isinstance(seconds, list) else seconds
            if holds:
                clock.seconds += max(0.0, min(held_seconds, ends - clock.seconds))
            if clock.seconds < ends:
                return Verdict(State.PENDING, "PENDING", "m", {}, None)
            return real(self, watch)

        real = EncordHook.look
        monkeypatch.setattr(EncordHook, "look", look)
        return asked

    return prepare


@pytest.mark.parametrize("patience", [0.4, 1, 5, 60])
@pytest.mark.parametrize("seconds", [1e9, [1e9, 0, 0, 0, 0], [0, 0, 0, 0, 1e9], [3, 1e9, 1e9, 1e9, 1e9]])
def test_five_jobs_never_hold_the_slot_longer_than_said(patience, seconds, build, context, clock, take):
    asked = take(seconds, holds=True)
    with pytest.raises(TaskDeferred):
        build("register", defer_after=patience).execute(context)
    assert clock.seconds <= patience + 1
    assert max(Counter(job for job, _, _ in asked).values()) == 1
    assert len(asked) == 5


@pytest.mark.parametrize("seconds", [4.9, [1, 2, 3, 4, 4.9], [4.9, 1, 1, 1, 1]], ids=str)
def test_jobs_that_end_in_time_are_not_deferred(seconds, build, context, take):
    asked = take(seconds, holds=True)
    assert build("register").execute(context)["added"] == 5
    assert len(asked) == 5


@pytest.mark.parametrize(("seconds", "times"), [(0, 1), (1.9, 2), (4.9, 3)])
def test_re_encode_tasks_are_asked_for_at_once_and_at_most_twice_more(seconds, times, build, context, take, clock):
    asked = take(seconds, holds=False)
    build("re-encode", max_items_per_job=10).execute(context)
    assert len(asked) == times
    assert clock.seconds <= 6


def test_a_re_encode_task_that_takes_longer_is_deferred(build, context, take, clock):
    asked = take(1e9, holds=False)
    with pytest.raises(TaskDeferred):
        build("re-encode").execute(context)
    assert set(Counter(job for job, _, _ in asked).values()) == {3}
    assert clock.seconds <= 6


def test_a_shorter_time_limit_is_kept(build, context, take, clock):
    take(1e9, holds=True)
    with pytest.raises(TaskDeferred):
        build("register", timeout=2).execute(context)
    assert clock.seconds <= 3


def test_the_patience_is_no_matter_where_nobody_waits(build, context, encord, polls):
    encord.settings(job_seconds=HOUR)
    report = build("register", wait_for_completion=False).execute(context)
    assert report["status"] == "STARTED"
    assert not polls()
