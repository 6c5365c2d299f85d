"""One call, by each of the two transports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._client.transport.network import Timeouts
from airflow_provider_encord._client.transport.sync_transport import BlockingTransport
from vectors import Clock, account


def run_blocking(call: Call[Any], url: str, clock: Clock, timeouts: Timeouts = Timeouts(), **who: Any) -> Any:
    transport = BlockingTransport(account(url, clock, **who), timeouts=timeouts, sleep=clock.sleep)
    try:
        return transport.run(call)
    finally:
        transport.close()


def run_async(call: Call[Any], url: str, clock: Clock, timeouts: Timeouts = Timeouts(), **who: Any) -> Any:
    async def run() -> Any:
        async with AsyncTransport(account(url, clock, **who), timeouts=timeouts, sleep=clock.sleep_async) as transport:
            return await transport.run(call)

    return asyncio.run(run())


@pytest.fixture(params=[run_blocking, run_async])
def drive(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return request.param


@pytest.fixture
def clock() -> Clock:
    return Clock()
