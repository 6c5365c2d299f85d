"""Sends calls with ``aiohttp``, through one connection pool."""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from types import TracebackType
from typing import Any, TypeVar

import aiohttp
from yarl import URL

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ApiError
from airflow_provider_encord._client.exchange import Account, Pause, Renew, Send, exchange
from airflow_provider_encord._client.jobs import Verdict, Watch
from airflow_provider_encord._client.protocol import Answer, NoAnswer, Request
from airflow_provider_encord._client.retry import ONCE, RetryPolicy
from airflow_provider_encord._client.transport.causes import no_proxy, proxy_refusal, tls_failure, why
from airflow_provider_encord._client.transport.counted_body import CountedBody
from airflow_provider_encord._client.transport.network import (
    NetworkSettingsProblem,
    Timeouts,
    proxy_for,
    tls_context,
)
from airflow_provider_encord._client.transport.renewal import LOOKUP_SECONDS, AskNow, SharedRenewal, unchanged
from airflow_provider_encord._client.transport.response_body import (
    ACCEPT_ENCODING,
    LARGE_ANSWER_BYTES,
    Body,
    BrokenBody,
)
from airflow_provider_encord._client.transport.step_runner import adrive, announce
from airflow_provider_encord._client.wait import DeadlineReached, Patience, wait

T = TypeVar("T")

MAX_POLLS = 256
"""Most polls at the same time in one transport, without those that the server holds."""
MAX_HELD_POLLS = 256
"""Most polls that the server holds at the same time, each on its own connection. Other waits poll at their interval."""

_WAKE_SECONDS = 0.1
_LONGEST_HEADER = 64 * 1024  # the limit of Python's own HTTP client
_PIECE_BYTES = 64 * 1024  # handling a piece blocks the event loop


class SharedSleep:
    """Sleeps on one event loop that share timers: each takes up to 0.1 seconds longer.

    An event loop keeps all timers in one queue. With one for each of 10,000 sleepers, the timers of every request get
    slower, and cancelled timers keep their objects alive.
    """

    def __init__(self) -> None:
        self._sleepers: dict[int, list[asyncio.Future[None]]] = {}

    def __call__(self, seconds: float) -> asyncio.Future[None]:
        """Return a future that is done after this many seconds, or up to 0.1 seconds later."""
        loop = asyncio.get_running_loop()
        tick = math.ceil((loop.time() + seconds) / _WAKE_SECONDS)
        if tick not in self._sleepers:
            self._sleepers[tick] = []
            loop.call_at(tick * _WAKE_SECONDS, self._wake, tick)
        sleeper = loop.create_future()
        self._sleepers[tick].append(sleeper)
        return sleeper

    def _wake(self, tick: int) -> None:
        for sleeper in self._sleepers.pop(tick):
            if not sleeper.done():  # it may be cancelled
                sleeper.set_result(None)


