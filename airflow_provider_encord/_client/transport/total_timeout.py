"""A time limit for a whole answer with its headers, which ``requests`` does not offer."""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from requests.adapters import HTTPAdapter

_deadline: ContextVar[float | None] = ContextVar("encord_deadline", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Limit the answers that begin in this block to these seconds; a later read raises a ``TimeoutError``."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


class _LimitedReads(io.RawIOBase):
    """Reads a socket; no read takes longer than the time that is left."""

    def __init__(self, sock: socket.socket, raw: Any, until: float) -> None:
        self._sock = sock
        self._raw = raw
        self._until = until
        self._longest = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left if self._longest is None else min(left, self._longest))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _LimitedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        until = _deadline.get()
        if until is not None:
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_LimitedReads(sock, raw, until))

    def begin(self) -> None:
        super().begin()
        while 101 < self.status < 200:  # such as Early Hints, which come before the answer
            self.headers = None  # type: ignore[assignment]
            super().begin()
        # urllib3 would log headers that cannot be parsed, whatever the server put there.
        self.msg.defects = []
        self.msg.set_payload("")


@lru_cache(maxsize=16)
def _limited(connection: type[Any]) -> type[Any]:
    return type(connection.__name__, (connection,), {"response_class": _LimitedResponse})


class DeadlineAdapter(HTTPAdapter):
    """An adapter whose connections keep to :func:`deadline`, through proxies too."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool, which now makes such connections."""
        return _with_limits(super().get_connection_with_tls_context(*args, **kwargs))

    def get_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool; ``requests`` before 2.32 calls this method."""
        return _with_limits(super().get_connection(*args, **kwargs))


def _with_limits(pool: Any) -> Any:
    if getattr(pool.ConnectionCls, "response_class", None) is not _LimitedResponse:
        pool.ConnectionCls = _limited(pool.ConnectionCls)
    return pool
