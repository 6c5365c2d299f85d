"""The parts of a page: facts and tables, whose cells say what they hold. The browser draws them and knows no more.

A cell is text, nothing, or an object with ``text`` (and ``href`` or ``hint``), ``moment``, ``state``, ``code``,
``pictures``, ``json`` or ``lines``. Text is drawn as text, so names that are HTML are harmless; an ``href`` is always
made here, of an id.
"""

import json
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

Cell = str | dict[str, Any] | None

LONGEST_METADATA = 2_000
"""Characters of metadata in a table; the page of the item shows up to a hundred times as much."""

_LONGEST_LINE = 200
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


@dataclass
class Section:
    """A table of a page."""

    id: str
    """Name of the parameter that tells the table's page."""
    title: str
    columns: Sequence[str]
    rows: list[dict[str, Any]]
    """Each with its ``key`` and its ``cells``."""
    empty: str
    """What is said if there are no rows."""
    count: int | None = None
    """Rows on all pages."""
    page: int = 1
    pages: int = 1


@dataclass
class View:
    """What a page shows."""

    kind: str
    name: str
    facts: list[tuple[str, Cell]]
    sections: list[Section] = field(default_factory=list)


def row(key: object, *cells: Cell) -> dict[str, Any]:
    """Return a row of a table; the key tells it from the others."""
    return {"key": str(key), "cells": cells}


def link_to(kind: str, key: object, text: str | None) -> Cell:
    """Return the way to a dataset, a folder, an item or a job, nothing if there is none."""
    return None if key is None else {"text": text or str(key), "href": f"/{kind}/view/{key}"}


def moment(seconds: float | None) -> Cell:
    """Return a point in time; the browser knows the time zone."""
    return None if seconds is None else {"moment": seconds}


def state(word: str) -> Cell:
    """Return the state of a job."""
    return {"state": word.upper()}


def code(text: str | None) -> Cell:
    """Return a hash, a path or another text for machines."""
    return {"code": text} if text else None


def metadata(text: str | None, longest: int = LONGEST_METADATA) -> Cell:
    """Return client metadata, in one line and in many."""
    if not text or text == "{}":
        return None
    line = text
    with suppress(ValueError, RecursionError):
        values = json.loads(text)
        text = json.dumps(values, indent=2, ensure_ascii=False)
        line = ", ".join(f"{name}: {_shown(value)}" for name, value in values.items())
    return {"line": line[:_LONGEST_LINE], "json": text if len(text) <= longest else f"{text[:longest]} …"}


def pictures(shown: Sequence[dict[str, str]], *, more: int = 0, missing: str | None = None) -> Cell:
    """Return pictures, each with ``src`` and ``alt``; how many more there are; or why there are none."""
    return {"pictures": list(shown), "more": more, "missing": missing}


def lines(cells: Iterable[Cell]) -> Cell:
    """Return several cells below each other."""
    return {"lines": list(cells)}


def size(count: float | None) -> Cell:
    """Return a number of bytes, to be read at a glance, with the exact one as a hint."""
    if count is None or not math.isfinite(count):
        return None
    value, unit = float(count), 0
    while abs(value) >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    short = f"{value:.0f}" if unit == 0 or abs(value) >= 99.95 else f"{value:.1f}"
    return {"text": f"{short} {_UNITS[unit]}", "hint": f"{count:,} bytes"}


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its word."""
    return f"{number:,} {one if number == 1 else many}"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
