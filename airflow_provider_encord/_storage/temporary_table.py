"""Tables in temporary files, for what may be more than memory holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Self


class TemporaryTable:
    """A table of SQLite in a temporary file that is gone when it is closed. Use it as a context manager.

    :param definition: its name and columns.
    """

    def __init__(self, definition: str) -> None:
        self._database = sqlite3.connect("")  # an empty name is a private file on disk, with a small cache
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(f"CREATE TABLE {definition} WITHOUT ROWID")

    def _fill(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Execute a statement with each row; if anything fails, close the table, which nobody has entered yet."""
        try:
            self._database.executemany(statement, rows)
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        """Enter."""
        return self

    def __exit__(self, *_: object) -> None:
        """Drop the file."""
        self._database.close()


def to_bytes(text: str) -> bytes:
    """Return a text as it is kept: as a text, SQLite takes no halves of characters."""
    return text.encode("utf-8", "surrogatepass")


def to_text(kept: bytes) -> str:
    """Return a text that was kept."""
    return kept.decode("utf-8", "surrogatepass")
