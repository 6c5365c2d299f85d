"""The Airflow connection: every form that people type, and what is said when it cannot work."""

from __future__ import annotations

import base64
import errno
import json
import logging
import math
import os
import pwd
import re
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_encord import _compat
from airflow_provider_encord._airflow.connection import read_connection, read_domain
from airflow_provider_encord._airflow.connection_form import STORED_SECRET
from airflow_provider_encord._airflow.errors import by_kind, kind_of
from airflow_provider_encord._client.auth import ApiKeyCredentials, BearerCredentials, SshCredentials
from airflow_provider_encord._compat import AirflowFailException, mask_secrets
from airflow_provider_encord.exceptions import EncordConnectionError, EncordMachineError
from airflow_provider_encord.hooks.encord import EncordHook
from loopback import Loopback, Reply
from replay_hook import connect
from vectors import API_KEY, DATA, DATASET, KEY, PASSPHRASE, PROTECTED_KEY, PUBLIC_KEY, RSA_KEY, TOKEN

PUBLIC_HEX = "eab32590170cea3220f1c16ac8f6f055b0b28e844a73f4b6e345c2095966c760"
KEY_FILE = str(DATA / "keys" / "TEST_ONLY_ed25519")
LINES = KEY.splitlines()[1:-1]


class Connection:
    """As much of Airflow's connection as is read."""

    def __init__(
        self, host: str | None = None, port: int | None = None, schema: str | None = None, **extra: Any
    ) -> None:
        self.host, self.port, self.schema, self.extra = host, port, schema, json.dumps(extra)


def settings_of(**fields: Any) -> Any:
    return read_connection(Connection(**fields), "my_conn")


def mask(**fields: Any) -> None:
    mask_secrets(settings_of(**fields).secrets)


DOMAINS = {
    "empty": (None, None, None, "https://api.encord.com"),
    "blank": ("  ", None, None, "https://api.encord.com"),
    "eu": ("EU", None, None, "https://api.encord.com"),
    "us": ("us", None, None, "https://api.us.encord.com"),
    "US upper case": ("US", None, None, "https://api.us.encord.com"),
    "bare host": ("api.us.encord.com", None, None, "https://api.us.encord.com"),
    "upper case host": ("API.Encord.COM", None, None, "https://api.encord.com"),
    "with scheme": ("https://encord.internal", None, None, "https://encord.internal"),
    "trailing slash": ("https://encord.internal/", None, None, "https://encord.internal"),
    "port in the host": ("http://127.0.0.1:8080", None, None, "http://127.0.0.1:8080"),
    "port beside the host": ("encord.internal", 8443, None, "https://encord.internal:8443"),
    "port beside host with scheme": ("http://encord.internal/", 8080, None, "http://encord.internal:8080"),
    "both ports": ("http://encord.internal:1", 2, None, "http://encord.internal:1"),
    "schema http": ("127.0.0.1", 8080, "http", "http://127.0.0.1:8080"),
    "default port beside the host": ("api.encord.com", 443, None, "https://api.encord.com"),
    "default port beside a short name": ("us", 443, None, "https://api.us.encord.com"),
    "default port in the host": ("https://API.encord.com:443", None, None, "https://api.encord.com"),
    "default port of http": ("http://encord.internal", 80, None, "http://encord.internal"),
    "another port beside nothing": (None, 8443, None, "https://api.encord.com:8443"),
    "no port, as a form sends it": ("eu", 0, None, "https://api.encord.com"),
    "IPv6": ("http://[::1]:8080", None, None, "http://[::1]:8080"),
}


@pytest.mark.parametrize("form", DOMAINS)
def test_domain(form: str) -> None:
    host, port, schema, domain = DOMAINS[form]
    assert read_domain(host, port, schema) == domain


