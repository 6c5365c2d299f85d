"""What the client made of the answers, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from tests.recorder.wire import Wire

# What the answers to errors say, so that a vector can tell whether the caller gets to read it.
_SERVER_TEXT = "text from the stub"
# Filled in by the client, not by the server.
_FILLER = "<constant text filled in by the SDK, not from the server>"


def result(run: Callable[[], Any], wire: Wire) -> dict[str, Any]:
    """Run it and return what comes of it."""
    try:
        return {"returned": _plain(run())}
    except Exception as error:
        raised: dict[str, Any] = {"raised": type(error).__name__}
        for name in ("retry_after", "maximum_labels_allowed"):
            if hasattr(error, name):
                raised[name] = getattr(error, name)
        if wire.answered and _SERVER_TEXT in wire.answered[-1]["body"]:
            raised["server_text_in_message"] = _SERVER_TEXT in str(error)
        return raised


def _plain(value: Any) -> Any:
    """Return a value with the client's names of fields, and all that it read of an answer."""
    for wrapped in ("_orm_folder", "_orm_item", "_dataset_instance"):
        if hasattr(value, wrapped):
            return _plain(getattr(value, wrapped))
    if isinstance(value, BaseModel):
        return _plain({name: getattr(value, name) for name in type(value).model_fields})
    if is_dataclass(value):
        return _plain({each.name: getattr(value, each.name) for each in fields(value)})
    if isinstance(value, Mapping):
        return {
            name: _FILLER if _is_filler(name, each) else _plain(each)
            for name, each in value.items()
            if not name.startswith("_")
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Sequence | Iterator):
        return [_plain(each) for each in value]
    return type(value).__name__


def _is_filler(name: str, value: Any) -> bool:
    return name == "user_hash" and isinstance(value, str) and len(value) > 1