def open_session(**connector: Any) -> aiohttp.ClientSession:
    """Return a connection pool without cookies; ``connector`` holds arguments of its ``TCPConnector``."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls_context(), **connector),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        max_line_size=_LONGEST_HEADER,
        max_field_size=_LONGEST_HEADER,
    )


class AsyncTransport:
    """Runs many calls at once on one event loop. Use it as an asynchronous context manager.

    :param account: who is calling, and where.
    :param timeouts: time limits of each request.
    :param max_connections: most open connections; 0 for no limit, which held polls need.
    :param sleep: waits for seconds; tests pass one that does not.
    :param renew: looks the account up again after Encord refused it; called once for all refused requests.
    """

    def __init__(
        self,
        account: Account,
        *,
        timeouts: Timeouts = Timeouts(),
        max_connections: int = 0,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        renew: AskNow = unchanged,
    ) -> None:
        self.account = account
        self._renewal = SharedRenewal(renew)
        self.timeouts = timeouts
        self._connect_limit = aiohttp.ClientTimeout(total=None, sock_connect=timeouts.connect)
        self.sleep = sleep or SharedSleep()
        self._max_connections = max_connections
        self._session: aiohttp.ClientSession | None = None
        self._polls = asyncio.Semaphore(MAX_POLLS)
        self._held_polls = 0
        self._one_at_a_time = asyncio.Semaphore()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The connection pool, made at its first use on the running loop."""
        if self._session is None:
            self._session = open_session(limit=self._max_connections)
        return self._session

    @cached_property
    def _proxy(self) -> str | None:
        # All requests go to one host, and finding its proxy takes as much time as the rest of a request.
        return proxy_for(self.account.domain)

    async def close(self) -> None:
        """Close the pooled connections."""
        self._renewal.cancel()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __aenter__(self) -> AsyncTransport:
        """Enter; the pool is opened later."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the pooled connections."""
        await self.close()

    async def run(self, call: Call[T], *, policy: RetryPolicy | None = None) -> T:
        """Send a call, and repeat it where that helps, until it is answered.

        :raises ApiError: when Encord refused, or did not answer.
        """
        return await adrive(exchange(call, self.account, policy=policy), self._perform, self._read_aside)

    async def wait(self, watch: Watch, patience: Patience, **reports: Any) -> Verdict:
        """Wait for a job to end; see :func:`airflow_provider_encord._client.wait.wait`.

        :raises DeadlineReached: also when a poll is not answered within a minute after the deadline.
        """
        account, clock = self.account, self.account.clock
        steps = wait(
            watch,
            patience,
            clock=clock,
            jitter=account.jitter,
            longest_held=self._longest_held,
            longest_pause=account.longest_pause,
            **reports,
        )

        def perform(step: Call[Any] | Pause) -> Awaitable[Any]:
            if isinstance(step, Pause):
                return self.sleep(step.seconds)
            return self._poll_in_turn(step, patience.seconds_to_last_answer(clock()))

        try:
            return await adrive(steps, perform)
        except TimeoutError:
            reason = f"Encord did not answer about {watch.name} in time"
        raise DeadlineReached(reason)

    def _longest_held(self) -> float:
        return math.inf if self._held_polls < MAX_HELD_POLLS else 0.0

    async def _poll_in_turn(self, call: Call[T], seconds: float | None) -> T | ApiError:
        longest = 2 * (self.timeouts.total + call.held_seconds) + LOOKUP_SECONDS
        if seconds is not None and seconds > longest and not self._polls.locked():
            seconds = None  # the poll's own limits are shorter
        async with asyncio.timeout(seconds):
            if not call.held_seconds:
                async with self._polls:
                    return await self._poll(call)
            self._held_polls += 1
            try:
                return await self._poll(call)
            finally:
                self._held_polls -= 1

    async def _poll(self, call: Call[T]) -> T | ApiError:
        try:
            return await self.run(call, policy=ONCE)
        except ApiError as error:
            return error

    async def _perform(self, step: Send | Pause | Renew) -> Answer | NoAnswer | Account | None:
        if isinstance(step, Send):
            return await self._send(step.request)
        if isinstance(step, Pause):
            announce(step)
            await self.sleep(step.seconds)
            return None
        renewed = await self._renewal(step.refused)
        if isinstance(renewed, Account):
            self.account = renewed
            self.__dict__.pop("_proxy", None)
        return renewed

    async def _read_aside(self, result: Answer | NoAnswer | None, read: Callable[[], T]) -> T:
        is_large = isinstance(result, Answer) and len(result.body) > LARGE_ANSWER_BYTES
        return await self._aside(read) if is_large else read()

    async def _aside(self, work: Callable[[], T]) -> T:
        """Run work on a thread that would block the event loop; one at a time, since threads slow each other down."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(work)

    async def _send(self, request: Request) -> Answer | NoAnswer:
        session, proxy = self.session, self._proxy
        clock = asyncio.get_running_loop().time
        read, total = self.timeouts.read, self.timeouts.total
        until = clock() + total + request.held_seconds
        try:
            # One timer serves all limits; aiohttp would set three for each request.
            async with (
                asyncio.timeout(min(read, total) + request.held_seconds) as limit,
                session.request(
                    request.method,
                    URL(request.url, encoded=True),
                    data=request.body or None,
                    headers={"Accept-Encoding": ACCEPT_ENCODING, **request.headers},
                    skip_auto_headers=("Accept", "Content-Type"),
                    timeout=self._connect_limit,
                    allow_redirects=False,
                    proxy=proxy,
                ) as response,
            ):
                kind = CountedBody if request.enough else Body
                body = kind(request, response.status, response.headers.get("Content-Encoding"))
                async for piece in response.content.iter_chunked(_PIECE_BYTES):
                    if not body.feed(piece) or (body.countable and not await self._aside(body.count)):
                        break
                    if not response.content.at_eof():
                        limit.reschedule(min(clock() + read, until))
                else:
                    body.end()
                document = body.document()
                return Answer(response.status, response.headers, body.content(), document)
        except NetworkSettingsProblem:
            raise
        except BrokenBody as error:
            return NoAnswer(str(error), sent=True)
        except Exception as error:  # aiohttp does not document all that it raises for malformed answers
            return no_answer(error, request.url)


def run_to_end(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on an event loop of its own, also where one is running already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(make())
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(lambda: asyncio.run(make())).result()


def no_answer(error: Exception, url: str) -> NoAnswer:
    """Return what broke on the way to a URL; only its host is shown, since it may be a signed URL."""
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(tls := _system_error(error), ssl.SSLError):
        return tls_failure(tls, error.host, sent=False)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return proxy_refusal(url, error.status)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return no_proxy(url, error.os_error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return NoAnswer(f"no connection ({why(error.os_error)})", sent=False)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return NoAnswer("no connection in time", sent=False)
    if isinstance(error, asyncio.TimeoutError):
        return NoAnswer("no answer in time", sent=True)
    return NoAnswer(f"the connection broke ({why(error)})", sent=True)


def _system_error(error: aiohttp.ClientConnectorError) -> BaseException:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return error.certificate_error
    return error.os_error
