"""A set of texts that may be larger than memory: what a dataset holds already."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from types import TracebackType


class Seen:
    """Remembers texts in a temporary file that is gone when it is closed. Use it as a context manager."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._database = sqlite3.connect("")  # an empty name is a private file on disk, with a small cache
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE seen (text BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?)", ((_bytes(text),) for text in texts))

    def __contains__(self, text: str) -> bool:
        """Whether the text was among those given."""
        return self._database.execute("SELECT 1 FROM seen WHERE text = ?", (_bytes(text),)).fetchone() is not None

    def __enter__(self) -> Seen:
        """Enter."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Drop the file."""
        self._database.close()


def _bytes(text: str) -> bytes:
    # As a text, SQLite takes no halves of characters.
    return text.encode("utf-8", "surrogatepass")
