"""What was asked of the local Encord, without anything secret."""

import json
from collections import deque
from collections.abc import Collection, Iterable
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any

from airflow_provider_encord.emulator import checks
from airflow_provider_encord.emulator.state_directory import open_private

KEPT = 100_000

UNKNOWN = "unknown"
"""What stands for the operation of a request that is for none."""

notes: ContextVar[dict[str, Any]] = ContextVar("notes")
"""What is to be said about the request being answered, beyond what every request has."""


class RequestLog:
    """The latest requests in memory, and all of them as JSON lines if a file is given.

    :param operations: names of the operations there are
    """

    def __init__(self, operations: Collection[str], file: Path | None = None) -> None:
        self._operations = operations
        self._entries: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._file: IO[str] | None = open_private(file, "a") if file else None

    def add(self, entry: dict[str, Any]) -> None:
        """Keep one request. The caller has left out headers, query values and bodies."""
        self._entries.append(entry)
        if self._file:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()

    def entries(self, operation: str | None = None) -> list[dict[str, Any]]:
        """Return the requests in order of their answers, all or those of one operation."""
        if operation is not None:
            checks.known([operation], {*self._operations, UNKNOWN}, "operation")
        entries: Iterable[dict[str, Any]] = tuple(self._entries)
        return [entry for entry in entries if operation in (None, entry["operation"])]

    def clear(self) -> None:
        """Forget the requests kept in memory."""
        self._entries.clear()

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
