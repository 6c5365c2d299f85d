"""What the operators share that end in registration jobs: uploads and private data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_encord._airflow.arguments import JobIds
from airflow_provider_encord._airflow.outcome import failed_items_allowed, fits_xcom
from airflow_provider_encord._client.outgoing import one_line
from airflow_provider_encord._compat import Context
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators._base import EncordJobOperator

if TYPE_CHECKING:
    from airflow_provider_encord._client.jobs import UploadJobWatch, Verdict
    from airflow_provider_encord._client.resources.data_rows import DataRow
    from airflow_provider_encord._client.resources.registration import UploadJob
    from airflow_provider_encord.triggers.encord import EncordUploadJobTrigger

MAX_ITEMS_PER_JOB = 10_000
_MOST_ERRORS = 20
_MOST_ERROR_TEXT = 500
_MOST_ITEMS = 1000
_ENOUGH_TO_ASK_FOR = 1000


class EncordRegistrationOperator(EncordJobOperator):
    """An operator whose jobs add items to a dataset.

    Returns ``{"dataset_hash", "job_ids", "status", "added", "skipped", "failed", "cancelled", "items", "errors",
    "details"}``: counts (``skipped`` were there already); ``items`` as ``[{"data_hash", "title"}]`` in Encord's order,
    what earlier tries of an upload added after that, or None if they are too many for an XCom; the first errors as
    ``[{"urls", "error"}]``; where the details are, if ``details_path`` was given. Also pushed to XCom: ``job_ids``,
    ``job_id`` (the first one), and ``data_hashes`` (a list, or None if too many).

    The task succeeds if every job is done and no more items failed than ``max_failed_items`` allows, over all jobs.

    :param dry_run: check the arguments and return ``{"dataset_hash", "dry_run", "items", "jobs"}``: what would be
        registered. Nothing is uploaded and no job started.
    :param details_path: path or ``ObjectStoragePath`` URL of a file that gets every item and every error, one JSON
        object a line (templated): ``{"job_id", "outcome": "added", "data_hash", "title"}``, the same with ``"present"``
        for what an earlier try has added, or ``{"job_id", "outcome": "failed", "urls", "error"}``.
    :param details_conn_id: Airflow connection of the store that ``details_path`` is in (templated).
    """

    max_failed_items: float = 0

    def __init__(
        self,
        *,
        details_path: str | None = None,
        details_conn_id: str | None = None,
        dry_run: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.details_path = details_path
        self.details_conn_id = details_conn_id
        self.only_report = dry_run  # BaseOperator has a method of the argument's name

    def check_folder(self, folder: str | None) -> None:
        """Ask whether the dataset needs a folder, before anything is sent to it.

        :raises EncordInputError: when it needs one and none is given, or has one of its own and another is given.
        """
        dataset = self.hook.get_dataset(self.dataset_hash, include_data_rows=False)
        if dataset.has_mirror_folder is False and not folder:
            raise EncordInputError(
                f"Dataset {self.dataset_hash} has no mirror folder, so folder must name the storage folder that the "
                "data goes to. Nothing was uploaded.",
                dataset_hash=self.dataset_hash,
            )
        if dataset.has_mirror_folder and folder:
            raise EncordInputError(
                f"Dataset {self.dataset_hash} has a mirror folder of its own; leave folder out. Nothing was uploaded.",
                dataset_hash=self.dataset_hash,
            )

    def watch(self, job_id: Any) -> UploadJobWatch:
        """Return a registration job as something to wait for."""
        from airflow_provider_encord._client.jobs import UploadJobWatch

        return UploadJobWatch(self.dataset_hash, str(job_id))

    def trigger(self, **kwargs: Any) -> EncordUploadJobTrigger:
        """Return the trigger that waits for the jobs."""
        from airflow_provider_encord.triggers.encord import EncordUploadJobTrigger

        return EncordUploadJobTrigger(**kwargs)

    def execute(self, context: Context) -> Any:
        """Start the jobs and wait for them, or only say what would be started."""
        return self._plan(context) if self.only_report else super().execute(context)

    def _plan(self, context: Context) -> dict[str, Any]:
        counts = [self.count(part) for part in self.parts(context)]
        self.log.info("Would register %d items in %d jobs. Nothing was sent.", sum(counts), len(counts))
        return {"dataset_hash": self.dataset_hash, "dry_run": True, "items": sum(counts), "jobs": len(counts)}

    def count(self, part: Any) -> int:
        """Return how many items a part registers."""
        return 1

    def finish(self, context: Context, job_ids: JobIds, verdicts: Iterable[Verdict]) -> dict[str, Any]:
        """Report what was added, and fail if more items failed than allowed."""
        from airflow_provider_encord._airflow.outcome import require_done

        report = _Report(looks_back=self.looks_back(context))
        lines = self._lines(context, report, zip(job_ids, verdicts, strict=True))
        if self.details_path:
            from airflow_provider_encord._storage.details_file import write_json_lines

            count = write_json_lines(self.details_path, lines, self.details_conn_id)
            self.log.info("Wrote %d lines of details to %s.", count, self.details_path)
        else:
            for _ in lines:
                pass
        hashes = [item["data_hash"] for item in report.items]
        self.push(context, "data_hashes", hashes if report.complete else None)
        self.log.info("%d added, %d skipped, %d failed.", report.added, report.skipped, report.failed)
        for error in report.errors:
            what = one_line(", ".join(error["urls"])) or "item"
            self.log.warning("Not added: %s: %s", what, one_line(error["error"]))
        total = report.added + report.skipped + report.failed + report.cancelled
        tolerated = report.failed <= failed_items_allowed(self.max_failed_items, total)
        for verdict in report.endings:
            require_done(verdict, self.dataset_hash, allow_partial=tolerated)
        return {
            "dataset_hash": self.dataset_hash,
            "job_ids": job_ids,
            "status": ", ".join(sorted({verdict.status for verdict in report.endings})) or "NOTHING NEW",
            "added": report.added,
            "skipped": report.skipped,
            "failed": report.failed,
            "cancelled": report.cancelled,
            "items": report.items if report.complete else None,
            "errors": report.errors,
            "details": self.details_path or None,
        }

    def looks_back(self, context: Context) -> bool:
        """Whether :meth:`earlier_items` can tell what other tries of this task instance have added."""
        return False

    def earlier_items(self, context: Context) -> Iterable[DataRow]:
        """List what all tries of this task instance have added so far."""
        return ()

    def is_undone(self, context: Context, verdict: Verdict) -> bool | None:
        """Whether none of a job's items is in the dataset any more."""
        hashes = [item.data_hash for item in verdict.answer.items[:_ENOUGH_TO_ASK_FOR]]
        if not hashes:
            # Either it added nothing, or Encord does not tell of items that are removed.
            return bool(verdict.answer.done) or None
        return next(iter(self.hook.iter_data_rows(self.dataset_hash, data_hashes=hashes)), None) is None

    def _lines(
        self, context: Context, report: _Report, jobs: Iterable[tuple[Any, Verdict]]
    ) -> Iterator[dict[str, Any]]:
        for job_id, verdict in jobs:
            yield from report.add(job_id, verdict)
        if report.counted is not None:
            yield from report.add_earlier(self.earlier_items(context))


