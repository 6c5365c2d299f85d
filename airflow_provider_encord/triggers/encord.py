"""Triggers that poll Encord and yield one event.

They change nothing in Encord, except that a killed task's jobs of a folder are cancelled.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_encord._airflow.errors import kind_of
from airflow_provider_encord._airflow.job_run import KILL_SECONDS, goes_on
from airflow_provider_encord._client.outgoing import storable
from airflow_provider_encord._client.redaction import Cause
from airflow_provider_encord.exceptions import EncordConnectionLookupError, EncordError
from airflow_provider_encord.triggers._events import summary

if TYPE_CHECKING:
    from airflow_provider_encord._client.jobs import FolderUploadJobWatch, Watch
    from airflow_provider_encord._client.transport.async_transport import AsyncTransport

EARLIEST_EVENT_SECONDS = 5.0
"""A trigger that fires at once can make Airflow 3.3 fail a good task, so none fires earlier than this."""


class EncordTrigger(BaseTrigger):
    """Waits until everything that it watches has ended.

    Its event is ``{"status", "message", "dataset_hash", "counts", "kind"}``, and what a subclass adds: ``status`` is
    ``done``, ``partial``, ``cancelled``, ``failed``, ``timeout`` or ``error``, and ``kind`` is the kind of error.

    :param encord_conn_id: id of the Airflow connection, which holds the secrets.
    :param dataset_hash: the dataset; None for work on a folder alone.
    :param deadline: Unix time in seconds at which to stop; a restart of the triggerer does not move it.
    :param poll_interval: seconds between polls that the server does not hold.
    :param max_poll_failures: failed polls in a row that end the wait.
    """

    def __init__(
        self,
        *,
        encord_conn_id: str,
        dataset_hash: str | None,
        deadline: float | None = None,
        poll_interval: float = 30.0,
        max_poll_failures: int = 10,
        **unknown: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        if unknown:
            # A trigger that another version of this provider has stored must load, or its task fails.
            self.logger().warning("Arguments that this version does not know: %s.", ", ".join(sorted(unknown)))
        self.encord_conn_id = encord_conn_id
        self.dataset_hash = dataset_hash
        self.deadline = deadline
        self.poll_interval = poll_interval
        self.max_poll_failures = max_poll_failures

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments of the constructor."""
        kwargs = {
            "encord_conn_id": self.encord_conn_id,
            "dataset_hash": self.dataset_hash,
            "deadline": self.deadline,
            "poll_interval": self.poll_interval,
            "max_poll_failures": self.max_poll_failures,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", kwargs

    @abstractmethod
    def watches(self) -> list[Watch]:
        """Return what to wait for."""

    @property
    def first_poll_within(self) -> float:
        """Seconds within which the first poll starts, at random, so that waits that start together poll apart.

        Nothing is lost: the worker asked right before it deferred.
        """
        return self.poll_interval

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until everything has ended or the time is over, and yield one event that is enough to resume."""
        started = time.monotonic()
        left = math.inf if self.deadline is None else max(0.0, self.deadline - time.time())
        await asyncio.sleep(min(random.random() * self.first_poll_within, left))  # noqa: S311
        event = await self._wait()
        await asyncio.sleep(max(0.0, EARLIEST_EVENT_SECONDS - (time.monotonic() - started)))
        yield TriggerEvent(event)  # type: ignore[no-untyped-call, unused-ignore]

    async def _wait(self) -> dict[str, Any]:
        from airflow_provider_encord._airflow.errors import airflow_errors, argument_errors
        from airflow_provider_encord._airflow.progress_log import ProgressLog
        from airflow_provider_encord._client.wait import DeadlineReached, Patience

        patience = Patience(self.deadline, self.poll_interval, self.max_poll_failures)
        limit = asyncio.timeout(patience.seconds_to_last_answer(time.time()))
        try:
            verdicts = []
            async with limit, AsyncExitStack() as stack:
                transport = await self._open(stack)
                limit.reschedule(None)  # the waits keep the deadline themselves
                with argument_errors():
                    watches = self.watches()
                with airflow_errors():
                    # All jobs run in Encord at the same time, so waiting for one after the other loses no time.
                    for watch in watches:
                        report = ProgressLog(self.logger())
                        verdicts.append(
                            await transport.wait(watch, patience, report=report, report_failure=self._log_failed_poll)
                        )
            return self.event(**summary(verdicts))
        except DeadlineReached as reached:
            return self.event("timeout", f"{reached}.")
        except EncordError as error:
            return self.event("error", str(error), kind=kind_of(error))
        except Exception as error:  # without an event the task would stay deferred for ever
            if limit.expired():
                return self.event("timeout", "The time was over before the connection was looked up.")
            # Its message may quote secrets, so only its type and traceback are shown.
            broke = f"The wait broke ({type(error).__name__})"
            self.logger().error("%s.", broke, exc_info=Cause(type(error).__name__).with_traceback(error.__traceback__))
            return self.event("error", f"{broke}; see the triggerer's log.")

    async def _open(self, stack: AsyncExitStack) -> AsyncTransport:
        """Look the connection up; where Airflow's own services are down, that counts as a failed poll."""
        from airflow_provider_encord._client.wait import failed_poll_delay
        from airflow_provider_encord.hooks._transport_pool import shared_transports

        failures = 0
        while True:
            try:
                return await stack.enter_async_context(shared_transports().use(self.encord_conn_id))
            except EncordConnectionLookupError as error:
                failures += 1
                if error.undefined or failures >= self.max_poll_failures:
                    raise
                seconds = failed_poll_delay(error.retry_after, failures, self.poll_interval)
                self._log_failed_poll(error, failures, seconds)
            await asyncio.sleep(seconds)

    def _log_failed_poll(self, error: Exception, failures: int, seconds: float) -> None:
        self.logger().warning(
            "Poll failed (%d in a row), asking again in %.0f s; the job itself may be fine: %s",
            failures,
            seconds,
            error,
        )

    def event(self, status: str, message: str, **more: Any) -> dict[str, Any]:
        """Return the event for the end of the wait."""
        event = {"status": status, "message": message[:4000], "dataset_hash": self.dataset_hash, **more}
        checked: dict[str, Any] = storable(event)
        return checked


class EncordJobTrigger(EncordTrigger):
    """Waits until jobs have ended; its event also has ``job_ids``.

    :param job_ids: ids of the jobs.
    """

    def __init__(self, *, job_ids: list[str | int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_ids = job_ids

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments of the constructor."""
        path, kwargs = super().serialize()
        return path, {**kwargs, "job_ids": self.job_ids}

    def event(self, status: str, message: str, **more: Any) -> dict[str, Any]:
        """Return the event for the end of the wait."""
        return super().event(status, message, job_ids=self.job_ids, **more)

    async def on_kill(self) -> None:
        """Say once that the jobs go on (Airflow 3.3 and later call this)."""
        self.log.warning("The task was killed. %s", goes_on(self.job_ids, self.watches()[0]))


class EncordUploadJobTrigger(EncordJobTrigger):
    """Waits for registration jobs; Encord holds their polls."""

    @property
    def first_poll_within(self) -> float:
        """Seconds within which the first poll starts; Encord answers a held poll as soon as the job ends."""
        return min(self.poll_interval, EARLIEST_EVENT_SECONDS)

    def watches(self) -> list[Watch]:
        """Return the jobs to wait for."""
        from airflow_provider_encord._client.jobs import UploadJobWatch

        return [UploadJobWatch(str(self.dataset_hash), str(job_id)) for job_id in self.job_ids]


class EncordFolderJobTrigger(EncordUploadJobTrigger):
    """Waits for registration jobs of a storage folder, and cancels them when somebody kills the task.

    Airflow 3.3 and later tell a trigger when its task is cleared or marked by hand; a restart of the triggerer is no
    such thing.

    :param folder_uuid: the folder.
    :param cancel_on_kill: False lets the jobs go on.
    """

    def __init__(
        self, *, folder_uuid: str, cancel_on_kill: bool = True, dataset_hash: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(dataset_hash=dataset_hash, **kwargs)
        self.folder_uuid = folder_uuid
        self.cancel_on_kill = cancel_on_kill

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and exactly the constructor's arguments."""
        path, kwargs = super().serialize()
        return path, {**kwargs, "folder_uuid": self.folder_uuid, "cancel_on_kill": self.cancel_on_kill}

    def watches(self) -> list[Watch]:
        """Return the jobs to wait for."""
        from airflow_provider_encord._client.jobs import FolderUploadJobWatch

        return [FolderUploadJobWatch(self.folder_uuid, str(job_id)) for job_id in self.job_ids]

    def event(self, status: str, message: str, **more: Any) -> dict[str, Any]:
        """Return the event of how the wait ended."""
        return super().event(status, message, folder_uuid=self.folder_uuid, **more)

    async def on_kill(self) -> None:
        """Cancel the jobs, and log what was cancelled and what was added before. Never raises."""
        if not self.cancel_on_kill:
            await super().on_kill()
            return
        from airflow_provider_encord._client.jobs import FolderUploadJobWatch
        from airflow_provider_encord.hooks._transport_pool import shared_transports

        left = {job_id: FolderUploadJobWatch(self.folder_uuid, job_id) for job_id in map(str, self.job_ids)}
        try:
            async with asyncio.timeout(KILL_SECONDS), shared_transports().use(self.encord_conn_id) as transport:
                # A job that is cancelled leaves the dict, so that what is left when the time is over goes on.
                await asyncio.gather(*(self._cancel(job_id, left, transport) for job_id in [*left]))
        except Exception as error:
            what = str(error) if isinstance(error, EncordError) else type(error).__name__
            self.log.warning("Not all jobs could be cancelled: %s", what)
        if left:
            self.log.warning("The task was killed. %s", goes_on([*left], next(iter(left.values()))))

    async def _cancel(self, job_id: str, left: dict[str, FolderUploadJobWatch], transport: AsyncTransport) -> None:
        from airflow_provider_encord._client.errors import ApiError
        from airflow_provider_encord._client.retry import ONCE

        watch = left[job_id]
        try:
            cancelled = await transport.run(watch.cancel(), policy=ONCE)
            del left[job_id]
            added = watch.judge(await transport.run(watch.poll(0), policy=ONCE)).counts["done"]
        except ApiError as error:
            self.log.warning("%s of %s: %s", watch.name, watch.place, error)
        else:
            told = "The task was killed. Cancelled %s of %s: %d items are not added, %d were added before."
            self.log.info(told, watch.name, watch.place, cancelled, added)


class EncordReEncodeTrigger(EncordJobTrigger):
    """Waits for re-encode tasks."""

    def watches(self) -> list[Watch]:
        """Return the tasks to wait for."""
        from airflow_provider_encord._client.jobs import ReEncodeWatch

        return [ReEncodeWatch(str(self.dataset_hash), job_id) for job_id in self.job_ids]


class EncordDataRowTrigger(EncordTrigger):
    """Waits until a filter finds enough rows in a dataset.

    :param filters: arguments of :meth:`.EncordHook.list_data_rows`, as JSON values.
    :param min_count: how many rows are enough.
    """

    def __init__(self, *, filters: dict[str, Any], min_count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.min_count = min_count

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments of the constructor."""
        path, kwargs = super().serialize()
        return path, {**kwargs, "filters": self.filters, "min_count": self.min_count}

    def watches(self) -> list[Watch]:
        """Return the rows to wait for."""
        from airflow_provider_encord._client.jobs import DataRowsWatch

        return [DataRowsWatch(str(self.dataset_hash), self.filters, self.min_count)]
