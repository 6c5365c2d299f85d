"""Credentials that are refused: what a transport asks for then, how often, and what it does with the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ApiError, ErrorKind
from airflow_provider_encord._client.exchange import Account
from airflow_provider_encord._client.protocol import NoAnswer
from airflow_provider_encord._client.resources import datasets, registration
from airflow_provider_encord._client.retry import RetryPolicy
from airflow_provider_encord._client.transport import renewal
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._client.transport.renewal import SharedRenewal
from airflow_provider_encord._client.transport.sync_transport import BlockingTransport
from loopback import Loopback, Received, Reply, serve
from vectors import DATASET, TOKEN, Clock, account, credentials

READ = datasets.get_dataset(DATASET)
START = registration.start_upload_job(DATASET, files={})
STARTED = Reply(body=b'{"status": 200, "response": {"process_hash": "job"}}')
REFUSED = Reply(400, b'{"status": 400, "response": ["AUTHENTICATION_ERROR"]}')

Renew = Callable[[Account], Account | NoAnswer]
Drive = Callable[[Account, Renew, Call[Any]], Any]


def run_blocking(who: Account, renew: Renew, *calls: Call[Any]) -> Any:
    transport = BlockingTransport(who, sleep=lambda seconds: None, renew=renew)
    try:
        return [transport.run(call) for call in calls][-1]
    finally:
        transport.close()


def run_async(who: Account, renew: Renew, *calls: Call[Any]) -> Any:
    async def look_up(refused: Account) -> Account | NoAnswer:
        return renew(refused)

    async def run() -> Any:
        async with AsyncTransport(who, sleep=Clock().sleep_async, renew=look_up) as transport:
            return [await transport.run(call) for call in calls][-1]

    return asyncio.run(run())


@pytest.fixture(params=[run_blocking, run_async])
def drive(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def old(loopback: Loopback) -> Account:
    def respond(received: Received) -> Reply:
        return STARTED if received.headers["authorization"] == f"Bearer {TOKEN}" else REFUSED

    loopback.respond = respond
    return account(loopback.url, Clock())


@pytest.fixture
def new(old: Account) -> Account:
    return replace(old, credentials=credentials("bearer"))


def test_a_start_is_sent_again_with_new_credentials_and_the_next_begins_with_them(
    drive: Any, old: Account, new: Account, loopback: Loopback
) -> None:
    asked: list[Account] = []

    def renew(refused: Account) -> Account:
        asked.append(refused)
        return new

    assert drive(old, renew, START, START) == "job"
    assert asked == [old]
    assert len(loopback.received) == 3
    traces = [each.headers["x-cloud-trace-context"] for each in loopback.received]
    assert traces[0] == traces[1]


def test_a_new_host_is_asked_instead(drive: Any, old: Account, new: Account, loopback: Loopback) -> None:
    with serve() as other:
        other.answers(STARTED)
        assert drive(old, lambda refused: replace(new, domain=other.url), START) == "job"
        assert (len(loopback.received), len(other.received)) == (1, 1)


def test_the_number_of_tries_is_not_used_up(drive: Any, old: Account, new: Account) -> None:
    assert drive(replace(old, policy=RetryPolicy(tries=1)), lambda refused: new, START) == "job"


def test_unchanged_credentials_stay_refused(drive: Any, old: Account, loopback: Loopback) -> None:
    with pytest.raises(ApiError) as caught:
        drive(old, lambda refused: replace(refused), START)
    assert caught.value.kind is ErrorKind.AUTHENTICATION
    assert len(loopback.received) == 1


def test_each_credentials_are_tried_once(drive: Any, old: Account, new: Account, loopback: Loopback) -> None:
    loopback.answers(REFUSED)
    with pytest.raises(ApiError) as caught:
        drive(old, lambda refused: new if refused == old else old, START)
    assert caught.value.kind is ErrorKind.AUTHENTICATION
    assert len(loopback.received) == 2


def test_a_lookup_that_fails_is_tried_again_also_for_a_start(
    drive: Any, old: Account, new: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "FAILED_SECONDS", 0)
    found = [NoAnswer("the database is down.", sent=False), new]
    assert drive(old, lambda refused: found.pop(0), START, START) == "job"


def test_a_lookup_that_goes_on_failing_says_so(drive: Any, old: Account, loopback: Loopback) -> None:
    with pytest.raises(ApiError) as caught:
        drive(old, lambda refused: NoAnswer("the database is down.", sent=False), START)
    assert (caught.value.kind, caught.value.transient, caught.value.taken) == (ErrorKind.LOOKUP, True, False)
    assert "could not be looked up: the database is down. (HTTP 400" in str(caught.value)
    assert len(loopback.received) == RetryPolicy().tries


def test_no_other_refusal_asks_for_credentials(drive: Any, old: Account, loopback: Loopback) -> None:
    def renew(refused: Account) -> Account:
        raise AssertionError("asked")

    for body in (b'{"status": 403, "response": ["AUTHORISATION_ERROR"]}', b'{"status": 404, "response": ["X"]}'):
        loopback.answers(Reply(400, body))
        with pytest.raises(ApiError):
            drive(old, renew, START)


class Lookup:
    """Counts lookups, and answers when told to."""

    def __init__(self, answer: Account | NoAnswer) -> None:
        self.answer = answer
        self.asked: list[Account] = []
        self.go = asyncio.Event()

    async def __call__(self, refused: Account) -> Account | NoAnswer:
        self.asked.append(refused)
        await self.go.wait()
        return self.answer


async def until_idle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("found", ["changed", "unchanged", "unknown"])
def test_all_who_are_refused_at_about_the_same_time_share_a_lookup(found: str, old: Account, new: Account) -> None:
    answer = {"changed": new, "unchanged": old, "unknown": NoAnswer("down", sent=False)}[found]

    async def many() -> None:
        look_up = Lookup(answer)
        shared = SharedRenewal(look_up)
        asking = [asyncio.ensure_future(shared(old)) for _ in range(200)]
        await until_idle()
        asking[0].cancel()
        look_up.go.set()
        assert await asyncio.gather(*asking[1:]) == [answer] * 199
        assert await shared(replace(old)) == answer, "one whose request was answered a little later"
        assert look_up.asked == [old]

    asyncio.run(many())


@pytest.mark.parametrize("found", ["told", "unknown"])
def test_what_was_found_goes_for_some_seconds_and_for_one_account_only(
    found: str, old: Account, new: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def twice() -> None:
        look_up = Lookup(old if found == "told" else NoAnswer("down", sent=False))
        look_up.go.set()
        shared = SharedRenewal(look_up)
        await shared(old)
        await shared(new)
        assert look_up.asked == [old, new]
        monkeypatch.setattr(renewal, "FRESH_SECONDS" if found == "told" else "FAILED_SECONDS", 0)
        await shared(old)
        await shared(old)
        assert look_up.asked == [old, new, old, old]

    asyncio.run(twice())


def test_a_lookup_that_never_ends_is_given_up(old: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent() -> Account | NoAnswer:
        monkeypatch.setattr(renewal, "LOOKUP_SECONDS", 0.01)
        return await SharedRenewal(Lookup(old))(old)

    assert isinstance(asyncio.run(silent()), NoAnswer)


def test_who_closes_a_transport_ends_its_lookup(old: Account) -> None:
    async def closed() -> bool:
        async with AsyncTransport(old, renew=Lookup(old)) as transport:
            asking = asyncio.ensure_future(transport.run(READ))
            async with asyncio.timeout(30):
                while transport._renewal._newest is None:
                    await asyncio.sleep(0.001)
            lookup = transport._renewal._newest
            asking.cancel()
        await asyncio.gather(asking, lookup, return_exceptions=True)
        return lookup.cancelled()

    assert asyncio.run(closed())
