"""Both transports against a server that misbehaves: what is sent again, and what is said."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ApiError, ErrorKind
from airflow_provider_encord._client.jobs import ReEncodeWatch, State
from airflow_provider_encord._client.resources import datasets, re_encoding, registration
from airflow_provider_encord._client.transport import response_body
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._client.transport.network import Timeouts
from airflow_provider_encord._client.transport.sync_transport import BlockingTransport
from airflow_provider_encord._client.wait import Patience
from loopback import Loopback, Received, Reply
from vectors import DATASET, TOKEN, VIDEO, Clock, account

Drive = Callable[..., Any]

READ = datasets.get_dataset(DATASET)
LIST = datasets.list_datasets()
START = registration.start_upload_job(DATASET, files={})
RE_ENCODE = re_encoding.re_encode_data(DATASET, [VIDEO])
CREATE = datasets.create_dataset("t")
NO_REPEAT = {"start": START, "re-encode": RE_ENCODE, "create": CREATE}

GOOD = Reply(body=b'{"status": 200, "response": {"dataset_hash": "d"}}')
STARTED = Reply(body=b'{"status": 200, "response": {"process_hash": "job"}}')

BREAKS = {
    "cut before the answer": Reply(cut=0),
    "cut in the status line": Reply(cut=7),
    "cut in the body": Reply(body=GOOD.body, cut=60),
    "503": Reply(503, b"busy"),
    "502 HTML": Reply(502, b"<html>"),
    "504": Reply(504),
    "429": Reply(429, b"slow down"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_read_is_repeated(name: str, drive: Drive, loopback: Loopback, clock: Clock) -> None:
    loopback.answers(BREAKS[name], BREAKS[name], GOOD)
    assert drive(READ, loopback.url, clock).dataset_hash == "d"
    assert len(loopback.received) == 3
    assert clock.sleeps == [1.0, 2.0]


@pytest.mark.parametrize("name", [name for name in BREAKS if name != "429"])
@pytest.mark.parametrize("start", NO_REPEAT)
def test_a_start_is_not_repeated(start: str, name: str, drive: Drive, loopback: Loopback, clock: Clock) -> None:
    loopback.answers(BREAKS[name])
    with pytest.raises(ApiError) as caught:
        drive(NO_REPEAT[start], loopback.url, clock)
    assert caught.value.transient
    assert len(loopback.received) == 1
    assert not clock.sleeps


def test_headers_cut_short_are_a_passing_error(drive: Drive, loopback: Loopback, clock: Clock) -> None:
    # Python's own HTTP client takes the end of a connection for the end of the headers.
    loopback.answers(Reply(body=GOOD.body, cut=30))
    with pytest.raises(ApiError) as caught:
        drive(READ, loopback.url, clock)
    assert caught.value.transient


def test_a_start_is_repeated_after_429(drive: Drive, loopback: Loopback, clock: Clock) -> None:
    loopback.answers(Reply(429, headers={"Retry-After": "7"}), STARTED)
    assert drive(START, loopback.url, clock) == "job"
    assert clock.sleeps == [7.0]


@pytest.mark.parametrize("start", NO_REPEAT)
def test_a_start_is_repeated_when_no_connection_was_made(start: str, drive: Drive, clock: Clock) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, but nobody listens
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(ApiError, match="no connection") as caught:
            drive(NO_REPEAT[start], url, clock)
    assert caught.value.kind is ErrorKind.NETWORK
    assert caught.value.taken is False
    assert clock.sleeps == [1.0, 2.0, 4.0]


def test_unknown_host_is_no_connection(drive: Drive, clock: Clock) -> None:
    with pytest.raises(ApiError, match="no connection") as caught:
        drive(START, "http://no-such-host.invalid", clock)
    assert caught.value.taken is False


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_is_not_followed(status: int, drive: Drive, loopback: Loopback, clock: Clock) -> None:
    loopback.answers(Reply(status, headers={"Location": f"{loopback.url}/elsewhere?token=hush"}))
    for call in (READ, LIST):
        with pytest.raises(ApiError, match=f"a redirect to {loopback.url[7:]}, which is not followed") as caught:
            drive(call, loopback.url, clock)
        assert "hush" not in str(caught.value)
    assert "/elsewhere" not in [received.path for received in loopback.received]


def test_a_netrc_file_does_not_replace_our_signature(
    drive: Drive, loopback: Loopback, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password tell-nobody\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    loopback.answers(GOOD)
    drive(READ, loopback.url, clock)
    loopback.answers(Reply(body=b'{"result": []}'))
    drive(LIST, loopback.url, clock)
    legacy, v2 = loopback.received
    assert legacy.headers["authorization"].startswith("eab32590")
    assert "authorization" not in v2.headers


def test_an_html_answer_is_named(drive: Drive, loopback: Loopback, clock: Clock) -> None:
    loopback.answers(Reply(body=b"<html>please log in</html>", headers={"Content-Type": "text/html"}))
    with pytest.raises(ApiError, match="this answer is not Encord's: text/html") as caught:
        drive(READ, loopback.url, clock)
    assert caught.value.kind is ErrorKind.FOREIGN
    assert len(loopback.received) == 4


def test_a_huge_answer_is_refused(
    drive: Drive, loopback: Loopback, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_body, "MAX_ANSWER_BYTES", 1000)
    monkeypatch.setattr(response_body, "MAX_LARGE_ANSWER_BYTES", 1000)
    loopback.answers(Reply(body=json.dumps({"result": ["x" * 2000]}).encode()))
    with pytest.raises(ApiError, match="larger than 1000 bytes"):
        drive(LIST, loopback.url, clock)


@pytest.mark.parametrize("call", [READ, LIST])
def test_gzip_is_understood(call: Call, drive: Drive, loopback: Loopback, clock: Clock) -> None:
    body = GOOD.body if call is READ else b'{"result": []}'
    loopback.answers(Reply(body=gzip.compress(body), headers={"Content-Encoding": "gzip"}))
    drive(call, loopback.url, clock)
    assert "gzip" in loopback.received[0].headers["accept-encoding"]


def test_broken_gzip_is_a_network_error(drive: Drive, loopback: Loopback, clock: Clock) -> None:
    loopback.answers(Reply(body=b"this is not gzip", headers={"Content-Encoding": "gzip"}))
    with pytest.raises(ApiError) as caught:
        drive(READ, loopback.url, clock)
    assert caught.value.kind is ErrorKind.NETWORK


@pytest.mark.parametrize("call", [READ, START])
def test_a_silent_server_is_given_up(call: Call, drive: Drive, loopback: Loopback, clock: Clock) -> None:
    released = threading.Event()

    def say_nothing(received: Received) -> Reply:
        released.wait(30)
        return GOOD

    loopback.respond = say_nothing
    try:
        with pytest.raises(ApiError, match="no answer in time") as caught:
            drive(call, loopback.url, clock, Timeouts(read=0.05))
    finally:
        released.set()
    assert caught.value.taken is True, "the server may have acted"
    assert len(clock.sleeps) == (3 if call is READ else 0)


def test_the_time_a_poll_may_be_held_is_added_to_the_limit(drive: Drive, loopback: Loopback, clock: Clock) -> None:
    def hold(received: Received) -> Reply:
        threading.Event().wait(0.2)
        return Reply(body=b'{"status": 200, "response": {"status": "DONE"}}')

    loopback.respond = hold
    poll = registration.get_upload_job(DATASET, "job", held_seconds=60)
    assert drive(poll, loopback.url, clock, Timeouts(read=0.05)).status == "DONE"


def test_cookies_are_not_kept_by_the_asynchronous_side(loopback: Loopback, clock: Clock) -> None:
    loopback.answers(Reply(body=b'{"result": []}', headers={"Set-Cookie": "a=b"}))

    async def twice() -> None:
        async with AsyncTransport(account(loopback.url, clock)) as transport:
            await transport.run(LIST)
            await transport.run(LIST)

    asyncio.run(twice())
    assert "cookie" not in loopback.received[1].headers
    assert loopback.received[0].port == loopback.received[1].port, "the connection is kept"


def test_a_start_never_uses_a_connection_that_the_server_may_have_closed(loopback: Loopback, clock: Clock) -> None:
    loopback.answers(GOOD, GOOD, STARTED)
    transport = BlockingTransport(account(loopback.url, clock), sleep=clock.sleep)
    transport.run(READ)
    transport.run(READ)
    transport.run(START)
    transport.close()
    first, second, start = (received.port for received in loopback.received)
    assert first == second != start


def test_no_secret_is_in_any_error(drive: Drive, loopback: Loopback, clock: Clock) -> None:
    loopback.answers(Reply(cut=0))
    who = account(loopback.url, clock, "bearer")
    transport = BlockingTransport(who, sleep=clock.sleep)
    with pytest.raises(ApiError) as caught:
        transport.run(READ)
    transport.close()
    assert TOKEN not in f"{caught.value} {caught.value!r} {vars(caught.value)} {caught.value.__context__}"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_waiting_asks_each_poll_once(asynchronous: bool, loopback: Loopback, clock: Clock) -> None:
    done = Reply(body=b'{"status": 200, "response": {"status": "DONE"}}')
    loopback.answers(Reply(503), Reply(cut=0), done)
    watch, patience = ReEncodeWatch(DATASET, 1), Patience(None, 5.0, 10)
    if asynchronous:

        async def wait() -> Any:
            who = account(loopback.url, clock)
            async with AsyncTransport(who, sleep=clock.sleep_async) as transport:
                return await transport.wait(watch, patience)

        verdict = asyncio.run(wait())
    else:
        verdict = BlockingTransport(account(loopback.url, clock), sleep=clock.sleep).wait(watch, patience)
    assert verdict.state is State.DONE
    assert clock.sleeps == ([5.5, 11.0] if asynchronous else [5.0, 10.0]), "many waits of one loop are spread by chance"


def test_each_pause_of_more_than_a_second_is_told(
    drive: Drive, loopback: Loopback, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    busy = Reply(429, headers={"Retry-After": "6"})
    loopback.answers(busy, busy, busy, Reply(body=json.dumps({"result": []}).encode()))
    drive(datasets.list_datasets(), loopback.url, clock)
    told = [record.getMessage() for record in caplog.records if "Asking again in 6 s" in record.getMessage()]
    assert len(told) == 3
    assert all("too many requests" in each for each in told)
