"""Texts that may be more than memory holds, and what belongs to each: what a dataset or folder holds already."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from types import TracebackType


class Index:
    """Remembers values by their texts in a temporary file that is gone when it is closed. Use it as a context manager.

    Of pairs with equal texts, the first counts.

    :param pairs: of text and value.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._database = temporary_database("CREATE TABLE pairs (text BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
        rows = ((to_bytes(text), to_bytes(value)) for text, value in pairs)
        self._database.executemany("INSERT OR IGNORE INTO pairs VALUES (?, ?)", rows)

    @classmethod
    def of(cls, texts: Iterable[str]) -> Index:
        """Remember texts alone."""
        return cls((text, "") for text in texts)

    def get(self, text: str) -> str | None:
        """Return what belongs to a text, or None."""
        found = self._database.execute("SELECT value FROM pairs WHERE text = ?", (to_bytes(text),)).fetchone()
        return None if found is None else bytes(found[0]).decode("utf-8", "surrogatepass")

    def put(self, text: str, value: str) -> None:
        """Let another value belong to a text."""
        self._database.execute("INSERT OR REPLACE INTO pairs VALUES (?, ?)", (to_bytes(text), to_bytes(value)))

    def __contains__(self, text: str) -> bool:
        """Whether the text was among those given."""
        return self.get(text) is not None

    def __enter__(self) -> Index:
        """Enter."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Drop the file."""
        self._database.close()


def temporary_database(table: str) -> sqlite3.Connection:
    """Return a database with one table, in a temporary file that is gone when it is closed."""
    database = sqlite3.connect("")  # an empty name is a private file on disk, with a small cache
    database.execute("PRAGMA journal_mode = OFF")
    database.execute(table)
    return database


def to_bytes(text: str) -> bytes:
    """Return a text as it is kept: as a text, SQLite takes no halves of characters."""
    return text.encode("utf-8", "surrogatepass")