@pytest.mark.parametrize(
    "host",
    [
        "https://encord.internal/public",
        "encord.internal/v2",
        "https://encord.internal?x=1",
        "https://encord.internal#x",
        "https://user:password@encord.internal",
        "ftp://encord.internal",
        "https://",
        "https://a b",
        "https://encord.internal:abc",
        "https://encord.internal:99999",
        "https://[::1",
    ],
)
def test_host_that_is_no_domain_is_refused(host: str) -> None:
    with pytest.raises(EncordConnectionError, match=r"'my_conn'.* the host must be Encord's domain") as caught:
        settings_of(host=host, token=TOKEN)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "api"),
    [
        ("app.encord.com", "https://api.encord.com"),
        ("https://app.encord.com/datasets/view/d5", "https://api.encord.com"),
        ("APP.us.encord.com:443", "https://api.us.encord.com"),
        ("www.encord.com", "https://api.encord.com"),
        ("encord.com", "https://api.encord.com"),
    ],
)
def test_a_web_site_of_encord_is_refused_with_the_api_beside_it(host: str, api: str) -> None:
    with pytest.raises(EncordConnectionError, match=f"not its API. The API is '{api}'"):
        settings_of(host=host, token=TOKEN)


@pytest.mark.parametrize("port", [-1, 65536, 1.5, True, "443"])
def test_port_that_is_no_port_is_refused(port: Any) -> None:
    with pytest.raises(EncordConnectionError, match="the port must be a number from 1 to 65535"):
        settings_of(host="encord.internal", port=port, token=TOKEN)


KEYS: dict[str, dict[str, Any]] = {
    "key text": {"ssh_private_key": KEY},
    "newlines as text": {"ssh_private_key": KEY.replace("\n", "\\n")},
    "one line": {"ssh_private_key": KEY.replace("\n", " ")},
    "base64": {"ssh_private_key": base64.b64encode(KEY.encode()).decode()},
    "path": {"ssh_key_file": KEY_FILE},
    "path as file URL": {"ssh_key_file": f"file://{KEY_FILE}"},
    "path in the key's field": {"ssh_private_key": KEY_FILE},
    "protected": {"ssh_private_key": PROTECTED_KEY, "passphrase": PASSPHRASE},
    "protected file": {"ssh_key_file": f"{KEY_FILE}_passphrase", "passphrase": PASSPHRASE},
    "empty fields of the form beside it": {
        "ssh_private_key": KEY,
        "ssh_key_file": "",
        "passphrase": "",
        "token": None,
        "connect_timeout": None,
    },
}


@pytest.mark.parametrize("form", KEYS)
def test_key(form: str) -> None:
    credentials = settings_of(**KEYS[form]).credentials
    assert isinstance(credentials, SshCredentials)
    assert credentials.public_key_hex == PUBLIC_HEX


