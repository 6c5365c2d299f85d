"""Names of things and their ids, which may be more than memory holds."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType

from airflow_provider_encord._storage.text_index import temporary_database, to_bytes


class NameIndex:
    """Finds ids by name, in a temporary file that is gone when it is closed. Use it as a context manager.

    :param named: name and id of each.
    """

    def __init__(self, named: Iterable[tuple[str, str]]) -> None:
        self._database = temporary_database(
            "CREATE TABLE named (name BLOB, id TEXT, PRIMARY KEY (name, id)) WITHOUT ROWID"
        )
        pairs = ((to_bytes(name), id) for name, id in named)
        self._database.executemany("INSERT OR IGNORE INTO named VALUES (?, ?)", pairs)

    def find(self, name: str) -> list[str]:
        """Return the ids of a name, two at most."""
        found = self._database.execute("SELECT id FROM named WHERE name = ? LIMIT 2", (to_bytes(name),))
        return [each for (each,) in found]

    def __enter__(self) -> NameIndex:
        """Enter."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Drop the file."""
        self._database.close()
