"""The jobs of one attempt of a task: recall, start, remember, wait, judge, report, cancel.

:class:`JobRun` knows the order, the task store, the deadline and deferring. What differs between operators is in a
:class:`Work`, which the operator makes: it knows the hook and the trigger.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_encord._airflow.arguments import JobIds, seconds
from airflow_provider_encord._airflow.asset_events import note_look, tell_assets
from airflow_provider_encord._airflow.errors import airflow_errors
from airflow_provider_encord._resume.item_tags import is_cleared
from airflow_provider_encord._resume.task_store import Memory, Started
from airflow_provider_encord.exceptions import (
    EncordError,
    EncordJobError,
    EncordNotFoundError,
    EncordRateLimitError,
    EncordTimeoutError,
)

if TYPE_CHECKING:
    from airflow_provider_encord._client.jobs import Verdict, Watch
    from airflow_provider_encord._compat import Context

PAUSE_BEFORE_LOST = 5.0
"""Seconds until Encord is asked again about a job that it says it does not know."""
_READ_SECONDS = 60.0  # to read a job that has ended already
KILL_SECONDS = 10.0
"""How long the request that cancels a job may take."""
_LONGEST_KILL = 30.0  # to cancel all jobs of a task
_SECONDS_TO_END = 10  # that a cancelled job may take to end
_KEPT_ITEMS = 20_000  # of ended jobs that were read early
_SHARES_OF_DEFER_AFTER = (0.0, 0.4, 1.0)  # when to poll a job whose polls Encord does not hold


class Work(ABC):
    """The work that one task does in Encord with jobs. Each job does one batch of it.

    :param hook: an ``EncordHook``.
    :param dataset_hash: the dataset; None for work on a folder alone.
    """

    cancels = False
    """Whether jobs that nobody waits for any more are cancelled, which Encord must offer."""

    hides_removed_items = False
    """Whether an ended job may no longer list its items after they were removed."""
    looks_again = False
    """Whether a cleared task whose jobs have ended looks for new work."""

    def __init__(self, hook: Any, dataset_hash: str | None) -> None:
        self.hook = hook
        self.dataset_hash = dataset_hash
        self.deadline: float | None = None
        """Unix time in seconds at which this attempt stops waiting; None for never."""

    @abstractmethod
    def identity(self) -> Mapping[str, Any]:
        """Return the arguments that define the work; an attempt with other arguments does not reuse its jobs."""

    @abstractmethod
    def batches(self, memory: Memory) -> Iterable[Any]:
        """Check the work and yield its batches, in the same order at each attempt."""

    def batches_left(self, started: Started, memory: Memory) -> Iterable[Any]:
        """Yield the batches that earlier attempts have not started."""
        return islice(self.batches(memory), started.parts, None)

    @abstractmethod
    def start(self, batch: Any, memory: Memory) -> str | int | None:
        """Start the job of one batch and return its id, or None if nothing is left to do in the batch.

        Call ``memory.note_start()`` right before the request.
        """

    @abstractmethod
    def watch(self, job_id: Any) -> Watch:
        """Return what to wait for."""

    @abstractmethod
    def trigger(self, job_ids: JobIds, deadline: float | None) -> Any:
        """Return the trigger that waits for the jobs."""

    @abstractmethod
    def finish(self, job_ids: JobIds, verdicts: Iterable[Verdict], memory: Memory) -> dict[str, Any]:
        """Judge the ended jobs one by one: raise, or return the report of the task."""

    def unclear_start(self) -> bool:
        """Note that an earlier attempt may have started a job of the next batch, whose id is not known.

        :return: whether the work can wait for such a job.
        """
        return False

    def place(self) -> dict[str, Any]:
        """Return where the work is done, as reports say it."""
        return {"dataset_hash": self.dataset_hash}

    def looked_until(self) -> datetime | None:
        """Return the moment before which the work ends, if that is not the one at which it began."""
        return None

    def why_empty(self) -> str:
        """Return a sentence that says why no job was started."""
        return "There was nothing to do."

    def resume_arguments(self) -> dict[str, Any]:
        """Return arguments of ``execute_complete`` besides the event; Airflow keeps them as JSON."""
        return {}

    def judge_start(self, memory: Memory) -> None:
        """Raise if too much failed before the jobs were started; for tasks that do not wait for them."""
        return None

    def tries_again(self, memory: Memory, *, partial: bool) -> bool:
        """Whether work whose jobs have ended is done again, since parts of it failed and the others are skipped.

        :param partial: whether items failed in the jobs.
        """
        return False

    def is_undone(self, verdict: Verdict, memory: Memory) -> bool | None:
        """Whether somebody has removed everything that an ended job added; None if the job does not show it."""
        return None


class JobRun:
    """Does the work of a task in one attempt.

    :param work: the work.
    :param task: the operator, an ``EncordJobOperator`` whose arguments are checked.
    :param context: context of the attempt.
    """

    def __init__(self, work: Work, task: Any, context: Context) -> None:
        self._work = work
        self._task = task
        self._context = context
        self._memory = Memory(context, durable=task.durable, identity=work.identity())
        self._ended: dict[str | int, Verdict] = {}
        self._over: set[str | int] = set()
        self._kept = 0
        self._looked: datetime | None = None

    def run(self) -> dict[str, Any]:
        """Start the jobs, or recall those of earlier attempts, wait for them, and return the report.

        :raises EncordTimeoutError: at the deadline; jobs that Encord can cancel are cancelled.
        """
        return self._told(self._run())

    def _run(self) -> dict[str, Any]:
        self._work.deadline = deadline = self._deadline()
        try:
            job_ids = self._start_all()
        except EncordTimeoutError:  # while jobs of earlier attempts were waited for
            if not self._cancels:
                raise
            return self._give_up()
        self._task.push(self._context, "job_ids", job_ids)
        self._task.push(self._context, "job_id", job_ids[0] if job_ids else None)
        if not job_ids:
            report = self._work.finish([], (), self._memory)
            if report.get("skipped") or report.get("failed"):
                return report
            return dict(self._task.settle_empty(self._context, report, self._memory, self._work.why_empty()))
        if not self._task.wait_for_completion:
            self._work.judge_start(self._memory)
            return {**self._work.place(), "job_ids": job_ids, "status": "STARTED"}
        if self._task.deferrable and not self._end_soon(job_ids, deadline):
            self._task.defer(
                trigger=self._work.trigger(job_ids, deadline),
                method_name="execute_complete",
                kwargs=self._work.resume_arguments() or None,
            )
        return self._finish(job_ids, deadline)

    def resume(self, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after the trigger has fired: read the ended jobs, judge them, and return the report.

        :param event: the checked event of the trigger.
        :raises EncordTimeoutError: when the trigger reached its deadline.
        """
        return self._told(self._resume(event))

    def _resume(self, event: dict[str, Any]) -> dict[str, Any]:
        job_ids: JobIds = event["job_ids"]
        self._task.running_jobs = job_ids
        self._memory.go_on_with(job_ids)
        if event["status"] == "timeout":
            if self._cancels:
                return self._give_up()
            raise EncordTimeoutError(
                f"{event['message']} {goes_on(job_ids, self._watch(job_ids[0]))}", dataset_hash=self._work.dataset_hash
            )
        return self._finish(job_ids, time.time() + _READ_SECONDS)

    def _told(self, report: dict[str, Any]) -> dict[str, Any]:
        tell_assets(self._task, self._context, report, self._memory, self._looked, self._work.looked_until())
        return report

    def kill(self) -> None:
        """Cancel the jobs that still run, or say that they go on. Never raises, and takes no longer than 30 s."""
        if not (job_ids := self._running()):
            return
        if self._work.cancels:
            self._cancel(job_ids)
        else:
            self._task.log.warning("The task was killed. %s", goes_on(job_ids, self._watch(job_ids[0])))

    def _deadline(self) -> float | None:
        timeout, execution_timeout = self._task.timeout, seconds(self._task.execution_timeout, "execution_timeout")
        if execution_timeout and self._work.cancels:
            # Airflow ends the task then, so what has to be done before needs a part of the time.
            execution_timeout -= min(_LONGEST_KILL, 0.1 * execution_timeout)
        given = [limit for limit in (timeout, execution_timeout) if limit]
        return time.time() + min(given) if given else None

    def _watch(self, job_id: str | int) -> Watch:
        return self._work.watch(job_id)

    # -- start ------------------------------------------------------------------------------------------------------

    def _start_all(self) -> JobIds:
        started = self._recall()
        self._task.running_jobs = job_ids = started.job_ids
        if started.complete:
            return job_ids
        self._looked = note_look(self._task, self._memory)
        for batch in self._work.batches_left(started, self._memory):
            try:
                job_id = self._work.start(batch, self._memory)
            except EncordRateLimitError:
                self._memory.remember_jobs(started)  # surely not started
                raise
            if job_id is not None:
                job_ids.append(job_id)
                started.worked = True
            started.parts += 1
            self._memory.remember_jobs(started)
            del batch  # memory holds one batch at a time
        started.complete = True
        self._memory.remember_jobs(started)
        return job_ids

    def _recall(self) -> Started:
        started = self._memory.recall_jobs()
        passed_over = started.parts > 0 and not started.job_ids  # all of it was there: of a job of unknown id
        if started.starting or passed_over or self._memory.is_blind:
            if not self._work.unclear_start() and started.starting:
                self._task.log.warning(
                    "An earlier attempt ended while it started a job on dataset %s, so Encord may run that job too. "
                    "It cannot be found or cancelled.",
                    self._work.dataset_hash,
                )
            started.starting = False
        if not started.job_ids:
            return Started(worked=started.worked)
        # Before clearing a task, somebody may have removed its items. Before a retry nobody does.
        cleared = is_cleared(self._context, self._task.retries or 0)
        state = self._state_of(started.job_ids, cleared=cleared)
        if state == "running" and cleared and self._work.cancels:
            # The trigger of the attempt that was cleared may be about to cancel the same jobs.
            self._cancel(started.job_ids)
            state = self._state_of(started.job_ids, cleared=cleared, held_seconds=_SECONDS_TO_END)
        if state in ("lost", "failed", "cancelled", "undone", "partial"):
            self._task.log.warning("%s of an earlier attempt: %s. Starting again.", jobs_text(started.job_ids), state)
            # Of a job that is not known any more, and of items that were removed, the uploaded files may be gone, too.
            self._memory.forget(keep_uploads=state not in ("lost", "undone"))
            return Started(worked=True)
        if state == "ended" and self._work.looks_again:
            started.complete, started.parts = False, 0
            self._memory.remember_jobs(started)
        self._task.log.info("%s: started by an earlier attempt. Nothing is started twice.", jobs_text(started.job_ids))
        return started

    def _state_of(self, job_ids: JobIds, *, cleared: bool, held_seconds: int = 0) -> str:
        """Return the state of earlier jobs: ``running``, ``ended``, or why the work is done again.

        That is ``lost``, ``failed``, ``cancelled``, ``undone`` or ``partial``.

        :param held_seconds: how long each job may take to end.
        """
        ended = 0
        partial = False
        undone: bool | None = None if cleared else False
        for job_id in job_ids:
            try:
                verdict = self._look_twice(job_id, held_seconds)
            except EncordNotFoundError:
                return "lost"
            if verdict is None or not verdict.ended:
                continue
            if verdict.state in ("failed", "cancelled"):
                return str(verdict.state)
            ended += 1
            partial = partial or verdict.state == "partial"
            if undone is None:
                undone = self._work.is_undone(verdict, self._memory)
        if ended < len(job_ids):
            return "running"
        # If no job lists an item, all of them may have been removed.
        if undone or (cleared and undone is None and self._work.hides_removed_items):
            return "undone"
        return "partial" if self._work.tries_again(self._memory, partial=partial) else "ended"

    def _look_twice(self, job_id: str | int, held_seconds: int) -> Verdict | None:
        """Ask for the state of a job; once more if Encord says that there is no such job, which may be a mistake."""
        try:
            return self._look(job_id, held_seconds)
        except EncordNotFoundError as error:
            pause = min(PAUSE_BEFORE_LOST, self._work.hook.settings.longest_pause)
            self._task.log.warning("%s Asking again in %g s.", error, pause)
        time.sleep(pause)
        return self._look(job_id)

    # -- wait -------------------------------------------------------------------------------------------------------

    def _end_soon(self, job_ids: JobIds, deadline: float | None) -> bool:
        """Poll the jobs for a few seconds, which costs less than deferring; return whether all have ended."""
        started = time.monotonic()
        patience = self._task.defer_after
        if deadline is not None:
            patience = max(0.0, min(patience, deadline - time.time()))
        if not patience:
            return False
        open_jobs = [job_id for job_id in job_ids if job_id not in self._ended]
        holds = bool(open_jobs) and self._watch(open_jobs[0]).server_holds
        for share in (0.0,) if holds else _SHARES_OF_DEFER_AFTER:
            time.sleep(max(0.0, share * patience - (time.monotonic() - started)) if open_jobs else 0.0)
            for job_id in tuple(open_jobs):
                left = max(0.0, patience - (time.monotonic() - started))
                verdict = self._look(job_id, held_seconds=round(left))
                if verdict is not None and verdict.ended:
                    open_jobs.remove(job_id)
        return not open_jobs

    def _look(self, job_id: str | int, held_seconds: int = 0) -> Verdict | None:
        verdict: Verdict | None = self._work.hook.look(self._watch(job_id), held_seconds=held_seconds)
        if verdict is not None and verdict.ended:
            self._over.add(job_id)
            items = sum(verdict.counts.values())
            if self._kept + items <= _KEPT_ITEMS:
                self._kept += items
                self._ended[job_id] = verdict
        return verdict

    def _finish(self, job_ids: JobIds, deadline: float | None) -> dict[str, Any]:
        try:
            report = self._work.finish(job_ids, self._verdicts(job_ids, deadline), self._memory)
        except EncordTimeoutError:
            if not self._cancels:
                raise
            return self._give_up()
        except EncordJobError:
            self._memory.forget(keep_uploads=True)  # so that a retry starts again
            raise
        self._task.running_jobs = []
        return report

    def _verdicts(self, job_ids: JobIds, deadline: float | None) -> Iterator[Verdict]:
        # A job can have many items, so only one job is held at a time.
        for job_id in job_ids:
            verdict = self._ended.pop(job_id, None) or self._work.hook.wait(
                self._watch(job_id),
                deadline=deadline,
                poll_interval=self._task.poll_interval,
                max_poll_failures=self._task.max_poll_failures,
            )
            self._over.add(job_id)
            self._task.log.info("%s.", verdict.message)
            yield verdict

    # -- cancel -----------------------------------------------------------------------------------------------------

    def _running(self) -> JobIds:
        """Return the jobs that are not known to have ended."""
        return [job_id for job_id in self._task.running_jobs if job_id not in self._over]

    @property
    def _cancels(self) -> bool:
        """Whether there are jobs to cancel when nobody waits any more."""
        return self._work.cancels and bool(self._task.running_jobs)

    def _give_up(self) -> dict[str, Any]:
        """Cancel what still runs when the time is over, and account for what was added until then.

        :return: the report, if the jobs have ended well in the last moment.
        :raises EncordTimeoutError: if not.
        """
        job_ids: JobIds = self._task.running_jobs
        self._cancel(self._running())
        counts: Counter[str] = Counter()
        going_on: JobIds = []

        def last_looks() -> Iterator[Verdict]:
            for job_id in job_ids:
                verdict = self._ended.pop(job_id, None) or self._look(job_id, _SECONDS_TO_END)
                if verdict is None:
                    raise EncordTimeoutError(
                        f"The time was over, and Encord does not tell how {jobs_text([job_id])} of "
                        f"{self._watch(job_id).place} stands. A later attempt asks again.",
                        dataset_hash=self._work.dataset_hash,
                    )
                if not verdict.ended:
                    going_on.append(job_id)
                counts.update(verdict.counts)
                yield verdict

        try:
            report = self._work.finish(job_ids, last_looks(), self._memory)
            if not going_on:
                self._task.running_jobs = []
                return report
        except EncordJobError:
            pass
        if going_on:
            state = goes_on(going_on, self._watch(going_on[0]))
        else:
            state = "Encord has cancelled it; a later attempt starts what is missing."
            self._memory.forget(keep_uploads=True)
        shown = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no items"
        raise EncordTimeoutError(
            f"The time was over before {jobs_text(job_ids)} of {self._watch(job_ids[0]).place} had ended. {state} "
            f"Until then: {shown}.",
            dataset_hash=self._work.dataset_hash,
        )

    def _cancel(self, job_ids: JobIds) -> None:
        """Cancel jobs, each by one request on a connection of its own, since another may be under way."""
        until = time.monotonic() + _LONGEST_KILL
        for job_id in job_ids:
            try:
                watch = self._watch(job_id)
                if (call := watch.cancel()) is None or time.monotonic() > until:
                    self._task.log.warning("%s", goes_on([job_id], watch))
                    continue
                with airflow_errors():
                    cancelled = self._work.hook.get_conn().beside(KILL_SECONDS).run(call)
                self._task.log.info("Cancelled %s in %s: %d items are not added.", watch.name, watch.place, cancelled)
            except Exception as error:  # a task that is killed must end, and the other jobs be cancelled
                what = str(error) if isinstance(error, EncordError) else type(error).__name__
                self._task.log.warning("Job %s could not be cancelled, so it goes on: %s", job_id, what)


def jobs_text(job_ids: Sequence[str | int]) -> str:
    """Name jobs in a message: the first five, and how many more."""
    more = f" and {len(job_ids) - 5} more" if len(job_ids) > 5 else ""
    return f"job{'s' if len(job_ids) > 1 else ''} {', '.join(map(str, job_ids[:5]))}{more}"


def goes_on(job_ids: Sequence[str | int], watch: Watch) -> str:
    """Say that jobs go on although nobody waits for them any more.

    :param watch: one of the jobs.
    """
    several = len(job_ids) > 1
    verb = "go" if several else "goes"
    if watch.cancel() is None:
        why = f"Encord offers no way to cancel {'them' if several else 'it'}"
    else:
        why = "they were not cancelled" if several else "it was not cancelled"
    return f"In Encord, {jobs_text(job_ids)} of {watch.place} {verb} on: {why}. Nothing needs to be started again."
