"""Keep credentials out of everything that is shown or stored."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

from airflow_provider_encord._client.outgoing import one_line

_WHOLE_URL = re.compile(r"([a-z][a-z0-9+.-]*://[^?\s\"]*)\?[^\s\"]*", re.IGNORECASE)
_MOST_SERVER_TEXT = 1000
_MOST_LOOKED_AT = 4096
_SHORTEST_SECRET = 6  # shorter ones would take innocent text along
_HIDDEN = "***"

_END = r"\s\"'<>\\"
_URL_QUERY = re.compile(rf"([a-z][a-z0-9+.-]{{1,20}}://[^{_END}?]{{1,4096}})\?[^{_END}]*", re.IGNORECASE)
_QUOTED_URL_QUERY = re.compile(
    rf"([a-z][a-z0-9+.-]{{1,20}}%3a%2f%2f[^{_END}?&]{{0,4096}}?)%3f[^{_END}]*", re.IGNORECASE
)
_USER_INFO = re.compile(rf"([a-z][a-z0-9+.-]{{1,20}}://)[^{_END}/?#@]{{1,1024}}@", re.IGNORECASE)
_PASSWORD = re.compile(
    rf"([a-z][a-z0-9+.-]{{1,20}}://)[^{_END}/?#@:]{{0,1024}}:[^{_END}/?#@]{{1,1024}}@", re.IGNORECASE
)
_LOGIN = re.compile(
    r"((?:proxy-)?authorization[\"'\\]*\s*[:=]\s*[\"'\\]*)(?:(?:bearer|basic|digest|token)\s+)?[^\s\"',;<>\\]+"
    r"|(\b(?:bearer|basic)\s+)(?=[^\s\"',;<>\\]{6})[^\s\"',;<>\\]+",
    re.IGNORECASE,
)
_PARAMETER = re.compile(
    r"((?<![a-z0-9])"
    r"(?:signature(?!-input)|sig|(?:access|security|session|auth|api|refresh|id|bearer)?[-_]?token|api[-_]?key"
    r"|(?:secret|private|account)[-_]?(?:access[-_]?)?key|secret|credential|awsaccesskeyid|googleaccessid"
    r"|password|passwd|passphrase)"
    r"[\"'\\]*\s*(?:[=:]|%3d)\s*[\"'\\]*)[^\s\"'&,;<>\\]+",
    re.IGNORECASE,
)


def without_query(url: str) -> str:
    """Return the URL without query, fragment and user info: the query of a signed URL is a credential."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("?")[0].partition("#")[0].rpartition("@")[2]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def without_credentials(text: str) -> str:
    """Return the text without queries and passwords of URLs, and without what follows ``Authorization:``."""
    if whole := _WHOLE_URL.fullmatch(text):
        return f"{whole[1]}?..."
    shown = _URL_QUERY.sub(r"\1?...", text)
    shown = _QUOTED_URL_QUERY.sub(r"\1?...", shown)
    shown = _PASSWORD.sub(rf"\1{_HIDDEN}@", shown)
    return _LOGIN.sub(lambda match: f"{match[1] or match[2]}{_HIDDEN}", shown)


def server_text(text: str) -> str:
    """Return what a server said: on one line, short enough to be read, and without what looks like a credential.

    Cut out are queries and user names of URLs of any scheme, parameters named like signatures, tokens or keys, and
    echoes of an ``Authorization`` header.
    """
    if len(text) <= _MOST_SERVER_TEXT and text.isidentifier():  # a status, as most polls bring
        return text
    shown = without_credentials(text[:_MOST_LOOKED_AT])
    shown = _USER_INFO.sub(rf"\1{_HIDDEN}@", shown)
    shown = one_line(_PARAMETER.sub(rf"\1{_HIDDEN}", shown))
    return (
        shown
        if len(text) <= _MOST_LOOKED_AT and len(shown) <= _MOST_SERVER_TEXT
        else (shown[:_MOST_SERVER_TEXT] + " ...")
    )


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return the text with each of these secrets hidden."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, _HIDDEN)
    return text
