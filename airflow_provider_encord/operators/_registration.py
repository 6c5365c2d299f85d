"""The base of the operators that add data to a dataset or folder: uploads, private data and transfers."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check, JobIds
from airflow_provider_encord._airflow.asset_events import keep_silent
from airflow_provider_encord._airflow.failed_files import FailedFiles
from airflow_provider_encord._airflow.job_run import Work
from airflow_provider_encord._airflow.lineage import operator_lineage
from airflow_provider_encord._airflow.outcome import RegisteredItem, RegistrationOutcome, list_or_reference
from airflow_provider_encord._client.outgoing import one_line
from airflow_provider_encord._client.redaction import shown
from airflow_provider_encord._compat import Context
from airflow_provider_encord._resume.task_store import Memory
from airflow_provider_encord.exceptions import EncordInputError, EncordTimeoutError
from airflow_provider_encord.operators._base import EncordJobOperator
from airflow_provider_encord.operators._destinations import destination_of

if TYPE_CHECKING:
    from airflow_provider_encord._client.jobs import Verdict, Watch
    from airflow_provider_encord.hooks.encord import EncordHook

T = TypeVar("T")

MAX_ITEMS_PER_JOB = 10_000
LOOK_SECONDS = 10.0
"""Seconds between two looks at what a job of unknown id adds."""
NO_CHANGE_SECONDS = 300.0
"""Seconds without a change after which such a job counts as ended."""


class EncordRegistrationOperator(EncordJobOperator):
    """An operator whose jobs add data to a dataset or to a storage folder.

    With only ``dataset_hash``, data goes into the dataset. With only ``folder_uuid``, it goes into the folder. With
    both, it goes into the folder and is linked into the dataset.

    Returns ``{"dataset_hash", "folder_uuid", "job_ids", "status", "added", "skipped", "failed", "cancelled", "items",
    "errors", "details", "details_conn_id"}``: counts (``skipped`` items were there already); ``items`` as
    ``[{"data_hash", "item_uuid", "title"}]`` in Encord's order, without ids that are unknown, with those of earlier
    attempts at the end, or None if there are too many for an XCom; the first errors as ``[{"urls", "error"}]``, of
    uploads with ``path`` and ``stage`` (``check``, ``read``, ``upload`` or ``job``); and the details file, if there is
    one. Also pushes the XComs ``job_ids``, ``job_id`` (the first one), ``data_hashes`` if
    there is a dataset, and ``item_uuids``: each a list, or ``{"count", "details_path", "details_conn_id"}`` if there
    are too many; the next operator takes both.

    The task succeeds if all jobs are done and ``max_failed_items`` allows the failed items of all jobs together.

    :param dataset_hash: the dataset: its hash, or the report of a task that names it (templated).
    :param folder_uuid: the storage folder: its UUID, or the report of a task that names it (templated). A dataset
        without a mirror folder needs it.
    :param cancel_on_kill: cancel the jobs when the task is killed, cleared or out of time. Encord can only cancel jobs
        of a folder.
    :param dry_run: check everything and return ``{"dataset_hash", "folder_uuid", "dry_run", "items", "jobs"}``: what
        would be registered. Nothing is uploaded, and no job is started.
    :param details_path: path or ``ObjectStoragePath`` URL of a file with all items and errors, one JSON object per line
        (templated): ``{"job_id", "outcome": "added", "data_hash", "item_uuid", "title"}``, the same with ``"present"``
        for items that were there before, or ``{"job_id", "outcome": "failed", "urls", "error"}``, of uploads with
        ``path`` and ``stage``.
    :param details_conn_id: Airflow connection of the store of ``details_path`` (templated).
    """

    checks: ClassVar[dict[str, Check]] = {
        **EncordJobOperator.checks,
        "dataset_hash": arguments.optional(arguments.dataset_hash),
        "folder_uuid": arguments.optional(arguments.folder),
        "cancel_on_kill": arguments.flag,
        "details_path": arguments.optional(arguments.path),
        "details_conn_id": arguments.optional(arguments.conn_id),
        "only_report": arguments.flag,
    }
    max_failed_items: float = 0

    def __init__(
        self,
        *,
        dataset_hash: str | None = None,
        folder_uuid: str | None = None,
        cancel_on_kill: bool = True,
        details_path: Any = None,
        details_conn_id: str | None = None,
        dry_run: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_hash = dataset_hash
        self.folder_uuid = folder_uuid
        self.cancel_on_kill = cancel_on_kill
        self.details_path = details_path
        self.details_conn_id = details_conn_id
        self.only_report = dry_run  # BaseOperator has a method of the argument's name

    def register(self, context: Context, work: Registration) -> dict[str, Any]:
        """Start the jobs and wait for them, or only report what would be registered."""
        if not self.only_report:
            return self.run_jobs(context, work)
        memory = Memory(context, durable=False, identity={})
        counts = []
        for batch in work.batches(memory):
            if count := work.count(batch):
                counts.append(count)
            work.note_failed(batch, memory)
        work.judge_start(memory)
        self.log.info("Would register %d items in %d jobs. Nothing was sent.", sum(counts), len(counts))
        keep_silent(self)
        return {**work.place(), "dry_run": True, "items": sum(counts), "jobs": len(counts)}

    def sources(self) -> Iterable[Any]:
        """Return the folders that data is read from here, as far as lineage tells them."""
        return ()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return what OpenLineage tells of the task: the folders that it reads, the dataset and folder that it fills.

        Airflow's OpenLineage provider calls it.
        """
        return operator_lineage(self)

    def check_together(self) -> None:
        """Check that the data has a destination."""
        if self.dataset_hash is None and not self.folder_uuid:
            raise EncordInputError(
                "Neither dataset_hash nor folder_uuid is given: name the dataset, the storage folder, or both."
            )


