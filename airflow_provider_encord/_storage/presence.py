"""What is in Encord already, by where it came from; it may be more than memory holds."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_encord._resume.item_tags import SOURCE_KEY
from airflow_provider_encord._storage.sources import name_of, note_of, title_name, version_of
from airflow_provider_encord._storage.temporary_table import TemporaryTable, to_bytes

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


class Presence(TemporaryTable):
    """Finds what is in Encord by its source, in a temporary file that is gone when it is closed.

    :param items: of the folder that the data goes to.
    :param rows: of the dataset, if there is one; of their items, the folder tells more.
    :param only_rows: whether the items count only as far as the dataset has them.
    """

    def __init__(
        self, items: Iterable[StorageItem], rows: Iterable[DataRow] | None = None, *, only_rows: bool = False
    ) -> None:
        super().__init__("held (name BLOB PRIMARY KEY, version, created, item_uuid, data_hash, items)")
        self.is_empty = True
        """Whether nothing is there."""
        self.has_titles = False
        """Whether anything tells only its title."""
        self._fill(_KEEP, self._items(items) if rows is None else self._joined(items, rows, only_rows))

    def find(self, name: str) -> Held | None:
        """Return what is there of a source, or None."""
        found = self._database.execute(
            "SELECT version, item_uuid, data_hash, items FROM held WHERE name = ?", (to_bytes(name),)
        ).fetchone()
        return None if found is None else Held(*found)

    def _items(self, items: Iterable[StorageItem]) -> Iterator[tuple[Any, ...]]:
        for item in items:
            yield self._values(*_facts(item), item.uuid, None)

    def _joined(
        self, items: Iterable[StorageItem], rows: Iterable[DataRow], only_rows: bool
    ) -> Iterator[tuple[Any, ...]]:
        with _Items(items) as known:
            for row in rows:
                uuid = _plain(row.backing_item_uuid)
                found = known.facts(uuid)
                url, _, note, grouped, created = found or _facts_of_row(row)
                yield self._values(url or row.file_link, row.data_title, note, grouped, created, uuid, row.data_hash)
                if found and not only_rows:
                    known.note_row(uuid)
            if not only_rows:
                for uuid, facts in known.without_row():
                    yield self._values(*facts, uuid, None)

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
        self.is_empty = False
        self.has_titles = self.has_titles or name.startswith(title_name(""))
        known = bool(note) and name_of(None, title, metadata) == name  # a note may have been copied with its metadata
        version = _plain(version_of(note)) if known else ""
        return to_bytes(name), version, created, _plain(item_uuid), _plain(data_hash)


class _Items(TemporaryTable):
    """What the items of a folder tell, by their UUIDs."""

    def __init__(self, items: Iterable[StorageItem]) -> None:
        super().__init__("items (uuid PRIMARY KEY, facts, in_rows)")
        rows = ((item.uuid, marshal.dumps(_facts(item))) for item in items)  # type: ignore[arg-type]
        self._fill("INSERT OR REPLACE INTO items VALUES (?, ?, 0)", rows)

    def facts(self, uuid: str | None) -> _Facts | None:
        """Return what an item tells, if it is among them."""
        found = self._database.execute("SELECT facts FROM items WHERE uuid = ?", (uuid,)).fetchone()
        return found and _loaded(found[0])

    def note_row(self, uuid: str | None) -> None:
        """Note that the dataset has the item."""
        self._database.execute("UPDATE items SET in_rows = 1 WHERE uuid = ?", (uuid,))

    def without_row(self) -> Iterator[tuple[str, _Facts]]:
        """Yield the others, with what they tell."""
        for uuid, facts in self._database.execute("SELECT uuid, facts FROM items WHERE NOT in_rows"):
            yield uuid, _loaded(facts)


_Facts = tuple[str | None, str, Mapping[str, Any], bool, float]
"""Address, title, note of the source, whether it is a group, and when it was made."""


def _loaded(facts: bytes) -> _Facts:
    loaded: _Facts = marshal.loads(facts)  # noqa: S302  (this process wrote it)
    return loaded


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


def _plain(text: str | None) -> str | None:
    return text if text is None or text.isascii() else ascii(text)
