"""Everything that a recording must not depend on: the network, the clock, chance."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from unittest import mock

import encord.http.utils
from encord.http.v2 import request_signer

from tests.recorder.wire import Answer, Connection, Wire

CREATED = 1767323045
TRACE = "0123456789abcdef0123456789abcdef/1;o=1"
FROZEN = {"created": CREATED, "utc": "2026-01-02T03:04:05Z", "trace": TRACE}


@dataclass
class Network:
    """The wire that connections are made on, and the clock."""

    wire: Wire
    held: list[float]
    now: float = 1000.0
    sleeps: list[float] = field(default_factory=list)

    @contextmanager
    def aside(self, *answers: Answer) -> Iterator[None]:
        """Let the client prepare something that is no part of the vector."""
        aside = Network(Wire(answers), [])
        with mock.patch.object(self, "connect", aside.connect):
            yield

    def connect(self, _: Any) -> Connection:
        if self.held:
            self.now += self.held.pop(0)
        return Connection(self.wire)

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


class _Datetime(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.fromtimestamp(CREATED, tz)


@contextmanager
def frozen(network: Network) -> Iterator[None]:
    """Nothing leaves this process, and nothing changes from run to run."""
    with (
        mock.patch("urllib3.connection.HTTPConnection._new_conn", lambda of: network.connect(of)),
        mock.patch.dict(os.environ, {"NO_PROXY": "*", "no_proxy": "*"}),
        mock.patch.object(time, "sleep", network.sleep),
        mock.patch.object(time, "perf_counter", lambda: network.now),
        mock.patch.object(time, "monotonic", lambda: network.now),
        mock.patch.object(request_signer, "datetime", _Datetime),
        mock.patch.object(encord.http.utils, "UPLOAD_TO_SIGNED_URL_LIST_MAX_WORKERS", 1, create=True),
    ):
        yield
