"""Carries calls with ``aiohttp``: one pooled session."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, TypeVar

import aiohttp
from yarl import URL

from airflow_provider_encord.api.errors import ApiError
from airflow_provider_encord.api.exchange import Account, Pause, Send, exchange
from airflow_provider_encord.api.jobs import Verdict, Watch
from airflow_provider_encord.api.retry import ONCE, RetryPolicy
from airflow_provider_encord.api.wait import Patience, wait
from airflow_provider_encord.api.wire import Answer, Call, NoAnswer, Request
from airflow_provider_encord.transport.body import ACCEPT_ENCODING, Body, BrokenBody
from airflow_provider_encord.transport.drive import adrive
from airflow_provider_encord.transport.network import (
    CHUNK_BYTES,
    NetworkSettingsProblem,
    Timeouts,
    proxy_for,
    tls_context,
)

T = TypeVar("T")


class AsyncTransport:
    """Runs many calls at once on one event loop. Use it as an asynchronous context manager.

    :param account: who asks, and where.
    :param timeouts: time limits of each request.
    :param max_connections: open connections at most; 0 for no limit, as held polls need.
    :param sleep: lets seconds pass; a test's replacement need not.
    """

    def __init__(
        self,
        account: Account,
        *,
        timeouts: Timeouts = Timeouts(),
        max_connections: int = 0,
        sleep: Any = asyncio.sleep,
    ) -> None:
        self.account = account
        self.timeouts = timeouts
        self.sleep = sleep
        self._max_connections = max_connections
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The pool; made at first use, on the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._max_connections, ssl=tls_context()),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session

    async def close(self) -> None:
        """Close the pooled connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> AsyncTransport:
        """Enter; nothing is opened yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the pooled connections."""
        await self.close()

    async def run(self, call: Call[T], *, policy: RetryPolicy | None = None) -> T:
        """Send a call until it is answered or nothing more can be done.

        :raises ApiError: when Encord refused, or no answer was to be had.
        """
        return await adrive(exchange(call, self.account, policy=policy), self._perform)

    async def wait(self, watch: Watch, patience: Patience, **reports: Any) -> Verdict:
        """Wait for a job to end; see :func:`airflow_provider_encord.api.wait.wait`."""
        return await adrive(wait(watch, patience, clock=self.account.clock, **reports), self._perform_wait)

    async def _perform_wait(self, step: Call[Any] | Pause) -> Any:
        if isinstance(step, Pause):
            return await self.sleep(step.seconds)
        try:
            return await self.run(step, policy=ONCE)
        except ApiError as error:
            return error

    async def _perform(self, step: Send | Pause) -> Answer | NoAnswer | None:
        if isinstance(step, Pause):
            await self.sleep(step.seconds)
            return None
        return await self._send(step.request)

    async def _send(self, request: Request) -> Answer | NoAnswer:
        session, proxy = self.session, proxy_for(request.url)
        limits = aiohttp.ClientTimeout(
            total=self.timeouts.total + request.held_seconds,
            sock_connect=self.timeouts.connect,
            sock_read=self.timeouts.read + request.held_seconds,
        )
        try:
            async with session.request(
                request.method,
                URL(request.url, encoded=True),
                data=request.body or None,
                headers={"Accept-Encoding": ACCEPT_ENCODING, **request.headers},
                skip_auto_headers=("Accept", "Content-Type"),
                timeout=limits,
                allow_redirects=False,
                proxy=proxy,
            ) as response:
                body = Body(request, response.status, response.headers.get("Content-Encoding"))
                async for piece in response.content.iter_chunked(CHUNK_BYTES):
                    if not body.feed(piece):
                        break
                else:
                    body.end()
                return Answer(response.status, dict(response.headers), body.content())
        except NetworkSettingsProblem:
            raise
        except BrokenBody as error:
            return NoAnswer(str(error), sent=True)
        except Exception as error:  # what a client library raises for what no server should send is not all documented
            return NoAnswer(reason_of(error), sent=not isinstance(error, _NEVER_CONNECTED))


_NEVER_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


def reason_of(error: BaseException) -> str:
    """Tell what broke, without any URL: texts of ``aiohttp`` may quote them."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return "TLS failed"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no connection ({error.os_error.strerror or error.os_error})"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "no connection in time"
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time"
    return f"the connection broke ({type(error).__name__})"
