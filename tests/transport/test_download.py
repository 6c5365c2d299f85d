"""Where files of items are read from: the same addresses that files are sent to; and URLs that nobody sees."""

from __future__ import annotations

import asyncio
import socket
from asyncio.selector_events import BaseSelectorEventLoop
from typing import Any

import aiohttp
import pytest

from airflow_provider_encord._client.resources.items import read_item
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._client.transport.downloader import Downloader, ItemOutcome
from vectors import Clock, account

UUID = "00000000-0000-0000-0000-000000000001"


class Nowhere:
    path = "uuid/a.png"

    def size(self) -> int | None:
        return None

    def write(self, content: bytes) -> None:
        raise AssertionError("nothing was to be read")

    def open(self) -> Any:
        raise AssertionError("nothing was to be read")


def download(url: str | None, monkeypatch: pytest.MonkeyPatch, **allowed: bool) -> tuple[ItemOutcome, list[str]]:
    """Download one item; give the outcome, and all addresses that a connection was tried to."""
    connected: list[str] = []
    outcomes: list[ItemOutcome] = []

    async def connect(loop: Any, sock: socket.socket, address: Any) -> None:
        connected.append(address[0])
        raise OSError(1, "nobody is there")

    class Transport(AsyncTransport):
        async def run(self, call: Any, **more: Any) -> Any:
            return (read_item({"uuid": UUID, "itemType": "image", "name": "a.png", "signedUrl": url}),)

    async def run() -> None:
        clock = Clock()
        async with Transport(account("https://api.encord.com", clock), sleep=clock.sleep_async) as transport:
            target: Any = Nowhere()
            downloader = Downloader(transport, lambda item, group: target, outcomes.append, max_workers=1, **allowed)
            await downloader.run([UUID])

    monkeypatch.setattr("aiohttp.connector.DefaultResolver", aiohttp.ThreadedResolver)
    monkeypatch.setattr(BaseSelectorEventLoop, "sock_connect", connect)
    asyncio.run(run())
    (outcome,) = outcomes
    assert outcome.error
    assert "topsecret" not in repr(outcome)
    assert "topsecret" not in str(outcome.error)
    return outcome, connected


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "[::1]", "10.1.2.3"])
def test_nothing_is_read_where_no_storage_is(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, connected = download(f"https://{host}/bucket/key?sig=topsecret", monkeypatch)
    assert connected == []
    assert "nothing is read from" in str(outcome.error)


def test_a_private_address_if_the_connection_allows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://10.1.2.3/bucket/key?sig=topsecret"
    outcome, connected = download(url, monkeypatch, allow_private_storage=True)
    assert set(connected) == {"10.1.2.3"}
    assert "no connection" in str(outcome.error)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://storage.example/key?sig=topsecret", "plain http"),
        ("file:///etc/passwd?topsecret", "http(s) URL"),
        (None, "hands out no URL"),
    ],
)
def test_a_url_that_is_none(url: str | None, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, connected = download(url, monkeypatch)
    assert connected == []
    assert problem in str(outcome.error)
