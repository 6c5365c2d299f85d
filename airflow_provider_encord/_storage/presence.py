"""What is in Encord already, by where it came from; it may be more than memory holds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_encord._resume.item_tags import SOURCE_KEY
from airflow_provider_encord._storage.sources import name_of, note_of, title_name, version_of

if TYPE_CHECKING:
    from airflow_provider_encord._client.resources.data_rows import DataRow
    from airflow_provider_encord._client.resources.items import StorageItem

_GROUPS = frozenset({"group", "imagegroup", "imagesequence", "dicomseries", "img_group", "img_sequence", "dicom"})
_KEEP = """
INSERT INTO held VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT (name) DO UPDATE SET
    items = items + 1,
    version = iif(excluded.created > created, excluded.version, version),
    item_uuid = iif(excluded.created > created, excluded.item_uuid, item_uuid),
    data_hash = iif(excluded.created > created, excluded.data_hash, data_hash),
    created = max(excluded.created, created)
"""


class Held(NamedTuple):
    """What is in Encord of one source.

    :param version: of the newest content; empty if it is unknown.
    :param items: how many there are.
    """

    version: str
    item_uuid: str | None
    data_hash: str | None
    items: int

    @property
    def ids(self) -> dict[str, str]:
        """What is known of the ids of the newest item."""
        return {name: value for name in ("data_hash", "item_uuid") if (value := getattr(self, name)) is not None}


class Presence:
    """Finds what is in Encord by its source, in a temporary file that is gone when it is closed.

    :param items: of the folder that the data goes to.
    :param rows: of the dataset, if there is one; of their items, the folder tells more.
    :param only_rows: whether the items count only as far as the dataset has them.
    """

    def __init__(
        self, items: Iterable[StorageItem], rows: Iterable[DataRow] | None = None, *, only_rows: bool = False
    ) -> None:
        self._database = _database("held (name BLOB PRIMARY KEY, version, created, item_uuid, data_hash, items)")
        self._is_empty = True
        self.has_titles = False
        """Whether anything tells only its title."""
        self._database.executemany(_KEEP, self._items(items) if rows is None else self._joined(items, rows, only_rows))

    def find(self, name: str) -> Held | None:
        """Return what is there of a source, or None."""
        if self._is_empty:
            return None
        found = self._database.execute(
            "SELECT version, item_uuid, data_hash, items FROM held WHERE name = ?", (_bytes(name),)
        ).fetchone()
        return None if found is None else Held(*found)

    def __enter__(self) -> Presence:
        """Enter."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Drop the file."""
        self._database.close()

    def _items(self, items: Iterable[StorageItem]) -> Iterator[tuple[Any, ...]]:
        for item in items:
            yield self._values(*_facts(item), item.uuid, None)

    def _joined(
        self, items: Iterable[StorageItem], rows: Iterable[DataRow], only_rows: bool
    ) -> Iterator[tuple[Any, ...]]:
        with closing(_database("items (uuid PRIMARY KEY, facts, in_rows)")) as known:
            told = ((item.uuid, json.dumps(_facts(item))) for item in items)
            known.executemany("INSERT OR REPLACE INTO items VALUES (?, ?, 0)", told)
            for row in rows:
                uuid = _plain(row.backing_item_uuid)
                found = known.execute("SELECT facts FROM items WHERE uuid = ?", (uuid,)).fetchone()
                url, _, note, grouped, created = json.loads(found[0]) if found else _facts_of_row(row)
                yield self._values(url or row.file_link, row.data_title, note, grouped, created, uuid, row.data_hash)
                if found and not only_rows:
                    known.execute("UPDATE items SET in_rows = 1 WHERE uuid = ?", (uuid,))
            if not only_rows:
                for uuid, facts in known.execute("SELECT uuid, facts FROM items WHERE NOT in_rows"):
                    url, title, note, grouped, created = json.loads(facts)
                    yield self._values(url, title, note, grouped, created, uuid, None)

    def _values(
        self,
        url: str | None,
        title: str,
        note: Mapping[str, Any],
        grouped: bool,
        created: float,
        item_uuid: str | None,
        data_hash: str | None,
    ) -> tuple[Any, ...]:
        metadata = {SOURCE_KEY: note}
        name = name_of(url, title, metadata, grouped=grouped)
        self._is_empty = False
        self.has_titles = self.has_titles or name.startswith(title_name(""))
        known = bool(note) and name_of(None, title, metadata) == name  # a note may have been copied with its metadata
        version = _plain(version_of(note)) if known else ""
        return _bytes(name), version, created, _plain(item_uuid), _plain(data_hash)


_Facts = tuple[str | None, str, Mapping[str, Any], bool, float]
"""Address, title, note of the source, whether it is a group, and when it was made."""


def _facts(item: StorageItem) -> _Facts:
    made = item.created_at.timestamp() if item.created_at else 0.0
    return item.url, item.name, note_of(item.client_metadata), _is_group(item.item_type), made


def _facts_of_row(row: DataRow) -> _Facts:
    made = row.created_at.timestamp() if row.created_at else 0.0
    return row.file_link, row.data_title, note_of(row.client_metadata), _is_group(row.data_type), made


def item_name(item: StorageItem) -> str:
    """Return by which name an item is found: where it comes from."""
    return name_of(item.url, item.name, item.client_metadata, grouped=_is_group(item.item_type))


def _is_group(kind: str) -> bool:
    return kind.lower() in _GROUPS


def _database(table: str) -> sqlite3.Connection:
    database = sqlite3.connect("")  # an empty name is a private file on disk, with a small cache
    database.execute("PRAGMA journal_mode = OFF")
    database.execute(f"CREATE TABLE {table} WITHOUT ROWID")
    return database


def _bytes(text: str) -> bytes:
    # As a text, SQLite takes no halves of characters.
    return text.encode("utf-8", "surrogatepass")


def _plain(text: str | None) -> str | None:
    return text if text is None or text.isascii() else ascii(text)
