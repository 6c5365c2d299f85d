"""Which addresses files are sent to: the one that is connected to decides."""

from __future__ import annotations

import asyncio
import io
import socket
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

import aiohttp
import pytest

from airflow_provider_encord._client.errors import ErrorKind
from airflow_provider_encord._client.resources.upload_urls import PresignedUrl, get_presigned_urls
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._client.transport.uploader import FileOutcome, Uploader
from airflow_provider_encord.hooks import _uploads, encord
from replay_hook import connect
from vectors import TOKEN, Clock, account

PUBLIC, PRIVATE = "93.184.216.34", "10.1.2.3"
NEVER = [
    *("127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.169.254", "169.254.170.2", "224.0.0.1", "255.255.255.255"),
    *("240.0.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1"),
    *("::1", "::", "fe80::1", "ff02::1", "fec0::1", "fd00:ec2::254", "fd20:ce::254", "::7f00:1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe"),
    *("2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::1"),
]
ONLY_IF_ALLOWED = [
    *(PRIVATE, "172.16.0.1", "172.31.255.1", "192.168.0.1", "100.64.0.1", "fd12:3456::1", "fc00::1"),
    *("::ffff:10.0.0.1", "64:ff9b::a00:1"),
]
ALWAYS = [PUBLIC, "172.32.0.1", "100.128.0.1", "2606:2800:220:1::1", "64:ff9b::5db8:d822", "::ffff:93.184.216.34"]

Send = Callable[..., tuple[FileOutcome, list[str]]]


class File:
    name, size, is_local, stream = "a.jpg", 7, False, None

    def open(self) -> AbstractContextManager[BinaryIO]:
        return io.BytesIO(b"content")


@pytest.fixture
def send(monkeypatch: pytest.MonkeyPatch) -> Send:
    """Upload one file to a host; give the outcome, and all addresses that a connection was tried to."""

    def run(
        host: str, *, api: str = "https://api.encord.com", leads_to: list[str] | None = None, private: bool = False
    ) -> tuple[FileOutcome, list[str]]:
        connected: list[str] = []
        looked_up = iter(leads_to or [host])

        async def connect(loop: Any, sock: socket.socket, address: Any) -> None:
            connected.append(address[0])
            raise OSError(1, "nobody is there")

        async def look_up(loop: Any, host: str, port: int, **more: Any) -> list[Any]:
            address = next(looked_up)
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            return [(family, socket.SOCK_STREAM, 6, "", (address, port, 0, 0) if ":" in address else (address, port))]

        class Transport(AsyncTransport):
            async def run(self, call: Any, **more: Any) -> Any:
                shown = f"[{host}]" if ":" in host else host
                return (PresignedUrl(None, "key", f"https://{shown}/bucket/key?sig=topsecret", {}),)

        async def upload() -> FileOutcome:
            clock = Clock()
            async with Transport(account(api, clock), sleep=clock.sleep_async) as transport:
                uploader = Uploader(
                    transport,
                    lambda names: get_presigned_urls(len(names), "image"),
                    lambda name: None,
                    **({"allow_private_storage": True} if private else {}),
                )
                return (await uploader.run([File()]))[0]

        monkeypatch.setattr("aiohttp.connector.DefaultResolver", aiohttp.ThreadedResolver)
        monkeypatch.setattr(BaseSelectorEventLoop, "sock_connect", connect)
        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", look_up)
        return asyncio.run(upload()), connected

    return run


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("address", NEVER)
def test_nothing_is_sent_where_no_storage_is(address: str, private: bool, send: Send) -> None:
    for arguments in ({"host": address}, {"host": "storage.example", "leads_to": [address]}):
        outcome, connected = send(**arguments, private=private)
        assert connected == []
        assert outcome.error
        assert outcome.error.kind is ErrorKind.STORAGE
        assert "not a public address" in str(outcome.error)
        assert "topsecret" not in str(outcome.error)


@pytest.mark.parametrize("address", ONLY_IF_ALLOWED)
def test_a_private_address_needs_the_connections_word(address: str, send: Send) -> None:
    for arguments in ({"host": address}, {"host": "storage.example", "leads_to": [address] * 9}):
        outcome, connected = send(**arguments)
        assert connected == []
        assert outcome.error
        assert outcome.error.kind is ErrorKind.STORAGE
        assert "allow_private_storage" in str(outcome.error)
        _, connected = send(**arguments, private=True)
        assert set(connected) == {address}


@pytest.mark.parametrize("address", ALWAYS)
def test_a_public_address_is_connected_to(address: str, send: Send) -> None:
    outcome, connected = send(address)
    assert set(connected) == {address}
    assert outcome.error
    assert outcome.error.kind is ErrorKind.NETWORK


def test_a_name_that_leads_elsewhere_the_next_time_is_judged_anew(send: Send) -> None:
    for names in ([PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC]):
        outcome, connected = send("rebind.example", leads_to=names)
        assert set(connected) <= {PUBLIC}
        assert outcome.error


@pytest.mark.parametrize("api", ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"])
def test_an_api_on_this_machine_may_name_any_address(api: str, send: Send) -> None:
    for address in ("127.0.0.1", PRIVATE):
        _, connected = send(address, api=api)
        assert set(connected) == {address}


@pytest.mark.parametrize("api", ["http://10.0.0.1:8080", "https://encord.internal", "http://127.0.0.1.example"])
def test_an_api_in_the_own_network_is_no_exception(api: str, send: Send) -> None:
    for address in ("127.0.0.1", PRIVATE):
        assert send(address, api=api)[1] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "::1", "localhost", "a.localhost", "64:ff9b::7f00:1"])
def test_a_proxy_is_not_asked_for_this_machine(host: str, send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("https_proxy", f"http://{PRIVATE}:3128")
    outcome, connected = send(host)
    assert connected == []
    assert outcome.error
    assert "not a public address" in str(outcome.error)
    assert set(send("storage.example")[1]) == {PRIVATE}, "the proxy itself may be anywhere"


@pytest.mark.parametrize("allowed", [True, False])
def test_the_connections_word_gets_to_the_uploader(
    allowed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    class Recorder(Uploader):
        def __init__(self, *arguments: Any, allow_private_storage: bool = False, **more: Any) -> None:
            seen.append(allow_private_storage)
            super().__init__(*arguments, **more)

    monkeypatch.setattr(_uploads, "Uploader", Recorder)
    connect(monkeypatch, "http://127.0.0.1:9", token=TOKEN, **({"allow_private_storage": True} if allowed else {}))
    assert encord.EncordHook().put_files([], "image") == []
    assert seen == [allowed]
