"""What the operators share that end in a registration job: uploads and private data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_encord.airflow_compat import Context
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators.base import EncordJobOperator, fits_xcom

if TYPE_CHECKING:
    from airflow_provider_encord.api.jobs import UploadJobWatch, Verdict
    from airflow_provider_encord.api.models import UploadJob
    from airflow_provider_encord.triggers.encord import EncordUploadJobTrigger

_MOST_ERRORS = 20
_MOST_ERROR_TEXT = 500


def failed_items_allowed(max_failed_items: float, total: int) -> int:
    """Return how many items of a job may fail: a whole number is a count, a fraction below 1 a share of all items."""
    return int(max_failed_items * total) if 0 < max_failed_items < 1 else int(max_failed_items)


def check_max_failed_items(value: Any) -> None:
    """Check the argument of that name.

    :raises EncordInputError: unless it is a count, or a share between 0 and 1.
    """
    wrong = isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or (value >= 1 and value % 1)
    if wrong:
        raise EncordInputError(f"max_failed_items must be a count or a share below 1, not {value!r}.")


class EncordRegistrationOperator(EncordJobOperator):
    """An operator whose job adds items to a dataset.

    Returns ``{"dataset_hash", "job_id", "status", "added", "skipped", "failed", "cancelled", "items", "errors"}``:
    counts; ``items`` as ``[{"data_hash", "title"}]`` in Encord's order, or None if they are too many for an XCom (read
    them with ``EncordHook.get_upload_job``); the first errors as ``[{"urls", "error"}]``. Also pushed to XCom:
    ``job_id``, and ``data_hashes`` (a list, or None if they are too many).

    :param folder: UUID of a storage folder, for datasets without a mirror folder (templated).
    :param client_metadata: kept by Encord with each item (templated).
    """

    max_failed_items: float = 0

    def watch(self, job_id: Any) -> UploadJobWatch:
        """Return the registration job as something to wait for."""
        from airflow_provider_encord.api.jobs import UploadJobWatch

        return UploadJobWatch(self.dataset_hash, str(job_id))

    def trigger(self, **kwargs: Any) -> EncordUploadJobTrigger:
        """Return the trigger that waits for the job."""
        from airflow_provider_encord.triggers.encord import EncordUploadJobTrigger

        return EncordUploadJobTrigger(**kwargs)

    def finish(self, context: Context, job_id: Any, verdict: Verdict) -> dict[str, Any]:
        """Report what was added, and fail if more items failed than allowed."""
        from airflow_provider_encord.hooks.encord import require_done

        job: UploadJob = verdict.answer
        report = self._report(job_id, job)
        hashes = [item.data_hash for item in job.items]
        self.push(context, "data_hashes", hashes if fits_xcom(hashes) else None)
        for error in report["errors"]:
            self.log.warning("Not added: %s: %s", ", ".join(error["urls"]) or "item", error["error"])
        total = report["added"] + report["skipped"] + report["failed"] + report["cancelled"]
        tolerated = report["failed"] <= failed_items_allowed(self.max_failed_items, total)
        if not tolerated or verdict.state != "partial":
            require_done(verdict, self.dataset_hash)
        self.log.info(
            "Job %s: %d added, %d skipped, %d failed.", job_id, report["added"], report["skipped"], report["failed"]
        )
        return report

    def _report(self, job_id: Any, job: UploadJob) -> dict[str, Any]:
        items = [{"data_hash": item.data_hash, "title": item.title} for item in job.items]
        errors = [
            {"urls": list(each.object_urls)[:5], "error": each.error[:_MOST_ERROR_TEXT]} for each in job.unit_errors
        ]
        errors += [{"urls": [], "error": text[:_MOST_ERROR_TEXT]} for text in job.errors]
        return {
            "dataset_hash": self.dataset_hash,
            "job_id": job_id,
            "status": job.status,
            "added": len(job.items),
            # A unit that is done but added nothing was there already.
            "skipped": max(0, job.done - len(job.items)),
            "failed": max(job.failed, len(job.unit_errors)),
            "cancelled": job.cancelled,
            "items": items if fits_xcom(items) else None,
            "errors": errors[:_MOST_ERRORS],
        }
