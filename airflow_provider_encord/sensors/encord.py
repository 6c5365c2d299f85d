"""Sensors that wait for a job of Encord: poke, reschedule and deferrable, with one behaviour."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_encord.airflow_compat import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseOperator,
    BaseSensorOperator,
    Context,
)
from airflow_provider_encord.exceptions import EncordError, EncordWatchedJobError, kind_of
from airflow_provider_encord.links.encord import EncordDatasetLink
from airflow_provider_encord.operators.base import DEFAULT_DEFERRABLE, EncordTask, seconds
from airflow_provider_encord.triggers.encord import raise_unless_ended, validate_event

if TYPE_CHECKING:
    from airflow_provider_encord.api.jobs import Watch
    from airflow_provider_encord.triggers.encord import EncordJobTrigger


class EncordJobSensor(EncordTask, BaseSensorOperator):
    """Waits until a job of Encord has ended.

    In all modes ``soft_fail`` skips the task only when the sensor's own time is over; a job that ended badly, a refused
    key or a missing job fail it at once.

    :param dataset_hash: the dataset that the job belongs to (templated).
    :param job_id: the job (templated).
    :param deferrable: wait in the triggerer instead of on a worker.
    :param max_poll_failures: failed polls in a row that end the wait when deferred; poke and reschedule go on until
        the sensor's time is over.
    :param encord_conn_id: id of the Airflow connection (templated).
    """

    template_fields: Sequence[str] = ("encord_conn_id", "dataset_hash", "job_id")
    operator_extra_links = (EncordDatasetLink(),)

    def __init__(
        self,
        *,
        dataset_hash: str,
        job_id: str | int,
        deferrable: bool = DEFAULT_DEFERRABLE,
        max_poll_failures: int = 10,
        encord_conn_id: str = "encord_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_hash = dataset_hash
        self.job_id = job_id
        self.deferrable = deferrable
        self.max_poll_failures = max_poll_failures
        self.encord_conn_id = encord_conn_id
        self._ending: dict[str, Any] | None = None

    @abstractmethod
    def watch(self) -> Watch:
        """Return the job to wait for."""

    @abstractmethod
    def trigger(self, **kwargs: Any) -> EncordJobTrigger:
        """Return the trigger that waits for it."""

    def poke(self, context: Context) -> bool:
        """Ask once; True when there is nothing more to wait for, however it ended."""
        try:
            verdict = self.hook.look(self.watch())
        except EncordError as error:
            self._ending = self._event("error", str(error), kind=kind_of(error))
            return True
        if verdict is None or not verdict.ended:
            return False
        self._ending = self._event(verdict.state.value, verdict.message, counts=verdict.counts)
        return True

    def execute(self, context: Context) -> Any:
        """Wait for the job and judge its end."""
        self.push_link(context, self.dataset_hash)
        if not self.deferrable:
            super().execute(context)
        elif not self.poke(context):
            limits = [limit for limit in (self.timeout, seconds(self.execution_timeout, "execution_timeout")) if limit]
            self.defer(
                trigger=self.trigger(
                    encord_conn_id=self.encord_conn_id,
                    dataset_hash=self.dataset_hash,
                    job_id=self.job_id,
                    deadline=time.time() + min(limits) if limits else None,
                    poll_interval=self.poke_interval,
                    max_poll_failures=self.max_poll_failures,
                ),
                method_name="execute_complete",
            )
        return self.execute_complete(context, self._ending)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Judge how the wait ended; return ``{"dataset_hash", "job_id", "status", "counts"}``."""
        ended = validate_event(event)
        if ended["status"] == "timeout":
            kind = AirflowSkipException if self.soft_fail else AirflowSensorTimeout
            raise kind(f"{ended['message']} The job goes on in Encord.")
        raise_unless_ended(ended)
        if ended["status"] not in self.good_endings():
            raise EncordWatchedJobError(
                f"Dataset {self.dataset_hash}: {ended['message']}.", dataset_hash=self.dataset_hash
            )
        self.log.info("%s.", ended["message"])
        return {key: ended.get(key) for key in ("dataset_hash", "job_id", "status", "counts")}

    def good_endings(self) -> tuple[str, ...]:
        """Return the ends of the job that let the sensor succeed."""
        return ("done",)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume as any operator does: the base sensor would turn each error into a skip under ``soft_fail``."""
        return BaseOperator.resume_execution(self, next_method, next_kwargs, context)

    def _event(self, status: str, message: str, **more: Any) -> dict[str, Any]:
        return {"status": status, "message": message, "dataset_hash": self.dataset_hash, "job_id": self.job_id, **more}


class EncordReEncodeSensor(EncordJobSensor):
    """Waits until a re-encode task is done.

    .. seealso:: :ref:`howto/sensor:EncordReEncodeSensor`
    """

    def watch(self) -> Watch:
        """Return the re-encode task to wait for."""
        from airflow_provider_encord.api.jobs import ReEncodeWatch

        return ReEncodeWatch(self.dataset_hash, self.job_id)

    def trigger(self, **kwargs: Any) -> EncordJobTrigger:
        """Return the trigger that waits for it."""
        from airflow_provider_encord.triggers.encord import EncordReEncodeTrigger

        return EncordReEncodeTrigger(**kwargs)
