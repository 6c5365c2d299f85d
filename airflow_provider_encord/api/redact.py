"""Keep credentials out of everything that is shown or stored."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_WHOLE_URL = re.compile(r"([a-z][a-z0-9+.-]*://[^?\s\"]*)\?[^\s\"]*", re.IGNORECASE)
_URL_QUERY = re.compile(r"([a-z][a-z0-9+.-]*://[^\s\"'<>?]+)\?[^\s\"'<>]*", re.IGNORECASE)
_LOGIN = re.compile(r"\b(Bearer|Basic)\s+[^\s\"',;<>]{8,}", re.IGNORECASE)
_MOST_SERVER_TEXT = 1000


def without_query(url: str) -> str:
    """Return the URL without query, fragment and user info: the query of a signed URL is a credential."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("?")[0]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def without_credentials(text: str) -> str:
    """Return a text without the query of any URL in it, and without the credentials of an ``Authorization`` header."""
    if whole := _WHOLE_URL.fullmatch(text):
        return f"{whole[1]}?..."
    return _LOGIN.sub(r"\1 ...", _URL_QUERY.sub(r"\1?...", text))


def server_text(text: str) -> str:
    """Return what a server said, short enough to be read and :func:`without_credentials`."""
    shown = without_credentials(text)
    return shown if len(shown) <= _MOST_SERVER_TEXT else shown[:_MOST_SERVER_TEXT] + " ..."
