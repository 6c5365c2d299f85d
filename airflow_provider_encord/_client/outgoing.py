"""The border: what leaves towards Airflow and people is storable, whatever a server or a file name held.

Below it, values stay as Encord sent them: they are compared, sent back, or written into a user's own file. What has
passed it fits JSON, msgpack, a JSONB column of PostgreSQL, MySQL's utf8mb4 and a log.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Set
from datetime import date, time
from enum import Enum
from typing import Any

LARGEST_NUMBER = 2**53
"""Up to here every reader of JSON takes whole numbers as they are."""

MAX_DEPTH = 32
MAX_TEXT = 65_536
MAX_SIZE = 1_000_000
"""Characters of all texts, and values, together."""

_UNSTORABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# Also what breaks a line, or turns the order of its letters round.
_NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def storable(value: Any) -> Any:
    r"""Return a value as plain JSON that can be stored anywhere; what fits already comes back equal.

    - Texts: control characters other than tab and newline, and halves of characters, are written as escapes such as
      ``\x1b``. Of what is longer than ``MAX_TEXT``, the rest is left out.
    - Numbers beyond 2^53 become their decimal text, NaN and Infinity None.
    - Keys of mappings become texts of one line; tuples and sets lists; dates ISO 8601; bytes, UUIDs, paths and the like
      their text.
    - What is nested deeper than ``MAX_DEPTH``, or goes beyond ``MAX_SIZE`` in all, is left out.

    Where something is left out, a text says how much.
    """
    return _text(value, _UNSTORABLE) if type(value) is str else _Copy().of(value, MAX_DEPTH)


def one_line(text: str) -> str:
    r"""Return a text for a log line or within a message: storable, and line breaks are written as ``\n``, too."""
    return _text(text, _NOT_IN_A_LINE)


def _text(text: str, unwanted: re.Pattern[str]) -> str:
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]} ... ({len(text) - MAX_TEXT} more characters)"
    return text if text.isprintable() else unwanted.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


class _Copy:
    """Makes the storable copy of one value, and counts how large it gets."""

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
        made: dict[str, Any] = {}
        for key, each in value.items():
            if self._left <= 0:
                made["..."] = f"{len(value) - len(made)} more"
                break
            name = one_line(_as_text(key))
            self._left -= len(name)
            made[name] = self.of(each, depth)
        return made

    def _list(self, value: list[Any] | tuple[Any, ...] | Set[Any], depth: int) -> list[Any]:
        made: list[Any] = []
        for each in value:
            if self._left <= 0:
                made.append(f"... ({len(value) - len(made)} more)")
                break
            made.append(self.of(each, depth))
        return made


def _number(value: float) -> int | float | str | None:
    if -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else None
    # Python itself refuses to write very long numbers.
    return str(int(value)) if value.bit_length() <= 4096 else f"a number of {value.bit_length()} bits"


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes | bytearray):
        return value.decode(errors="backslashreplace")
    return value.isoformat() if isinstance(value, date | time) else str(value)