def test_token_and_api_key() -> None:
    assert settings_of(token=f" {TOKEN}\n").credentials == BearerCredentials(TOKEN)
    assert settings_of(api_key=API_KEY, dataset_hash=DATASET).credentials == ApiKeyCredentials(API_KEY, DATASET)


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "has no credentials; set one of ssh_private_key"),
    "only unknown extras": ({"private_key": KEY}, r"it has these extras: private_key"),
    "two credentials": ({"ssh_private_key": KEY, "token": TOKEN}, "has ssh_private_key and token; set only one"),
    "key and path": ({"ssh_private_key": KEY, "ssh_key_file": KEY_FILE}, "set only one"),
    "masked key": (
        {"ssh_private_key": "***"},
        "its ssh_private_key is only the placeholder that Airflow shows .* enter the ssh_private_key",
    ),
    "asterisks": ({"ssh_private_key": "*****"}, "asterisks"),
    "blank key": ({"ssh_private_key": "  "}, "is empty"),
    "public key": ({"ssh_private_key": PUBLIC_KEY}, "public key"),
    "public key file": ({"ssh_key_file": f"{KEY_FILE}.pub"}, "public key"),
    "RSA key": ({"ssh_private_key": RSA_KEY}, "RSA"),
    "no passphrase": ({"ssh_private_key": PROTECTED_KEY}, "set 'passphrase'"),
    "wrong passphrase": ({"ssh_private_key": PROTECTED_KEY, "passphrase": "tell-nobody"}, "wrong passphrase"),
    "needless passphrase": ({"ssh_private_key": KEY, "passphrase": "tell-nobody"}, "remove it"),
    "old name of the file": (
        {"ssh_private_key_path": KEY_FILE},
        "ssh_private_key_path must be renamed to ssh_key_file",
    ),
    "file name with NUL": ({"ssh_key_file": "/keys/\0"}, "no file can have"),
    **{
        f"stand-in for {name}": (
            {"dataset_hash": DATASET, name: STORED_SECRET},
            f"{name} .* Test button of Airflow 2 and 3.0 does not send stored secrets",
        )
        for name in ("ssh_private_key", "token", "api_key")
    },
    "stand-in for a passphrase": (
        {"ssh_private_key": PROTECTED_KEY, "passphrase": STORED_SECRET},
        "passphrase .* Test button of Airflow 2 and 3.0 does not send stored secrets",
    ),
    "masked token": ({"token": "***"}, "its token is only the placeholder that Airflow shows"),
    "token with blanks": ({"token": "tell nobody"}, "contains blanks"),
    "token with line break": ({"token": "tell\nnobody"}, "contains blanks"),
    "API key without dataset": ({"api_key": API_KEY}, "set dataset_hash"),
    "timeout no number": ({"token": TOKEN, "read_timeout": "soon"}, "read_timeout must be a number"),
    "timeout zero": ({"token": TOKEN, "connect_timeout": 0}, "connect_timeout must be"),
    "timeout negative": ({"token": TOKEN, "total_timeout": "-1"}, "total_timeout must be"),
    "timeout nan": ({"token": TOKEN, "stall_timeout": "nan"}, "stall_timeout must be"),
    "private storage": (
        {"token": TOKEN, "allow_private_storage": "maybe"},
        "allow_private_storage must be true or false",
    ),
    "timeout infinite": ({"token": TOKEN, "stall_timeout": "inf"}, "stall_timeout must be"),
    "timeout a JSON NaN": ({"token": TOKEN, "read_timeout": float("nan")}, "read_timeout must be .* not 'nan'"),
    "timeout a JSON Infinity": ({"token": TOKEN, "read_timeout": float("-inf")}, "read_timeout must be"),
    "timeout beyond floats": ({"token": TOKEN, "read_timeout": 10**400}, "read_timeout must be"),
    "timeout beyond a day": ({"token": TOKEN, "total_timeout": 86400}, "total_timeout must be .* below 86400"),
    "pause of no time": ({"token": TOKEN, "longest_pause": 0}, "longest_pause must be a number of seconds above 0"),
    "timeout true": ({"token": TOKEN, "connect_timeout": True}, "connect_timeout must be"),
    "timeout a list": ({"token": TOKEN, "connect_timeout": [1]}, "connect_timeout must be"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_named_with_the_connection_and_without_secrets(mistake: str) -> None:
    extra, said = MISTAKES[mistake]
    with pytest.raises(EncordConnectionError, match=said) as caught:
        settings_of(**extra)
    text = f"{caught.value} {caught.value!r} {caught.value.__cause__}"
    assert "'my_conn'" in text
    assert not [secret for secret in ("nobody", TOKEN, API_KEY, *LINES, *RSA_KEY.splitlines()[1:-1]) if secret in text]
    assert caught.value.__context__ is None
    assert isinstance(caught.value, AirflowFailException), "no retry cures it"


def test_binary_and_huge_files_are_no_keys(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "huge").write_bytes(b"x" * 20_000)
    for name, said in (("binary", "is not text"), ("huge", "too large")):
        with pytest.raises(EncordConnectionError, match=said):
            settings_of(ssh_key_file=str(tmp_path / name))


def test_a_link_to_a_file_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "..data").symlink_to(DATA / "keys")  # as Kubernetes mounts a secret
    (tmp_path / "key").symlink_to("..data/TEST_ONLY_ed25519")
    assert settings_of(ssh_key_file=str(tmp_path / "key")).credentials.public_key_hex == PUBLIC_HEX


def no_file(kind: str, folder: Path) -> str:
    path = folder / kind
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(path))  # a socket's path must be short
    elif kind == "directory":
        path.mkdir()
    elif kind == "broken link":
        path.symlink_to("nowhere")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "home of a stranger":
        return "~no-such-user/key"
    return f"/dev/{kind}" if kind in ("zero", "null") else str(path)


