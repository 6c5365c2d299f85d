"""One transport for all who use an Airflow connection on one event loop at the same time.

A triggerer holds thousands of waits on one loop. Together they need one connection pool, one parsed key and one
look-up of the Airflow connection.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord.hooks.encord import EncordHook

FRESH_SECONDS = 300.0
"""Who comes later than this after a look-up looks the connection up anew, also while earlier waits go on."""


@dataclass(eq=False)
class _Pool:
    """A transport, and how many use it."""

    transport: AsyncTransport
    users: int = 0


@dataclass(eq=False)
class _LookUp:
    """One look-up of a connection, and how many go by what it finds."""

    started: float
    pool: asyncio.Task[_Pool]
    users: int = 0


class SharedTransports:
    """The transports of one event loop.

    :param clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._newest: dict[str, _LookUp] = {}

    @asynccontextmanager
    async def use(self, conn_id: str) -> AsyncIterator[AsyncTransport]:
        """Give a transport that others may be using too; when the last one leaves, it is closed.

        :param conn_id: id of the Airflow connection. It is looked up if nobody did so in the last minutes, or all who
            did are gone. Who finds it unchanged shares the transport of those who came before.
        :raises EncordError: when there is no such connection, or it cannot be used.
        """
        look_up = self._fresh(conn_id)
        look_up.users += 1
        try:
            # One who is cancelled must not take the look-up away from the others.
            pool = await asyncio.shield(look_up.pool)
            pool.users += 1
            try:
                yield pool.transport
            finally:
                pool.users -= 1
                if not pool.users:
                    await pool.transport.close()
        finally:
            look_up.users -= 1
            if not look_up.users:
                look_up.pool.cancel()
                if self._newest.get(conn_id) is look_up:
                    del self._newest[conn_id]

    def _fresh(self, conn_id: str) -> _LookUp:
        newest = self._newest.get(conn_id)
        if newest and not newest.pool.done():
            return newest
        known = newest.pool.result() if newest and not newest.pool.exception() else None
        if newest and known and self._clock() - newest.started < FRESH_SECONDS:
            return newest
        look_up = _LookUp(self._clock(), asyncio.ensure_future(_pool(conn_id, known)))
        self._newest[conn_id] = look_up
        return look_up


async def _pool(conn_id: str, known: _Pool | None) -> _Pool:
    new = await EncordHook(conn_id).async_transport()
    same = known and (known.transport.account, known.transport.timeouts) == (new.account, new.timeouts)
    return known if known and same else _Pool(new)


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, SharedTransports] = WeakKeyDictionary()


def shared_transports() -> SharedTransports:
    """Return the transports of the running event loop."""
    return _of_loops.setdefault(asyncio.get_running_loop(), SharedTransports())
