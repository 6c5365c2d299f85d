"""Triggers that poll a job of Encord and yield one event. They never change anything in Encord."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_encord.exceptions import EncordError, by_kind, kind_of

if TYPE_CHECKING:
    from airflow_provider_encord.api.jobs import Watch

EARLIEST_EVENT_SECONDS = 5.0
"""A trigger that fires at once can make Airflow 3.3 fail a good task, so none fires earlier than this."""

ENDED = frozenset({"done", "partial", "failed", "cancelled"})
STATUSES = ENDED | {"timeout", "error"}


def validate_event(event: Any) -> dict[str, Any]:
    """Return a trigger's event if it is one.

    :raises EncordError: when it isn't; nothing can be said of the job then.
    """
    if not isinstance(event, dict) or event.get("status") not in STATUSES or "job_id" not in event:
        raise EncordError("The trigger left no event that can be read; the job may go on in Encord.")
    return event


def raise_unless_ended(event: dict[str, Any]) -> None:
    """Raise what an event tells of a wait that failed before its job ended, time-outs left aside."""
    if event["status"] == "error":
        raise by_kind(str(event.get("kind")))(str(event.get("message")), dataset_hash=event.get("dataset_hash"))


class EncordJobTrigger(BaseTrigger):
    """Waits for one job.

    Each event is ``{"status", "message", "dataset_hash", "job_id", "counts", "kind"}``: ``status`` is ``done``,
    ``partial``, ``failed``, ``cancelled``, ``timeout`` or ``error``, and ``kind`` names the error.

    :param encord_conn_id: id of the Airflow connection; secrets stay in it.
    :param dataset_hash: the dataset the job belongs to.
    :param job_id: the job.
    :param deadline: Unix time in seconds at which to stop; a restart of the triggerer does not move it.
    :param poll_interval: seconds between polls that the server does not hold.
    :param max_poll_failures: failed polls in a row that end the wait.
    """

    def __init__(
        self,
        *,
        encord_conn_id: str,
        dataset_hash: str,
        job_id: str | int,
        deadline: float | None,
        poll_interval: float,
        max_poll_failures: int,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self.encord_conn_id = encord_conn_id
        self.dataset_hash = dataset_hash
        self.job_id = job_id
        self.deadline = deadline
        self.poll_interval = poll_interval
        self.max_poll_failures = max_poll_failures

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and exactly the constructor's arguments."""
        kwargs = {
            "encord_conn_id": self.encord_conn_id,
            "dataset_hash": self.dataset_hash,
            "job_id": self.job_id,
            "deadline": self.deadline,
            "poll_interval": self.poll_interval,
            "max_poll_failures": self.max_poll_failures,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", kwargs

    @abstractmethod
    def watch(self) -> Watch:
        """Return the job to wait for."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the job ends or the time is over, and yield one event that is enough to resume."""
        started = time.monotonic()
        event = await self._wait()
        await asyncio.sleep(max(0.0, EARLIEST_EVENT_SECONDS - (time.monotonic() - started)))
        yield TriggerEvent(event)  # type: ignore[no-untyped-call, unused-ignore]

    async def _wait(self) -> dict[str, Any]:
        from airflow_provider_encord.api.wait import DeadlineReached, Patience
        from airflow_provider_encord.hooks.encord import EncordHook, airflow_errors
        from airflow_provider_encord.progress import ProgressLog

        patience = Patience(self.deadline, self.poll_interval, self.max_poll_failures)
        try:
            hook = EncordHook(self.encord_conn_id)
            async with await hook.async_transport() as transport:
                with airflow_errors():
                    verdict = await transport.wait(
                        self.watch(),
                        patience,
                        report=ProgressLog(self.log),
                        report_failure=hook.log_failed_poll,
                    )
            return self._event(verdict.state.value, verdict.message, counts=verdict.counts)
        except DeadlineReached as reached:
            return self._event("timeout", f"{reached}.")
        except EncordError as error:
            return self._event("error", str(error), kind=kind_of(error))
        except Exception as error:  # an exit without an event would leave the task deferred for ever
            return self._event("error", f"The wait for job {self.job_id} broke ({type(error).__name__}).")

    def _event(self, status: str, message: str, **more: Any) -> dict[str, Any]:
        return {
            "status": status,
            "message": message[:4000],
            "dataset_hash": self.dataset_hash,
            "job_id": self.job_id,
            **more,
        }

    async def on_kill(self) -> None:
        """Say once that the job goes on: Encord offers no way to cancel it (Airflow 3.3 and later call this)."""
        self.log.warning(
            "The task was killed. Job %s of dataset %s goes on in Encord, which offers no way to cancel it.",
            self.job_id,
            self.dataset_hash,
        )


class EncordUploadJobTrigger(EncordJobTrigger):
    """Waits for a registration job; Encord holds its polls."""

    def watch(self) -> Watch:
        """Return the job to wait for."""
        from airflow_provider_encord.api.jobs import UploadJobWatch

        return UploadJobWatch(self.dataset_hash, str(self.job_id))


class EncordReEncodeTrigger(EncordJobTrigger):
    """Waits for a re-encode task."""

    def watch(self) -> Watch:
        """Return the task to wait for."""
        from airflow_provider_encord.api.jobs import ReEncodeWatch

        return ReEncodeWatch(self.dataset_hash, self.job_id)
