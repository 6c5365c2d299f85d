"""Files that say which client metadata items get: CSV with a header, or one JSON object a line."""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from airflow_provider_encord._client.outgoing import one_line
from airflow_provider_encord._client.redaction import cause_of, server_text, shown
from airflow_provider_encord._storage.encodings import encoding_problem
from airflow_provider_encord._storage.files import PathLike, is_local, resolve, shown_location
from airflow_provider_encord.exceptions import EncordInputError, EncordMachineError

_READ_AHEAD_BYTES = 1024 * 1024
_UNDECODED = re.compile("[\udc80-\udcff]")
_NOT_UTF8 = "it is not UTF-8; save the file in this encoding"


class Line(NamedTuple):
    """What a line says.

    :param number: counted from 1; of a row over several lines, the last one.
    :param column: the column, or key, that names the item.
    """

    number: int
    column: str
    item: str
    metadata: dict[str, Any]


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError
    return value


# Python's own reader takes NaN and Infinity, too, which no JSON can carry to Encord.
_loads = json.JSONDecoder(parse_float=_finite, parse_constant=_finite).decode


def _number(text: str) -> Any:
    value = _loads(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    return value


def _boolean(text: str) -> bool:
    return {"true": True, "false": False, "1": True, "0": False}[text.lower()]


COLUMN_TYPES: dict[str, Callable[[str], Any]] = {
    "text": str,
    "number": _number,
    "boolean": _boolean,
    "json": _loads,
}
"""What the text of a CSV column can stand for."""


def read_metadata(
    location: PathLike,
    conn_id: str | None,
    *,
    file_format: str,
    item_columns: Sequence[str],
    column_types: Mapping[str, str] | None = None,
    reserved: Sequence[str] = (),
) -> Iterator[Line]:
    """Yield what each line says, in bounded memory; an empty cell of a CSV file says nothing.

    :param file_format: ``csv`` or ``jsonl``.
    :param item_columns: columns, or keys, that can name the item; a file has one of them.
    :param reserved: columns, or keys, that no line may have.
    :param column_types: what the texts of CSV columns stand for, by column; others are texts.
    :raises EncordMachineError: when the file can't be read on this machine.
    :raises EncordInputError: for a line that can't be used; it names the line.
    """
    path: Any = resolve(location, conn_id)
    more = {} if is_local(path) else {"block_size": _READ_AHEAD_BYTES}
    try:
        with path.open("rb", **more) as file:
            head = file.read(64)
            if problem := encoding_problem(head):
                raise EncordInputError(f"{_shown(location)} {problem}. Nothing was changed.")
            file.seek(0)
            lines = _csv_lines if file_format == "csv" else _json_lines
            yield from lines(file, location, item_columns, reserved, column_types or {})
    except (EncordInputError, GeneratorExit):
        raise
    except Exception as error:  # any store's own exceptions
        reason = f"{type(error).__name__}: {server_text(str(error))}"
        raise EncordMachineError(f"{_shown(location)} cannot be read on this machine ({reason}).") from cause_of(error)


def _csv_lines(
    file: Any, location: PathLike, named: Sequence[str], reserved: Sequence[str], column_types: Mapping[str, str]
) -> Iterator[Line]:
    rows = csv.reader(_text_lines(file, location), strict=True)
    try:
        columns = next(rows, [])
        naming = [name for name in named if name in columns]
        problem = None
        if not naming or (missing := [name for name in column_types if name not in columns]):
            problem = f"no column {shown(missing[0]) if naming else _either(named)}"
        elif len(naming) > 1:
            problem = _both(naming)
        elif len(set(columns)) < len(columns):
            problem = "a column twice"
        elif taken := [name for name in reserved if name in columns]:
            problem = f"the column {taken[0]!r}, which the operator itself writes"
        if problem:
            its = ", ".join(columns) or "none"
            raise EncordInputError(f"{_shown(location)} has {problem}; its columns are {one_line(its)}.")
        at = columns.index(naming[0])
        for row in filter(None, rows):
            if len(row) != len(columns):
                raise _refused(location, rows.line_num, f"it has not {len(columns)} cells, as the header has")
            if not row[at].strip():
                raise _refused(location, rows.line_num, "it names no item")
            told = {name: text for name, text in zip(columns, row, strict=True) if text and name != naming[0]}
            for name in column_types.keys() & told.keys():
                told[name] = _typed(told[name], name, column_types[name], location, rows.line_num)
            yield Line(rows.line_num, naming[0], row[at], told)
    except csv.Error as error:
        raise _refused(location, rows.line_num, server_text(str(error))) from cause_of(error)


def _text_lines(file: Any, location: PathLike) -> Iterator[str]:
    # A decoder reads ahead, so its own error would come before the line that is wrong.
    lines = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    for number, line in enumerate(lines, 1):
        if not line.isascii() and _UNDECODED.search(line):
            raise _refused(location, number, _NOT_UTF8)
        yield line


def _typed(text: str, name: str, kind: str, location: PathLike, number: int) -> Any:
    try:
        return COLUMN_TYPES[kind](text)
    except (ValueError, LookupError, RecursionError):
        raise _refused(location, number, f"{name!r} is no {kind}") from None


def _json_lines(
    file: Any, location: PathLike, named: Sequence[str], reserved: Sequence[str], _: Mapping[str, str]
) -> Iterator[Line]:
    column = None
    for number, line in enumerate(iter(file.readline, b""), 1):  # not every file of fsspec can be iterated
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if not line.strip():
            continue
        try:
            told = _loads(line.decode())
        except UnicodeDecodeError:
            raise _refused(location, number, _NOT_UTF8) from None
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise _refused(location, number, "it is no JSON object")
        naming = [name for name in named if name in told]
        if len(naming) > 1:
            raise _refused(location, number, f"it has {_both(naming)}")
        item = told.pop(naming[0]) if naming else None
        if not isinstance(item, str) or not item.strip():
            raise _refused(location, number, f"it names no item; it needs {_either(named)}")
        if column not in (None, naming[0]):
            raise _refused(location, number, f"it has {naming[0]!r}, and the lines before have {column!r}")
        if taken := [name for name in reserved if name in told]:
            raise _refused(location, number, f"it has {taken[0]!r}, which the operator itself writes")
        column = naming[0]
        yield Line(number, column, item, told)


def _both(names: Sequence[str]) -> str:
    return f"both {' and '.join(map(repr, names))}: which one names the item?"


def _either(names: Sequence[str]) -> str:
    return " or ".join(map(repr, names))


def _refused(location: PathLike, number: int, why: str) -> EncordInputError:
    return EncordInputError(f"{_shown(location)}, line {number}: {why}. Nothing was changed.")


def _shown(location: PathLike) -> str:
    return shown_location(str(location))
