"""The client metadata of each item: what all items get, and what a dict or file says of the single ones."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_encord._client.redaction import shown
from airflow_provider_encord._storage.files import PathLike, shown_location
from airflow_provider_encord._storage.metadata_file import Line, read_metadata
from airflow_provider_encord._storage.temporary_table import TemporaryTable, to_bytes
from airflow_provider_encord.exceptions import EncordInputError

_EITHER = ""  # the column of a dict, whose keys may be keys or names
_MANY = 2  # that a row was used more often does not matter


class ItemMetadata(TemporaryTable):
    """Finds the client metadata of items by their keys or names. Use it as a context manager.

    What is said of single items lies in a temporary file on disk, so it may be more than memory holds.

    :param for_all: what all items get; what is said of a single item wins.
    :param by_item: a dict by key or name, or the path or URL of a CSV or JSONL file, whose column ``key`` or ``name``
        says which one it is; None for nothing.
    :param conn_id: Airflow connection of the store of the file.
    :param file_format: ``csv`` or ``jsonl``.
    :param reserved: keys that no item may get.
    :raises EncordInputError: for a file that can't be used; it names the line.
    :raises EncordMachineError: when the file can't be read on this machine.
    """

    def __init__(
        self,
        for_all: Mapping[str, Any] | None,
        by_item: Mapping[str, Mapping[str, Any]] | PathLike | None,
        *,
        conn_id: str | None = None,
        file_format: str | None = None,
        reserved: Sequence[str] = (),
    ) -> None:
        super().__init__("rows (item BLOB PRIMARY KEY, row INTEGER, line INTEGER, metadata TEXT)")
        self._for_all = dict(for_all or {})
        self._by_item = by_item
        self._column = _EITHER
        self._uses = bytearray()  # of each row; a byte each, also for a million of them
        self._without = 0
        lines: Iterable[Line] = ()
        if isinstance(by_item, Mapping):
            lines = (Line(at, _EITHER, item, dict(by_item[item])) for at, item in enumerate(by_item, 1))
        elif by_item is not None:
            columns = ("key", "name")
            lines = read_metadata(
                by_item, conn_id, file_format=str(file_format), item_columns=columns, reserved=reserved
            )
        try:
            self._add(lines)
        except BaseException:
            self._database.close()
            raise

    def of(self, *keys: str) -> dict[str, Any]:
        """Return the metadata of an item that is to be registered.

        :param keys: what may stand for the item as its key; the last part of the last one is its name.
        """
        found = None if self._by_item is None else self._find(keys)
        if found is None:
            self._without += 1
            return self._for_all
        return {**self._for_all, **json.loads(found)}

    def note(self, *keys: str) -> None:
        """Note that there is an item, so that what is said of it does not count as unused."""
        if self._by_item is not None:
            self._find(keys)

    @property
    def unused(self) -> int | None:
        """How many rows no item has used; None if nothing is said of single items."""
        return None if self._by_item is None else self._uses.count(0)

    @property
    def without(self) -> int | None:
        """How many items to be registered had no row; None if nothing is said of single items."""
        return None if self._by_item is None else self._without

    @property
    def shared_names(self) -> int:
        """How many rows by name were used for several items."""
        return 0 if self._column == "key" else self._uses.count(_MANY)

    def __str__(self) -> str:
        """Say which form was given."""
        if self._by_item is None:
            return "the same for all items"
        what = "a dict by key or name" if self._column == _EITHER else f"a file by {self._column}"
        return f"{what}, for {len(self._uses):,} items"

    def _add(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self._column = line.column
            row = to_bytes(_without_slash(line.item)), len(self._uses), line.number, json.dumps(line.metadata)
            try:
                self._database.execute("INSERT INTO rows VALUES (?, ?, ?, ?)", row)
            except sqlite3.IntegrityError:
                ((first,),) = self._database.execute("SELECT line FROM rows WHERE item = ?", row[:1])
                raise self._twice(line, first) from None
            self._uses.append(0)

    def _twice(self, line: Line, first: int) -> EncordInputError:
        if isinstance(self._by_item, Mapping):
            return EncordInputError(f"client_metadata_by_item has {shown(line.item)} twice, with and without a slash.")
        where = f"{shown_location(str(self._by_item))}, line {line.number}"
        return EncordInputError(
            f"{where}: {shown(line.item)} is in line {first}, too; an item has one line. Nothing was changed."
        )

    def _find(self, keys: Sequence[str]) -> str | None:
        for text in self._texts(keys):
            query = "SELECT row, metadata FROM rows WHERE item = ?"
            if found := self._database.execute(query, (to_bytes(text),)).fetchone():
                row, metadata = found
                self._uses[row] = min(self._uses[row] + 1, _MANY)
                return str(metadata)
        return None

    def _texts(self, keys: Sequence[str]) -> Iterator[str]:
        """Yield what an item may be called: keys before its name."""
        if self._column != "name":
            yield from map(_without_slash, keys)
        if self._column != "key":
            yield _without_slash(keys[-1]).rpartition("/")[2]


def _without_slash(key: str) -> str:
    return key.rstrip("/") or key  # a folder may be written with its last slash
