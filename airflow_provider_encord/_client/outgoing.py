"""The border: makes values that go to Airflow and to people storable, whatever a server or a file name held.

Below the border, values stay as Encord sent them: they are compared, sent back, or written to a user's own file. Above
it, they fit JSON, msgpack, a JSONB column of PostgreSQL, MySQL's utf8mb4 and a log.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Set
from datetime import date, time
from enum import Enum
from typing import Any

LARGEST_NUMBER = 2**53
"""Up to this number all readers of JSON keep whole numbers exact."""

MAX_DEPTH = 32
MAX_TEXT = 65_536
MAX_SIZE = 1_000_000
"""Characters of all strings plus the number of values."""

_UNSTORABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# Also line separators, and characters that change the writing direction.
_NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def storable(value: Any) -> Any:
    r"""Return a value as plain JSON that can be stored anywhere; a value that fits already comes back equal.

    - Strings: control characters other than tab and newline, and lone surrogates, become escapes such as ``\x1b``.
      Strings are cut at ``MAX_TEXT`` characters.
    - Numbers beyond 2^53 become decimal strings, NaN and Infinity become None.
    - Keys of mappings become strings of one line, tuples and sets become lists, dates become ISO 8601, and bytes, UUIDs
      and paths become strings.
    - Values that are nested deeper than ``MAX_DEPTH``, or exceed ``MAX_SIZE`` in all, are left out.

    A note in the result says how much is left out.
    """
    return _text(value, _UNSTORABLE) if type(value) is str else _Copy().of(value, MAX_DEPTH)


def one_line(text: str) -> str:
    r"""Return a string for a log line or a message: storable, and with line breaks as ``\n``."""
    return _text(text, _NOT_IN_A_LINE)


def _text(text: str, unwanted: re.Pattern[str]) -> str:
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]} ... ({len(text) - MAX_TEXT} more characters)"
    return text if text.isprintable() else unwanted.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


class _Copy:
    """Makes the storable copy of one value, and counts its size."""

    def __init__(self) -> None:
        self._left = MAX_SIZE

    def of(self, value: Any, depth: int) -> Any:
        if isinstance(value, Enum):
            value = value.value
        self._left -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return _number(value)
        if isinstance(value, Mapping | list | tuple | Set):
            if depth == 0:
                return f"... (nested deeper than {MAX_DEPTH} levels)"
            return self._mapping(value, depth - 1) if isinstance(value, Mapping) else self._list(value, depth - 1)
        text = _text(_as_text(value), _UNSTORABLE)
        self._left -= len(text)
        return text

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        copy: dict[str, Any] = {}
        for key, inner in value.items():
            if self._left <= 0:
                copy["..."] = f"{len(value) - len(copy)} more"
                break
            name = one_line(_as_text(key))
            self._left -= len(name)
            copy[name] = self.of(inner, depth)
        return copy

    def _list(self, value: list[Any] | tuple[Any, ...] | Set[Any], depth: int) -> list[Any]:
        copy: list[Any] = []
        for inner in value:
            if self._left <= 0:
                copy.append(f"... ({len(value) - len(copy)} more)")
                break
            copy.append(self.of(inner, depth))
        return copy


def _number(value: float) -> int | float | str | None:
    if -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else None
    # Python refuses to write very long numbers.
    return str(int(value)) if value.bit_length() <= 4096 else f"a number of {value.bit_length()} bits"


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes | bytearray):
        return value.decode(errors="backslashreplace")
    return value.isoformat() if isinstance(value, date | time) else str(value)
