"""Texts, which may be more than memory holds, and what belongs to each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from airflow_provider_encord._storage.temporary_table import TemporaryTable, to_bytes, to_text


class Index(TemporaryTable):
    """Remembers values by their texts: what a dataset or folder holds already. Of equal texts, the first counts.

    :param pairs: of text and value.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        super().__init__("pairs (text BLOB PRIMARY KEY, value BLOB)")
        rows = ((to_bytes(text), to_bytes(value)) for text, value in pairs)
        self._fill("INSERT OR IGNORE INTO pairs VALUES (?, ?)", rows)

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Remember texts alone."""
        return cls((text, "") for text in texts)

    def get(self, text: str) -> str | None:
        """Return what belongs to a text, or None."""
        found = self._database.execute("SELECT value FROM pairs WHERE text = ?", (to_bytes(text),)).fetchone()
        return None if found is None else to_text(found[0])

    def put(self, text: str, value: str) -> None:
        """Let another value belong to a text."""
        self._database.execute("INSERT OR REPLACE INTO pairs VALUES (?, ?)", (to_bytes(text), to_bytes(value)))

    def __contains__(self, text: str) -> bool:
        """Whether the text was among those given."""
        return self.get(text) is not None


class NameIndex(TemporaryTable):
    """Finds ids by names, which several things may have.

    :param named: name and id of each.
    """

    def __init__(self, named: Iterable[tuple[str, str]]) -> None:
        super().__init__("named (name BLOB, id TEXT, PRIMARY KEY (name, id))")
        self._fill("INSERT OR IGNORE INTO named VALUES (?, ?)", ((to_bytes(name), id) for name, id in named))

    def find(self, name: str) -> list[str]:
        """Return the ids of a name, two at most."""
        found = self._database.execute("SELECT id FROM named WHERE name = ? LIMIT 2", (to_bytes(name),))
        return [each for (each,) in found]
