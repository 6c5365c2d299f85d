"""Triggers: what they keep, and the one event of each exit."""

import asyncio
import inspect
import json
import re
import time
from importlib import import_module

import pytest

from airflow_provider_encord import _compat
from airflow_provider_encord._client import wait
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._compat import AirflowNotFoundException
from airflow_provider_encord.hooks import encord as hooks
from airflow_provider_encord.hooks._transport_pool import shared_transports
from airflow_provider_encord.triggers import encord as triggers
from airflow_provider_encord.triggers.encord import (
    EncordDataRowTrigger,
    EncordFolderJobTrigger,
    EncordReEncodeTrigger,
    EncordUploadJobTrigger,
)
from envelope import refusal

EVENT_BYTES = 48 * 1024
UNKNOWN = "00000000-0000-0000-0000-00000000000c"
COMMON = {
    "encord_conn_id": "encord_default",
    "dataset_hash": "d",
    "deadline": 1.5,
    "poll_interval": 0.01,
    "max_poll_failures": 1,
}
OWN = {
    EncordUploadJobTrigger: {"job_ids": ["a", "b"]},
    EncordFolderJobTrigger: {"job_ids": [UNKNOWN], "folder_uuid": UNKNOWN, "cancel_on_kill": True},
    EncordReEncodeTrigger: {"job_ids": [1, 2]},
    EncordDataRowTrigger: {"filters": {"title_like": "%", "data_types": ["VIDEO"]}, "min_count": 2},
}
READS = {"upload_job_poll", "folder_job_poll", "re_encode_status", "list_data_rows"}

every_class = pytest.mark.parametrize("each", OWN, ids=lambda each: each.__name__)


async def collect(trigger):
    return [event.payload async for event in trigger.run()]


@pytest.fixture
def made(hook, encord):
    """Make a trigger of a class whose job ends with a status; changes of its arguments can be given."""

    def make(each, status=None, **changes):
        dataset = hook.create_dataset("triggered").dataset_hash
        manifest = {"videos": [{"objectUrl": "s3://bucket/a.mp4"}]}
        integration = encord.integrations["AWS"]
        own = {"filters": {"title_like": "%"}, "min_count": 1 if status is None else 5}
        if each is EncordUploadJobTrigger:
            encord.force_job(status=status)
            own = {"job_ids": [hook.add_private_data_to_dataset_start(dataset, integration, manifest)]}
        elif each is EncordFolderJobTrigger:
            encord.force_job(status=status)
            folder = hook.create_folder("triggered").uuid
            job = hook.add_private_data_to_folder_start(folder, integration, manifest)
            own = {"job_ids": [job], "folder_uuid": folder}
        else:
            (video,) = hook.add_private_data_to_dataset(dataset, integration, manifest)
        if each is EncordReEncodeTrigger:
            encord.force_task(status=status)
            own = {"job_ids": [hook.re_encode_data(dataset, [video.data_hash])]}
        encord.clear_requests()
        deadline = {"deadline": time.time() + 60}
        return each(**{**COMMON, "dataset_hash": dataset, **deadline, **own, **changes})

    return make


def test_each_class_is_here():
    found = {
        each
        for _, each in inspect.getmembers(triggers, inspect.isclass)
        if each.__module__ == triggers.__name__ and not inspect.isabstract(each)
    }
    assert found == set(OWN)


@every_class
def test_it_survives_being_stored(each):
    trigger = each(**COMMON, **OWN[each])
    path, kwargs = trigger.serialize()
    module, _, name = path.rpartition(".")
    again = getattr(import_module(module), name)(**json.loads(json.dumps(kwargs)))
    assert kwargs == COMMON | OWN[each]
    assert again.serialize() == (path, kwargs)


@every_class
def test_nothing_secret_is_kept(each, made, encord):
    trigger = made(each)
    (event,) = asyncio.run(collect(trigger))
    shown = repr(trigger) + repr(trigger.serialize()) + json.dumps(event) + repr(vars(trigger))
    lines = [line for line in encord.private_key.splitlines() if "-----" not in line]
    assert lines
    assert not [line for line in lines if line in shown]


@every_class
def test_done(each, made, encord):
    trigger = made(each)
    (event,) = asyncio.run(collect(trigger))
    assert (event["status"], event["dataset_hash"]) == ("done", trigger.dataset_hash)
    assert {entry["operation"] for entry in encord.requests()} <= READS


