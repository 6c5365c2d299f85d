"""Objects of a bucket, looked at and read on an event loop: many at the same time, without a thread for each.

An object is read as it was found: a store that has another content by then refuses. A connection that breaks is opened
again where it broke.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from airflow_provider_encord._client.outgoing import one_line
from airflow_provider_encord._client.redaction import server_text
from airflow_provider_encord._client.transport.async_transport import no_answer, open_session, run_to_end
from airflow_provider_encord._client.transport.file_reader import UnreadableFile
from airflow_provider_encord._storage.location import Location, located
from airflow_provider_encord._storage.stores import Ask, Found, Store, open_store

log = logging.getLogger(__name__)

_LOOKS_AT_ONCE = 64
_TRIES = 6
"""How often a request is sent without any progress."""
_FIRST_PAUSE = 0.25
# The uploader gives up after a minute without progress, so a connection that hangs is given up before.
_LIMITS = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=30)
_BUFFER_BYTES = 256 * 1024
_REFUSED = {301, 307, 400, 401, 403}
"""Answers that may come of outdated credentials, or of a bucket that is elsewhere."""
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
_CODE = re.compile(r"<Code>([^<]{1,100})</Code>")


class _Passing(Exception):
    """A failure after which the same request may succeed."""


@dataclass(frozen=True)
class Unseen:
    """An object that nobody has looked at yet."""

    store: Store
    key: str

    @property
    def name(self) -> str:
        """What comes after the last slash of its key, apart from those at the end."""
        return self.key.rstrip("/").rpartition("/")[2]


@dataclass(frozen=True)
class BucketObject:
    """An object as it was found. Only this content is read.

    :param etag: tells its content from another one.
    """

    store: Store
    key: str
    found: Found

    async def stream(self, session: aiohttp.ClientSession) -> AsyncGenerator[bytes, None]:
        """Yield its content in pieces; where a connection breaks, the next one goes on.

        :raises UnreadableFile: when it has changed, or cannot be read.
        """
        done = tries = 0
        size = self.found.size
        while done < size:
            try:
                async with _answer(session, self.store, self._ask, done) as answer:
                    if self.store.is_changed(answer.headers, self.found):
                        raise UnreadableFile(self._changed())
                    again = done if answer.status == 200 else 0  # a store that ignores the range begins anew
                    async for piece in answer.content.iter_any():
                        if again:
                            piece, again = piece[again:], max(0, again - len(piece))
                        done, tries = done + len(piece), 0
                        if done > size:
                            raise UnreadableFile(self._changed())
                        if piece:
                            yield piece
                if done < size:
                    raise UnreadableFile(self._changed())
            except _Passing as failure:
                tries += 1
                await _pause(tries, f"{self.key!r} of bucket {self.store.bucket!r}", str(failure))
            except _Refusal as refusal:
                raise UnreadableFile(self._changed() if refusal.status in (404, 412) else str(refusal)) from None

    def _ask(self, done: int) -> Ask:
        method, url, headers = self.store.read(self.key, self.found)
        return Ask(method, url, {**headers, "Range": f"bytes={done}-"} if done else headers)

    def _changed(self) -> str:
        return f"the object changed while it was read: it had {self.found.size} bytes at first"


class Stores:
    """The buckets of some files, each opened once. Use it on the thread of the task."""

    def __init__(self) -> None:
        self._opened: dict[Location, Store | None] = {}

    def find(self, location: Any, conn_id: str | None) -> Unseen | None:
        """Return the object that a URL or one of Airflow's paths names; None if it is read in another way."""
        options = dict(getattr(location, "storage_options", {}))
        conn_id = options.pop("conn_id", None) or conn_id
        url = str(location)
        if options or url.partition("://")[0] not in ("s3", "gs", "abfs", "abfss", "az"):
            return None
        place = located(url, conn_id)
        bucket = place._replace(prefix="")
        if bucket not in self._opened:
            self._opened[bucket] = open_store(bucket)
        store = self._opened[bucket]
        return Unseen(store, place.prefix) if store and place.prefix else None


