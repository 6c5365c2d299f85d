"""When jobs run, and the long wait for their end."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow_provider_encord.emulator.clock import Clock
from airflow_provider_encord.emulator.job_books import SYNC, JobBooks
from airflow_provider_encord.emulator.job_work import JobWork, Stopped
from airflow_provider_encord.emulator.outcomes import Outcome
from airflow_provider_encord.emulator.sync_work import SyncWork

log = logging.getLogger(__name__)

LONGEST_POLL = 60
"""Seconds; Encord's client 0.1.211 asks for 60 at most in a dataset, and for a week in a folder."""

SMALL = 200
"""Units. A job of at most so many that is due is waited for even by those who wait for nothing."""


class _Watch:
    """A job that is not over."""

    def __init__(self, settle: Callable[[str], None], due_at: float, size: int, held: bool) -> None:
        self.settle = settle
        self.due_at = due_at
        self.size = size
        self.held = held
        self.lock = asyncio.Lock()
        self.over = asyncio.Event()


class Jobs:
    """Runs jobs when they are due; must be used within one event loop."""

    def __init__(self, books: JobBooks, work: JobWork, sync: SyncWork, clock: Clock) -> None:
        self._books = books
        self._work = work
        self._sync = sync
        self._clock = clock
        self._watches: dict[str, _Watch] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # Apart from the threads that answer requests, so that big jobs cannot keep those busy.
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="encord-emulator-job")
        self._next: Outcome | None = None

    async def resume(self) -> None:
        """Take up the jobs an earlier process has left."""
        for row in await asyncio.to_thread(self._books.unsettled):
            await self._watch(row["uuid"])

    def take_outcome(self) -> Outcome:
        """Return the outcome ordered for the next job."""
        ordered, self._next = self._next or Outcome(), None
        return ordered

    async def started(self, job: str) -> None:
        """Look after a new job. A small one that is due at once is over when this returns."""
        watch = await self._watch(job)
        if watch and watch.held:
            await self._settle(job, watch)
        await self._catch_up(job)

    async def wait(self, job: str, seconds: float) -> None:
        """Return when a job is over, at the latest after so many seconds."""
        await self._catch_up(job)
        watch = self._watches.get(job)
        if watch is None:
            return
        waits = {
            asyncio.ensure_future(watch.over.wait()),
            asyncio.ensure_future(self._clock.sleep(min(seconds, LONGEST_POLL))),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def cancel(self, job: str) -> int:
        """End a job: what it has added stays, the units left are cancelled. Return how many those are.

        A job that is over stays as it is.
        """
        watch = self._watches.get(job)
        if watch is None:
            return 0
        self._work.cancel(job)
        watch.held = False
        await self._settle(job, watch)
        row = await asyncio.to_thread(self._books.find, job)
        return 0 if row is None else row["cancelled"]

    async def force(self, job: str, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Order the outcome of a job, or with ``next`` as its name that of the next one to be started.

        A final status takes effect at once. Any other is kept until the next order. Without a status, the job comes
        to its end by itself, and the rest of the order is heeded then.
        """
        ordered = Outcome.parse(outcome)
        if job == "next":
            self._next = ordered
            return {}
        job = str(job).lower()
        if await asyncio.to_thread(self._books.find, job) is None:
            raise LookupError(f"there is no registration job {job!r}: give its process_hash, or 'next'")
        watch = self._watches.get(job)
        if watch is None:
            await asyncio.to_thread(self._books.set_outcome, job, ordered)
        else:
            async with watch.lock:
                await asyncio.to_thread(self._books.set_outcome, job, ordered)
                watch.held = ordered.held
            if ordered.status is not None or watch.due_at <= self._clock.time():
                await self._settle(job, watch)
        return await asyncio.to_thread(self._books.describe, job)

    async def stop(self) -> None:
        """Stop working; jobs that are not over go on with the next :meth:`resume`."""
        self._work.stopping.set()
        for watch in self._watches.values():
            watch.over.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._workers.shutdown)

    async def _watch(self, job: str) -> _Watch | None:
        row = await asyncio.to_thread(self._books.find, job)
        if row is None:
            return None
        settle = self._sync.settle if row["kind"] == SYNC else self._work.settle
        watch = _Watch(settle, row["due_at"], row["pending"], Outcome.load(row["forced"]).held)
        self._watches[job] = watch
        task = asyncio.get_running_loop().create_task(self._run(job, watch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return watch

    async def _run(self, job: str, watch: _Watch) -> None:
        await self._clock.sleep(watch.due_at - self._clock.time())
        if not watch.held:
            await self._settle(job, watch)

    async def _settle(self, job: str, watch: _Watch) -> None:
        """Let a job work: to its end, or as far as it is to go before it is held."""
        async with watch.lock:
            if watch.over.is_set():
                return
            loop = asyncio.get_running_loop()
            try:
                await loop.run_in_executor(self._workers, watch.settle, job)
            except Stopped:
                return
            except Exception:
                log.exception("job %s could not be brought to its end", job)
            if watch.held:
                return
            watch.over.set()
            self._watches.pop(job, None)

    async def _catch_up(self, job: str) -> None:
        watch = self._watches.get(job)
        if watch and watch.size <= SMALL and watch.due_at <= self._clock.time() and not watch.held:
            await watch.over.wait()
