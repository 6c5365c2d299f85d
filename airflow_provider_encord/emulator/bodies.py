"""Bodies of requests and answers for the request log, without what could be used to get in."""

import json
import re
from typing import Any

LARGEST = 1 << 20
"""Bytes; larger bodies are left out of the log."""

_QUERY = re.compile(r"(\w+://[^\s\"'<>?#]*)[?#][^\s\"'<>]*")
# Of a URL with white space, which is none, or without a scheme.
_PARAMETER = re.compile(r"([?&])[\w.%~-]+=[^\s\"'<>]*")
_SECRETS = ("token", "api_key")
_HIDDEN = "***"


def shown(body: bytes | None) -> Any:
    """Return a body as the log shows it: JSON as it is, anything else as text.

    Queries of URLs, tokens and API keys are hidden. None stands for no body and for one that is too large.
    """
    if not body or len(body) > LARGEST:
        return None
    try:
        return _redacted(json.loads(body))
    except (ValueError, RecursionError):
        return _redacted(body.decode(errors="replace"))


def without_queries(text: str) -> str:
    """Hide the queries of the URLs in a text: they may be what lets one in."""
    return _PARAMETER.sub(rf"\1{_HIDDEN}", _QUERY.sub(rf"\1?{_HIDDEN}", text))


def _redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _HIDDEN if name in _SECRETS else _redacted(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_redacted(entry) for entry in value]
    return without_queries(value) if isinstance(value, str) else value
