"""An Airflow connection -> credentials, domain and time limits; and the form in which people type them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
from airflow_provider_encord.exceptions import EncordConnectionError

_SHORT_NAMES = {"": DEFAULT_DOMAIN, "eu": DEFAULT_DOMAIN, "us": US_DOMAIN}
_KEY_EXTRAS = ("ssh_private_key", "ssh_private_key_path", "token", "api_key")
_SECRET_EXTRAS = ("ssh_private_key", "passphrase", "token", "api_key")
_LARGEST_KEY_FILE = 16 * 1024


@dataclass(frozen=True)
class ConnectionSettings:
    """What a connection says. Nothing secret is in its ``repr``."""

    conn_id: str
    domain: str
    credentials: Credentials = field(repr=False)
    timeouts: Timeouts
    secrets: frozenset[str] = field(repr=False)
    allow_private_storage: bool = False


def read_connection(connection: Any, conn_id: str) -> ConnectionSettings:
    """Read an Airflow connection; the hook registers its ``secrets`` for masking before anything else.

    :raises EncordConnectionError: names the connection and the mistake; shows nothing of a key.
    """
    secrets: set[str] = set()
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
        )
    except ValueError as error:
        problem = (
            "one of its texts has characters in it that cannot be stored."
            if isinstance(error, UnicodeError)
            else (str(error))
        )
    # Raised outside of the handler, so that no inner exception hangs on it.
    raise EncordConnectionError(
        f"The Airflow connection {conn_id!r} cannot be used: {problem} See Admin > Connections."
    )


def _extra(connection: Any) -> dict[str, str]:
    # Not `extra_dejson`: on Airflow 3 it sends a message, which must not be done from an event loop.
    try:
        extra = json.loads(connection.extra or "{}")
    except (ValueError, TypeError, RecursionError):
        extra = None
    if not isinstance(extra, dict):
        raise ValueError("its extra is not a JSON object.")
    for name in (*_KEY_EXTRAS, "passphrase", "dataset_hash"):
        if isinstance(extra.get(name), list | dict | bool | float):
            raise ValueError(f"its {name} must be a text.")
    return {name: _plain(value) for name, value in extra.items() if value not in (None, "")}


def _plain(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) else json.dumps(value)


def read_domain(host: str | None, port: int | None = None, scheme: str | None = None) -> str:
    """Return the base URL: Encord's default for an empty host, ``eu``, ``us``, or any scheme, host and port."""
    if host is not None and not isinstance(host, str):
        raise ValueError("the host must be a text.")
    text = (host or "").strip()
    text = text if text.endswith("://") else text.rstrip("/")
    if text.lower() in _SHORT_NAMES:
        return _SHORT_NAMES[text.lower()]
    if "://" not in text:
        text = f"{scheme if scheme in ('http', 'https') else 'https'}://{text}"
    parts = urlsplit(text)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.path
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
        or not re.fullmatch(r"[A-Za-z0-9._:\[\]-]+", parts.netloc)
    ):
        raise ValueError(
            "the host must be Encord's domain such as 'https://api.encord.com', with scheme, host and port only."
        )
    has_port = parts.port is not None  # raises ValueError for a port that is no number
    if port and not has_port and not (isinstance(port, int) and 0 < port < 65536):
        raise ValueError("the port must be a number from 1 to 65535.")
    netloc = f"{parts.netloc}:{port}" if port and not has_port else parts.netloc
    return f"{parts.scheme}://{netloc.lower()}"


def _credentials(extra: Mapping[str, str], secrets: set[str]) -> Credentials:
    given = [name for name in _KEY_EXTRAS if name in extra]
    if len(given) > 1:
        raise ValueError(f"it has {' and '.join(given)}; set only one of them.")
    if not given:
        known = f" (its extras are named: {', '.join(sorted(extra))})" if extra else ""
        raise ValueError(f"it has no credentials; set one of {', '.join(_KEY_EXTRAS)}{known}.")
    if given == ["token"]:
        return BearerCredentials(_one_word(extra, "token"))
    if given == ["api_key"]:
        if not extra.get("dataset_hash"):
            raise ValueError("an API key belongs to one dataset; set dataset_hash beside it.")
        return ApiKeyCredentials(_one_word(extra, "api_key"), extra["dataset_hash"].strip())
    text = extra[given[0]]
    if given == ["ssh_private_key_path"] or _looks_like_path(text):
        text = _read_key_file(text)
        secrets |= secret_forms(text)
    key = load_private_key(text, extra.get("passphrase"))
    return SshCredentials(key)


def _one_word(extra: Mapping[str, str], name: str) -> str:
    text = extra[name].strip()
    if set(text) == {"*"} or re.search(r"[^\x21-\x7e]", text):
        raise ValueError(f"its {name} is masked text or has blanks in it; paste it again.")
    return text


def _looks_like_path(text: str) -> bool:
    stripped = text.strip()
    return stripped.startswith(("/", "~", "./", "../", "file://")) and "\n" not in stripped and len(stripped) < 1024


def _read_key_file(text: str) -> str:
    shown, problem = text.strip()[:200], ""
    # Raised outside of the handlers: a UnicodeDecodeError holds what it could not decode.
    try:
        path = Path(text.strip().removeprefix("file://")).expanduser()
        if path.stat().st_size > _LARGEST_KEY_FILE:
            problem = "is too large to be a key."
        else:
            return path.read_text()
    except OSError as error:
        problem = f"cannot be read on this machine ({error.strerror}); it must exist on every worker and triggerer."
    except UnicodeDecodeError:
        problem = "is not text."
    except (ValueError, RuntimeError):  # a NUL in it, or a home that is not known
        problem = "has a name that no file can have."
    raise KeyProblem(f"the key file {shown!r} {problem}")


def _timeouts(extra: Mapping[str, str]) -> Timeouts:
    given: dict[str, float] = {}
    for name in ("connect", "read", "total", "stall"):
        text = extra.get(f"{name}_timeout")
        if text is None:
            continue
        try:
            given[name] = float(text)
        except ValueError:
            given[name] = 0.0
        if not 0 < given[name] < 86400:
            raise ValueError(f"{name}_timeout must be a number of seconds above 0, not {text!r}.")
    return Timeouts(**given)


def _flag(extra: Mapping[str, str], name: str) -> bool:
    text = extra.get(name, "false").strip().lower()
    if text not in ("true", "false"):
        raise ValueError(f"{name} must be true or false, not {text!r}.")
    return text == "true"


def secret_forms(secret: str | None) -> set[str]:
    """Return each form in which parts of a secret could be printed; none for one that is masked text itself."""
    return {secret, *key_forms(secret)} if secret and set(secret) != {"*"} else set()