class Registration(Work):
    """Data to add with registration jobs.

    :param task: the operator.
    :param context: context of the attempt.
    """

    hook: EncordHook
    hides_removed_items = True

    def __init__(self, task: EncordRegistrationOperator, context: Context) -> None:
        super().__init__(task.hook, task.dataset_hash)
        self.task: Any = task
        self.context = context
        self.to = destination_of(task)
        self.cancels = self.to.cancels and task.cancel_on_kill
        self.start_is_unclear = False
        """Whether an earlier attempt may have started a job of the next batch, whose id is not known."""
        self.any_start_is_unclear = False
        """Whether that was so for any batch of this attempt."""

    def place(self) -> dict[str, Any]:
        """Return where the data goes, as reports say it."""
        return {"dataset_hash": self.dataset_hash, "folder_uuid": self.to.folder_uuid}

    def count(self, batch: Any) -> int:
        """Return how many items a batch registers."""
        return 1

    def watch(self, job_id: Any) -> Watch:
        """Return how to wait for a registration job."""
        return self.to.watch(job_id)

    def trigger(self, job_ids: JobIds, deadline: float | None) -> Any:
        """Return the trigger that waits for the jobs."""
        return self.to.trigger(job_ids, cancel_on_kill=self.cancels, **self.task.waiting(deadline))

    def unclear_start(self) -> bool:
        """Note that an earlier attempt may have started a job of the next batch, whose id is not known."""
        self.any_start_is_unclear = True
        self.start_is_unclear = self.to.tells_of_jobs
        return self.to.tells_of_jobs

    def still_missing(self, missing: Callable[[], Collection[T]]) -> Collection[T]:
        """Return what a batch still has to add, after the job that an earlier attempt may have started for it.

        A worker, or an answer, can be lost between the request that starts a job and the note of the job's id. Nobody
        can ask for such a job. But the folder shows whether any job runs, and which items of the batch it has. So this
        waits until no job runs, nothing is missing, or nothing more comes. Without it, two jobs would add the same.

        :param missing: finds what is not there.
        :raises EncordTimeoutError: at the deadline.
        """
        left = missing()
        if not left or not self.start_is_unclear:
            return left  # if all of it is there, the unknown job may be that of a batch behind it
        self.start_is_unclear = False
        since = time.monotonic()
        place = f"folder {self.to.folder_uuid}" if self.to.folder_uuid else f"dataset {self.dataset_hash}"
        while left and self.to.may_run_jobs():
            if self.deadline is not None and time.time() > self.deadline:
                raise EncordTimeoutError(
                    f"An earlier attempt may have started a job in {place} whose id is not known; "
                    f"{len(left)} items are not there yet. The next attempt waits for them again.",
                    dataset_hash=self.dataset_hash,
                )
            if time.monotonic() - since > NO_CHANGE_SECONDS:
                self.task.log.warning("No new item for %g s; starting a job for the rest.", NO_CHANGE_SECONDS)
                return left
            self.task.log.info(
                "An earlier attempt may have started a job of unknown id. Waiting for %d items; looking again in %g s.",
                len(left),
                LOOK_SECONDS,
            )
            time.sleep(LOOK_SECONDS)
            before, left = left, missing()
            if len(left) != len(before):
                since = time.monotonic()
        return missing() if left else left  # a job that has just ended has added the last ones

    def added(self, verdict: Verdict) -> Iterator[RegisteredItem]:
        """Yield what an ended job has added, linked into the dataset if it has to be."""
        return self.to.into_dataset(self.to.items_of(verdict))

    def looks_back(self, memory: Memory) -> bool:
        """Whether :meth:`earlier_items` lists anything."""
        return False

    def earlier_items(self, memory: Memory, outcome: RegistrationOutcome) -> Iterable[RegisteredItem]:
        """List the items that were there before and belong in the report.

        :param outcome: of the jobs, all of them counted.
        """
        return ()

    def details(self) -> Iterable[dict[str, Any]]:
        """Return what the details file tells besides, at its end."""
        return ()

    def note_failed(self, batch: Any, memory: Memory) -> None:
        """Note the files of a batch that are known to be bad."""

    def failed_files(self, memory: Memory) -> FailedFiles:
        """Return the files that failed before they were part of a job."""
        return FailedFiles()

    def outcome(self, memory: Memory) -> RegistrationOutcome:
        """Return an empty account."""
        return RegistrationOutcome(looks_back=self.looks_back(memory))

    def note_end(self, outcome: RegistrationOutcome, memory: Memory) -> None:
        """Keep for later attempts what the account of the ended jobs shows."""

    def is_undone(self, verdict: Verdict, memory: Memory) -> bool | None:
        """Whether none of a job's items is in its place any more."""
        return not self.to.holds_any(self.to.items_of(verdict)) if verdict.answer.items else None

    def finish(self, job_ids: JobIds, verdicts: Iterable[Verdict], memory: Memory) -> dict[str, Any]:
        """Return the report, or raise if more items failed than allowed."""
        task = self.task
        outcome = self.outcome(memory)
        failed = self.failed_files(memory)

        def lines() -> Iterator[dict[str, Any]]:
            yield from outcome.add_files(failed, failed.count)
            for job_id, verdict in zip(job_ids, verdicts, strict=True):
                yield from outcome.add(job_id, verdict, self.added(verdict))
            if self.looks_back(memory):
                yield from outcome.add_earlier(self.to.into_dataset(self.earlier_items(memory, outcome)))
            yield from self.details()

        if task.details_path is not None:
            from airflow_provider_encord._storage.details_file import write_json_lines

            count = write_json_lines(task.details_path, lines(), task.details_conn_id)
            task.log.info("Wrote %d lines of details to %s.", count, shown(task.details_path))
        else:
            for _ in lines():
                pass
        for key, name in (("data_hashes", "data_hash"), ("item_uuids", "item_uuid")):
            ids = outcome.ids(name)
            if len(ids) == len(outcome.items) and (self.dataset_hash is not None or name == "item_uuid"):
                told = list_or_reference(ids, outcome.listed, task.details_path, task.details_conn_id)
                task.push(self.context, key, told)
        task.log.info("%d added, %d skipped, %d failed.", outcome.added, outcome.skipped, outcome.failed)
        for error in outcome.errors:
            what = one_line(error.get("path") or ", ".join(error["urls"])) or "item"
            task.log.warning("Not added: %s: %s", what, one_line(error["error"]))
        self.note_end(outcome, memory)
        outcome.require_good_end(self.dataset_hash, self.to.folder_uuid, task.max_failed_items)
        return {**self.place(), **outcome.report(job_ids, task.details_path, task.details_conn_id)}
