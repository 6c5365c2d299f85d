"""Files that say which client metadata items get: CSV with a header, or one JSON object a line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow_provider_encord._client.redaction import cause_of, server_text
from airflow_provider_encord._storage.files import PathLike, is_local, resolve, shown_location
from airflow_provider_encord.exceptions import EncordInputError, EncordMachineError

_READ_AHEAD_BYTES = 1024 * 1024
Line = tuple[str, dict[str, Any]]


def _number(text: str) -> Any:
    value = json.loads(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    return value


def _boolean(text: str) -> bool:
    return {"true": True, "false": False, "1": True, "0": False}[text.lower()]


COLUMN_TYPES: dict[str, Callable[[str], Any]] = {
    "text": str,
    "number": _number,
    "boolean": _boolean,
    "json": json.loads,
}
"""What the text of a CSV column can stand for."""


def read_metadata(
    location: PathLike,
    conn_id: str | None,
    *,
    file_format: str,
    item_column: str,
    column_types: Mapping[str, str],
) -> Iterator[Line]:
    """Yield the item and the metadata of each line, in bounded memory; an empty cell of a CSV file says nothing.

    :param file_format: ``csv`` or ``jsonl``.
    :param item_column: the column, or key, that names the item.
    :param column_types: what the texts of CSV columns stand for, by column; others are texts.
    :raises EncordMachineError: when the file can't be read on this machine.
    :raises EncordInputError: for a line that can't be used; it names the line.
    """
    path: Any = resolve(location, conn_id)
    more = {} if is_local(path) else {"block_size": _READ_AHEAD_BYTES}
    try:
        with path.open("rb", **more) as file:
            if file_format == "csv":
                yield from _csv_lines(file, location, item_column, column_types)
            else:
                yield from _json_lines(file, location, item_column)
    except (EncordInputError, GeneratorExit):
        raise
    except Exception as error:  # any store's own exceptions
        reason = f"{type(error).__name__}: {server_text(str(error))}"
        raise EncordMachineError(f"{_shown(location)} cannot be read on this machine ({reason}).") from cause_of(error)


def _csv_lines(file: Any, location: PathLike, item_column: str, column_types: Mapping[str, str]) -> Iterator[Line]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    rows = csv.DictReader(text, strict=True)
    try:
        columns = rows.fieldnames or []
        missing = [name for name in (item_column, *column_types) if name not in columns]
        if missing or len(set(columns)) < len(columns):
            what = f"has no column {missing[0]!r}" if missing else "has a column twice"
            raise EncordInputError(f"{_shown(location)} {what}; its columns are {', '.join(columns) or 'none'}.")
        for row in rows:
            if None in row or None in row.values():
                raise _refused(location, rows.line_num, f"it has not {len(columns)} cells, as the header has")
            item = row.pop(item_column).strip()
            yield _item(item, location, rows.line_num), _typed(row, column_types, location, rows.line_num)
    except (csv.Error, UnicodeDecodeError) as error:
        raise _refused(location, rows.line_num + 1, server_text(str(error))) from cause_of(error)


def _typed(row: dict[str, str], column_types: Mapping[str, str], location: PathLike, number: int) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, text in row.items():
        if text == "":
            continue
        kind = column_types.get(name, "text")
        try:
            told[name] = COLUMN_TYPES[kind](text)
        except (ValueError, LookupError, RecursionError):
            raise _refused(location, number, f"{name!r} is no {kind}") from None
    return told


def _json_lines(file: Any, location: PathLike, item_column: str) -> Iterator[Line]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise _refused(location, number, "it is no JSON object")
        item = told.pop(item_column, None)
        yield _item(item.strip() if isinstance(item, str) else None, location, number), told


def _item(item: str | None, location: PathLike, number: int) -> str:
    if not item:
        raise _refused(location, number, "it names no item")
    return item


def _refused(location: PathLike, number: int, why: str) -> EncordInputError:
    return EncordInputError(f"{_shown(location)}, line {number}: {why}. Nothing was changed.")


def _shown(location: PathLike) -> str:
    return shown_location(str(location))
