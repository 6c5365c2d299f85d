"""Reads models from a server's JSON: fields by name, of the expected type.

Strings stay as they came, since they are compared and sent back. Ids and numbers are checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar
from uuid import UUID

from airflow_provider_encord._client.outgoing import LARGEST_NUMBER, one_line, storable
from airflow_provider_encord._client.redaction import redacted

T = TypeVar("T")

_ID = re.compile(r"[A-Za-z0-9._:-]{1,255}")
_LONGEST_OBJECT_KEY = 1024


LONG = {"long": True}
"""Metadata of a field that is hidden from the repr only because it is long, not because it may hold credentials."""


class Unreadable(ValueError):
    """A part of an answer is missing or of the wrong type."""


@dataclass(frozen=True)
class Model:
    """The base of all models."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values for an XCom.

        Dates become ISO 8601 strings, enums their names, and inner models dicts. Fields that hold signed URLs or keys
        are left out, and credentials in strings are hidden.
        """
        names = [field.name for field in fields(self) if field.repr or field.metadata.get("long")]
        return {name: _plain(getattr(self, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.name if isinstance(value, Enum) else storable(redacted(value))


class Fields:
    """Checked access to one object of an answer, by snake_case names; camelCase fields are found too."""

    def __init__(self, value: Any, what: str) -> None:
        if not isinstance(value, Mapping):
            raise Unreadable(f"{what} should be an object, not {_kind(value)}")
        self._fields = value
        self._what = what

    def get(self, name: str) -> Any:
        """Return a field, or None."""
        value = self._fields.get(name)
        return self._fields.get(_camel(name)) if value is None else value

    def has(self, name: str) -> bool:
        """Whether the field is there, even if it is null."""
        return name in self._fields or _camel(name) in self._fields

    def text(self, *names: str) -> str:
        """Return the first of these fields that is a non-empty string."""
        for name in names:
            value = self.get(name)
            if isinstance(value, str) and value:
                return value
        raise Unreadable(f"{self._what} has no {names[0]!r}")

    def optional_text(self, name: str) -> str | None:
        """Return a string field, or None."""
        value = self.get(name)
        return value if isinstance(value, str) else None

    def id(self, *names: str) -> str:
        """Return the first of these fields that is a non-empty string; it must be an id."""
        value = self.text(*names)
        if not is_id(value):
            raise Unreadable(f"{names[0]!r} of {self._what} is not an id")
        return value

    def object_key(self, name: str) -> str:
        """Return the key of an object in Encord's storage."""
        value = self.text(name)
        if len(value) > _LONGEST_OBJECT_KEY or one_line(value) != value:
            raise Unreadable(f"{name!r} of {self._what} is not an object key")
        return value

    def number(self, name: str) -> float | None:
        """Return a number field, or None; a number beyond 2^53 is None."""
        value = self._number(name)
        return value if value is not None and abs(value) <= LARGEST_NUMBER else None

    def whole_number(self, name: str) -> int | None:
        """Return a number field without its fraction, or None."""
        value = self.number(name)
        return None if value is None else int(value)

    def count(self, name: str) -> int:
        """Return a count, cut to 0 to 2^53; 0 if it is missing."""
        return int(min(max(0, self._number(name) or 0), LARGEST_NUMBER))

    def _number(self, name: str) -> float | None:
        value = self.get(name)
        # NaN is the only value that differs from itself.
        return value if isinstance(value, int | float) and not isinstance(value, bool) and value == value else None

    def moment(self, name: str) -> datetime | None:
        """Return a point in time; UTC if it has no time zone."""
        value = self.get(name)
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            return None
        return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)

    def mapping(self, name: str) -> Mapping[str, Any] | None:
        """Return an object field, or None."""
        value = self.get(name)
        return value if isinstance(value, Mapping) else None

    def json_object(self, name: str) -> Mapping[str, Any] | None:
        """Return an object that is sent as JSON text; one that is sent as it is counts, too.

        What is neither is unreadable rather than None: it may be merged with something and sent back.
        """
        value = self.get(name)
        if isinstance(value, str) and value:
            with suppress(ValueError, RecursionError):  # it stays a text then, which is refused
                value = json.loads(value, parse_constant=lambda constant: None)
        if value is None or value == "":
            return None
        if isinstance(value, Mapping):
            return value
        raise Unreadable(f"{name!r} of {self._what} is no JSON object")

    def flag(self, name: str) -> bool:
        """Return whether a field is true; False if it is missing."""
        return self.get(name) is True

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings; other items are converted."""
        value = self.get(name)
        return tuple(str(item) for item in value) if isinstance(value, list) else ()

    def each(self, name: str, make: Callable[[Any], T]) -> tuple[T, ...]:
        """Return the models of a list field; a missing list is empty."""
        return () if self.get(name) is None else self.all(name, make)

    def all(self, name: str, make: Callable[[Any], T]) -> tuple[T, ...]:
        """Return the models of a required list field."""
        return read_list(self.get(name), make, f"{name!r} of {self._what}")


def read_uuid(value: Any) -> str:
    """Read an answer that is no more than a UUID."""
    try:
        return str(UUID(value))
    except (ValueError, TypeError, AttributeError):
        raise Unreadable("the answer should be a UUID") from None


def is_id(value: str) -> bool:
    """Whether a string can be an id in Encord: short, and without characters that need escaping."""
    return _ID.fullmatch(value) is not None


def read_list(value: Any, make: Callable[[Any], T], what: str) -> tuple[T, ...]:
    """Read each item of a list."""
    if not isinstance(value, list):
        raise Unreadable(f"{what} should be a list, not {_kind(value)}")
    return tuple(make(item) for item in value)


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def _camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda match: match.group(1).upper(), name)
