"""The titles in a dataset, as a set that may be larger than memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from types import TracebackType


class TitleIndex:
    """Keeps titles in a temporary file, which is deleted when it is closed. Use it as a context manager."""

    def __init__(self, titles: Iterable[str]) -> None:
        self._database = sqlite3.connect("")  # an empty name means a private temporary file with a small cache
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE titles (title BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.executemany("INSERT OR IGNORE INTO titles VALUES (?)", ((_bytes(title),) for title in titles))

    def __contains__(self, title: str) -> bool:
        """Whether the title is in the dataset."""
        row = self._database.execute("SELECT 1 FROM titles WHERE title = ?", (_bytes(title),)).fetchone()
        return row is not None

    def __enter__(self) -> TitleIndex:
        """Enter."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Delete the file."""
        self._database.close()


def _bytes(title: str) -> bytes:
    # SQLite refuses lone surrogates in a string.
    return title.encode("utf-8", "surrogatepass")
