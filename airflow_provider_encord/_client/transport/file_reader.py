"""Reads the files of an upload: in blocks, or several small local files at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, suppress
from typing import BinaryIO, Protocol

import aiohttp

_HANDFUL_BYTES = 1024 * 1024
_HANDFUL_FILES = 8


Stream = Callable[[aiohttp.ClientSession], AsyncGenerator[bytes, None]]
"""Yields the content of an object of a store in pieces, or raises :class:`UnreadableFile`."""


class UploadFile(Protocol):
    """A file that can be opened again when its upload is repeated."""

    @property
    def name(self) -> str:
        """Base name, as Encord shows it."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, so that opening it needs no request."""

    @property
    def stream(self) -> Stream | None:
        """What reads it on the event loop; None if it is opened and read on a thread."""

    def open(self) -> AbstractContextManager[BinaryIO]:
        """Open it for reading bytes."""


class UnreadableFile(Exception):
    """A file cannot be read, or its size has changed since the upload began."""


def blocks_of(file: UploadFile, most: int) -> Generator[bytes, None, None]:
    """Yield the blocks of a file, which must have exactly its announced size; it is closed before the last block.

    :param most: largest size of a block in bytes.
    :raises UnreadableFile: when its size is different, or it changed while it was read.
    """
    left = file.size
    with file.open() as handle:
        modified = _modified(handle)
        while True:
            block = handle.read(min(most, left))
            left -= len(block)
            if not block or (not left and (handle.read(1) or _modified(handle) != modified)):
                raise UnreadableFile(f"the file changed while it was read: it had {file.size} bytes at first")
            if not left:
                break
            yield block
    yield block


def _modified(handle: BinaryIO) -> int | None:
    """Return when a local file was last written, in nanoseconds."""
    try:
        return os.fstat(handle.fileno()).st_mtime_ns
    except (AttributeError, OSError):  # a file of a store
        return None


class _Handful:
    """A few files that are read together when the first of them is needed."""

    def __init__(self, files: dict[int, UploadFile]) -> None:
        self._files = files
        self.reading: asyncio.Future[None] | None = None
        self.contents: dict[int, bytes] = {}

    def read(self) -> None:
        """Read them. A file that cannot be read is left out; reading it in blocks later reports why."""
        for index, file in self._files.items():
            with suppress(Exception):
                self.contents[index] = b"".join(blocks_of(file, file.size))


class ReadTogether:
    """Reads neighbouring small local files together, since passing one to a thread takes longer than reading it.

    :param files: the files to upload, in their order.
    :param largest: largest size of a small file in bytes.
    :param readers: threads that may wait for a disk.
    """

    def __init__(self, files: Sequence[UploadFile], largest: int, readers: Executor) -> None:
        self._readers = readers
        self._handfuls: dict[int, _Handful] = {}
        for members in _grouped(files, largest):
            self._handfuls |= dict.fromkeys(members, _Handful(members))

    async def content(self, index: int) -> bytes | None:
        """Return the content of a file, once; None if it must be read in blocks."""
        handful = self._handfuls.pop(index, None)
        if handful is None:
            return None
        if handful.reading is None:
            handful.reading = asyncio.get_running_loop().run_in_executor(self._readers, handful.read)
        await asyncio.wait((handful.reading,))
        return handful.contents.pop(index, None)


def _grouped(files: Sequence[UploadFile], largest: int) -> Iterator[dict[int, UploadFile]]:
    group: dict[int, UploadFile] = {}
    size = 0
    for index, file in enumerate(files):
        small = file.is_local and file.size <= largest
        if group and (not small or size + file.size > _HANDFUL_BYTES or len(group) == _HANDFUL_FILES):
            yield group
            group, size = {}, 0
        if small:
            group[index] = file
            size += file.size
    if group:
        yield group