@pytest.mark.parametrize(
    ("each", "status", "expected"),
    [
        (EncordUploadJobTrigger, "ERROR", "failed"),
        (EncordUploadJobTrigger, "CANCELLED", "cancelled"),
        (EncordFolderJobTrigger, "ERROR", "failed"),
        (EncordFolderJobTrigger, "CANCELLED", "cancelled"),
        (EncordReEncodeTrigger, "ERROR", "failed"),
    ],
)
def test_a_bad_ending(each, status, expected, made):
    (event,) = asyncio.run(collect(made(each, status)))
    assert event["status"] == expected


@every_class
@pytest.mark.parametrize("status", ["SUBMITTED", "SOMETHING_NEW"])
def test_the_deadline(each, status, made):
    status = "PENDING" if issubclass(each, EncordUploadJobTrigger) and status == "SUBMITTED" else status
    (event,) = asyncio.run(collect(made(each, status, deadline=time.time() - 1)))
    assert event["status"] == "timeout"


@every_class
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "AUTHENTICATION_ERROR", "authentication"),
        (403, "AUTHORISATION_ERROR", "permission"),
        (404, "RESOURCE_NOT_FOUND_ERROR", "not_found"),
        (503, None, "server"),
        (404, None, "server"),
    ],
)
def test_an_error_of_encord(each, status, code, kind, made, encord):
    trigger = made(each)
    said = {"message": "no"} if each is EncordFolderJobTrigger else refusal(code)
    encord.fault(status=status, body=code and said, times=None)
    (event,) = asyncio.run(collect(trigger))
    assert (event["status"], event["kind"]) == ("error", kind)
    assert len(encord.requests()) == 1


@pytest.fixture
def down(monkeypatch):
    """Let so many lookups of the connection fail; return the failed polls that are logged."""
    look_up, said = hooks.get_connection_async, []

    def fail(times, failure):
        left = [failure] * times

        async def failing(conn_id):
            if left:
                raise left.pop()
            return await look_up(conn_id)

        monkeypatch.setattr(hooks, "get_connection_async", failing)
        monkeypatch.setattr(
            triggers.EncordTrigger,
            "_log_failed_poll",
            lambda self, error, failures, seconds: said.append((failures, str(error))),
        )
        return said

    return fail


class Down:
    """A secrets backend that cannot be reached."""

    def get_connection(self, conn_id):
        raise ConnectionError("no route to the vault")


class Without:
    """One that has no such connection."""

    def get_connection(self, conn_id):
        return None


def not_found():
    return AirflowNotFoundException("The conn_id `encord_default` isn't defined")


@every_class
@pytest.mark.parametrize(
    "failure", [ConnectionError("postgresql://airflow:secret@db"), not_found()], ids=["database", "vault"]
)
def test_a_lookup_that_fails_while_airflow_is_down_is_a_failed_poll(each, failure, made, down, monkeypatch):
    monkeypatch.setattr(_compat, "_secrets_backends", lambda: [Without(), Down()])
    trigger = made(each, max_poll_failures=4)
    monkeypatch.setattr(wait, "failed_poll_delay", lambda retry_after, failures, *_: failures / 1000)
    said = down(3, failure)
    (event,) = asyncio.run(collect(trigger))
    assert event["status"] == "done"
    assert [failures for failures, _ in said] == [1, 2, 3]
    assert not [text for _, text in said if "could not be read" not in text or "secret" in text]


@every_class
def test_lookups_that_go_on_failing_end_the_wait(each, made, down, monkeypatch):
    monkeypatch.setattr(wait, "failed_poll_delay", lambda *_: 0)
    trigger = made(each, max_poll_failures=4)
    said = down(99, ConnectionError("postgresql://airflow:secret@db"))
    (event,) = asyncio.run(collect(trigger))
    assert (event["status"], event["kind"], len(said)) == ("error", "lookup", 3)


@every_class
def test_a_connection_that_is_missing_ends_the_wait_at_once(each, made, down, monkeypatch):
    monkeypatch.setattr(_compat, "_secrets_backends", lambda: [Without(), Without()])
    trigger = made(each, max_poll_failures=4)
    said = down(99, not_found())
    (event,) = asyncio.run(collect(trigger))
    assert (event["status"], event["kind"], said) == ("error", "lookup", [])
    assert "isn't defined" in event["message"]


@every_class
def test_a_connection_that_airflow_does_not_know(each, made):
    (event,) = asyncio.run(collect(made(each, encord_conn_id="nowhere", max_poll_failures=4)))
    assert (event["status"], event["kind"]) == ("error", "lookup")