@pytest.fixture
def at_once() -> Iterator[None]:
    """Opening a FIFO would never end, and reading a device would take all memory."""

    def give_up(*signal_and_frame: Any) -> None:
        raise AssertionError("it hangs")

    before, (soft, hard) = signal.signal(signal.SIGALRM, give_up), resource.getrlimit(resource.RLIMIT_AS)
    signal.setitimer(signal.ITIMER_REAL, 2)
    resource.setrlimit(resource.RLIMIT_AS, (4 * 1024**3, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


NO_FILES = ["missing", "fifo", "socket", "directory", "broken link", "loop", "home of a stranger", "zero", "null"]


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("extra", ["ssh_key_file", "ssh_private_key"])
def test_what_this_machine_lacks_is_told_and_can_be_retried(
    kind: str, extra: str, tmp_path: Path, at_once: None
) -> None:
    path = no_file(kind, tmp_path)
    with pytest.raises(EncordMachineError, match=f"{path!r} cannot be read on this machine") as caught:
        settings_of(**{extra: path})
    for said in (socket.gethostname(), pwd.getpwuid(os.geteuid()).pw_name, repr(os.path.realpath(path))):
        assert said in str(caught.value)
    assert caught.value.__context__ is None
    assert not isinstance(caught.value, AirflowFailException)
    assert by_kind(kind_of(caught.value) or "") is EncordMachineError, "a trigger hands it to its task"


def test_a_file_that_may_not_be_read_can_be_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuse)  # root may read all files, so no mode can refuse it
    with pytest.raises(EncordMachineError, match="Permission denied"):
        settings_of(ssh_key_file=KEY_FILE)


def test_the_home_folder_of_a_key_file_is_resolved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(EncordMachineError, match=re.escape(f"path '{tmp_path.resolve()}/.ssh/key'")):
        settings_of(ssh_key_file="~/.ssh/key")


def test_a_user_without_a_name_is_told_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 50_123)
    with pytest.raises(EncordMachineError, match="user 50123,"):
        settings_of(ssh_key_file="/no/such/key")


def test_private_storage_is_allowed_only_in_so_many_words() -> None:
    assert settings_of(token=TOKEN).allow_private_storage is False
    for given, meant in ((True, True), ("true", True), ("True", True), (False, False), ("false", False)):
        assert settings_of(token=TOKEN, allow_private_storage=given).allow_private_storage is meant


def test_the_longest_pause() -> None:
    assert settings_of(token=TOKEN).longest_pause == math.inf
    assert settings_of(token=TOKEN, longest_pause="0.01").longest_pause == 0.01


def test_timeouts() -> None:
    timeouts = settings_of(token=TOKEN, connect_timeout="5", read_timeout=7, total_timeout=99.5).timeouts
    assert (timeouts.connect, timeouts.read, timeouts.total, timeouts.stall) == (5.0, 7.0, 99.5, 60.0)


@pytest.mark.parametrize(
    "extra", [{"ssh_private_key": KEY}, {"token": TOKEN}, {"api_key": API_KEY, "dataset_hash": DATASET}]
)
def test_settings_show_no_secret(extra: dict[str, str]) -> None:
    shown = repr(settings_of(**extra))
    assert "my_conn" in shown
    assert not [secret for secret in (TOKEN, API_KEY, *LINES) if secret in shown]


def test_unreadable_extra_is_not_quoted() -> None:
    connection = Connection()
    for connection.extra in ('{"token": "tell-nobody"', '["tell-nobody"]', '"tell-nobody"'):
        with pytest.raises(EncordConnectionError, match="not a JSON object") as caught:
            read_connection(connection, "my_conn")
        assert "tell-nobody" not in str(caught.value)


# -- masking ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def redact() -> Iterator[Callable[[str], str]]:
    """Airflow's own redaction, with nothing registered before."""
    try:
        from airflow.sdk._shared.secrets_masker import _secrets_masker
    except ImportError:
        try:
            from airflow.sdk.execution_time.secrets_masker import _secrets_masker
        except ImportError:
            from airflow.utils.log.secrets_masker import _secrets_masker

    masker = _secrets_masker()
    before = masker.patterns, masker.replacer
    masker.patterns, masker.replacer = set(), None
    yield masker.redact
    masker.patterns, masker.replacer = before


