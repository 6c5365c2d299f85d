"""Answers that are not Encord's, or not as usual: both transports do the same with them."""

from __future__ import annotations

import asyncio
import errno
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_encord._client.errors import ApiError, ErrorKind
from airflow_provider_encord._client.jobs import ReEncodeWatch, State, UploadJobWatch, Verdict, Watch
from airflow_provider_encord._client.resources import data_rows, datasets
from airflow_provider_encord._client.transport import sync_transport
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._client.transport.sync_transport import BlockingTransport
from airflow_provider_encord._client.wait import Patience
from loopback import Loopback, Reply
from raw_server import RawServer, Script
from vectors import DATASET, JOB, Clock, account

Drive = Callable[..., Any]
Wait = Callable[[Watch, str, Clock], Verdict]

GET = datasets.get_dataset(DATASET)
LIST = datasets.list_datasets()
PATIENCE = Patience(None, 5.0, 10)
HTML = {"Content-Type": "text/html", "Server": "nginx"}


def wait_blocking(watch: Watch, url: str, clock: Clock) -> Verdict:
    return BlockingTransport(account(url, clock), sleep=clock.sleep).wait(watch, PATIENCE)


def wait_async(watch: Watch, url: str, clock: Clock) -> Verdict:
    async def run() -> Verdict:
        async with AsyncTransport(account(url, clock), sleep=clock.sleep_async) as transport:
            return await transport.wait(watch, PATIENCE)

    return asyncio.run(run())


@pytest.fixture(params=[wait_blocking, wait_async])
def wait(request: pytest.FixtureRequest) -> Wait:
    return request.param


PAGES = {
    "nginx 404": Reply(404, b"<html>", HTML),
    "WAF 403": Reply(403, b"<html>", HTML),
    "portal 400": Reply(400, b"<html>", HTML),
    "portal 401": Reply(401, b"", {"WWW-Authenticate": "Basic"}),
    "portal 405": Reply(405, b'{"error": "method"}', {"Content-Type": "application/json"}),
    "proxy 407": Reply(407, b"<html>", HTML),
    "login": Reply(302, b"", {"Location": "https://login.example/?token=hush"}),
    "page 200": Reply(200, b"<html>", HTML),
    "nothing": Reply(200, b'{"status": 200, "response": null}'),
    "gateway 503": Reply(503, b"<html>", HTML),
}


@pytest.mark.parametrize("watch", [UploadJobWatch(DATASET, JOB), ReEncodeWatch(DATASET, 1)], ids=["job", "re-encode"])
@pytest.mark.parametrize("page", PAGES)
def test_a_wait_polls_over_it(page: str, watch: Watch, wait: Wait, loopback: Loopback, clock: Clock) -> None:
    loopback.answers(*[PAGES[page]] * 9, Reply(body=b'{"status": 200, "response": {"status": "DONE"}}'))
    assert wait(watch, loopback.url, clock).state is State.DONE
    assert len(loopback.received) == 10
    loopback.received.clear()
    loopback.answers(PAGES[page])
    with pytest.raises(ApiError) as caught:
        wait(watch, loopback.url, clock)
    assert caught.value.transient
    assert len(loopback.received) == PATIENCE.max_poll_failures


@pytest.fixture
def raw_server() -> Iterator[RawServer]:
    with RawServer().running() as server:
        yield server


BODY = b'{"result": []}'
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n" % len(BODY)
FIRST = {
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n",
    "processing": b"HTTP/1.1 102 Processing\r\n\r\n" * 3,
    "continue, then hints": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n",
}


@pytest.mark.parametrize("first", FIRST)
def test_what_comes_before_the_answer_is_let_pass(
    first: str, drive: Drive, clock: Clock, raw_server: RawServer
) -> None:
    raw_server.script = Script([FIRST[first] + GOOD + b"\r\n" + BODY])
    assert drive(LIST, raw_server.url, clock) == ()
    assert len(raw_server.requests) == 1


@pytest.mark.parametrize("header", [b"X-Long: " + b"y" * 60_000, b"\r\n".join(b"X-%d: y" % n for n in range(90))])
def test_long_headers_are_taken(header: bytes, drive: Drive, clock: Clock, raw_server: RawServer) -> None:
    raw_server.script = Script([GOOD + header + b"\r\n\r\n" + BODY])
    assert drive(LIST, raw_server.url, clock) == ()
    assert len(raw_server.requests) == 1


