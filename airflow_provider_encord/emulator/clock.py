"""Time as a parameter: the system's clock, and one that tests move by hand."""

import asyncio
import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What the emulator asks of a clock."""

    def time(self) -> float:
        """Return seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when that many seconds have gone by."""
        ...


class SystemClock:
    """The clock on the wall."""

    def time(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Return when that many seconds have gone by."""
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that only moves when it is told to; safe to use from any thread."""

    def __init__(self, now: float | None = None) -> None:
        self._now = time.time() if now is None else now
        self._changed = threading.Condition()
        self._sleepers: list[tuple[float, asyncio.AbstractEventLoop, asyncio.Event]] = []

    def time(self) -> float:
        """Return seconds since the epoch."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return when :meth:`advance` has moved the clock that far."""
        awake = asyncio.Event()
        with self._changed:
            if seconds <= 0:
                return
            sleeper = (self._now + seconds, asyncio.get_running_loop(), awake)
            self._sleepers.append(sleeper)
            self._changed.notify_all()
        try:
            await awake.wait()
        finally:
            with self._changed:
                self._sleepers.remove(sleeper)

    def advance(self, seconds: float) -> None:
        """Move the clock forward and wake everyone whose time has come."""
        with self._changed:
            self._now += seconds
            for until, loop, awake in self._sleepers:
                if until <= self._now:
                    loop.call_soon_threadsafe(awake.set)

    def wait_for_sleepers(self, count: int = 1, timeout: float = 10) -> None:
        """Block the calling thread until that many waits are under way."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._sleepers) >= count, timeout):
                raise TimeoutError(f"{len(self._sleepers)} sleeping, {count} expected")
