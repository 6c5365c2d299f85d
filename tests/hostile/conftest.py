"""Hostile servers and bad input: the same cases in each run, others with ENCORD_FUZZ_SEED and ENCORD_FUZZ_CASES."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_encord._airflow.errors import airflow_errors
from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.retry import ONCE
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._client.transport.network import Timeouts
from airflow_provider_encord._client.transport.sync_transport import BlockingTransport
from raw_server import RawServer
from vectors import Clock, account

SHORT = Timeouts(connect=2.0, read=2.0, total=2.0)


@pytest.fixture(scope="module")
def raw_server() -> Iterator[RawServer]:
    with RawServer().running() as server:
        yield server


def _blocking(call: Call[Any], url: str, timeouts: Timeouts = SHORT, auth: str = "ssh") -> Any:
    transport = BlockingTransport(account(url, Clock(), auth, policy=ONCE), timeouts=timeouts)
    with airflow_errors():
        try:
            return transport.run(replace(call, held_seconds=0))
        finally:
            transport.close()


def _async(call: Call[Any], url: str, timeouts: Timeouts = SHORT, auth: str = "ssh") -> Any:
    async def run() -> Any:
        async with AsyncTransport(account(url, Clock(), auth, policy=ONCE), timeouts=timeouts) as transport:
            return await transport.run(replace(call, held_seconds=0))

    with airflow_errors():
        return asyncio.run(run())


@pytest.fixture(params=[_blocking, _async], ids=["blocking", "async"])
def send(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Send one call, as the hook does."""
    return request.param
