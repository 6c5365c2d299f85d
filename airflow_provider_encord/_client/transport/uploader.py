"""Uploads many files to fresh signed URLs, in the caller's order, with one outcome for each file."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ApiError, ErrorKind
from airflow_provider_encord._client.protocol import Answer, retry_after
from airflow_provider_encord._client.redaction import server_text
from airflow_provider_encord._client.resources.upload_urls import PresignedUrl
from airflow_provider_encord._client.retry import next_delay
from airflow_provider_encord._client.transport import DEFAULT_MAX_WORKERS
from airflow_provider_encord._client.transport.async_transport import AsyncTransport, no_answer, open_session
from airflow_provider_encord._client.transport.file_reader import ReadTogether, UnreadableFile, UploadFile, blocks_of
from airflow_provider_encord._client.transport.network import NetworkSettingsProblem
from airflow_provider_encord._client.transport.storage_session import StorageSession
from airflow_provider_encord._client.upload_target import AddressRefused

log = logging.getLogger(__name__)

# Memory for one block of each file in flight, and the limits of the size of a block.
_BYTES_OF_BLOCKS = 16 * 1024 * 1024
_SMALL_BYTES = 1024 * 1024  # an upload of smaller files is as fast as its requests
_LARGEST_BLOCK, _SMALLEST_BLOCK = 4 * 1024 * 1024, 256 * 1024
AskForUrls = Callable[[Sequence[str]], Call[tuple[PresignedUrl, ...]]]
Done = Callable[[int, str], None]
Assigned = Callable[[int, str, str | None], None]
_CACHE_CONTROL = "max-age=86400"  # the same as Encord's client


@dataclass
class FileOutcome:
    """The outcome of one file.

    :param object_key: its key in Encord's storage; None if it failed.
    :param error: why it failed.
    :param item_uuid: id of its item, if Encord assigns it before the registration, as it does in folders.
    """

    name: str
    size: int
    object_key: str | None = None
    error: ApiError | None = None
    item_uuid: str | None = None


@dataclass
class Progress:
    """The progress of an upload; sizes in bytes."""

    files: int
    bytes: int
    files_done: int = 0
    files_failed: int = 0
    bytes_sent: int = 0
    started: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        """Return files, bytes, rate and the time left."""
        seconds = max(time.monotonic() - self.started, 1e-3)
        rate = self.bytes_sent / seconds
        speed = f"{_shown(rate)}/s"
        if self.bytes < self.files * _SMALL_BYTES:
            speed = f"{self.files_done / seconds:.3g} files/s, {speed}"
        left = f", about {(self.bytes - self.bytes_sent) / rate:.0f} s left" if 0 < self.bytes_sent < self.bytes else ""
        return (
            f"{self.files_done} of {self.files} files, {self.bytes_sent:,} of {self.bytes:,} bytes, "
            f"{speed}, {self.files_failed} failed{left}"
        )


def _shown(size: float) -> str:
    unit, name = next(
        ((unit, name) for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if size >= unit), (1, "B")
    )
    return f"{size / unit:.3g} {name}"


class Uploader:
    """Uploads files to Encord's storage.

    :param transport: sends the calls for URLs.
    :param ask: makes the call that gets URLs for these file names, or for the first ones of them.
    :param content_type: media type by file name; None leaves the header out.
    :param max_workers: number of files that are uploaded at the same time.
    :param allow_private_storage: whether files may be sent to private addresses.
    :param report: called every few seconds with the progress.
    """

    def __init__(
        self,
        transport: AsyncTransport,
        ask: AskForUrls,
        content_type: Callable[[str], str | None],
        *,
        max_workers: int = DEFAULT_MAX_WORKERS,
        allow_private_storage: bool = False,
        report: Callable[[Progress], None] = lambda progress: None,
        report_seconds: float = 5.0,
    ) -> None:
        self._transport = transport
        self._ask = ask
        self._content_type = content_type
        self._max_workers = max_workers
        self._report = report
        self._report_seconds = report_seconds
        self._next_report = 0.0
        self._allow_private_storage = allow_private_storage
        self._queue: deque[tuple[int, UploadFile, FileOutcome]] = deque()
        self._urls: deque[PresignedUrl] = deque()
        self._asking: asyncio.Future[None] | None = None
        self._progress = Progress(0, 0)
        self._block = _LARGEST_BLOCK
        # Reading files blocks, so it is done on these threads and not on the event loop.
        self._readers = ThreadPoolExecutor(max_workers=max_workers, thread_name_prefix="encord-upload")
        self._small = ReadTogether((), 0, self._readers)

    async def run(
        self,
        files: Sequence[UploadFile],
        done: Done = lambda index, object_key: None,
        assigned: Assigned = lambda index, object_key, item_uuid: None,
    ) -> list[FileOutcome]:
        """Upload all files; a file that fails does not stop the others.

        :param done: called on the event loop with a file's index in ``files`` and its object key, as soon as the file
            is in storage; it must not block or raise.
        :param assigned: called in the same way before the first byte of a file is sent, with its object key and, in a
            folder, the id of its item; called again with new ones if the URL has expired.
        :return: one outcome for each file, in the given order.
        :raises ApiError: when Encord does not return URLs.
        """
        outcomes = [FileOutcome(file.name, file.size) for file in files]
        self._progress = Progress(len(files), sum(file.size for file in files))
        self._queue.extend(zip(range(len(files)), files, outcomes, strict=True))

        async def work() -> None:
            while next_file := await self._next():
                index, file, outcome, url = next_file
                await self._upload(index, file, outcome, url, assigned)
                if outcome.object_key is not None:
                    done(index, outcome.object_key)

        count = min(self._max_workers, len(files))
        self._block = min(_LARGEST_BLOCK, max(_SMALLEST_BLOCK, _BYTES_OF_BLOCKS // max(count, 1)))
        self._small = ReadTogether(files, self._block, self._readers)
        self._storage = StorageSession(self._transport, allow_private=self._allow_private_storage)
        self._sources = open_session(limit=0)
        workers = [asyncio.ensure_future(work()) for _ in range(count)]
        try:
            await asyncio.gather(*workers)
        finally:
            started = [*workers, self._asking] if self._asking else workers
            for task in started:
                task.cancel()
            await asyncio.gather(*started, return_exceptions=True)
            self._readers.shutdown(wait=False, cancel_futures=True)
            await self._storage.close()
            await self._sources.close()
        return outcomes

    async def _next(self) -> tuple[int, UploadFile, FileOutcome, PresignedUrl] | None:
        while self._queue and not self._urls:
            await self._ask_ahead()
        if not self._queue:
            return None
        index, file, outcome = self._queue.popleft()
        url = self._urls.popleft()
        if len(self._urls) <= self._max_workers and len(self._urls) < len(self._queue):
            self._ask_ahead()
        return index, file, outcome, url

    def _ask_ahead(self) -> asyncio.Future[None]:
        """Ask for the next URLs. URLs expire, so this runs just ahead of the workers and not for all files at once."""

        async def ask() -> None:
            have = len(self._urls)
            names = [file.name for _, file, _ in islice(self._queue, have, have + self._max_workers)]
            self._urls.extend(await self._transport.run(self._ask(names)))

        if self._asking is None or (self._asking.done() and not self._asking.exception()):
            self._asking = asyncio.ensure_future(ask())
        return self._asking

    async def _upload(
        self, index: int, file: UploadFile, outcome: FileOutcome, url: PresignedUrl, assigned: Assigned
    ) -> None:
        account = self._transport.account
        ask_again = self._ask([file.name])
        attempt, renewed = 0, False
        assigned(index, url.object_key, url.item_uuid)
        while True:
            attempt += 1
            error = await self._put(index, file, url)
            if error is None:
                outcome.object_key, outcome.item_uuid = url.object_key, url.item_uuid
                self._progress.files_done += 1
                return
            if error.http_status == 403 and not renewed:
                # Storage answers 403 for an expired URL; a fresh URL shows whether it is a real refusal.
                renewed = True
                try:
                    [url] = await self._transport.run(ask_again)
                except ApiError as refused:
                    error = refused
                else:
                    assigned(index, url.object_key, url.item_uuid)
                    continue
            delay = next_delay(ask_again, error, attempt=attempt, policy=account.policy, jitter=account.jitter)
            if delay is None:
                outcome.error = error
                self._progress.files_failed += 1
                return
            delay = min(delay, account.longest_pause)
            log.warning("%s Uploading it again in %.0f s.", error, delay)
            await self._transport.sleep(delay)

    async def _put(self, index: int, file: UploadFile, url: PresignedUrl) -> ApiError | None:
        def failed(kind: ErrorKind, reason: str, **more: Any) -> ApiError:
            operation, host = f"upload of {file.name!r} ({file.size} bytes)", URL(url.signed_url, encoded=True).origin()
            more |= {"domain": str(host), "conn_id": self._transport.account.conn_id}
            return ApiError(kind, operation=operation, reason=reason, **more)

        headers = _put_headers(self._content_type(file.name), url.upload_headers, file.size)
        stall = self._transport.timeouts.stall
        clock = asyncio.get_running_loop().time
        limit = asyncio.timeout(stall)

        def count(sent: int) -> None:
            self._count(sent)
            with suppress(RuntimeError):  # the time is over, or storage answered before it had everything
                limit.reschedule(clock() + stall)

        body = _FileBody(file, self._block, self._readers, self._sources, count)
        try:
            async with limit:
                body.content = await self._small.content(index)
                await body.read_small()
                status, answer = await self._send(url, headers, body)
        except NetworkSettingsProblem:
            raise
        except Exception as error:  # aiohttp does not document all that it raises for malformed answers
            body.take_back()
            # aiohttp wraps errors of a body, so the body remembers them.
            if body.problem:
                return failed(ErrorKind.STORAGE, body.problem)
            if isinstance(refused := getattr(error, "os_error", error), AddressRefused):
                host = urlsplit(url.signed_url).hostname
                return failed(ErrorKind.STORAGE, f"files must not be sent to {host!r} ({refused})")
            if limit.expired():
                return failed(ErrorKind.NETWORK, f"no progress for {stall:g} s{body.while_doing}")
            broke = no_answer(error, url.signed_url)
            return failed(broke.kind, broke.reason, advice=broke.advice)
        if 200 <= status < 300:
            return None
        body.take_back()
        kind = ErrorKind.RATE_LIMITED if status == 429 else ErrorKind.SERVER if status >= 500 else ErrorKind.STORAGE
        return failed(kind, f"storage answered HTTP {status}", http_status=status, retry_after=retry_after(answer))

    async def _send(self, url: PresignedUrl, headers: dict[str, str], body: _FileBody) -> tuple[int, Answer]:
        request = self._storage.request(
            "PUT", url.signed_url, data=body, headers=headers, skip_auto_headers=("Content-Type",)
        )
        async with request as response:
            return response.status, Answer(response.status, dict(response.headers), b"")

    def _count(self, count: int) -> None:
        self._progress.bytes_sent += count
        now = time.monotonic()
        if now >= self._next_report:
            if self._next_report:
                self._report(self._progress)
            self._next_report = now + self._report_seconds


class _FileBody(aiohttp.payload.Payload):
    """A request body that is read from a file in large blocks; it can be sent again when a connection breaks."""

    def __init__(
        self,
        file: UploadFile,
        block: int,
        readers: ThreadPoolExecutor,
        sources: aiohttp.ClientSession,
        count: Callable[[int], None],
    ) -> None:
        super().__init__(file)
        self._file = file
        self._block = block
        self._readers = readers
        self._sources = sources
        self._count = count
        self._size = file.size
        self._sent = 0
        self._reads = False
        self.content: bytes | None = None
        """The whole content, if it was read already."""
        self.problem: str | None = None

    @property
    def while_doing(self) -> str:
        """What went on meanwhile, for a message."""
        return " while it was read from its store" if self._reads else ""

    async def read_small(self) -> None:
        """Read a small object of a store whole, so that it is sent with its headers."""
        if self.content is None and self._file.stream is not None and self._file.size <= self._block:
            async with aclosing(self._file.stream(self._sources)) as pieces:
                content = []
                while piece := await self._next(pieces):
                    content.append(piece)
            self.content = b"".join(content)

    def take_back(self) -> None:
        """Subtract what was sent from the progress, before it is sent again or fails."""
        if self._sent:
            self._count(-self._sent)
        self._sent = 0

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Raise: a file is not text."""
        raise TypeError("the body of an upload is not text")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the file; the next block is read while one is sent."""
        self.take_back()
        if self.content is not None:
            await self._write_block(writer, self.content)
            return
        if self._file.stream is not None:
            async with aclosing(self._file.stream(self._sources)) as pieces:
                while piece := await self._next(pieces):
                    await self._write_block(writer, piece)
            return
        loop = asyncio.get_running_loop()
        blocks, left = blocks_of(self._file, self._block), self._file.size
        reading = loop.run_in_executor(self._readers, next, blocks)
        try:
            while left:
                await asyncio.wait((reading,))
                block = self._read(reading)
                left -= len(block)
                if left:
                    reading = loop.run_in_executor(self._readers, next, blocks)
                await self._write_block(writer, block)
        finally:
            if left:
                # A read cannot be interrupted; the file is closed after it.
                await asyncio.gather(reading, return_exceptions=True)
                await loop.run_in_executor(self._readers, blocks.close)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write the file; newer releases of aiohttp call this method."""
        await self.write(writer)

    async def _write_block(self, writer: AbstractStreamWriter, block: bytes) -> None:
        await writer.write(block)
        self._sent += len(block)
        self._count(len(block))

    def _read(self, reading: asyncio.Future[bytes]) -> bytes:
        try:
            return reading.result()
        except Exception as error:  # any store's own exceptions
            problem = self._problem_of(error)
        raise UnreadableFile(problem)  # not `from error`, which may quote a signed URL

    async def _next(self, pieces: AsyncGenerator[bytes, None]) -> bytes | None:
        """Return the next piece of an object of a store, or None at its end."""
        self._reads = True
        try:
            piece = await anext(pieces, None)
        except Exception as error:
            problem = self._problem_of(error)
        else:
            self._reads = False
            return piece
        raise UnreadableFile(problem)

    def _problem_of(self, error: Exception) -> str:
        known = isinstance(error, UnreadableFile)
        why = str(error) if known else f"{type(error).__name__}: {server_text(str(error))}"
        self.problem = why if known else f"the file could not be read ({why})"
        return self.problem


def _put_headers(content_type: str | None, upload_headers: Any, size: int) -> dict[str, str]:
    headers = {"Cache-Control": _CACHE_CONTROL}
    if content_type:
        headers["Content-Type"] = content_type
    given = {name.lower() for name in upload_headers}
    headers = {name: value for name, value in headers.items() if name.lower() not in given} | dict(upload_headers)
    return headers | {"Content-Length": str(size)}