@every_class
def test_an_exception_that_nobody_expects(each, made, monkeypatch):
    trigger = made(each)

    def broken():
        raise RuntimeError("something with a secret in it")

    monkeypatch.setattr(trigger, "watches", broken)
    (event,) = asyncio.run(collect(trigger))
    assert event["status"] == "error"
    assert "RuntimeError" in event["message"]
    assert "secret" not in event["message"]


@every_class
def test_two_copies_only_read(each, made, encord):
    trigger = made(each)
    copy = each(**trigger.serialize()[1])

    async def both():
        return await asyncio.gather(collect(trigger), collect(copy))

    first, second = asyncio.run(both())
    assert first == second
    assert {entry["operation"] for entry in encord.requests()} <= READS


def test_the_event_of_a_big_job_is_small(hook, encord):
    dataset = hook.create_dataset("big").dataset_hash
    encord.force_job(fail_units=list(range(1000)), error="x" * 5000)
    manifest = {"videos": [{"objectUrl": f"s3://bucket/{number}.mp4"} for number in range(3000)]}
    job = hook.add_private_data_to_dataset_start(dataset, encord.integrations["AWS"], manifest, ignore_errors=True)
    arguments = {"dataset_hash": dataset, "deadline": time.time() + 60, "job_ids": [job]}
    (event,) = asyncio.run(collect(EncordUploadJobTrigger(**{**COMMON, **arguments})))
    assert event["status"] == "partial"
    assert event["counts"]["failed"] == 1000
    assert len(json.dumps(event)) < EVENT_BYTES


def test_the_event_of_many_jobs_is_small(hook, encord):
    """As many as a listing of half a million objects makes with the smallest sensible jobs."""
    event = EncordUploadJobTrigger(**COMMON, job_ids=[UNKNOWN] * 500).event("done", "m" * 10_000)
    assert len(json.dumps(event)) < EVENT_BYTES


@pytest.mark.parametrize("each", [EncordUploadJobTrigger, EncordReEncodeTrigger], ids=lambda each: each.__name__)
def test_a_kill_is_said_once_and_sends_nothing(each, made, encord, monkeypatch):
    trigger, said = made(each), []
    monkeypatch.setattr(
        type(trigger.log), "warning", lambda log, text, *args, **_: said.append(text % args), raising=False
    )
    asyncio.run(trigger.on_kill())
    assert len(said) == 1
    assert "goes on" in said[0]
    assert encord.requests() == []


@pytest.fixture
def killed(made, monkeypatch):
    """Kill the task of a trigger whose job runs; return what is logged."""

    def kill(**changes):
        trigger, said = made(EncordFolderJobTrigger, "PENDING", **changes), []
        for level in ("info", "warning"):
            monkeypatch.setattr(
                type(trigger.log), level, lambda log, text, *args, **_: said.append(text % args), raising=False
            )
        asyncio.run(trigger.on_kill())
        return trigger, said

    return kill


def test_a_kill_cancels_the_jobs_of_a_folder_and_tells_the_counts(killed, hook, encord):
    trigger, said = killed()
    (job,) = trigger.job_ids
    assert hook.get_folder_upload_job(trigger.folder_uuid, job).status == "CANCELLED"
    (cancelled,) = [line for line in said if "Cancelled" in line]
    assert re.search(rf"upload job {job} of folder .*: 1 items are not added, 0 were added before", cancelled)


def test_a_kill_that_is_not_to_cancel_sends_nothing(killed, encord):
    _, said = killed(cancel_on_kill=False)
    assert len(said) == 1
    assert "goes on: it was not cancelled" in said[0]
    assert encord.requests() == []


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 403}, {"drop": "before"}, {"delay": 30}], ids=str)
def test_a_kill_whose_cancelling_fails_ends_in_time_and_says_so(fault, killed, encord, hook, monkeypatch):
    monkeypatch.setattr(triggers, "KILL_SECONDS", 0.3)
    encord.fault("folder_job_cancel", times=None, **fault)
    started = time.monotonic()
    _, said = killed()
    assert time.monotonic() - started < 20
    assert "goes on: it was not cancelled" in said[-1]


def test_a_kill_without_a_connection_never_raises(killed):
    _, said = killed(encord_conn_id="nowhere")
    assert "goes on" in said[-1]


