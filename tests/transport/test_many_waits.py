"""Many waits on one transport: how many polls are in flight, and how many the server holds."""

import asyncio
from typing import Any

from airflow_provider_encord.api.jobs import ReEncodeWatch, UploadJobWatch
from airflow_provider_encord.api.models import ReEncodeTask, UploadJob
from airflow_provider_encord.api.wait import Patience
from airflow_provider_encord.transport import nonblocking
from airflow_provider_encord.transport.nonblocking import MAX_HELD_POLLS, MAX_POLLS, AsyncTransport, sleep_together
from vectors import DATASET, Clock, account


class Busy(AsyncTransport):
    """Answers when told to; remembers which polls wait for it."""

    def __init__(self) -> None:
        clock = Clock()
        super().__init__(account("http://127.0.0.1:9", clock), sleep=clock.sleep_async)
        self.asked: list[float] = []
        self.answer = asyncio.Event()

    async def run(self, call: Any, **_: Any) -> Any:
        self.asked.append(call.held_seconds)
        await self.answer.wait()
        return UploadJob("DONE") if call.query_type == "datasetdatalongpolling" else ReEncodeTask("DONE")


async def in_flight(busy: Busy, watches: list[Any]) -> list[float]:
    """Start to wait for all, and return what the polls asked for that were sent then; end all waits."""
    waits = [asyncio.ensure_future(busy.wait(watch, Patience(None, 5.0, 3))) for watch in watches]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asked = list(busy.asked)
    busy.answer.set()
    await asyncio.gather(*waits)
    assert len(busy.asked) == len(watches)
    return asked


def test_polls_that_are_not_held_are_in_flight_in_limited_numbers() -> None:
    async def many() -> list[float]:
        return await in_flight(Busy(), [ReEncodeWatch(DATASET, number) for number in range(3 * MAX_POLLS)])

    assert asyncio.run(many()) == [0.0] * MAX_POLLS


def test_held_polls_neither_exceed_their_number_nor_keep_others_waiting() -> None:
    async def many() -> list[float]:
        held = [UploadJobWatch(DATASET, str(number)) for number in range(MAX_HELD_POLLS + 10)]
        return await in_flight(Busy(), [*held, ReEncodeWatch(DATASET, 1)])

    assert sorted(asyncio.run(many())) == [0.0] * 11 + [60.0] * MAX_HELD_POLLS


def test_a_cancelled_wait_gives_its_held_poll_back() -> None:
    async def again() -> list[float]:
        busy = Busy()
        gone = asyncio.ensure_future(
            asyncio.gather(
                *(
                    busy.wait(UploadJobWatch(DATASET, str(each)), Patience(None, 5.0, 3))
                    for each in range(MAX_HELD_POLLS)
                )
            )
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        busy.asked.clear()
        return await in_flight(busy, [UploadJobWatch(DATASET, "one more")])

    assert asyncio.run(again()) == [60.0]


def test_sleepers_due_at_about_one_time_wake_together_and_none_too_early(monkeypatch: Any) -> None:
    slept = []
    monkeypatch.setattr(nonblocking.asyncio, "sleep", slept.append)

    class Loop:
        def __init__(self, now: float) -> None:
            self.time = lambda: now

    wakes = []
    for now, seconds in ((100.0, 30.01), (100.02, 30.0), (100.049, 29.97), (100.0, 30.06)):
        monkeypatch.setattr(nonblocking.asyncio, "get_running_loop", lambda now=now: Loop(now))
        sleep_together(seconds)
        wakes.append(round(now + slept.pop(), 6))
        assert now + seconds <= wakes[-1] + 1e-6 < now + seconds + 0.051
    assert wakes == [130.05, 130.05, 130.05, 130.1]
