"""Keep credentials out of everything that is shown or stored."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_URL_QUERY = re.compile(r"(https?://[^\s\"'<>?]+)\?[^\s\"'<>]*")
_MOST_SERVER_TEXT = 1000


def without_query(url: str) -> str:
    """Return the URL without query, fragment and user info: the query of a signed URL is a credential."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("?")[0]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def server_text(text: str) -> str:
    """Return what a server said, short enough to be read and without the query of any URL in it."""
    shown = _URL_QUERY.sub(r"\1?...", text)
    return shown if len(shown) <= _MOST_SERVER_TEXT else shown[:_MOST_SERVER_TEXT] + " ..."
