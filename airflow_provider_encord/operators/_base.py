"""What the operators share: the connection, the link, and the life of a job from its start to its end."""

from __future__ import annotations

import hashlib
import json
import time
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_encord._airflow.arguments import JobIds, seconds
from airflow_provider_encord._airflow.masked_rendering import ShowsNoCredentials
from airflow_provider_encord._client.outgoing import storable
from airflow_provider_encord._compat import BaseOperator, Context, conf
from airflow_provider_encord._resume.item_tags import is_cleared
from airflow_provider_encord._resume.task_store import Memory, Started
from airflow_provider_encord.exceptions import (
    EncordJobError,
    EncordNotFoundError,
    EncordRateLimitError,
    EncordTimeoutError,
)
from airflow_provider_encord.links.encord import XCOM_KEY, EncordDatasetLink, dataset_url
from airflow_provider_encord.triggers._events import (
    event_job_ids,
    goes_on,
    jobs_text,
    raise_unless_ended,
    validate_event,
)

if TYPE_CHECKING:
    from airflow_provider_encord._client.jobs import Verdict, Watch
    from airflow_provider_encord.hooks.encord import EncordHook
    from airflow_provider_encord.triggers.encord import EncordJobTrigger

DEFAULT_DEFERRABLE = conf.getboolean("operators", "default_deferrable", fallback=False)
SEVEN_DAYS = 7 * 24 * 60 * 60.0
_READ_SECONDS = 60.0  # to read a job that has ended already


class EncordTask(ShowsNoCredentials):
    """What operators and sensors have in common."""

    encord_conn_id: str

    @cached_property
    def hook(self) -> EncordHook:
        """The hook; made when first needed, on the worker."""
        from airflow_provider_encord.hooks.encord import EncordHook

        return EncordHook(self.encord_conn_id)

    def push_link(self, context: Context, dataset_hash: str) -> None:
        """Leave the address of the dataset for the link on the task's page."""
        context["ti"].xcom_push(key=XCOM_KEY, value=storable(dataset_url(self.hook.settings.domain, dataset_hash)))


