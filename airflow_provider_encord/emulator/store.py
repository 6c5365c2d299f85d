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

_SCHEMA = """
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS keys (key TEXT PRIMARY KEY, user TEXT NOT NULL, revoked INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS integrations (uuid TEXT PRIMARY KEY, title TEXT NOT NULL, provider INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS folders (
    uuid TEXT PRIMARY KEY, owner TEXT NOT NULL, parent TEXT, dataset TEXT, name TEXT NOT NULL,
    description TEXT NOT NULL, client_metadata TEXT, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS datasets (
    uuid TEXT PRIMARY KEY, owner TEXT NOT NULL, folder TEXT, title TEXT NOT NULL, description TEXT NOT NULL,
    storage_location INTEGER NOT NULL, created_at REAL NOT NULL, edited_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS datasets_by_owner ON datasets (owner);
CREATE TABLE IF NOT EXISTS api_keys (
    key TEXT PRIMARY KEY, key_hash TEXT NOT NULL, dataset TEXT NOT NULL, title TEXT NOT NULL, scopes TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY, uuid TEXT NOT NULL, owner TEXT NOT NULL, type TEXT NOT NULL,
    size INTEGER, content_type TEXT, etag TEXT, puts INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS items (
    uuid TEXT PRIMARY KEY, owner TEXT NOT NULL, folder TEXT NOT NULL, job TEXT, data_type TEXT NOT NULL,
    title TEXT NOT NULL, url TEXT, identity TEXT NOT NULL, storage_location INTEGER NOT NULL, width INTEGER,
    height INTEGER, fps REAL, duration REAL, file_size INTEGER, file_type TEXT, optimised INTEGER,
    client_metadata TEXT NOT NULL, created_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS items_by_identity ON items (folder, identity);
CREATE TABLE IF NOT EXISTS files (
    item TEXT NOT NULL, position INTEGER NOT NULL, uuid TEXT NOT NULL, url TEXT NOT NULL, title TEXT NOT NULL,
    width INTEGER, height INTEGER, file_size INTEGER, file_type TEXT, PRIMARY KEY (item, position));
CREATE INDEX IF NOT EXISTS files_by_url ON files (url);
CREATE TABLE IF NOT EXISTS rows (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, data_hash TEXT NOT NULL UNIQUE, dataset TEXT NOT NULL, item TEXT NOT NULL,
    job TEXT, title TEXT NOT NULL, created_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS rows_by_dataset ON rows (dataset, seq);
CREATE INDEX IF NOT EXISTS rows_by_item ON rows (item);
CREATE INDEX IF NOT EXISTS rows_by_job ON rows (job);
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, dataset TEXT NOT NULL,
    folder TEXT NOT NULL, ignore_errors INTEGER NOT NULL, due_at REAL NOT NULL,
    settled INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL, forced TEXT NOT NULL DEFAULT '{}',
    errors TEXT NOT NULL DEFAULT '[]', unit_errors TEXT NOT NULL DEFAULT '[]', pending INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, cancelled INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS payloads (job TEXT PRIMARY KEY, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, dataset TEXT NOT NULL, hashes TEXT NOT NULL, due_at REAL NOT NULL,
    forced TEXT NOT NULL DEFAULT '{}');
"""

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
        self.directory = directory or Path(tempfile.mkdtemp(prefix="encord-emulator-"))
        self.bytes_directory = self.directory / "objects"
        self.bytes_directory.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        database = ":memory:" if directory is None else self.directory / "encord.sqlite3"
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
        self._connection.executescript(_SCHEMA)
        with self.transaction():
            self.run("INSERT OR IGNORE INTO secrets VALUES (?, ?)", (_SECRET, secrets.token_bytes(32)))
        self._remove_strays()

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

    def _remove_strays(self) -> None:
        """Remove bytes whose upload or removal was cut short by the end of the process."""
        known = {row["uuid"] for row in self.all("SELECT uuid FROM objects WHERE size IS NOT NULL")}
        for file in self.bytes_directory.iterdir():
            if file.name not in known:
                file.unlink()

    def close(self) -> None:
        """Close the database; without a directory, everything is gone."""
        with self._lock:
            self._connection.close()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)
