"""Where everything lives: one SQLite database and a folder of uploaded bytes."""

import re
import secrets
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from airflow_provider_encord.emulator import schema
from airflow_provider_encord.emulator.state_directory import StateDirectory

_SECRET = "instance"  # noqa: S105 - the name of a row


@lru_cache(maxsize=256)
def _like_pattern(pattern: str) -> re.Pattern[str]:
    def translated(token: re.Match[str]) -> str:
        return {"%": ".*", "_": "."}.get(token[0]) or re.escape(token[1] or token[0])

    return re.compile(re.sub(r"\\(.)|.", translated, pattern, flags=re.DOTALL), re.DOTALL)


def _like(pattern: str | None, text: str | None) -> bool | None:
    if pattern is None or text is None:
        return None
    return _like_pattern(pattern).fullmatch(text) is not None


class Store:
    """The database and the folder for bytes, both durable once a call returns if a directory is given.

    One connection, guarded by a lock: the emulator's handlers run in threads, and its transactions are short.

    :param directory: where to keep everything; without it, in memory and in a temporary folder
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._temporary = directory is None
        self._directory = StateDirectory(directory or Path(tempfile.mkdtemp(prefix="encord-emulator-")))
        self.objects = self._directory.objects
        self._lock = threading.RLock()
        database = ":memory:" if directory is None else self._directory.database()
        self._connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        # The built-in LIKE of SQLite ignores case, the one of the SQL standard does not.
        self._connection.create_function("like", 2, _like, deterministic=True)
        # What has been handed to the operating system survives the death of the process; that is all that is
        # promised, so there is no need to wait for the disk.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        # Half a million rows under random UUIDs need more than the 2 MB of cache there are by default.
        self._connection.execute("PRAGMA cache_size = -262144")
        self._connection.execute("PRAGMA wal_autocheckpoint = 20000")
        version = self.value("PRAGMA user_version")
        empty = self.value("SELECT count(*) FROM sqlite_master") == 0
        self._connection.executescript(schema.script(version, empty))
        with self.transaction():
            self.run("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (_SECRET, secrets.token_bytes(32)))
        self._directory.remove_strays(
            {row["uuid"] for row in self.all("SELECT uuid FROM objects WHERE size IS NOT NULL")}
        )

    @property
    def secret(self) -> bytes:
        """Random bytes of this instance, from which signatures and tokens are derived."""
        value = self.value("SELECT value FROM secrets WHERE name = ?", (_SECRET,))
        assert isinstance(value, bytes)  # noqa: S101 - the schema says so
        return value

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do several things or none of them. Inside another transaction it is part of that one."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def run(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        with self._lock:
            return self._connection.execute(sql, values)

    def run_many(self, sql: str, values: Sequence[Sequence[Any]]) -> None:
        """Run one statement for many values."""
        with self._lock:
            self._connection.executemany(sql, values)

    def insert(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows, given as all the values of the table's columns."""
        if rows:
            self.run_many(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)  # noqa: S608

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return all rows."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """Return the first row."""
        with self._lock:
            row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
            return row

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Return the first field of the first row."""
        row = self.one(sql, values)
        return None if row is None else row[0]

    def close(self) -> None:
        """Close the database; without a directory, everything is gone."""
        with self._lock:
            self._connection.close()
        if self._temporary:
            shutil.rmtree(self._directory.path, ignore_errors=True)
