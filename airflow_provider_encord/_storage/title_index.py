"""Titles of a listing, which may be more than memory holds, and which of them several items have."""

from __future__ import annotations

import json
from operator import lt

from airflow_provider_encord._storage.spool import Spool
from airflow_provider_encord._storage.temporary_table import TemporaryTable, to_bytes, to_text

_AT_ONCE = 1000
_COUNT = "INSERT INTO titles VALUES (?, 1) ON CONFLICT (title) DO UPDATE SET count = count + 1"


class TitleIndex(TemporaryTable):
    """Counts titles. Use it as a context manager.

    Titles in ascending order, as those of a listing mostly are, all differ; only others are worth the table.
    """

    def __init__(self) -> None:
        super().__init__("titles (title BLOB PRIMARY KEY, count)")
        self._new: list[str] = []
        self._lists = Spool()
        self._last = ""
        self._ascending = True

    def add(self, title: str) -> None:
        """Add the title of one item."""
        self._new.append(title)
        if len(self._new) == _AT_ONCE:
            self._put_aside()

    def shared(self, most: int) -> tuple[int, dict[str, int]]:
        """Return how many titles several items have, and some of these with their counts, the highest first."""
        if self._new:
            self._put_aside()
        if self._ascending:
            return 0, {}
        self._fill(_COUNT, ((to_bytes(title),) for line in self._lists for title in json.loads(line)))
        ((count,),) = self._database.execute("SELECT count(*) FROM titles WHERE count > 1")
        found = self._database.execute(
            "SELECT title, count FROM titles WHERE count > 1 ORDER BY count DESC, title LIMIT ?", (most,)
        )
        return count, {to_text(title): items for title, items in found}

    def __exit__(self, *error: object) -> None:
        """Drop the files."""
        super().__exit__(*error)
        self._lists.__exit__(*error)

    def _put_aside(self) -> None:
        self._ascending = self._ascending and all(map(lt, [self._last, *self._new], self._new))
        self._last = self._new[-1]
        self._lists.add(json.dumps(self._new))
        self._new.clear()
