"""What web pages can make a browser send is refused."""

import asyncio
import http.client
import json
import logging
import socket
from urllib.parse import urlsplit

import pytest

from airflow_provider_encord.emulator import LocalEncord
from airflow_provider_encord.emulator.__main__ import main
from airflow_provider_encord.emulator.server import Emulator

RULE = json.dumps({"operation": "presigned_urls", "action": {"status": 200, "body": {"results": []}}})
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def ask(encord):
    """Send exactly these headers; return status and body."""

    def send(method, path, body=None, headers=(), url=None):
        parts = urlsplit(url or encord.url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        connection.request(method, path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    return send


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
@pytest.mark.parametrize("path", ["faults", "settings", "jobs/next", "tasks/next", "keys"])
def test_changes_must_be_json(encord, ask, path, content_type):
    status, text = ask("POST", f"/_emulator/{path}", RULE, {"Content-Type": content_type})
    assert status == 415
    assert "application/json" in text
    assert ask("GET", "/_emulator/faults") == (200, '{"faults": []}')


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "http://[broken"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "faults"), ("DELETE", "requests"), ("DELETE", "faults")])
def test_other_sites_change_nothing(encord, ask, raw, headers, method, path):
    raw.create_dataset()
    encord.fault("list_datasets", status=500)
    assert ask(method, f"/_emulator/{path}", RULE, {**JSON, **headers})[0] == 403
    assert len(json.loads(ask("GET", "/_emulator/faults")[1])["faults"]) == 1
    assert [entry["operation"] for entry in encord.requests()] == ["create_dataset"]


def test_other_sites_may_not_ask_for_leave(ask):
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    assert ask("OPTIONS", "/_emulator/faults", headers=headers)[0] == 403


def test_its_own_pages_and_links_work(encord, ask):
    assert (
        ask("POST", "/_emulator/faults", RULE, {**JSON, "Origin": encord.url, "Sec-Fetch-Site": "same-origin"})[0]
        == 200
    )
    assert ask("GET", "/_emulator/state", headers={"Sec-Fetch-Site": "cross-site"})[0] == 200


STRANGE = ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.2", "", "[::2]:1", "x@127.0.0.1"]
STRANGE += ["0.0.0.0", "127.0.0.1, evil.example"]
ROUTES = ["/_emulator/state", "/v2/public/datasets/list", "/public", "/storage/x", "/nowhere", "/", "/jobs/view/1"]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("host", STRANGE)
def test_other_names_are_refused_everywhere(encord, ask, path, host):
    status, text = ask("GET", path, headers={"Host": host})
    assert status == 421
    assert "--allow-host" in text
    assert encord.requests() == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:80", "encord", "Other.Name:80"])
def test_known_names_are_answered(ask, host):
    with LocalEncord(allow_hosts=["encord"], domain_url="https://other.name/") as local:
        assert ask("GET", "/_emulator/state", headers={"Host": host}, url=local.url)[0] == 200
        assert ask("GET", "/_emulator/state", headers={"Host": "else"}, url=local.url)[0] == 421


@pytest.fixture
def served():
    """Serve on an address and ask something meanwhile, in another thread."""

    async def serve(host, work):
        emulator = Emulator([])
        try:
            await emulator.start(host, 0)
            return await asyncio.to_thread(work, emulator)
        finally:
            await emulator.stop()
            emulator.close()

    return lambda host, work: asyncio.run(serve(host, work))


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_beyond_loopback(caplog, ask, served):
    def work(emulator):
        url = emulator.url.replace("127.0.0.1", "127.0.0.3")
        return [ask("GET", "/_emulator/state", None, headers, url)[0] for headers in ({}, {"Host": "0.0.0.0"})]

    assert served("0.0.0.0", work) == [200, 421]
    assert "0.0.0.0:" in warnings(caplog)[0]
    assert "control API" in warnings(caplog)[0]


def test_no_warning_on_loopback(caplog, served):
    (address,) = served("127.0.0.1", lambda emulator: emulator.addresses)
    assert address.startswith("127.0.0.1:")
    assert warnings(caplog) == []


@pytest.mark.parametrize("name", ["http://encord", "encord:80", "", "*", "a b"])
def test_names_are_checked(name, capsys):
    with pytest.raises(SystemExit):
        main(["--allow-host", name])
    assert "without scheme and port" in capsys.readouterr().err


def test_http_1_0_needs_a_name_too(encord):
    parts = urlsplit(encord.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(b"GET /_emulator/state HTTP/1.0\r\n\r\n")
        assert b" 421 " in connection.recv(1000)
