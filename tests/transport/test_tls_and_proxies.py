"""What is wrong between us and Encord is named, with what to do, by both transports alike."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_encord._client.errors import ApiError, ErrorKind
from airflow_provider_encord._client.resources import datasets, registration
from certificates import OTHER, Authority
from loopback import Loopback, Reply, serve
from raw_server import RawServer, Script
from vectors import DATASET, Clock

Drive = Callable[..., Any]

LIST = datasets.list_datasets()
START = registration.start_upload_job(DATASET, files={})
GOOD = Reply(body=b'{"result": []}')


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


CERTIFICATES: dict[str, tuple[dict[str, Any], bool, list[str]]] = {
    "expired": ({"days": (-9, -2)}, True, ["has expired", "this machine's clock"]),
    "not yet valid": ({"days": (2, 9)}, True, ["is not valid yet", "this machine's clock"]),
    "another host's": ({"host": OTHER}, True, ["belongs to another host", "Check the host"]),
    "self-signed": ({"self_signed": True}, False, ["is self-signed", "REQUESTS_CA_BUNDLE", "Now in use: "]),
    "unknown CA": (
        {},
        False,
        ["is signed by a CA that this machine does not know", "REQUESTS_CA_BUNDLE", "Now in"],
    ),
}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_what_is_wrong_with_a_certificate_is_named(
    name: str, drive: Drive, clock: Clock, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, known, words = CERTIFICATES[name]
    if known:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    with serve(authority.server(**certificate)) as server, pytest.raises(ApiError) as caught:
        drive(START, server.url, clock)
    assert f"the TLS certificate of 127.0.0.1 {words[0]}" in str(caught.value)
    assert not [word for word in words if word not in str(caught.value)]
    assert "Check network" not in str(caught.value)
    assert caught.value.kind is ErrorKind.NETWORK
    assert caught.value.taken is False, "nothing was sent"
    assert not server.received


def test_a_host_name_that_does_not_fit_is_named(
    drive: Drive, clock: Clock, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    with serve(authority.server(OTHER)) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        with pytest.raises(ApiError, match="certificate of localhost belongs to another host"):
            drive(LIST, url, clock)


@pytest.mark.parametrize("names", [["SSL_CERT_FILE"], ["CURL_CA_BUNDLE", "SSL_CERT_FILE"], ["REQUESTS_CA_BUNDLE"]])
def test_a_ca_of_ones_own_counts_by_any_of_the_usual_variables(
    names: list[str], drive: Drive, clock: Clock, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in names:
        monkeypatch.setenv(name, "/nowhere" if name != names[0] else str(authority.path))
    with serve(authority.server()) as server:
        server.answers(GOOD)
        assert drive(LIST, server.url, clock) == ()


def test_a_server_without_tls_is_named(drive: Drive, clock: Clock) -> None:
    with serve() as server, pytest.raises(ApiError, match=r"127\.0\.0\.1 does not speak TLS there") as caught:
        drive(LIST, server.url.replace("http:", "https:"), clock)
    assert "Check scheme and port" in str(caught.value)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    with RawServer().running() as server:
        monkeypatch.delenv("NO_PROXY")
        monkeypatch.setenv("https_proxy", server.url.replace("://", "://me:hush@"))
        monkeypatch.setenv("http_proxy", server.url.replace("://", "://me:hush@"))
        yield server


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (407, ["asks for a login (HTTP 407)", "user and password", "HTTPS_PROXY"]),
        (403, ["does not connect to encord.invalid (HTTP 403)", "Allow encord.invalid", "NO_PROXY"]),
        (502, ["does not connect to encord.invalid (HTTP 502)"]),
    ],
)
def test_a_proxy_that_refuses_is_named(
    status: int, words: list[str], drive: Drive, clock: Clock, proxy: RawServer
) -> None:
    proxy.script = Script([b"HTTP/1.1 %d Go away\r\nContent-Length: 0\r\n\r\n" % status])
    with pytest.raises(ApiError) as caught:
        drive(START, "https://encord.invalid", clock)
    assert not [word for word in words if word not in str(caught.value)]
    assert f"the proxy {proxy.url[7:]} " in str(caught.value)
    assert "hush" not in f"{caught.value} {vars(caught.value)}"
    assert (caught.value.kind, caught.value.taken) == (ErrorKind.NETWORK, False)


def test_a_proxy_that_wants_a_login_for_plain_http_has_sent_nothing_on(
    drive: Drive, clock: Clock, proxy: RawServer
) -> None:
    proxy.script = Script([b"HTTP/1.1 407 No\r\nConnection: close\r\nVia: 1.1 squid\r\n\r\n"])
    with pytest.raises(ApiError, match=r"not Encord's: a proxy asks for a login, Via '1\.1 squid'") as caught:
        drive(START, "http://encord.invalid", clock)
    assert (caught.value.kind, caught.value.taken) == (ErrorKind.FOREIGN, False)
    assert len(proxy.requests) == 4


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_down_is_named(
    scheme: str, drive: Drive, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY")
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, but nobody listens
        proxy = f"127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv(f"{scheme}_proxy", f"http://me:hush@{proxy}")
        with pytest.raises(ApiError) as caught:
            drive(START, f"{scheme}://encord.invalid", clock)
    assert f"no connection to the proxy {proxy} (Connection refused)" in str(caught.value)
    assert "hush" not in f"{caught.value} {vars(caught.value)}"
    assert caught.value.taken is False


def test_a_proxy_that_is_called_with_tls_but_speaks_none_is_named(
    drive: Drive, clock: Clock, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("https_proxy", loopback.url.replace("http:", "https:"))
    with pytest.raises(ApiError, match=r"127\.0\.0\.1\S* does not speak TLS there"):
        drive(LIST, "https://encord.invalid", clock)
