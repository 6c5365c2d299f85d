"""Sensors that wait for something in Encord: poke, reschedule and deferrable, with one behaviour."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_encord._airflow.arguments import certain_filters, certain_job_ids, seconds
from airflow_provider_encord._airflow.errors import kind_of
from airflow_provider_encord._compat import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseOperator,
    BaseSensorOperator,
    Context,
)
from airflow_provider_encord.exceptions import EncordError, EncordInputError, EncordWatchedJobError
from airflow_provider_encord.links.encord import EncordDatasetLink
from airflow_provider_encord.operators._base import DEFAULT_DEFERRABLE, EncordTask
from airflow_provider_encord.triggers._events import raise_unless_ended, summary, validate_event

if TYPE_CHECKING:
    from airflow_provider_encord.triggers.encord import (
        EncordDataRowTrigger,
        EncordReEncodeTrigger,
        EncordTrigger,
        EncordUploadJobTrigger,
    )


class EncordSensor(EncordTask, BaseSensorOperator):
    """Waits until what it watches in Encord has ended.

    In all modes ``soft_fail`` skips the task only when the sensor's own time is over; a job that ended badly, a refused
    key or a missing job fail it at once. Returns the event: ``{"status", "message", "dataset_hash", "counts"}``, and
    what a subclass adds.

    :param dataset_hash: the dataset (templated).
    :param deferrable: wait in the triggerer instead of on a worker.
    :param max_poll_failures: failed polls in a row that end the wait when deferred; poke and reschedule go on until
        the sensor's time is over.
    :param encord_conn_id: id of the Airflow connection (templated).
    """

    template_fields: Sequence[str] = ("encord_conn_id", "dataset_hash")
    operator_extra_links = (EncordDatasetLink(),)
    good_endings: Sequence[str] = ("done",)

    def __init__(
        self,
        *,
        dataset_hash: str,
        deferrable: bool = DEFAULT_DEFERRABLE,
        max_poll_failures: int = 10,
        encord_conn_id: str = "encord_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_hash = dataset_hash
        self.deferrable = deferrable
        self.max_poll_failures = max_poll_failures
        self.encord_conn_id = encord_conn_id
        self._event: dict[str, Any] | None = None

    @abstractmethod
    def trigger(self, **kwargs: Any) -> EncordTrigger:
        """Check the arguments and return the trigger, which knows what to wait for in all modes."""

    def poke(self, context: Context) -> bool:
        """Ask once; True when there is nothing more to wait for, however it ended."""
        trigger = self._trigger()
        verdicts = []
        try:
            for watch in trigger.watches():
                verdict = self.hook.look(watch)
                if verdict is None or not verdict.ended:
                    return False
                verdicts.append(verdict)
        except EncordError as error:
            self._event = trigger.event("error", str(error), kind=kind_of(error))
        else:
            self._event = trigger.event(**summary(verdicts))
        return True

    def execute(self, context: Context) -> Any:
        """Wait, and judge how it ended."""
        trigger = self._trigger()
        self.push_link(context, self.dataset_hash)
        if not self.deferrable:
            super().execute(context)
        elif not self.poke(context):
            self.defer(trigger=trigger, method_name="execute_complete")
        return self.execute_complete(context, self._event)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Judge how the wait ended."""
        ended = validate_event(event)
        if ended["status"] == "timeout":
            kind = AirflowSkipException if self.soft_fail else AirflowSensorTimeout
            raise kind(f"Dataset {self.dataset_hash}: {ended['message']} What Encord is doing goes on.")
        raise_unless_ended(ended)
        if ended["status"] not in self.good_endings:
            raise EncordWatchedJobError(
                f"Dataset {self.dataset_hash}: {ended['message']}.", dataset_hash=self.dataset_hash
            )
        self.log.info("%s.", ended["message"])
        return ended

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume as any operator does: the base sensor would turn each error into a skip under ``soft_fail``."""
        return BaseOperator.resume_execution(self, next_method, next_kwargs, context)

    def _trigger(self) -> EncordTrigger:
        # A time-out of 0 is one: Airflow's sensors ask once then.
        given = (self.timeout, seconds(self.execution_timeout, "execution_timeout"))
        limits = [limit for limit in given if limit is not None]
        return self.trigger(
            encord_conn_id=self.encord_conn_id,
            dataset_hash=self.dataset_hash,
            deadline=time.time() + min(limits) if limits else None,
            poll_interval=self.poke_interval,
            max_poll_failures=self.max_poll_failures,
        )


class EncordReEncodeSensor(EncordSensor):
    """Waits until a re-encode task is done; the returned event has ``job_ids`` too.

    .. seealso:: :ref:`howto/sensor:EncordReEncodeSensor`

    :param job_id: the task that ``EncordReEncodeDataOperator`` or the hook started (templated).
    """

    template_fields: Sequence[str] = (*EncordSensor.template_fields, "job_id")

    def __init__(self, *, job_id: str | int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id

    def trigger(self, **kwargs: Any) -> EncordReEncodeTrigger:
        """Return the trigger that waits for the task."""
        from airflow_provider_encord.triggers.encord import EncordReEncodeTrigger

        return EncordReEncodeTrigger(job_ids=certain_job_ids(self.job_id, "job_id"), **kwargs)


class EncordUploadJobSensor(EncordSensor):
    """Waits until registration jobs are done, such as those that an operator started without waiting.

    The returned event has ``job_ids`` too.

    .. seealso:: :ref:`howto/sensor:EncordUploadJobSensor`

    :param job_ids: one job id or a list (templated).
    :param allow_partial: let the sensor succeed when jobs are done but items of them failed.
    """

    template_fields: Sequence[str] = (*EncordSensor.template_fields, "job_ids")

    def __init__(self, *, job_ids: str | Sequence[str], allow_partial: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_ids = job_ids
        self.allow_partial = allow_partial
        self.good_endings = ("done", "partial") if allow_partial else ("done",)

    def trigger(self, **kwargs: Any) -> EncordUploadJobTrigger:
        """Return the trigger that waits for the jobs."""
        from airflow_provider_encord.triggers.encord import EncordUploadJobTrigger

        return EncordUploadJobTrigger(job_ids=certain_job_ids(self.job_ids, "job_ids"), **kwargs)


class EncordDataRowSensor(EncordSensor):
    """Waits until a dataset holds enough rows that a filter finds.

    Keep the filter narrow: each poll lists all rows that it finds.

    .. seealso:: :ref:`howto/sensor:EncordDataRowSensor`

    :param title_eq: title (templated).
    :param title_like: SQL pattern of titles, such as ``night-%`` (templated).
    :param created_after: ISO 8601 text or aware datetime; a text without zone is UTC (templated).
    :param data_types: kinds such as ``VIDEO``, ``IMAGE`` and ``IMG_GROUP`` (templated).
    :param data_hashes: only these (templated).
    :param min_count: how many rows are enough.
    """

    template_fields: Sequence[str] = (
        *EncordSensor.template_fields,
        "title_eq",
        "title_like",
        "created_after",
        "data_types",
        "data_hashes",
    )

    def __init__(
        self,
        *,
        title_eq: str | None = None,
        title_like: str | None = None,
        created_after: str | datetime | None = None,
        data_types: Sequence[str] | None = None,
        data_hashes: Sequence[str] | None = None,
        min_count: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.title_eq = title_eq
        self.title_like = title_like
        self.created_after = created_after
        self.data_types = data_types
        self.data_hashes = data_hashes
        self.min_count = min_count
        if isinstance(min_count, bool) or not isinstance(min_count, int) or min_count < 1:
            raise EncordInputError(f"min_count must be a number above 0, not {min_count!r}.")

    def trigger(self, **kwargs: Any) -> EncordDataRowTrigger:
        """Return the trigger that waits for the rows."""
        from airflow_provider_encord.triggers.encord import EncordDataRowTrigger

        after = self.created_after
        filters = certain_filters(
            title_eq=self.title_eq,
            title_like=self.title_like,
            created_after=after.isoformat() if isinstance(after, datetime) else after,
            data_types=self.data_types and list(self.data_types),
            data_hashes=self.data_hashes and list(self.data_hashes),
        )
        return EncordDataRowTrigger(filters=filters, min_count=self.min_count, **kwargs)
