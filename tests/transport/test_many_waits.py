"""Many waits on one transport: how many polls are in flight, and how many the server holds."""

import asyncio
from typing import Any

import pytest

from airflow_provider_encord._client import wait as api_wait
from airflow_provider_encord._client.jobs import ReEncodeWatch, UploadJobWatch
from airflow_provider_encord._client.resources.re_encoding import ReEncodeTask
from airflow_provider_encord._client.resources.registration import UploadJob
from airflow_provider_encord._client.transport.async_transport import (
    MAX_HELD_POLLS,
    MAX_POLLS,
    AsyncTransport,
    SharedSleep,
)
from airflow_provider_encord._client.wait import DeadlineReached, Patience
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


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose time passes when told to; remembers when its timers are due."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.due: list[float] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, *args: Any, **kwargs: Any) -> Any:
        self.due.append(when)
        return super().call_at(when, *args, **kwargs)


async def until_idle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_sleepers_due_at_about_one_time_share_a_timer_and_none_wakes_too_early() -> None:
    woken: list[str] = []

    async def sleep(name: str, sleeper: asyncio.Future[None]) -> None:
        await sleeper
        woken.append(name)

    async def many(loop: Loop) -> None:
        shared = SharedSleep()
        first, second = shared(30.01), shared(30.06)
        loop.now = 100.05
        third, late = shared(30.0), shared(30.06)
        assert loop.due == pytest.approx([130.1, 130.2])
        tasks = [
            asyncio.ensure_future(sleep(*each))
            for each in (("first", first), ("second", second), ("third", third), ("late", late))
        ]
        await until_idle()
        tasks[1].cancel()
        for now, expected in ((130.09, []), (130.101, ["first", "third"]), (130.201, ["first", "third", "late"])):
            loop.now = now
            await until_idle()
            assert woken == expected
        assert tasks[1].cancelled()

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(many(runner.get_loop()))  # type: ignore[arg-type]


def test_a_pause_keeps_no_timer_of_its_own_for_the_deadline() -> None:
    async def pausing(loop: Loop) -> None:
        async def answered(*_: Any, **__: Any) -> ReEncodeTask:
            return ReEncodeTask("SUBMITTED")

        transport = AsyncTransport(account("http://127.0.0.1:9", Clock(now=loop.now)))
        transport.run = answered  # type: ignore[method-assign]
        deadline = loop.now + 3600
        waits = [
            asyncio.ensure_future(transport.wait(ReEncodeWatch(DATASET, number), Patience(deadline, 60.0, 3)))
            for number in range(100)
        ]
        await until_idle()
        pending = [each for each in loop._scheduled if not each.cancelled()]  # type: ignore[attr-defined]
        assert len(pending) < 10
        for each in waits:
            each.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(pausing(runner.get_loop()))  # type: ignore[arg-type]


@pytest.mark.parametrize("watch", [ReEncodeWatch(DATASET, 1), UploadJobWatch(DATASET, "1")])
def test_a_poll_that_is_not_answered_ends_the_wait_after_the_deadline(watch: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(api_wait, "LAST_ANSWER_SECONDS", 0.01)

    async def silent() -> None:
        busy = Busy()
        await busy.wait(watch, Patience(busy.account.clock() - 1, 5.0, 3))

    with pytest.raises(DeadlineReached, match=f"did not answer about {watch.name} in time"):
        asyncio.run(silent())
