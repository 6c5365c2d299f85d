"""Titles of a listing, which may be more than memory holds, and which of them several items have."""

from __future__ import annotations

import sqlite3
from types import TracebackType

_AT_ONCE = 1000
_KEEP = "INSERT INTO titles VALUES (?, 1) ON CONFLICT (title) DO UPDATE SET count = count + 1"


class TitleIndex:
    """Counts titles in a temporary file that is gone when it is closed. Use it as a context manager."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")  # an empty name is a private file on disk, with a small cache
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE titles (title BLOB PRIMARY KEY, count) WITHOUT ROWID")
        self._new: list[tuple[bytes]] = []

    def add(self, title: str) -> None:
        """Count the title of one item."""
        self._new.append((title.encode("utf-8", "surrogatepass"),))
        if len(self._new) == _AT_ONCE:
            self._flush()

    def shared(self) -> int:
        """Return how many titles several items have."""
        self._flush()
        return int(self._database.execute("SELECT count(*) FROM titles WHERE count > 1").fetchone()[0])

    def examples(self, most: int) -> dict[str, int]:
        """Return some of these titles, and how many items have each; those of most items first."""
        self._flush()
        found = self._database.execute(
            "SELECT title, count FROM titles WHERE count > 1 ORDER BY count DESC, title LIMIT ?", (most,)
        )
        return {title.decode("utf-8", "surrogatepass"): count for title, count in found}

    def __enter__(self) -> TitleIndex:
        """Enter."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Drop the file."""
        self._database.close()

    def _flush(self) -> None:
        self._database.executemany(_KEEP, self._new)
        self._new.clear()