class EncordOperator(EncordTask, BaseOperator):
    """An operator with a connection to Encord.

    :param encord_conn_id: id of the Airflow connection (templated).
    """

    operator_extra_links = (EncordDatasetLink(),)

    def __init__(self, *, encord_conn_id: str = "encord_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.encord_conn_id = encord_conn_id

    def push(self, context: Context, key: str, value: Any) -> None:
        """Push an XCom beside the returned value, unless the task is told to push none.

        None is not pushed: who pulls it gets None all the same, and Airflow 3.0 refuses it.
        """
        if self.do_xcom_push and value is not None:
            context["ti"].xcom_push(key=key, value=storable(value))


class EncordJobOperator(EncordOperator):
    """An operator that starts jobs in Encord and waits for their end.

    The order is the same in all modes: start, remember the ids, push XCom and link, wait. On Airflow
    3.3 and later, a task instance does not start again what it has started: a later try, or a cleared task, finds the
    remembered jobs, starts only what is missing and waits for all. Jobs that failed are started anew.

    :param dataset_hash: the dataset (templated).
    :param wait_for_completion: False returns as soon as the jobs are started.
    :param deferrable: wait in the triggerer instead of on a worker.
    :param poll_interval: seconds between polls that Encord does not hold.
    :param timeout: seconds, or timedelta, that the jobs may take; None for no limit. They go on in Encord then.
    :param max_poll_failures: failed polls in a row that end the wait.
    :param durable: True does nothing twice that an earlier try has done; False begins anew at each try.
    """

    looks_again = False
    """Whether a task that is cleared when all is done looks whether there is more to do now."""

    def __init__(
        self,
        *,
        dataset_hash: str,
        wait_for_completion: bool = True,
        deferrable: bool = DEFAULT_DEFERRABLE,
        poll_interval: float = 30.0,
        timeout: float | timedelta | None = SEVEN_DAYS,
        max_poll_failures: int = 10,
        durable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_hash = dataset_hash
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = seconds(poll_interval, "poll_interval") or 1.0
        self.timeout = seconds(timeout, "timeout")
        self.max_poll_failures = max_poll_failures
        self.durable = durable
        self._job_ids: JobIds = []

    def parts(self, context: Context) -> Iterable[Any]:
        """Check the arguments and yield what each job is about, in the same order at each try; one job by default."""
        return (None,)

    def parts_left(self, context: Context, started: Started) -> Iterable[Any]:
        """Yield the parts whose jobs an earlier try has not started."""
        return islice(self.parts(context), started.parts, None)

    def on_nothing_started(self) -> None:
        """Decide what it means that there was nothing to start a job for; by default the task succeeds."""

    @abstractmethod
    def start(self, context: Context, part: Any, memory: Memory) -> str | int | None:
        """Start the job of one part and return its id, or None if there is nothing to start for it.

        Right before the request that starts it, ``memory.note_start()`` is due.
        """

    @abstractmethod
    def watch(self, job_id: Any) -> Watch:
        """Return a job as something to wait for."""

    @abstractmethod
    def trigger(self, **kwargs: Any) -> EncordJobTrigger:
        """Return the trigger that waits for the jobs."""

    @abstractmethod
    def finish(self, context: Context, job_ids: JobIds, verdicts: Iterable[Verdict]) -> Any:
        """Judge the ended jobs, one after the other: raise, or return what the task returns."""

    def execute(self, context: Context) -> Any:
        """Start the jobs, or find those that an earlier try started, and wait for them."""
        deadline = self._deadline()
        memory = self.memory(context)
        self.push_link(context, self.dataset_hash)
        job_ids = self._start_all(context, memory)
        self.push(context, "job_ids", job_ids)
        self.push(context, "job_id", job_ids[0] if job_ids else None)
        if not self.wait_for_completion:
            return {"dataset_hash": self.dataset_hash, "job_ids": job_ids, "status": "STARTED"}
        if self.deferrable and not self._have_ended(job_ids):
            self.defer(
                trigger=self.trigger(
                    encord_conn_id=self.encord_conn_id,
                    dataset_hash=self.dataset_hash,
                    job_ids=job_ids,
                    deadline=deadline,
                    poll_interval=self.poll_interval,
                    max_poll_failures=self.max_poll_failures,
                ),
                method_name="execute_complete",
            )
        return self._end(context, job_ids, deadline)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Resume when the trigger has fired: read the ended jobs in full and judge them."""
        ended = validate_event(event)
        raise_unless_ended(ended)
        job_ids: JobIds = event_job_ids(ended)
        if ended["status"] == "timeout":
            raise EncordTimeoutError(
                f"{ended['message']} {goes_on(job_ids, self.dataset_hash)}", dataset_hash=self.dataset_hash
            )
        return self._end(context, job_ids, time.time() + _READ_SECONDS)

    def on_kill(self) -> None:
        """Say once that the jobs go on."""
        if self._job_ids:
            self.log.warning("The task was killed. %s", goes_on(self._job_ids, self.dataset_hash))

    def memory(self, context: Context) -> Memory:
        """Return what this task instance remembers of its earlier tries."""
        # What was done with other arguments is no part of this try's work.
        arguments = json.dumps(
            {name: getattr(self, name) for name in self.template_fields}, default=str, sort_keys=True
        )
        return Memory(context, durable=self.durable, subject=hashlib.sha256(arguments.encode()).hexdigest())

    def _deadline(self) -> float | None:
        limits = [limit for limit in (self.timeout, seconds(self.execution_timeout, "execution_timeout")) if limit]
        return time.time() + min(limits) if limits else None

    def _start_all(self, context: Context, memory: Memory) -> JobIds:
        started = self._recall(context, memory)
        self._job_ids = job_ids = started.job_ids
        if not started.complete:
            for part in self.parts_left(context, started):
                try:
                    job_id = self.start(context, part, memory)
                except EncordRateLimitError:
                    memory.remember_jobs(started)  # surely not started
                    raise
                if job_id is not None:
                    job_ids.append(job_id)
                started.parts += 1
                memory.remember_jobs(started)
            started.complete = True
            memory.remember_jobs(started)
        if not job_ids:
            self.on_nothing_started()
        return job_ids

    def _recall(self, context: Context, memory: Memory) -> Started:
        started = memory.recall_jobs()
        if started.starting:
            self.log.warning(
                "An earlier try ended while it started a job on dataset %s, so Encord may run that one, too. "
                "It cannot be found or cancelled.",
                self.dataset_hash,
            )
            started.starting = False
        if not started.job_ids:
            return Started()
        state = self._state_of(context, started.job_ids)
        if state in ("lost", "failed", "undone"):
            self.log.warning("%s of an earlier try: %s. Starting anew.", jobs_text(started.job_ids), state)
            memory.forget()
            return Started()
        if state == "ended" and self.looks_again:
            started.complete = False
        self.log.info("%s: started by an earlier try. Nothing is started twice.", jobs_text(started.job_ids))
        return started

    def _state_of(self, context: Context, job_ids: JobIds) -> str:
        """Tell where the jobs of an earlier try are: ``lost``, ``failed``, ``undone``, ``ended`` or ``running``."""
        ended = 0
        # Who clears a task may have removed what it made before; a retry finds what the try before left.
        undone = None if is_cleared(context, self.retries or 0) else False
        for job_id in job_ids:
            try:
                verdict = self.hook.look(self.watch(job_id))
            except EncordNotFoundError:
                return "lost"
            if verdict is None:
                continue
            if verdict.state in ("failed", "cancelled"):
                return "failed"
            ended += verdict.ended
            if verdict.ended and undone is None:
                undone = self.is_undone(context, verdict)
        if ended < len(job_ids):
            return "running"
        return "undone" if undone else "ended"

    def is_undone(self, context: Context, verdict: Verdict) -> bool | None:
        """Whether somebody has removed what an ended job made; None if that job tells nothing about it."""
        return None

    def _have_ended(self, job_ids: JobIds) -> bool:
        for job_id in job_ids:
            verdict = self.hook.look(self.watch(job_id))
            if verdict is None or not verdict.ended:
                return False
        return True

    def _end(self, context: Context, job_ids: JobIds, deadline: float | None) -> Any:
        def verdicts() -> Iterator[Verdict]:
            # A job's items can be many, so no two jobs are held at once.
            for job_id in job_ids:
                verdict = self.hook.wait(
                    self.watch(job_id),
                    deadline=deadline,
                    poll_interval=self.poll_interval,
                    max_poll_failures=self.max_poll_failures,
                )
                self.log.info("%s.", verdict.message)
                yield verdict

        try:
            result = self.finish(context, job_ids, verdicts())
        except EncordJobError:
            self.memory(context).forget()  # so that a retry starts anew
            raise
        self._job_ids = []
        return storable(result)
