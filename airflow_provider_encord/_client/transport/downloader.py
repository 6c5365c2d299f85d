"""Items of storage -> fresh signed URLs -> files: bounded, with one outcome per item."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from yarl import URL

from airflow_provider_encord._client.errors import ApiError, ErrorKind
from airflow_provider_encord._client.protocol import Answer, retry_after
from airflow_provider_encord._client.redaction import server_text
from airflow_provider_encord._client.resources import items
from airflow_provider_encord._client.resources.items import StorageItem
from airflow_provider_encord._client.retry import next_delay
from airflow_provider_encord._client.transport.async_transport import AsyncTransport, no_answer
from airflow_provider_encord._client.transport.network import NetworkSettingsProblem
from airflow_provider_encord._client.transport.storage_session import StorageSession
from airflow_provider_encord._client.upload_target import AddressRefused, problem_with_target

T = TypeVar("T")

log = logging.getLogger(__name__)

CONTAINERS = frozenset({"imageGroup", "imageSequence", "dicomSeries", "group"})
"""Kinds of items that have no file of their own: what they are made of is downloaded."""
DOWNLOADED, PRESENT, FAILED, TOMBSTONE, PLACEHOLDER = "downloaded", "present", "failed", "tombstone", "placeholder"
_LOOK_AHEAD = 100
_BLOCK = 1024 * 1024
_MAY_HAVE_EXPIRED = (400, 401, 403)  # as Google, and others, answer to a URL whose time is over


class Writer(Protocol):
    """A file that is being written; it is there when it is finished, and not before."""

    def write(self, block: bytes) -> None:
        """Add bytes."""

    def finish(self) -> None:
        """Let it be there, whole."""

    def discard(self) -> None:
        """Leave nothing of it."""


class Target(Protocol):
    """Where the file of one item goes. Its calls block."""

    @property
    def path(self) -> str:
        """Its name for people and for a list of files."""

    def size(self) -> int | None:
        """Return how many bytes are there; None if there is no file."""

    def write(self, content: bytes) -> None:
        """Write a whole file, or leave nothing of it."""

    def open(self) -> Writer:
        """Begin to write a file."""


@dataclass(frozen=True)
class ItemOutcome:
    """What became of one item.

    :param item_uuid: its UUID.
    :param kind: ``downloaded``, ``present`` (a file of its size was there), ``failed``, ``tombstone`` or
        ``placeholder``.
    :param item: what Encord tells of it, if it does.
    :param group: the group, sequence or series that it is part of.
    :param path: where its file is.
    :param size: bytes of its file.
    :param error: why it failed.
    """

    item_uuid: str
    kind: str
    item: StorageItem | None = None
    group: StorageItem | None = None
    path: str | None = None
    size: int | None = None
    error: ApiError | None = None


@dataclass(frozen=True)
class _Wanted:
    item: StorageItem
    group: StorageItem | None
    target: Target
    url: str | None = field(default=None, repr=False)


class _WriteProblem(Exception):
    """The file could not be written."""


class Downloader:
    """Writes the files of items to where they are wanted.

    :param transport: asks for URLs.
    :param target_of: where an item's file goes, given the group that it is part of, too.
    :param done: called on the event loop with what became of each item; it must neither block nor raise.
    :param is_wanted: whether an item is to be downloaded at all.
    :param max_workers: files in flight at once.
    :param allow_private_storage: whether files may be read from private addresses.
    """

    def __init__(
        self,
        transport: AsyncTransport,
        target_of: Callable[[StorageItem, StorageItem | None], Target],
        done: Callable[[ItemOutcome], None],
        *,
        is_wanted: Callable[[StorageItem], bool] = lambda item: True,
        max_workers: int,
        allow_private_storage: bool = False,
    ) -> None:
        self._transport = transport
        self._target_of = target_of
        self._done = done
        self._is_wanted = is_wanted
        self._max_workers = max_workers
        self._allow_private_storage = allow_private_storage
        # What writes files, and looks for them, blocks: so it runs here and never on the loop.
        self._threads = ThreadPoolExecutor(max_workers, thread_name_prefix="encord-download")
        self._under_way: set[str] = set()

    async def run(self, wanted: Iterable[StorageItem | str]) -> None:
        """Download all items; one that fails does not stop the others.

        :param wanted: items, or their UUIDs; read on a thread, a little ahead of the workers.
        :raises ApiError: when Encord tells of no items or hands out no URLs.
        """
        queue: asyncio.Queue[_Wanted | None] = asyncio.Queue(self._max_workers)
        self._storage = StorageSession(self._transport, allow_private=self._allow_private_storage)
        tasks = [asyncio.ensure_future(self._find(iter(wanted), queue))]
        tasks += [asyncio.ensure_future(self._work(queue)) for _ in range(self._max_workers)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._threads.shutdown(wait=True, cancel_futures=True)
            await self._storage.close()

    # -- what is to be downloaded -----------------------------------------------------------------------------------

    async def _find(self, wanted: Iterator[StorageItem | str], queue: asyncio.Queue[_Wanted | None]) -> None:
        while some := await asyncio.to_thread(list, islice(wanted, _LOOK_AHEAD)):
            named = [each for each in some if isinstance(each, str)]
            told = {item.uuid: item for item in await self._get(named)}
            for uuid in named:
                if uuid not in told:
                    self._done(
                        ItemOutcome(uuid, FAILED, error=_problem(f"get item {uuid}", "Encord tells nothing of it"))
                    )
            found = [told.get(each) if isinstance(each, str) else each for each in some]
            missing = await self._missing([(item, None) for item in found if item and self._is_wanted(item)])
            for at in range(0, len(missing), self._max_workers):
                await self._enqueue(missing[at : at + self._max_workers], queue)
        for _ in range(self._max_workers):
            await queue.put(None)

    async def _enqueue(self, missing: Sequence[_Wanted], queue: asyncio.Queue[_Wanted | None]) -> None:
        """Ask for URLs, which expire, no earlier than the workers can soon begin with them."""
        signed = await self._get([each.item.uuid for each in missing], sign_urls=True)
        urls = {item.uuid: item.signed_url for item in signed}
        for each in missing:
            await queue.put(replace(each, url=urls.get(each.item.uuid)))

    async def _missing(self, found: Sequence[tuple[StorageItem, StorageItem | None]]) -> list[_Wanted]:
        """Return what is not there yet; groups are replaced by what they are made of."""
        files: list[_Wanted] = []
        missing: list[_Wanted] = []
        for item, group in found:
            if item.is_tombstone or item.is_placeholder:
                self._done(ItemOutcome(item.uuid, TOMBSTONE if item.is_tombstone else PLACEHOLDER, item, group))
            elif item.item_type in CONTAINERS and (children := await self._children(item)):
                missing += await self._missing([(child, item) for child in children])
            elif item.uuid not in self._under_way:  # a dataset can hold an item twice
                self._under_way.add(item.uuid)
                files.append(_Wanted(item, group, self._target_of(item, group)))
        sizes = await asyncio.gather(*(self._aside(_size_of, each.target) for each in files))
        for each, size in zip(files, sizes, strict=True):
            if size is not None and size == each.item.file_size:
                self._end(each, PRESENT, size=size)
            else:
                missing.append(each)
        return missing

    async def _children(self, item: StorageItem) -> Sequence[StorageItem]:
        """Return what a group is made of; nothing if it is a file itself."""
        if item.parent is None:
            return ()
        return await self._transport.run(items.list_child_items(item.parent, item.uuid))

    async def _get(self, uuids: Sequence[str], *, sign_urls: bool = False) -> list[StorageItem]:
        """Get items; one that is gone does not keep the others back."""
        if not uuids:
            return []
        try:
            return list(await self._transport.run(items.get_items(uuids, sign_urls=sign_urls)))
        except ApiError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
        found = []
        for uuid in uuids:
            try:
                found.append(await self._transport.run(items.get_item(uuid, sign_url=sign_urls)))
            except ApiError as error:
                if error.kind is not ErrorKind.NOT_FOUND:
                    raise
        return found

    # -- one item ---------------------------------------------------------------------------------------------------

    async def _work(self, queue: asyncio.Queue[_Wanted | None]) -> None:
        while wanted := await queue.get():
            result = await self._download(wanted)
            if isinstance(result, ApiError):
                self._end(wanted, FAILED, error=result)
            else:
                self._end(wanted, DOWNLOADED, size=result)

    def _end(self, wanted: _Wanted, kind: str, *, size: int | None = None, error: ApiError | None = None) -> None:
        self._under_way.discard(wanted.item.uuid)
        path = wanted.target.path
        self._done(ItemOutcome(wanted.item.uuid, kind, wanted.item, wanted.group, path, size, error))

    async def _download(self, wanted: _Wanted) -> int | ApiError:
        """Return how many bytes were written, or why not."""
        account = self._transport.account
        url, attempt, renewed = wanted.url, 0, False
        while True:
            attempt += 1
            result = await self._read(wanted, url)
            if not isinstance(result, ApiError):
                return result
            if result.http_status in _MAY_HAVE_EXPIRED and not renewed:
                renewed = True
                signed = await self._get([wanted.item.uuid], sign_urls=True)
                url = signed[0].signed_url if signed else None
                continue
            again = items.get_item(wanted.item.uuid, sign_url=True)
            delay = next_delay(again, result, attempt=attempt, policy=account.policy, jitter=account.jitter)
            if delay is None:
                return result
            log.warning("%s Trying again in %.0f s.", result, delay)
            await self._transport.sleep(min(delay, account.longest_pause))

    async def _read(self, wanted: _Wanted, url: str | None) -> int | ApiError:
        """Read a file once. Nothing that is told of it shows the URL, but for its host."""
        operation = f"download of item {wanted.item.uuid} ({wanted.target.path!r})"
        if not url:
            return _problem(operation, "Encord hands out no URL for it")
        if problem := problem_with_target(url, {}, self._transport.account.domain):
            return _problem(operation, problem)

        def failed(kind: ErrorKind, reason: str, **more: Any) -> ApiError:
            return _problem(operation, reason, kind=kind, domain=str(URL(url, encoded=True).origin()), **more)

        stall = self._transport.timeouts.stall
        limit = asyncio.timeout(stall)
        try:
            async with limit, self._storage.request("GET", url, headers={"Accept-Encoding": "identity"}) as response:
                if response.status != 200:
                    answer = Answer(response.status, dict(response.headers), b"")
                    return failed(
                        _kind_of(response.status),
                        f"storage answered HTTP {response.status}",
                        http_status=response.status,
                        retry_after=retry_after(answer),
                    )
                return await self._write(wanted.target, response, limit, stall)
        except NetworkSettingsProblem:
            raise
        except _WriteProblem as error:
            return failed(ErrorKind.DISK, str(error))
        except Exception as error:  # what a client library raises for what no server should send is not all documented
            if isinstance(refused := getattr(error, "os_error", error), AddressRefused):
                return failed(ErrorKind.STORAGE, f"nothing is read from {urlsplit(url).hostname!r} ({refused})")
            if limit.expired():
                return failed(ErrorKind.NETWORK, f"no progress for {stall:g} s")
            broke = no_answer(error, url)
            return failed(broke.kind, broke.reason, advice=broke.advice)

    async def _write(self, target: Target, response: Any, limit: asyncio.Timeout, stall: float) -> int:
        clock = asyncio.get_running_loop().time
        block, total = bytearray(), 0
        writer: Any = None
        try:
            async for piece in response.content.iter_any():
                limit.reschedule(clock() + stall)
                block += piece
                if len(block) >= _BLOCK:
                    limit.reschedule(None)  # the other side's time is not ours
                    if writer is None:
                        writer = await self._aside(_written, target.open)
                    await self._aside(_written, writer.write, bytes(block))
                    limit.reschedule(clock() + stall)
                    total += len(block)
                    block.clear()
            limit.reschedule(None)
            if writer is None:
                await self._aside(_written, target.write, bytes(block))
            else:
                await self._aside(_written, writer.write, bytes(block))
                await self._aside(_written, writer.finish)
                writer = None
            return total + len(block)
        finally:
            if writer is not None:
                with suppress(Exception):  # any store's own; why it broke off is what counts
                    await asyncio.shield(self._aside(writer.discard))

    def _aside(self, work: Callable[..., T], *given: Any) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work, *given)


def _size_of(target: Target) -> int | None:
    try:
        return target.size()
    except Exception as error:  # any store's own; writing tells what is wrong
        log.debug("%s cannot be looked at (%s).", target.path, type(error).__name__)
        return None


def _written(write: Callable[..., T], *given: Any) -> T:
    try:
        return write(*given)
    except Exception as error:  # any store's own, which may quote a signed URL
        reason = f"{type(error).__name__}: {server_text(str(error))}"
    raise _WriteProblem(f"the file cannot be written ({reason})")


def _kind_of(status: int) -> ErrorKind:
    if status == 429:
        return ErrorKind.RATE_LIMITED
    return ErrorKind.SERVER if status >= 500 else ErrorKind.STORAGE


def _problem(operation: str, reason: str, *, kind: ErrorKind = ErrorKind.STORAGE, **more: Any) -> ApiError:
    return ApiError(kind, operation=operation, reason=reason, **more)
