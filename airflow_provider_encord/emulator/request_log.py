"""What was asked of the local Encord, without anything secret."""

import json
from collections import deque
from collections.abc import Collection, Iterable
from contextvars import ContextVar
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypedDict

from airflow_provider_encord.emulator import checks
from airflow_provider_encord.emulator.state_directory import open_private

KEPT = 100_000


class Entry(TypedDict, total=False):
    """One request."""

    time: float
    """When it was answered, in seconds since the epoch."""
    operation: str
    """Name of the operation, or ``unknown``."""
    method: str
    path: str
    query: list[str]
    """Names of the query's parameters."""
    status: int | None
    """HTTP status, None if the connection was closed without an answer."""
    dataset: str | None
    """Dataset in the headers, or the one that was created."""
    user: str | None
    """First 8 digits of the user's public key, None if nobody was recognised."""
    trace_id: str | None
    user_agent: str
    fault: str
    """What a rule did to it: ``status``, ``drop``, ``hang`` or ``delay``."""
    refused: str
    """Name of the legacy error it was answered with."""
    jobs: list[str]
    """Registration job that it started."""
    tasks: list[int | str]
    """Re-encode task that it started."""
    removed: int
    """How many data rows it deleted."""
    request_body: Any
    """With ``keep_bodies``: what was sent, JSON as it is and anything else as text."""
    response_body: Any
    """With ``keep_bodies``: what was answered."""


UNKNOWN = "unknown"
"""What stands for the operation of a request that is for none."""

notes: ContextVar[dict[str, Any]] = ContextVar("notes")
"""What is to be said about the request being answered, beyond what every request has."""


class RequestLog:
    """The latest requests in memory, and all of them as JSON lines, without bodies, if a file is given.

    :param operations: names of the operations there are
    """

    def __init__(self, operations: Collection[str], file: Path | None = None) -> None:
        self._operations = operations
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._added = 0
        self._file: IO[str] | None = open_private(file, "a") if file else None

    def add(self, entry: Entry, bodies: Entry) -> None:
        """Keep one request. The caller has left out headers and query values."""
        self._entries.append({**entry, **bodies})
        self._added += 1
        if self._file:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()

    def entries(self, operation: str | None = None) -> list[Entry]:
        """Return the requests in order of their answers, all or those of one operation."""
        if operation is not None:
            checks.known([operation], {*self._operations, UNKNOWN}, "operation")
        entries: Iterable[Entry] = tuple(self._entries)
        return [entry for entry in entries if operation in (None, entry["operation"])]

    def latest(self, count: int) -> list[tuple[int, Entry]]:
        """Return the latest requests with their numbers, newest first."""
        newest = list(islice(reversed(self._entries), count))
        return [(self._added - back, entry) for back, entry in enumerate(newest)]

    def clear(self) -> None:
        """Forget the requests kept in memory."""
        self._entries.clear()

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