class _Report:
    """What ended jobs did, counted while their items pass by; only the first ones are kept.

    :param looks_back: whether :meth:`add_earlier` will be called.
    """

    def __init__(self, *, looks_back: bool) -> None:
        self.counted: set[str] | None = set() if looks_back else None
        self.added = self.skipped = self.failed = self.cancelled = self.earlier = 0
        self.items: list[dict[str, str]] = []
        self.errors: list[dict[str, Any]] = []
        self.endings: list[Verdict] = []

    @property
    def complete(self) -> bool:
        """Whether the kept items are all, and fit into an XCom."""
        return len(self.items) == self.added + self.earlier and fits_xcom(self.items)

    def add(self, job_id: Any, verdict: Verdict) -> Iterator[dict[str, Any]]:
        """Count one job and yield a line of details for each item and each error."""
        job: UploadJob = verdict.answer
        self.added += len(job.items)
        # A unit that is done but added nothing was there already.
        self.skipped += max(0, job.done - len(job.items))
        # Encord repeats the errors of single items among those of the whole job.
        of_items = {each.error for each in job.unit_errors}
        of_job = [text for text in job.errors if text not in of_items]
        self.failed += max(job.failed, len(job.unit_errors)) or len(of_job)
        self.cancelled += job.cancelled
        self.endings.append(replace(verdict, answer=None))
        for item in job.items:
            told = {"data_hash": item.data_hash, "title": item.title}
            if self.counted is not None:
                self.counted.add(item.data_hash)
            if len(self.items) <= _MOST_ITEMS:
                self.items.append(told)
            yield {"job_id": job_id, "outcome": "added", **told}
        for each in job.unit_errors:
            yield self._failed(job_id, list(each.object_urls), each.error)
        for text in of_job:
            yield self._failed(job_id, [], text)

    def add_earlier(self, rows: Iterable[DataRow]) -> Iterator[dict[str, Any]]:
        """Count what earlier tries added, told from what this one did, and yield a line of details for each item."""
        for row in rows:
            if row.data_hash in (self.counted or ()):
                continue
            self.earlier += 1
            self.skipped += 1
            told = {"data_hash": row.data_hash, "title": row.data_title}
            if len(self.items) <= _MOST_ITEMS:
                self.items.append(told)
            yield {"job_id": None, "outcome": "present", **told}

    def _failed(self, job_id: Any, urls: list[str], error: str) -> dict[str, Any]:
        if len(self.errors) < _MOST_ERRORS:
            self.errors.append({"urls": urls[:5], "error": error[:_MOST_ERROR_TEXT]})
        return {"job_id": job_id, "outcome": "failed", "urls": urls, "error": error}