def look_at(objects: Sequence[Unseen]) -> list[BucketObject | Exception]:
    """Return what is found, in the same order; FileNotFoundError or another exception for what cannot be had."""
    seen: list[BucketObject | Exception] = [FileNotFoundError()] * len(objects)
    left = iter(enumerate(objects))

    async def work(session: aiohttp.ClientSession) -> None:
        for at, unseen in left:
            try:
                seen[at] = await _look(session, unseen)
            except Exception as error:  # each object has its own problem
                seen[at] = error

    async def look_at_all() -> None:
        async with open_session(limit=0) as session:
            await asyncio.gather(*(work(session) for _ in range(min(_LOOKS_AT_ONCE, len(objects)))))

    if objects:
        run_to_end(look_at_all)
    return seen


async def _look(session: aiohttp.ClientSession, unseen: Unseen) -> BucketObject:
    store, key = unseen.store, unseen.key
    tries = 0
    while True:
        try:
            async with _answer(session, store, store.look, key) as answer:
                return BucketObject(store, key, store.found(answer.headers, await answer.read()))
        except _Passing as failure:
            tries += 1
            await _pause(tries, f"{key!r} of bucket {store.bucket!r}", str(failure))
        except _Refusal as refusal:
            if refusal.status == 404:
                raise FileNotFoundError from None
            raise UnreadableFile(str(refusal)) from None


class _Refusal(Exception):
    """A store's answer that is no success.

    :param status: HTTP status.
    :param code: the store's own word for it.
    """

    def __init__(self, status: int, code: str) -> None:
        hint = "; may these credentials read it?" if status in (401, 403) else ""
        super().__init__(f"the store answered HTTP {status}{f' {code}' if code else ''}{hint}")
        self.status = status


@asynccontextmanager
async def _answer(
    session: aiohttp.ClientSession, store: Store, make: Callable[..., Ask], *args: Any
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Send a request and give its good answer; a refused one is sent again, once, with new credentials.

    :param make: makes the request.
    :raises _Passing: it may succeed later. Nothing of it is kept as the cause, since it may quote a signed URL.
    :raises _Refusal: it will not.
    """
    if not store.is_fresh:
        await asyncio.to_thread(store.renew, store.fresh_since)
    for may_renew in (True, False):
        since = store.fresh_since
        method, url, headers = make(*args)
        failed = None
        try:
            async with session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                allow_redirects=False,
                timeout=_LIMITS,
                read_bufsize=_BUFFER_BYTES,
                ssl=store.tls,
                proxy=store.proxy,
            ) as answer:
                if answer.status in (200, 206):
                    yield answer
                    return
                refusal = await _refusal(answer)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            failed = no_answer(error, url).reason
        if failed is not None:
            raise _Passing(failed)
        outdated = answer.status in _REFUSED and may_renew
        if not (outdated and await asyncio.to_thread(store.renew, since, refused=True)):
            raise refusal


async def _refusal(answer: aiohttp.ClientResponse) -> Exception:
    text = (await answer.content.read(4096)).decode(errors="replace")
    word = _CODE.search(text)
    code = server_text(answer.headers.get("x-ms-error-code") or (word[1] if word else "") or "")
    if answer.status in _TRANSIENT:
        return _Passing(f"the store answered HTTP {answer.status} {code}".rstrip())
    return _Refusal(answer.status, code)


async def _pause(tries: int, what: str, failure: str) -> None:
    """Wait before another try.

    :raises UnreadableFile: when there were enough.
    """
    if tries == _TRIES:
        raise UnreadableFile(failure)
    seconds = _FIRST_PAUSE * 2 ** (tries - 1)
    if seconds >= 1:
        log.warning("%s: %s. Reading it again in %.0f s.", one_line(what), failure, seconds)
    await asyncio.sleep(seconds)
