"""What the operators share that end in registration jobs: uploads and private data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_encord.airflow_compat import Context
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators.base import EncordJobOperator, JobIds, fits_xcom

if TYPE_CHECKING:
    from airflow_provider_encord.api.jobs import UploadJobWatch, Verdict
    from airflow_provider_encord.triggers.encord import EncordUploadJobTrigger

_MOST_ERRORS = 20
_MOST_ERROR_TEXT = 500


def failed_items_allowed(max_failed_items: float, total: int) -> int:
    """Return how many items may fail: a whole number is a count, a fraction below 1 a share of all items."""
    return int(max_failed_items * total) if 0 < max_failed_items < 1 else int(max_failed_items)


def check_max_failed_items(value: Any) -> None:
    """Check the argument of that name.

    :raises EncordInputError: unless it is a count, or a share between 0 and 1.
    """
    wrong = isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or (value >= 1 and value % 1)
    if wrong:
        raise EncordInputError(f"max_failed_items must be a count or a share below 1, not {value!r}.")


class EncordRegistrationOperator(EncordJobOperator):
    """An operator whose jobs add items to a dataset.

    Returns ``{"dataset_hash", "job_ids", "status", "added", "skipped", "failed", "cancelled", "items", "errors",
    "details"}``: counts; ``items`` as ``[{"data_hash", "title"}]`` in Encord's order, or None if they are too many for
    an XCom; the first errors as ``[{"urls", "error"}]``; where the details are, if ``details_path`` was given. Also
    pushed to XCom: ``job_ids``, ``job_id`` (the first one), and ``data_hashes`` (a list, or None if too many).

    The task succeeds if every job is done and no more items failed than ``max_failed_items`` allows, over all jobs.

    :param details_path: path or ``ObjectStoragePath`` URL of a file that gets every item and every error, one JSON
        object a line (templated): ``{"job_id", "outcome": "added", "data_hash", "title"}`` or ``{"job_id", "outcome":
        "failed", "urls", "error"}``.
    :param details_conn_id: Airflow connection of the store that ``details_path`` is in (templated).
    """

    max_failed_items: float = 0

    def __init__(self, *, details_path: str | None = None, details_conn_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.details_path = details_path
        self.details_conn_id = details_conn_id

    def watch(self, job_id: Any) -> UploadJobWatch:
        """Return a registration job as something to wait for."""
        from airflow_provider_encord.api.jobs import UploadJobWatch

        return UploadJobWatch(self.dataset_hash, str(job_id))

    def trigger(self, **kwargs: Any) -> EncordUploadJobTrigger:
        """Return the trigger that waits for the jobs."""
        from airflow_provider_encord.triggers.encord import EncordUploadJobTrigger

        return EncordUploadJobTrigger(**kwargs)

    def finish(self, context: Context, job_ids: JobIds, verdicts: list[Verdict]) -> dict[str, Any]:
        """Report what was added, and fail if more items failed than allowed."""
        from airflow_provider_encord.hooks.encord import require_done

        report = self._report(job_ids, verdicts)
        if self.details_path:
            self._write_details(self.details_path, job_ids, verdicts)
        hashes = [item.data_hash for verdict in verdicts for item in verdict.answer.items]
        self.push(context, "data_hashes", hashes if fits_xcom(hashes) else None)
        self.log.info("%d added, %d skipped, %d failed.", report["added"], report["skipped"], report["failed"])
        for error in report["errors"]:
            self.log.warning("Not added: %s: %s", ", ".join(error["urls"]) or "item", error["error"])
        total = report["added"] + report["skipped"] + report["failed"] + report["cancelled"]
        tolerated = report["failed"] <= failed_items_allowed(self.max_failed_items, total)
        for verdict in verdicts:
            require_done(verdict, self.dataset_hash, allow_partial=tolerated)
        return report

    def _report(self, job_ids: JobIds, verdicts: list[Verdict]) -> dict[str, Any]:
        jobs = [verdict.answer for verdict in verdicts]
        items = [{"data_hash": item.data_hash, "title": item.title} for job in jobs for item in job.items]
        errors = [
            {"urls": list(each.object_urls)[:5], "error": each.error[:_MOST_ERROR_TEXT]}
            for job in jobs
            for each in job.unit_errors
        ] + [{"urls": [], "error": text[:_MOST_ERROR_TEXT]} for job in jobs for text in job.errors]
        return {
            "dataset_hash": self.dataset_hash,
            "job_ids": job_ids,
            "status": ", ".join(sorted({verdict.status for verdict in verdicts})),
            "added": len(items),
            # A unit that is done but added nothing was there already.
            "skipped": sum(max(0, job.done - len(job.items)) for job in jobs),
            "failed": sum(max(job.failed, len(job.unit_errors)) for job in jobs),
            "cancelled": sum(job.cancelled for job in jobs),
            "items": items if fits_xcom(items) else None,
            "errors": errors[:_MOST_ERRORS],
            "details": self.details_path or None,
        }

    def _write_details(self, path: str, job_ids: JobIds, verdicts: list[Verdict]) -> None:
        from airflow_provider_encord.sources import write_json_lines

        def lines() -> Iterator[dict[str, Any]]:
            for job_id, verdict in zip(job_ids, verdicts, strict=True):
                for item in verdict.answer.items:
                    yield {"job_id": job_id, "outcome": "added", "data_hash": item.data_hash, "title": item.title}
                for each in verdict.answer.unit_errors:
                    yield {"job_id": job_id, "outcome": "failed", "urls": list(each.object_urls), "error": each.error}
                for text in verdict.answer.errors:
                    yield {"job_id": job_id, "outcome": "failed", "urls": [], "error": text}

        count = write_json_lines(path, lines(), self.details_conn_id)
        self.log.info("Wrote %d lines of details to %s.", count, path)