def test_endless_headers_are_not(drive: Drive, clock: Clock, raw_server: RawServer) -> None:
    raw_server.script = Script([GOOD + b"X-Long: " + b"y" * 1_000_000 + b"\r\n\r\n" + BODY])
    with pytest.raises(ApiError) as caught:
        drive(LIST, raw_server.url, clock)
    assert caught.value.kind is ErrorKind.NETWORK


NOW = "Fri, 02 Jan 2026 03:04:05 GMT"  # the time of the tests' clock
CLOCKS = {
    "ahead": ("Fri, 02 Jan 2026 02:54:05 GMT", "it is 10 minutes ahead of Encord's"),
    "behind": ("Fri, 02 Jan 2026 05:04:05 GMT", "it is 2 hours behind Encord's"),
    "a little more than a minute": ("Fri, 02 Jan 2026 03:05:15 GMT", "it is 70 seconds behind Encord's"),
    "years": ("Fri, 02 Jan 2015 03:04:05 GMT", "it is 4018 days ahead of Encord's"),
}


@pytest.mark.parametrize("offset", CLOCKS)
@pytest.mark.parametrize("call", [GET, LIST], ids=["legacy", "v2"])
def test_a_clock_that_is_off_is_named(call: Any, offset: str, drive: Drive, loopback: Loopback, clock: Clock) -> None:
    date, words = CLOCKS[offset]
    body = b'{"status": 401, "response": ["AUTHENTICATION_ERROR"], "message": "no"}'
    loopback.answers(Reply(401, body, {"Date": date}))
    with pytest.raises(ApiError, match="Set this machine's clock") as caught:
        drive(call, loopback.url, clock)
    assert words in str(caught.value)
    assert "check the key" in str(caught.value)


@pytest.mark.parametrize("date", [NOW, "Fri, 02 Jan 2026 03:05:04 GMT", "", "soon"])
def test_a_clock_that_is_right_or_cannot_be_compared_is_not_blamed(
    date: str, drive: Drive, loopback: Loopback, clock: Clock
) -> None:
    loopback.answers(Reply(401, b'{"message": "no"}', {"Date": date} if date else {}))
    with pytest.raises(ApiError, match="Check the key or token") as caught:
        drive(LIST, loopback.url, clock)
    assert "clock" not in str(caught.value)


@pytest.mark.parametrize("kind", ["full", "no folder"])
def test_a_full_disk_is_named_and_not_tried_again(
    kind: str, loopback: Loopback, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_file(**arguments: Any) -> Any:
        if kind == "full":
            return Path("/dev/full").open("w+b")
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(sync_transport, "_MAX_IN_MEMORY", 1000)
    monkeypatch.setattr(tempfile, "TemporaryFile", no_file)
    loopback.answers(Reply(body=b'{"status": 200, "response": [%s]}' % b",".join([b"{}"] * 50_000)))
    transport = BlockingTransport(account(loopback.url, clock, conn_id="mine"), sleep=clock.sleep)
    with pytest.raises(ApiError) as caught:
        list(transport.iterate(data_rows.list_data_rows(DATASET), lambda value: value))
    transport.close()
    assert caught.value.kind is ErrorKind.DISK
    assert f"could not be kept in {tempfile.gettempdir()!r} (No " in str(caught.value)
    assert "Free space there" in str(caught.value)
    assert "proxy" not in str(caught.value)
    assert len(loopback.received) == 1


def test_each_error_tells_host_and_connection(drive: Drive, loopback: Loopback, clock: Clock) -> None:
    refused = Reply(404, b'{"message": "no"}')
    for reply in (refused, Reply(cut=0), Reply(403), Reply(body=b"{}"), Reply(429), Reply(413)):
        loopback.answers(reply)
        with pytest.raises(ApiError) as caught:
            drive(LIST, loopback.url, clock, conn_id="mine")
        assert f" at {loopback.url} (connection 'mine') failed: " in str(caught.value)
        assert (caught.value.domain, caught.value.conn_id) == (loopback.url, "mine")


def test_so_does_an_item_that_cannot_be_read(loopback: Loopback, clock: Clock) -> None:
    loopback.answers(Reply(body=b'{"status": 200, "response": [{}]}'))
    transport = BlockingTransport(account(loopback.url, clock, conn_id="mine"), sleep=clock.sleep)

    def read_item(value: Any) -> Any:
        raise ValueError("no")

    with pytest.raises(ApiError, match=f" at {loopback.url} .connection 'mine'. failed"):
        list(transport.iterate(data_rows.list_data_rows(DATASET), read_item))
    transport.close()