@every_class
def test_no_event_comes_too_early(each, made, monkeypatch):
    trigger, slept = made(each), []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(triggers, "EARLIEST_EVENT_SECONDS", 5.0)
    monkeypatch.setattr(triggers.asyncio, "sleep", sleep)
    asyncio.run(collect(trigger))
    assert 0 < slept[-1] <= 5


@every_class
def test_many_triggers_look_the_connection_up_once(each, made, monkeypatch):
    look_up, ids = hooks.get_connection_async, []

    async def counting(conn_id):
        ids.append(conn_id)
        return await look_up(conn_id)

    monkeypatch.setattr(hooks, "get_connection_async", counting)
    monkeypatch.setattr(triggers.random, "random", lambda: 0.0)
    trigger = made(each)
    copies = [each(**trigger.serialize()[1]) for _ in range(20)]

    async def together():
        return await asyncio.gather(*map(collect, copies))

    assert [len(events) for events in asyncio.run(together())] == [1] * 20
    assert ids == ["encord_default"]


@every_class
def test_a_restart_of_the_triggerer_lets_go_of_all_that_is_shared(each, made, monkeypatch):
    monkeypatch.setattr(triggers.random, "random", lambda: 0.0)
    pending = "PENDING" if issubclass(each, EncordUploadJobTrigger) else "SUBMITTED"
    trigger = made(each, pending, poll_interval=60)
    copies = [each(**trigger.serialize()[1]) for _ in range(3)]

    async def restarted():
        running = [asyncio.ensure_future(collect(copy)) for copy in copies]
        while not (newest := [*shared_transports()._newest.values()]) or not newest[0].pool.done():
            await asyncio.sleep(0.001)
        shared = newest[0].pool.result()
        while shared.users < 3:
            await asyncio.sleep(0.001)
        session = shared.transport.session
        for task in running:
            task.cancel()
        ended = await asyncio.gather(*running, return_exceptions=True)
        return ended, session.closed, shared_transports()._newest

    ended, closed, left = asyncio.run(restarted())
    assert [type(each) for each in ended] == [asyncio.CancelledError] * 3
    assert (closed, left) == (True, {})


@every_class
def test_waits_that_start_together_do_not_poll_together(each, made, monkeypatch):
    slept, chances = [], iter([0.0, 0.25, 1.0])

    async def sleep(seconds):
        slept.append(seconds)

    trigger = made(each, poll_interval=30.0)
    monkeypatch.setattr(triggers, "EARLIEST_EVENT_SECONDS", 5.0)
    monkeypatch.setattr(triggers.random, "random", lambda: next(chances))
    monkeypatch.setattr(triggers.asyncio, "sleep", sleep)
    for _ in range(3):
        asyncio.run(collect(each(**trigger.serialize()[1])))
    longest = 5.0 if issubclass(each, EncordUploadJobTrigger) else 30.0
    assert [seconds for seconds in slept if seconds in (0.0, longest / 4, longest)] == [0.0, longest / 4, longest]


@every_class
def test_the_first_poll_does_not_wait_beyond_the_deadline(each, made, encord):
    (event,) = asyncio.run(collect(made(each, poll_interval=3600.0, deadline=time.time() - 1)))
    assert event["status"] == "done", "a job that has ended is seen, however late"


@every_class
def test_a_look_up_that_never_ends_ends_after_the_deadline(each, made, monkeypatch):
    trigger = made(each, deadline=time.time() - 1)

    async def for_ever(conn_id):
        await asyncio.Event().wait()

    monkeypatch.setattr(hooks, "get_connection_async", for_ever)
    monkeypatch.setattr(wait, "LAST_ANSWER_SECONDS", 0.01)
    (event,) = asyncio.run(collect(trigger))
    assert event["status"] == "timeout"
    assert "before the connection was looked up" in event["message"]


@every_class
def test_a_wait_that_gets_no_answer_at_all_ends_after_its_deadline(each, made, encord, monkeypatch):
    trigger = made(each, deadline=time.time() - 1)

    async def silent(*_, **__):
        await asyncio.Event().wait()

    seconds = iter([60.0])  # for the lookup, which is answered
    monkeypatch.setattr(AsyncTransport, "run", silent)
    monkeypatch.setattr(wait.Patience, "seconds_to_last_answer", lambda self, now: next(seconds, 0.01))
    (event,) = asyncio.run(collect(trigger))
    assert event["status"] == "timeout"
    assert "did not answer" in event["message"]
