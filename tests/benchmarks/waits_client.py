"""One process that holds waits, as a triggerer does, and measures itself.

`python -m tests.benchmarks.waits_client CONTESTANT WAITS INTERVAL RAMP WINDOW` prints what it measured as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp

from airflow_provider_encord.triggers.encord import EncordDataRowTrigger, EncordReEncodeTrigger

HOST = json.loads(os.environ["AIRFLOW_CONN_ENCORD_DEFAULT"])["host"]
TICK_SECONDS = 0.05


async def ours(number: int, interval: float) -> None:
    """Wait with a trigger of this provider."""
    trigger = EncordReEncodeTrigger(
        encord_conn_id="encord_default",
        dataset_hash=f"{number:08d}-0000-4000-8000-000000000000",
        job_ids=[number],
        deadline=time.time() + 24 * 3600,
        poll_interval=interval,
        max_poll_failures=10,
    )
    async for event in trigger.run():
        raise RuntimeError(f"No wait should have ended: {event}")


async def rows(number: int, interval: float) -> None:
    """Wait with a trigger of this provider for one row more than there are."""
    trigger = EncordDataRowTrigger(
        encord_conn_id="encord_default",
        dataset_hash=f"{number:08d}-0000-4000-8000-000000000000",
        filters={},
        min_count=50_001,
        deadline=time.time() + 24 * 3600,
        poll_interval=interval,
        max_poll_failures=10,
    )
    async for event in trigger.run():
        raise RuntimeError(f"No wait should have ended: {event}")


async def session_per_poll(number: int, interval: float, *, own_context: bool = True) -> None:
    """Wait with a session of its own for each poll, the same request, and no signature at all."""
    values = {"uid": number, "payload": None}
    body = {"query_type": "reencodevideotask", "query_method": "GET", "values": values}
    while True:
        context = ssl.create_default_context() if own_context else True
        connector = aiohttp.TCPConnector(ssl=context)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post(f"{HOST}/public", json=body, headers={"Authorization": "Bearer x"}) as response,
        ):
            answer = await response.json()
        if answer["response"]["status"] != "SUBMITTED":
            raise RuntimeError("No wait should have ended")
        await asyncio.sleep(interval)


async def session_per_poll_one_context(number: int, interval: float) -> None:
    """Do the same with the TLS context that aiohttp keeps."""
    await session_per_poll(number, interval, own_context=False)


CONTESTANTS: dict[str, Callable[[int, float], Coroutine[Any, Any, None]]] = {
    each.__name__: each for each in (ours, rows, session_per_poll, session_per_poll_one_context)
}


async def polls_answered() -> int:
    """Ask the server how many polls it has answered."""
    async with aiohttp.ClientSession() as session, session.get(HOST) as response:
        return int(await response.text())


async def tick(lags: list[float]) -> None:
    """Note how late the event loop is, every 50 ms."""
    while True:
        due = time.perf_counter() + TICK_SECONDS
        await asyncio.sleep(TICK_SECONDS)
        lags.append(time.perf_counter() - due)


def resident_bytes() -> int:
    """Return what this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def percentile(values: list[float], share: float) -> float:
    """Return the value that this share of all does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def measure(contestant: str, waits: int, interval: float, ramp: float, window: float) -> dict[str, float]:
    """Start all waits at once; measure the ramp, and then a window."""
    first = asyncio.ensure_future(CONTESTANTS[contestant](0, 0.01))  # imports, the connection, the key
    await asyncio.sleep(1)
    before = resident_bytes()
    lags: list[float] = []
    ticker = asyncio.ensure_future(tick(lags))
    running = [asyncio.ensure_future(CONTESTANTS[contestant](number, interval)) for number in range(1, waits + 1)]
    first.cancel()
    await asyncio.sleep(ramp)
    found = {"ramp lag max ms": max(lags) * 1000, "ramp lag p99 ms": percentile(lags, 0.99) * 1000}
    lags.clear()
    polls, cpu, started = await polls_answered(), time.process_time(), time.perf_counter()
    await asyncio.sleep(window)
    seconds, cpu, polls = time.perf_counter() - started, time.process_time() - cpu, await polls_answered() - polls
    found |= {
        "polls/s": polls / seconds,
        "% of a core": 100 * cpu / seconds,
        "CPU s per 1,000 polls": 1000 * cpu / polls,
        "lag p99 ms": percentile(lags, 0.99) * 1000,
        "KB per wait": (resident_bytes() - before) / 1024 / waits,
    }
    for task in [ticker, *running]:
        if task.done():
            task.result()
        task.cancel()
    await asyncio.gather(ticker, *running, return_exceptions=True)
    return found


if __name__ == "__main__":
    name, *numbers = sys.argv[1:]
    waits, interval, ramp, window = map(float, numbers)
    print(json.dumps(asyncio.run(measure(name, int(waits), interval, ramp, window))))
