"""Two hundred deferred waits on one event loop, and a key that is changed meanwhile."""

import asyncio
import time

import pytest

from airflow_provider_encord._airflow.errors import by_kind
from airflow_provider_encord._client.transport import renewal
from airflow_provider_encord._compat import AirflowFailException
from airflow_provider_encord.hooks import encord as hooks
from airflow_provider_encord.triggers.encord import EncordReEncodeTrigger, EncordUploadJobTrigger

POLLS = ("re_encode_status", "upload_job_poll")


async def collect(trigger):
    return [event.payload async for event in trigger.run()]


class Night:
    """Jobs that run for long, and the deferred waits for them: half re-encode tasks, half registration jobs."""

    def __init__(self, hook, encord):
        self.hook = hook
        self.encord = encord
        self.tasks, self.uploads = [], []

    def begin(self, count):
        """Start so many jobs."""
        self.dataset = self.hook.create_dataset("rotation").dataset_hash
        manifest = {"videos": [{"objectUrl": "s3://bucket/a.mp4"}]}
        integration = self.encord.integrations["AWS"]
        (video,) = self.hook.add_private_data_to_dataset(self.dataset, integration, manifest)
        self.encord.settings(job_seconds=3600, re_encode_seconds=3600)
        for _ in range(count // 2):
            self.tasks.append(self.hook.re_encode_data(self.dataset, [video.data_hash]))
            start = self.hook.add_private_data_to_dataset_start
            self.uploads.append(start(self.dataset, integration, manifest))
        self.encord.clear_requests()

    async def wait(self, **changes):
        """Start to wait for all, and return when each has been asked for with a key that was good."""
        arguments = {
            "encord_conn_id": "encord_default",
            "dataset_hash": self.dataset,
            "deadline": time.time() + 300,
            "poll_interval": 0.5,
            "max_poll_failures": 3,
            **changes,
        }
        triggers = [EncordReEncodeTrigger(job_ids=[task], **arguments) for task in self.tasks]
        triggers += [EncordUploadJobTrigger(job_ids=[job], **arguments) for job in self.uploads]
        running = [asyncio.ensure_future(collect(trigger)) for trigger in triggers]
        await self.until_all_are_seen()
        return running

    async def until_all_are_seen(self):
        self.encord.clear_requests()
        await until(lambda: self.answered("re_encode_status", 200) >= len(self.tasks))

    async def until_refused(self):
        await until(lambda: self.answered("re_encode_status", 400))

    def answered(self, operation, status):
        return sum(each["status"] == status for each in self.encord.requests(operation))

    def end(self):
        """Let all jobs end."""
        for task in self.tasks:
            self.encord.force_task(task, status="DONE")
        for job in self.uploads:
            self.encord.force_job(job, status="DONE")


@pytest.fixture
def night(hook, encord):
    return Night(hook, encord)


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


async def results(running):
    return [event for (event,) in await asyncio.gather(*running)]


def test_a_changed_key_fails_no_wait_and_costs_one_lookup(night, keys, encord, lookups):
    night.begin(200)

    async def rotated():
        running = await night.wait()
        keys.save_new()
        before = len(lookups)
        keys.revoke_old()
        await night.until_refused()
        await night.until_all_are_seen()
        night.end()
        return await results(running), lookups[before:]

    events, looked_up = asyncio.run(rotated())
    assert {event["status"] for event in events} == {"done"}
    assert [event["job_ids"] for event in events] == [[job] for job in [*night.tasks, *night.uploads]]
    assert looked_up == ["encord_default"]
    assert {each["operation"] for each in encord.requests()} <= set(POLLS), "something was started again"


def test_an_unchanged_connection_fails_all_waits_after_one_lookup(night, keys, encord, lookups):
    night.begin(200)
    encord.fault("upload_job_poll", times=None, status=503)  # else Encord would hold those polls

    async def revoked():
        running = await night.wait(max_poll_failures=1000)
        before = len(lookups)
        keys.revoke_old()
        encord.clear_faults()
        return await results(running), lookups[before:]

    events, looked_up = asyncio.run(revoked())
    assert len(events) == 200
    assert {(event["status"], event["kind"]) for event in events} == {("error", "authentication")}
    assert looked_up == ["encord_default"]


def test_a_lookup_that_fails_is_no_refusal(night, keys, monkeypatch):
    """The metadata database is down just when the old key ends; the new one was saved before."""
    night.begin(20)
    down, tried = [], []
    look_up = hooks.get_connection_async

    async def database(conn_id):
        if down:
            tried.append(conn_id)
            raise ConnectionError("postgresql://airflow:secret@db is down")
        return await look_up(conn_id)

    monkeypatch.setattr(hooks, "get_connection_async", database)
    monkeypatch.setattr(renewal, "FAILED_SECONDS", 0)

    async def rotated():
        running = await night.wait(max_poll_failures=1000)
        down.append(True)
        keys.rotate()
        await until(lambda: len(tried) > 3)
        down.clear()
        night.end()
        return await results(running)

    assert {event["status"] for event in asyncio.run(rotated())} == {"done"}


def test_lookups_that_fail_too_often_end_with_an_error_that_can_be_retried(night, keys, monkeypatch):
    night.begin(20)

    async def deleted():
        running = await night.wait(max_poll_failures=1)
        monkeypatch.delenv("AIRFLOW_CONN_ENCORD_DEFAULT")
        keys.revoke_old()
        return await results(running[:10])

    for event in asyncio.run(deleted()):
        assert (event["status"], event["kind"]) == ("error", "lookup")
        assert "'encord_default' could not be read" in event["message"]
        assert not issubclass(by_kind(event["kind"]), AirflowFailException)


def test_another_user_without_rights_is_told_so(night, keys, lookups):
    night.begin(20)

    async def other_user():
        running = await night.wait()
        keys.save_other_user()
        before = len(lookups)
        keys.revoke_old()
        return await results(running[:10]), lookups[before:]

    events, looked_up = asyncio.run(other_user())
    assert {(event["status"], event["kind"]) for event in events} == {("error", "permission")}
    assert looked_up == ["encord_default"]
