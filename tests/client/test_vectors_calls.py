"""Each recorded call, made by both of our transports over a real connection."""

import asyncio

import pytest

from airflow_provider_encord._client.auth import SshCredentials, load_private_key
from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ApiError
from airflow_provider_encord._client.exchange import Account
from airflow_provider_encord._client.resources import upload_urls
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._client.transport.sync_transport import BlockingTransport
from call_cases import CALLS, DELIBERATE, Deliberate
from loopback import Loopback
from vectors import (
    CREATED,
    PASSPHRASE,
    PROTECTED_KEY,
    VECTORS,
    Clock,
    Playback,
    account,
    assert_read,
    assert_sent,
    expected_kind,
)

_AS_THEY_DO = Deliberate("")


def _blocking(call: Call, who: Account, clock: Clock) -> object:
    transport = BlockingTransport(who, sleep=clock.sleep)
    try:
        return transport.run(call)
    finally:
        transport.close()


def _nonblocking(call: Call, who: Account, clock: Clock) -> object:
    async def run() -> object:
        async with AsyncTransport(who, sleep=clock.sleep_async) as transport:
            return await transport.run(call)

    return asyncio.run(run())


def _account(name: str, domain: str) -> Account:
    # Encord's client repeats a request with the same signature, so here the signing clock stands still.
    if name == "get_bearer_token_passphrase_key":
        protected = SshCredentials(load_private_key(PROTECTED_KEY, PASSPHRASE))
        return account(domain, lambda: CREATED, credentials=protected)
    created = CREATED - 30 if name == "old145_v2_signature_backdated" else CREATED
    return account(domain, lambda: created, VECTORS[name]["auth"])


def _with_fetch_rows(body: str) -> str:
    return body.replace('{"fetch_client_metadata": false}', '{"fetch_client_metadata": false, "fetch_rows": true}')


@pytest.mark.parametrize("drive", [_blocking, _nonblocking])
@pytest.mark.parametrize("name", CALLS)
def test_call(name: str, drive, loopback: Loopback) -> None:
    vector, ours = VECTORS[name], DELIBERATE.get(name, _AS_THEY_DO)
    plays = list(ours.plays or range(len(vector["responses"])))
    Playback(loopback, vector, plays)
    clock, who = Clock(), _account(name, loopback.url)
    last = vector["responses"][plays[-1]]

    if ours.reads:
        assert ours.reads(drive(CALLS[name], who, clock))
    elif "returned" in vector["result"] and not ours.kind:
        assert_read(drive(CALLS[name], who, clock), vector["result"]["returned"])
    else:
        with pytest.raises(ApiError) as caught:
            drive(CALLS[name], who, clock)
        error = caught.value
        assert error.kind is (ours.kind or expected_kind(vector, last))
        assert error.http_status == (last["status"] or None)
        assert error.retry_after == vector["result"].get("retry_after")
        if vector["result"].get("server_text_in_message"):
            assert "text from the stub" in str(error)
        assert str(vector["result"].get("maximum_labels_allowed", "")) in str(error)

    assert len(loopback.received) == len(plays)
    for received, at in zip(loopback.received, plays, strict=True):
        recorded = vector["requests"][at]
        if ours.older_body:
            assert "fetch_rows" not in recorded["body"]
            recorded = recorded | {"body": _with_fetch_rows(recorded["body"])}
        assert_sent(received, recorded)
    asked = [(vector["responses"][at].get("headers") or {}).get("Retry-After") for at in plays[:-1]]
    assert clock.sleeps == [float(seconds or 2**attempt) for attempt, seconds in enumerate(asked)]


def test_deliberate_differences_are_about_known_calls() -> None:
    assert DELIBERATE.keys() <= CALLS.keys()


@pytest.mark.parametrize("drive", [_blocking, _nonblocking])
def test_each_try_is_signed_anew_under_one_trace_id(drive, loopback: Loopback) -> None:
    name = "error_v2_429_recovers"
    Playback(loopback, VECTORS[name], [0, 1])
    clock, traces = Clock(), iter(["1" * 32, "2" * 32])
    drive(CALLS[name], account(loopback.url, clock, trace_id=lambda: next(traces)), clock)
    first, second = loopback.received
    assert f"created={CREATED};" in first.headers["signature-input"]
    assert f"created={CREATED + 3};" in second.headers["signature-input"]
    assert {each.headers["x-cloud-trace-context"] for each in (first, second)} == {"1" * 32 + "/1;o=1"}


@pytest.mark.parametrize("drive", [_blocking, _nonblocking])
def test_longest_pause_is_ours_not_the_servers(drive, loopback: Loopback) -> None:
    vector = VECTORS["error_v2_429_recovers"]
    held_off = vector["responses"][0] | {"headers": {"Retry-After": "21600"}}
    Playback(loopback, vector | {"responses": [held_off, vector["responses"][1]]}, [0, 1])
    clock = Clock()
    assert drive(CALLS["error_v2_429_recovers"], account(loopback.url, clock), clock) == ()
    assert clock.sleeps == [60.0]


def test_presigned_urls_batches(loopback: Loopback) -> None:
    vector, clock = VECTORS["presigned_urls_batches"], Clock()
    Playback(loopback, vector, [0, 1])
    who = account(loopback.url, clock)
    urls = [
        url
        for count in (upload_urls.MAX_PRESIGNED_URLS, 1)
        for url in _blocking(upload_urls.get_presigned_urls(count, "image"), who, clock)
    ]
    assert [url.object_key for url in urls] == [f"user-uploads/key-{number}" for number in range(1, 202)]
    for received, recorded in zip(loopback.received, vector["requests"], strict=True):
        assert_sent(received, recorded)