def printed_forms(key: str) -> dict[str, str]:
    forms = {
        "whole": key,
        "stripped": key.strip(),
        "JSON": json.dumps({"extra": key}),
        "repr": repr(key),
        "repr in a list": repr([key]),
        "JSON in JSON": json.dumps(json.dumps({"ssh_private_key": key})),
        "CRLF": key.replace("\n", "\r\n"),
        "joined": key.replace("\n", " "),
    }
    return forms | {f"line {at}": f"line: {line}" for at, line in enumerate(key.splitlines()[1:-1])}


def pieces(text: str) -> set[str]:
    """Every run of ten letters of a key's body."""
    body = "".join(text.splitlines()[1:-1])
    return {body[at : at + 10] for at in range(len(body) - 9)}


FORMS = {"as it is": KEY, "newlines as text": KEY.replace("\n", "\\n"), "one line": KEY.replace("\n", "")}


@pytest.mark.parametrize("pasted", FORMS)
@pytest.mark.parametrize("printed", printed_forms(KEY))
def test_key_is_masked_however_it_is_printed(pasted: str, printed: str, redact: Callable[[str], str]) -> None:
    text = printed_forms(KEY)[printed]
    assert any(piece in text for piece in pieces(KEY))
    mask(ssh_private_key=FORMS[pasted])
    left = [piece for piece in pieces(KEY) if piece in redact(text)]
    # A line's last letters may be too few to be masked on their own.
    assert not left


def test_key_from_a_file_token_passphrase_and_api_key_are_masked(redact: Callable[[str], str]) -> None:
    mask(ssh_key_file=KEY_FILE)
    mask(token="tell-nobody-the-token")
    mask(api_key="tell-nobody-the-key", dataset_hash=DATASET)
    mask(ssh_private_key=PROTECTED_KEY, passphrase=PASSPHRASE)
    shown = redact(f"{KEY} tell-nobody-the-token {PASSPHRASE} tell-nobody-the-key {DATASET}")
    assert "nobody" not in shown
    assert PASSPHRASE not in shown
    assert not [line for line in LINES if line in shown]
    assert DATASET in shown


def test_airflow_masks_no_path_in_the_extra_of_a_key_file(redact: Callable[[str], str]) -> None:
    path = "/no/such/folder/encord_ed25519"
    with pytest.raises(EncordMachineError) as caught:
        settings_of(ssh_key_file=path)
    _compat._mask_here([{"ssh_key_file": path}])  # what Airflow does with an extra that it reads
    assert redact(str(caught.value)) == str(caught.value)
    _compat._mask_here([{"ssh_private_key_path": path}])
    assert path not in redact(str(caught.value)), "the old name could come back"


def test_what_is_no_secret_stays_readable(redact: Callable[[str], str]) -> None:
    mask(ssh_private_key=KEY)
    text = "-----BEGIN OPENSSH PRIVATE KEY----- was not found in dataset d5000000, *** is no key"
    assert redact(text) == text
    with pytest.raises(EncordConnectionError):
        settings_of(ssh_private_key="***")
    assert redact(text) == text


def test_secrets_are_told_in_one_message_but_not_where_airflow_would_print_it(
    monkeypatch: pytest.MonkeyPatch, redact: Callable[[str], str]
) -> None:
    class InProcessSupervisorComms:
        """What `dag.test` puts in the place of the channel to the supervisor."""

    sent: list[Any] = []
    monkeypatch.setattr(_compat, "mask_secret", sent.append)
    monkeypatch.setattr(_compat, "_supervisor", InProcessSupervisorComms)
    mask_secrets(["tell-nobody"])
    assert sent == []
    assert "nobody" not in redact("tell-nobody")
    monkeypatch.setattr(_compat, "_supervisor", object)
    mask_secrets(["tell-nobody"])
    assert sent == [["tell-nobody"]]


# -- test_connection -------------------------------------------------------------------------------------------------


def json_reply(status: int, body: Any) -> Reply:
    return Reply(status, json.dumps(body).encode())


def attempt(monkeypatch: pytest.MonkeyPatch, host: str, **extra: Any) -> tuple[bool, str]:
    connect(monkeypatch, host, **extra)
    return EncordHook().test_connection()


