"""Read an Airflow connection: credentials, domain and time limits."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import pwd
import re
import socket
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_encord._airflow.connection_form import STORED_SECRET
from airflow_provider_encord._client.auth import (
    ApiKeyCredentials,
    BearerCredentials,
    Credentials,
    KeyProblem,
    SshCredentials,
    key_forms,
    load_private_key,
)
from airflow_provider_encord._client.regions import DEFAULT_DOMAIN, US_DOMAIN
from airflow_provider_encord._client.transport.network import Timeouts
from airflow_provider_encord.exceptions import EncordConnectionError, EncordError, EncordMachineError

_SHORT_NAMES = {"": DEFAULT_DOMAIN, "eu": DEFAULT_DOMAIN, "us": US_DOMAIN}
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NO_DOMAIN = "the host must be Encord's domain such as 'https://api.encord.com', with scheme, host and port only."
_WEB_PAGE = re.compile(r"(?:(?:app|docs|www)\.)?(?P<region>us\.)?encord\.com")
_KEY_EXTRAS = ("ssh_private_key", "ssh_key_file", "token", "api_key")
_SECRET_EXTRAS = ("ssh_private_key", "passphrase", "token", "api_key")
_LARGEST_KEY_FILE = 16 * 1024


class _MachineProblem(ValueError):
    """The problem is this machine, not the connection."""


@dataclass(frozen=True)
class ConnectionSettings:
    """The settings of a connection. Its ``repr`` shows no secret."""

    conn_id: str
    domain: str
    credentials: Credentials = field(repr=False)
    timeouts: Timeouts
    secrets: frozenset[str] = field(repr=False)
    allow_private_storage: bool = False
    longest_pause: float = math.inf


def read_connection(connection: Any, conn_id: str) -> ConnectionSettings:
    """Read an Airflow connection. The hook registers the ``secrets`` for masking before it does anything else.

    :raises EncordConnectionError: names the connection and the mistake, and shows no part of a key.
    :raises EncordMachineError: when this machine cannot read the key file.
    """
    secrets: set[str] = set()
    kind: type[EncordError] = EncordConnectionError
    try:
        extra = _extra(connection)
        for name in _SECRET_EXTRAS:
            secrets |= secret_forms(extra.get(name))
        return ConnectionSettings(
            conn_id=conn_id,
            domain=read_domain(connection.host, connection.port, connection.schema),
            credentials=_credentials(extra, secrets),
            timeouts=_timeouts(extra),
            secrets=frozenset(secrets),
            allow_private_storage=_flag(extra, "allow_private_storage"),
            longest_pause=_seconds(extra, "longest_pause") or math.inf,
        )
    except UnicodeError:
        problem = "one of its fields has characters that cannot be stored."
    except _MachineProblem as error:
        problem, kind = str(error), EncordMachineError
    except ValueError as error:
        problem = str(error)
    # Raised outside of the handlers, so that the inner exception is not its context.
    raise kind(f"The Airflow connection {conn_id!r} cannot be used: {problem} See Admin > Connections.")


def _extra(connection: Any) -> dict[str, str]:
    # Not `extra_dejson`: on Airflow 3 it sends a message, which must not be done from an event loop.
    try:
        extra = json.loads(connection.extra or "{}")
    except (ValueError, TypeError, RecursionError):
        extra = None
    if not isinstance(extra, dict):
        raise ValueError("its extra is not a JSON object.")
    if extra.get("ssh_private_key_path"):
        raise ValueError(
            "its extra ssh_private_key_path must be renamed to ssh_key_file: Airflow masks the value of every extra "
            "with private_key in its name in all logs."
        )
    for name in (*_KEY_EXTRAS, "passphrase", "dataset_hash"):
        if isinstance(extra.get(name), list | dict | bool | float):
            raise ValueError(f"its {name} must be a string.")
        if extra.get(name) in (STORED_SECRET, "***"):
            raise ValueError(
                f"its {name} is only the placeholder that Airflow shows for a secret. The Test button of Airflow 2 and "
                "3.0 does not send stored secrets: save the connection, then run `airflow connections test` with its "
                f"id, or a task. If you get the same error there, enter the {name} again."
            )
    return {name: _plain(value) for name, value in extra.items() if value not in (None, "")}


def _plain(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) else json.dumps(value)


def read_domain(host: str | None, port: int | None = None, scheme: str | None = None) -> str:
    """Return the base URL: Encord's default for an empty host, ``eu``, ``us``, or any scheme, host and port."""
    if host is not None and not isinstance(host, str):
        raise ValueError("the host must be a string.")
    text = (host or "").strip()
    text = text if text.endswith("://") else text.rstrip("/")
    text = _SHORT_NAMES.get(text.lower(), text)
    if "://" not in text:
        text = f"{scheme if scheme in _DEFAULT_PORTS else 'https'}://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port or port
    except ValueError:
        raise ValueError(_NO_DOMAIN) from None
    if page := _WEB_PAGE.fullmatch(parts.hostname or ""):
        api = f"https://api.{page['region'] or ''}encord.com"
        raise ValueError(f"the host {page[0]!r} is a website of Encord, not its API. The API is {api!r}.")
    if (
        parts.scheme not in _DEFAULT_PORTS
        or not parts.hostname
        or parts.path
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
        or not re.fullmatch(r"[A-Za-z0-9._:\[\]-]+", parts.netloc)
    ):
        raise ValueError(_NO_DOMAIN)
    if port and not (type(port) is int and 0 < port < 65536):
        raise ValueError("the port must be a number from 1 to 65535.")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    domain = f"{parts.scheme}://{name}"
    return f"{domain}:{port}" if port and port != _DEFAULT_PORTS[parts.scheme] else domain


