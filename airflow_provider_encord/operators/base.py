"""What the operators share: the connection, the link, and the life of a job from its start to its end."""

from __future__ import annotations

import json
import time
from abc import abstractmethod
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_encord.airflow_compat import BaseOperator, Context, conf
from airflow_provider_encord.durable import Memory
from airflow_provider_encord.exceptions import EncordInputError, EncordNotFoundError, EncordTimeoutError
from airflow_provider_encord.links.encord import XCOM_KEY, EncordDatasetLink, dataset_url
from airflow_provider_encord.triggers.encord import raise_unless_ended, validate_event

if TYPE_CHECKING:
    from airflow_provider_encord.api.jobs import Verdict, Watch
    from airflow_provider_encord.hooks.encord import EncordHook
    from airflow_provider_encord.triggers.encord import EncordJobTrigger

DEFAULT_DEFERRABLE = conf.getboolean("operators", "default_deferrable", fallback=False)
SEVEN_DAYS = 7 * 24 * 60 * 60.0
XCOM_BYTES = 48 * 1024
_READ_SECONDS = 60.0  # to read a job that has ended already


def fits_xcom(value: Any) -> bool:
    """Whether a value is small enough for an XCom on every database that Airflow supports."""
    return len(json.dumps(value)) < XCOM_BYTES // 2


def seconds(value: float | timedelta | None, name: str) -> float | None:
    """Return a length of time in seconds; None means no limit.

    :raises EncordInputError: when it is not above 0.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if number is not None and (isinstance(number, bool) or not isinstance(number, int | float) or number <= 0):
        raise EncordInputError(f"{name} must be a number of seconds above 0 or a timedelta, not {value!r}.")
    return None if number is None else float(number)


class EncordTask:
    """What operators and sensors have in common."""

    encord_conn_id: str

    @cached_property
    def hook(self) -> EncordHook:
        """The hook; made when first needed, on the worker."""
        from airflow_provider_encord.hooks.encord import EncordHook

        return EncordHook(self.encord_conn_id)

    def push_link(self, context: Context, dataset_hash: str) -> None:
        """Leave the address of the dataset for the link on the task's page."""
        context["ti"].xcom_push(key=XCOM_KEY, value=dataset_url(self.hook.settings.domain, dataset_hash))


class EncordOperator(EncordTask, BaseOperator):
    """An operator with a connection to Encord.

    :param encord_conn_id: id of the Airflow connection (templated).
    """

    operator_extra_links = (EncordDatasetLink(),)

    def __init__(self, *, encord_conn_id: str = "encord_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.encord_conn_id = encord_conn_id

    def push(self, context: Context, key: str, value: Any) -> None:
        """Push an XCom beside the returned value, unless the task is told to push none."""
        if self.do_xcom_push:
            context["ti"].xcom_push(key=key, value=value)


class EncordJobOperator(EncordOperator):
    """An operator that starts a job in Encord and waits for its end.

    The order is the same in all modes: start, remember the id, push XCom and link, wait. A later try finds the
    remembered job (Airflow 3.3 and later) and waits for it instead of starting another one.

    :param dataset_hash: the dataset (templated).
    :param wait_for_completion: False returns as soon as the job is started.
    :param deferrable: wait in the triggerer instead of on a worker.
    :param poll_interval: seconds between polls that Encord does not hold.
    :param timeout: seconds, or timedelta, that the job may take; None for no limit. It goes on in Encord then.
    :param max_poll_failures: failed polls in a row that end the wait.
    :param durable: remember the started job across tries where Airflow can.
    """

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
        self._running: str | int | None = None

    @abstractmethod
    def start(self, context: Context) -> str | int:
        """Check the arguments, start the job and return its id."""

    @abstractmethod
    def watch(self, job_id: Any) -> Watch:
        """Return the job as something to wait for."""

    @abstractmethod
    def trigger(self, **kwargs: Any) -> EncordJobTrigger:
        """Return the trigger that waits for the job."""

    @abstractmethod
    def finish(self, context: Context, job_id: Any, verdict: Verdict) -> Any:
        """Judge an ended job: raise, or return what the task returns."""

    def execute(self, context: Context) -> Any:
        """Start the job, or find the one that an earlier try started, and wait for it."""
        deadline = self._deadline()
        memory = Memory(context, durable=self.durable, subject=self.dataset_hash)
        job_id, verdict = self._resume(memory)
        if job_id is None:
            job_id = self.start(context)
            memory.remember(job_id)
        self._running = job_id
        self.push(context, "job_id", job_id)
        self.push_link(context, self.dataset_hash)
        if not self.wait_for_completion:
            memory.forget()
            return {"dataset_hash": self.dataset_hash, "job_id": job_id, "status": "STARTED"}
        if verdict is None and self.deferrable:
            verdict = self._look(job_id)
        if verdict is None or not verdict.ended:
            if self.deferrable:
                self.defer(
                    trigger=self.trigger(
                        encord_conn_id=self.encord_conn_id,
                        dataset_hash=self.dataset_hash,
                        job_id=job_id,
                        deadline=deadline,
                        poll_interval=self.poll_interval,
                        max_poll_failures=self.max_poll_failures,
                    ),
                    method_name="execute_complete",
                )
            verdict = self._wait(job_id, deadline)
        return self._end(context, memory, job_id, verdict)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Resume when the trigger has fired: read the ended job in full and judge it."""
        ended = validate_event(event)
        raise_unless_ended(ended)
        job_id = ended["job_id"]
        if ended["status"] == "timeout":
            raise EncordTimeoutError(
                f"{ended['message']} It goes on in Encord, which offers no way to cancel it.",
                dataset_hash=self.dataset_hash,
            )
        memory = Memory(context, durable=self.durable, subject=self.dataset_hash)
        return self._end(context, memory, job_id, self._wait(job_id, time.time() + _READ_SECONDS))

    def on_kill(self) -> None:
        """Say once that the job goes on: Encord offers no way to cancel it."""
        if self._running is not None:
            self.log.warning(
                "The task was killed. Job %s of dataset %s goes on in Encord, which offers no way to cancel it.",
                self._running,
                self.dataset_hash,
            )

    def _deadline(self) -> float | None:
        limits = [limit for limit in (self.timeout, seconds(self.execution_timeout, "execution_timeout")) if limit]
        return time.time() + min(limits) if limits else None

    def _resume(self, memory: Memory) -> tuple[Any, Verdict | None]:
        job_id = memory.recall()
        if job_id is None:
            return None, None
        try:
            verdict = self._look(job_id)
        except EncordNotFoundError:
            self.log.warning("Job %s of an earlier try is unknown to Encord; starting anew.", job_id)
            return None, None
        if verdict is not None and verdict.state in ("failed", "cancelled"):
            self.log.info("Job %s of an earlier try ended as %s; starting anew.", job_id, verdict.status)
            return None, None
        self.log.info("Job %s was started by an earlier try; waiting for it.", job_id)
        return job_id, verdict

    def _look(self, job_id: Any) -> Verdict | None:
        return self.hook.look(self.watch(job_id))

    def _wait(self, job_id: Any, deadline: float | None) -> Verdict:
        return self.hook.wait(
            self.watch(job_id),
            deadline=deadline,
            poll_interval=self.poll_interval,
            max_poll_failures=self.max_poll_failures,
        )

    def _end(self, context: Context, memory: Memory, job_id: Any, verdict: Verdict) -> Any:
        self._running = None
        self.log.info("%s.", verdict.message)
        memory.forget()
        return self.finish(context, job_id, verdict)