def test_a_good_connection_tells_where_and_who(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    loopback.answers(json_reply(200, {"userEmail": "a@b.test\n", "userHash": "u"}))
    assert attempt(monkeypatch, loopback.url) == (True, f"Logged in at {loopback.url} as a@b.test\\n.")
    assert [received.path for received in loopback.received] == ["/v2/public/user/current"]


@pytest.mark.parametrize("unknown", [json_reply(404, {"detail": "Not Found"}), Reply(404, b"<html>")])
def test_a_server_that_does_not_tell_who_is_asked_for_integrations(
    unknown: Reply, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback.answers(unknown, json_reply(200, {"result": [{"integrationUuid": DATASET, "title": "AWS"}]}))
    assert attempt(monkeypatch, loopback.url) == (True, f"Logged in at {loopback.url}. Cloud integrations: AWS.")
    assert [received.path.split("/", 3)[3] for received in loopback.received] == ["user/current", "cloud-integrations"]


REFUSALS = {
    "key unknown": (
        json_reply(401, {"message": "Unauthorised"}),
        ["credentials were not accepted", "Unauthorised", "region"],
    ),
    "no rights": (json_reply(403, {"message": "No"}), ["no permission", "Ask an admin"]),
    "broken server": (Reply(500, b"oops"), ["HTTP 500", "trace id"]),
    "rate limit": (Reply(429, b"", {"Retry-After": "600"}), ["too many requests", "600 s"]),
    "another server": (Reply(200, b"<html>"), ["not Encord's", "proxy"]),
    "redirect": (Reply(302, b"", {"Location": "/login"}), ["redirect"]),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_told_at_once(name: str, loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    reply, words = REFUSALS[name]
    loopback.answers(reply)
    good, text = attempt(monkeypatch, loopback.url)
    assert not good
    assert not [word for word in words if word not in text]
    assert len(loopback.received) == 1, "a test in the browser has no time to try again"


@pytest.mark.parametrize(("region", "other"), [("eu", "https://api.us.encord.com"), ("us", "https://api.encord.com")])
def test_a_key_of_the_other_region_is_guessed(
    region: str, other: str, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_encord._client.transport import sync_transport

    loopback.answers(json_reply(401, {"message": "no such key"}))
    send = sync_transport.requests.Session.request
    real = re.compile(r"https://api(\.us)?\.encord\.com")
    redirected = lambda self, method, url, **more: send(self, method, real.sub(loopback.url, url), **more)  # noqa: E731
    monkeypatch.setattr(sync_transport.requests.Session, "request", redirected)
    good, text = attempt(monkeypatch, region)
    assert not good
    assert f"eys of the other region are registered at {other}" in text


def test_no_network_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        good, text = attempt(monkeypatch, f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert not good
    assert "no connection" in text
    assert "Check network, proxy and the host" in text
    assert "encord_default" not in text  # the button tests a copy with an id that nobody knows


@pytest.mark.parametrize("extra", [{"ssh_private_key": "***"}, {"ssh_private_key": RSA_KEY}, {"token": ""}])
def test_a_bad_key_is_told_without_a_request(
    extra: dict[str, str], loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, text = attempt(monkeypatch, loopback.url, **extra)
    assert not good
    assert text.startswith("The connection cannot be used: ")  # the button tests a copy with an id that nobody knows
    assert "encord_default" not in text
    assert not loopback.received


@pytest.mark.parametrize(("kind", "good"), [("dataset", True), ("project", False)])
def test_an_api_key_is_asked_for_its_kind(
    kind: str, good: bool, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback.answers(json_reply(200, {"status": 200, "response": {"title": "k", "resource_type": kind}}))
    assert attempt(monkeypatch, loopback.url, api_key=API_KEY, dataset_hash=DATASET)[0] is good


def test_no_secret_is_logged(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loopback.answers(json_reply(200, {"result": []}))
    with caplog.at_level(logging.DEBUG):
        attempt(monkeypatch, loopback.url, token=TOKEN)
        attempt(monkeypatch, loopback.url)
    assert not [secret for secret in (TOKEN, *LINES) if secret in caplog.text]


def test_the_connection_is_read_once_and_not_at_construction(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    monkeypatch.setattr(
        EncordHook, "get_connection", classmethod(lambda cls, conn_id: reads.append(conn_id) or Connection(token=TOKEN))
    )
    hook = EncordHook("mine")
    assert not reads
    assert hook.settings is hook.settings
    assert reads == ["mine"]
