"""Sensors that wait for jobs and rows in Encord, with the same behaviour in poke, reschedule and deferrable mode."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments, references
from airflow_provider_encord._airflow.arguments import Check, seconds
from airflow_provider_encord._airflow.errors import kind_of
from airflow_provider_encord._compat import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseOperator,
    BaseSensorOperator,
    Context,
)
from airflow_provider_encord.exceptions import EncordConnectionLookupError, EncordError, EncordWatchedJobError
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

# Airflow accepts some values that no wait can use, and raises plain Python errors for others.
_OF_AIRFLOW: dict[str, Check] = {
    "poke_interval": arguments.required_seconds,
    "timeout": arguments.seconds_or_none_at_all,
}


class EncordSensor(EncordTask, BaseSensorOperator):
    """Waits for something in Encord.

    In all modes ``soft_fail`` skips the task only when the sensor's time is over. A failed job, a refused key or a
    missing job fail the task at once. Returns the event of the trigger: ``{"status", "message", "dataset_hash",
    "counts"}``, and what a subclass adds.

    :param dataset_hash: the dataset: its hash, or the report of a task that names it (templated).
    :param deferrable: wait in the triggerer instead of on a worker.
    :param max_poll_failures: failed polls in a row that end a deferred wait; poke and reschedule mode go on until the
        sensor's time is over.
    :param encord_conn_id: id of the Airflow connection (templated).
    """

    template_fields: Sequence[str] = ("encord_conn_id", "dataset_hash")
    operator_extra_links = (EncordDatasetLink(),)
    good_endings: Sequence[str] = ("done",)
    checks: ClassVar[dict[str, Check]] = {
        **EncordTask.checks,
        "dataset_hash": arguments.dataset_hash,
        "deferrable": arguments.flag,
        "max_poll_failures": arguments.whole_number(),
        **_OF_AIRFLOW,
    }

    def __init__(
        self,
        *,
        dataset_hash: str,
        deferrable: bool = DEFAULT_DEFERRABLE,
        max_poll_failures: int = 10,
        encord_conn_id: str = "encord_default",
        **kwargs: Any,
    ) -> None:
        if kwargs.get("timeout", 0) is None:
            del kwargs["timeout"]  # Airflow 3 reads None as its default, Airflow 2 does not
        given = {name: check(kwargs[name], name) for name, check in _OF_AIRFLOW.items() if name in kwargs}
        super().__init__(**{**kwargs, **given})
        self.dataset_hash = dataset_hash
        self.deferrable = deferrable
        self.max_poll_failures = max_poll_failures
        self.encord_conn_id = encord_conn_id
        self._event: dict[str, Any] | None = None

    @abstractmethod
    def trigger(self, **kwargs: Any) -> EncordTrigger:
        """Return the trigger, which says what to wait for in all modes."""

    def poke(self, context: Context) -> bool:
        """Ask once; return True if the wait is over, well or badly."""
        self.check_rendered()
        trigger = self._trigger()
        verdicts = []
        try:
            for watch in trigger.watches():
                verdict = self.hook.look(watch)
                if verdict is None or not verdict.ended:
                    if verdict is not None:
                        self.log.info("Still waiting: %s.", verdict.message)
                    return False
                verdicts.append(verdict)
        except EncordError as error:
            self._event = trigger.event("error", str(error), kind=kind_of(error))
        else:
            self._event = trigger.event(**summary(verdicts))
        return True

    def execute(self, context: Context) -> Any:
        """Wait, and raise unless it ended well."""
        self.check_rendered()
        trigger = self._trigger()
        try:
            self.push_link(context, self.dataset_hash)
        except EncordConnectionLookupError as error:
            # Airflow's own services are down: a failed poll, of which the next one is no attempt of its own.
            if error.undefined or self.deferrable:
                raise
            self.log.warning("%s", error)
        if not self.deferrable:
            super().execute(context)
        elif not self.poke(context):
            self.defer(trigger=trigger, method_name="execute_complete")
        return self.execute_complete(context, self._event)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Raise unless the wait ended well."""
        ended = validate_event(event)
        if ended["status"] == "timeout":
            kind = AirflowSkipException if self.soft_fail else AirflowSensorTimeout
            raise kind(f"Dataset {self.dataset_hash}: {ended['message']} The work in Encord goes on.")
        raise_unless_ended(ended)
        if ended["status"] not in self.good_endings:
            raise EncordWatchedJobError(
                f"Dataset {self.dataset_hash}: {ended['message']}.", dataset_hash=self.dataset_hash
            )
        self.log.info("%s.", ended["message"])
        return ended

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume like an operator: with ``soft_fail``, the base sensor would turn every error into a skip."""
        return BaseOperator.resume_execution(self, next_method, next_kwargs, context)

    def _trigger(self) -> EncordTrigger:
        # A timeout of 0 is valid: Airflow's sensors then ask once.
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
    """Waits until a re-encode task is done. The returned event also has ``job_ids``.

    .. seealso:: :ref:`howto/sensor:EncordReEncodeSensor`

    :param job_id: id of a re-encode task, a list of ids, or the output of ``EncordReEncodeDataOperator`` (templated).
    """

    custom_operator_name = "Wait for Encord re-encoding"
    template_fields: Sequence[str] = (*EncordSensor.template_fields, "job_id")
    checks: ClassVar[dict[str, Check]] = {**EncordSensor.checks, "job_id": arguments.job_ids}

    def __init__(self, *, job_id: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.check_literals()

    def trigger(self, **kwargs: Any) -> EncordReEncodeTrigger:
        """Return the trigger that waits for the task."""
        from airflow_provider_encord.triggers.encord import EncordReEncodeTrigger

        return EncordReEncodeTrigger(job_ids=self.job_id, **kwargs)


class EncordUploadJobSensor(EncordSensor):
    """Waits until registration jobs are done, such as those of an operator with ``wait_for_completion=False``.

    The returned event also has ``job_ids``.

    .. seealso:: :ref:`howto/sensor:EncordUploadJobSensor`

    :param job_ids: one job id, a list, or the output of the task that started the jobs (templated).
    :param allow_partial: let the sensor succeed when the jobs are done but some of their items failed.
    """

    custom_operator_name = "Wait for Encord upload jobs"
    template_fields: Sequence[str] = (*EncordSensor.template_fields, "job_ids")
    checks: ClassVar[dict[str, Check]] = {
        **EncordSensor.checks,
        "job_ids": arguments.job_ids,
        "allow_partial": arguments.flag,
    }

    def __init__(self, *, job_ids: Any, allow_partial: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_ids = job_ids
        self.allow_partial = allow_partial
        self.check_literals()
        self.good_endings = ("done", "partial") if allow_partial else ("done",)

    def trigger(self, **kwargs: Any) -> EncordUploadJobTrigger:
        """Return the trigger that waits for the jobs."""
        from airflow_provider_encord.triggers.encord import EncordUploadJobTrigger

        return EncordUploadJobTrigger(job_ids=self.job_ids, **kwargs)


def _some_hashes(value: Any, name: str) -> list[str]:
    if not (hashes := references.data_hashes(value, name)):
        raise arguments.refuse(name, value, "data hashes: one, or a list of them", "Leave it out to wait for any.")
    return hashes


class EncordDataRowSensor(EncordSensor):
    """Waits until a filter finds enough rows in a dataset.

    Keep the filter narrow: Encord answers each poll with all matching rows.

    .. seealso:: :ref:`howto/sensor:EncordDataRowSensor`

    :param title_eq: title (templated).
    :param title_like: SQL pattern of titles, such as ``night-%`` (templated).
    :param created_after: ISO 8601 string or datetime; UTC if it has no time zone (templated).
    :param data_types: one or several types such as ``VIDEO``, ``IMAGE`` and ``IMG_GROUP`` (templated).
    :param data_hashes: only these rows (templated).
    :param min_count: how many rows are enough.
    """

    custom_operator_name = "Wait for Encord data rows"
    template_fields: Sequence[str] = (
        *EncordSensor.template_fields,
        "title_eq",
        "title_like",
        "created_after",
        "data_types",
        "data_hashes",
    )
    checks: ClassVar[dict[str, Check]] = {
        **EncordSensor.checks,
        "title_eq": arguments.optional(arguments.pattern),
        "title_like": arguments.optional(arguments.pattern),
        "created_after": arguments.optional(arguments.moment),
        "data_types": arguments.optional(arguments.list_of(arguments.data_type, "data types")),
        "min_count": arguments.whole_number(),
    }
    list_checks: ClassVar[dict[str, Check]] = {"data_hashes": arguments.optional(_some_hashes)}

    def __init__(
        self,
        *,
        title_eq: str | None = None,
        title_like: str | None = None,
        created_after: str | datetime | None = None,
        data_types: Any = None,
        data_hashes: Any = None,
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
        self.check_literals()

    def trigger(self, **kwargs: Any) -> EncordDataRowTrigger:
        """Return the trigger that waits for the rows."""
        from airflow_provider_encord.triggers.encord import EncordDataRowTrigger

        after = self.created_after
        filters = {
            "title_eq": self.title_eq,
            "title_like": self.title_like,
            "created_after": after.isoformat() if isinstance(after, datetime) else after,
            "data_types": self.data_types,
            "data_hashes": self.data_hashes,
        }
        given = {name: value for name, value in filters.items() if value is not None}
        return EncordDataRowTrigger(filters=given, min_count=self.min_count, **kwargs)
