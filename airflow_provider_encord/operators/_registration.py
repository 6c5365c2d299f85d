"""The base of the operators that add items to a dataset: uploads, private data and transfers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check, JobIds
from airflow_provider_encord._airflow.job_run import Work
from airflow_provider_encord._airflow.outcome import RegistrationOutcome, list_or_reference
from airflow_provider_encord._client.outgoing import one_line
from airflow_provider_encord._client.redaction import shown
from airflow_provider_encord._compat import Context
from airflow_provider_encord._resume.task_store import Memory
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators._base import EncordJobOperator

if TYPE_CHECKING:
    from airflow_provider_encord._client.jobs import UploadJobWatch, Verdict
    from airflow_provider_encord._client.resources.data_rows import DataRow
    from airflow_provider_encord.hooks.encord import EncordHook
    from airflow_provider_encord.triggers.encord import EncordUploadJobTrigger

MAX_ITEMS_PER_JOB = 10_000
_ENOUGH_TO_ASK_FOR = 1000


class EncordRegistrationOperator(EncordJobOperator):
    """An operator whose jobs add items to a dataset.

    Returns ``{"dataset_hash", "job_ids", "status", "added", "skipped", "failed", "cancelled", "items", "errors",
    "details", "details_conn_id"}``: counts (``skipped`` items were in the dataset already); ``items`` as
    ``[{"data_hash", "title"}]`` in Encord's order, with those of earlier attempts at the end, or None if there are too
    many for an XCom; the first errors as ``[{"urls", "error"}]``; and the details file, if there is one. Also pushes
    the XComs ``job_ids``, ``job_id`` (the first one), and ``data_hashes``: a list, or ``{"count", "details_path",
    "details_conn_id"}`` if there are too many; the next operator takes both.

    The task succeeds if all jobs are done and ``max_failed_items`` allows the failed items of all jobs together.

    :param dry_run: check everything and return ``{"dataset_hash", "dry_run", "items", "jobs"}``: what would be
        registered. Nothing is uploaded, and no job is started.
    :param details_path: path or ``ObjectStoragePath`` URL of a file with all items and errors, one JSON object per line
        (templated): ``{"job_id", "outcome": "added", "data_hash", "title"}``, the same with ``"present"`` for items of
        an earlier attempt, or ``{"job_id", "outcome": "failed", "urls", "error"}``.
    :param details_conn_id: Airflow connection of the store of ``details_path`` (templated).
    """

    checks: ClassVar[dict[str, Check]] = {
        **EncordJobOperator.checks,
        "details_path": arguments.optional(arguments.path),
        "details_conn_id": arguments.optional(arguments.conn_id),
        "only_report": arguments.flag,
    }
    max_failed_items: float = 0

    def __init__(
        self,
        *,
        details_path: Any = None,
        details_conn_id: str | None = None,
        dry_run: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.details_path = details_path
        self.details_conn_id = details_conn_id
        self.only_report = dry_run  # BaseOperator has a method of the argument's name

    def register(self, context: Context, work: Registration) -> dict[str, Any]:
        """Start the jobs and wait for them, or only report what would be registered."""
        if not self.only_report:
            return self.run_jobs(context, work)
        memory = Memory(context, durable=False, identity={})
        counts = [work.count(batch) for batch in work.batches(memory)]
        self.log.info("Would register %d items in %d jobs. Nothing was sent.", sum(counts), len(counts))
        return {"dataset_hash": self.dataset_hash, "dry_run": True, "items": sum(counts), "jobs": len(counts)}


class Registration(Work):
    """Items to add to a dataset with registration jobs.

    :param task: the operator.
    :param context: context of the attempt.
    """

    hook: EncordHook
    hides_removed_items = True

    def __init__(self, task: EncordRegistrationOperator, context: Context) -> None:
        super().__init__(task.hook, task.dataset_hash)
        self.task: Any = task
        self.context = context

    def count(self, batch: Any) -> int:
        """Return how many items a batch registers."""
        return 1

    def watch(self, job_id: Any) -> UploadJobWatch:
        """Return how to wait for a registration job."""
        from airflow_provider_encord._client.jobs import UploadJobWatch

        return UploadJobWatch(self.dataset_hash, str(job_id))

    def trigger(self, job_ids: JobIds, deadline: float | None) -> EncordUploadJobTrigger:
        """Return the trigger that waits for the jobs."""
        from airflow_provider_encord.triggers.encord import EncordUploadJobTrigger

        return EncordUploadJobTrigger(**self.task.trigger_arguments(job_ids, deadline))

    @property
    def looks_back(self) -> bool:
        """Whether :meth:`earlier_items` lists the items of earlier attempts."""
        return False

    def earlier_items(self) -> Iterable[DataRow]:
        """List the items that all attempts of this task instance have added so far."""
        return ()

    def is_undone(self, verdict: Verdict) -> bool | None:
        """Whether none of a job's items is in the dataset any more."""
        hashes = [item.data_hash for item in verdict.answer.items[:_ENOUGH_TO_ASK_FOR]]
        if not hashes:
            return None
        return next(iter(self.hook.iter_data_rows(self.dataset_hash, data_hashes=hashes)), None) is None

    def finish(self, job_ids: JobIds, verdicts: Iterable[Verdict], memory: Memory) -> dict[str, Any]:
        """Return the report, or raise if more items failed than allowed."""
        task = self.task
        outcome = RegistrationOutcome(looks_back=self.looks_back)

        def lines() -> Iterator[dict[str, Any]]:
            for job_id, verdict in zip(job_ids, verdicts, strict=True):
                yield from outcome.add(job_id, verdict)
            if self.looks_back:
                yield from outcome.add_earlier(self.earlier_items())

        if task.details_path is not None:
            from airflow_provider_encord._storage.details_file import write_json_lines

            count = write_json_lines(task.details_path, lines(), task.details_conn_id)
            task.log.info("Wrote %d lines of details to %s.", count, shown(task.details_path))
        else:
            for _ in lines():
                pass
        hashes = list_or_reference(outcome.hashes, outcome.in_dataset, task.details_path, task.details_conn_id)
        task.push(self.context, "data_hashes", hashes)
        task.log.info("%d added, %d skipped, %d failed.", outcome.added, outcome.present, outcome.failed)
        for error in outcome.errors:
            what = one_line(", ".join(error["urls"])) or "item"
            task.log.warning("Not added: %s: %s", what, one_line(error["error"]))
        outcome.require_good_end(self.dataset_hash, task.max_failed_items)
        return outcome.report(self.dataset_hash, job_ids, task.details_path, task.details_conn_id)


def check_folder(work: Work, folder: str | None) -> None:
    """Check whether the dataset needs a folder, before anything is sent to it.

    :raises EncordInputError: when ``folder`` is missing, or is given although the dataset has its own.
    """
    dataset = work.hook.get_dataset(work.dataset_hash, include_data_rows=False)
    if dataset.has_mirror_folder is False and not folder:
        raise EncordInputError(
            f"Dataset {work.dataset_hash} has no mirror folder, so folder must name the storage folder that the "
            "data goes to. Nothing was uploaded.",
            dataset_hash=work.dataset_hash,
        )
    if dataset.has_mirror_folder and folder:
        raise EncordInputError(
            f"Dataset {work.dataset_hash} has a mirror folder of its own; leave folder out. Nothing was uploaded.",
            dataset_hash=work.dataset_hash,
        )