def _credentials(extra: Mapping[str, str], secrets: set[str]) -> Credentials:
    given = [name for name in _KEY_EXTRAS if name in extra]
    if len(given) > 1:
        raise ValueError(f"it has {' and '.join(given)}; set only one of them.")
    if not given:
        known = f" (it has these extras: {', '.join(sorted(extra))})" if extra else ""
        raise ValueError(f"it has no credentials; set one of {', '.join(_KEY_EXTRAS)}{known}.")
    if given == ["token"]:
        return BearerCredentials(_one_word(extra, "token"))
    if given == ["api_key"]:
        if not extra.get("dataset_hash"):
            raise ValueError("an API key belongs to one dataset; set dataset_hash too.")
        return ApiKeyCredentials(_one_word(extra, "api_key"), extra["dataset_hash"].strip())
    text = extra[given[0]]
    if given == ["ssh_key_file"] or _looks_like_path(text):
        text = _read_key_file(text)
        secrets |= secret_forms(text)
    key = load_private_key(text, extra.get("passphrase"))
    return SshCredentials(key)


def _one_word(extra: Mapping[str, str], name: str) -> str:
    text = extra[name].strip()
    if set(text) == {"*"} or re.search(r"[^\x21-\x7e]", text):
        raise ValueError(f"its {name} is masked or contains blanks; paste it again.")
    return text


def _looks_like_path(text: str) -> bool:
    stripped = text.strip()
    return stripped.startswith(("/", "~", "./", "../", "file://")) and "\n" not in stripped and len(stripped) < 1024


def _read_key_file(text: str) -> str:
    shown, path, reason = text.strip()[:200], Path(text.strip().removeprefix("file://")), ""
    # Raised outside of the handlers: a UnicodeDecodeError holds the bytes that it could not decode.
    try:
        path = path.expanduser()
        content = _read_regular_file(path)
        if len(content) <= _LARGEST_KEY_FILE:
            return content.decode()
        problem = "is too large to be a key."
    except UnicodeDecodeError:
        problem = "is not text."
    except ValueError:  # a NUL in the path
        problem = "has a name that no file can have."
    except (OSError, RuntimeError) as error:  # RuntimeError: an unknown home directory
        reason = getattr(error, "strerror", None) or str(error)
    if not reason:
        raise KeyProblem(f"the key file {shown!r} {problem}")
    raise _MachineProblem(
        f"the key file {shown!r} cannot be read on this machine ({reason.rstrip('.')}; host {socket.gethostname()}, "
        f"user {_user()}, path {os.path.realpath(path)!r}). It must exist on every worker and triggerer."
    )


def _read_regular_file(path: Path) -> bytes:
    # Opening a FIFO would wait for its other end, and reading a device might never end.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "Not a regular file")
        return file.read(_LARGEST_KEY_FILE + 1) or b""  # None where a read would wait


def _user() -> str:
    with contextlib.suppress(KeyError):  # the user of a container may have no name
        return pwd.getpwuid(os.geteuid()).pw_name
    return str(os.geteuid())


def _timeouts(extra: Mapping[str, str]) -> Timeouts:
    given = {name: _seconds(extra, f"{name}_timeout") for name in ("connect", "read", "total", "stall")}
    return Timeouts(**{name: seconds for name, seconds in given.items() if seconds is not None})


def _seconds(extra: Mapping[str, str], name: str) -> float | None:
    text = extra.get(name)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86400:
        raise ValueError(f"{name} must be a number of seconds above 0 and below 86400, not {text[:50]!r}.")
    return seconds


def _flag(extra: Mapping[str, str], name: str) -> bool:
    text = extra.get(name, "false").strip().lower()
    if text not in ("true", "false"):
        raise ValueError(f"{name} must be true or false, not {text!r}.")
    return text == "true"


def secret_forms(secret: str | None) -> set[str]:
    """Return all forms in which parts of a secret could be printed; none for a placeholder."""
    return {secret, *key_forms(secret)} if secret and secret != STORED_SECRET and set(secret) != {"*"} else set()
