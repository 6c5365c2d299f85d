"""Texts that may be more than memory holds, kept until all are known and then worked through."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import Self

_IN_MEMORY = 1024 * 1024


class Spool:
    """Keeps lines in their order, in a temporary file once they are many. Use it as a context manager.

    :param lines: texts without line breaks, such as UUIDs.
    """

    def __init__(self, lines: Iterable[str] = ()) -> None:
        self._count = 0
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed at the exit
        try:
            for line in lines:
                self.add(line)
        except BaseException:
            self._file.close()
            raise

    def add(self, line: str) -> None:
        """Add one, while nobody reads."""
        self._file.write(f"{line}\n".encode())
        self._count += 1

    def __len__(self) -> int:
        """How many there are."""
        return self._count

    def __iter__(self) -> Iterator[str]:
        """Yield them; one reader at a time."""
        self._file.seek(0)
        for line in self._file:
            yield line.decode().rstrip("\n")

    def __enter__(self) -> Self:
        """Enter."""
        return self

    def __exit__(self, *_: object) -> None:
        """Drop the file."""
        self._file.close()
