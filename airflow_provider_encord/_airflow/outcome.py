"""What a task did, as counts and short lists that fit an XCom."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_encord.exceptions import EncordJobCancelledError, EncordJobError, EncordUploadError

if TYPE_CHECKING:
    from airflow_provider_encord._client.jobs import Verdict
    from airflow_provider_encord._client.resources.data_items import Uploaded
    from airflow_provider_encord._client.resources.data_rows import DataRow
    from airflow_provider_encord._client.resources.registration import UploadJob
    from airflow_provider_encord._client.transport.uploader import FileOutcome

XCOM_BYTES = 48 * 1024
MOST_IN_XCOM = 1000
NOTHING_NEW = "NOTHING NEW"
_MOST_ERRORS = 20
_MOST_ERROR_TEXT = 500


def fits_xcom(value: Any) -> bool:
    """Whether a value is small enough for an XCom on every database that Airflow supports."""
    return len(json.dumps(value)) < XCOM_BYTES // 2


def list_or_reference(
    values: Sequence[Any], count: int, details_path: Any = None, details_conn_id: str | None = None
) -> list[Any] | dict[str, Any]:
    """Return a list for an XCom, or a reference to the details file if the list is too long.

    :param values: the list, or its first elements.
    :param count: length of the whole list.
    :param details_path: the file that holds the whole list.
    :return: the list, or ``{"count", "details_path", "details_conn_id"}``.
    """
    if count == len(values) <= MOST_IN_XCOM and fits_xcom(values):
        return list(values)
    path = None if details_path is None else str(details_path)
    return {"count": count, "details_path": path, "details_conn_id": details_conn_id}


def failed_items_allowed(max_failed_items: float, total: int) -> int:
    """Return how many items may fail: a whole number is a count, a number below 1 is a share of all items."""
    return int(max_failed_items * total) if 0 < max_failed_items < 1 else int(max_failed_items)


def require_done(
    verdict: Verdict, dataset_hash: str | None, *, folder_uuid: str | None = None, allow_partial: bool = False
) -> None:
    """Raise unless a job of a dataset, or of a folder, ended well.

    :raises EncordJobCancelledError: when somebody cancelled it.
    :raises EncordJobError: when it failed, or when items failed and that is not allowed.
    """
    from airflow_provider_encord._client.jobs import State

    if verdict.state is State.DONE or (allow_partial and verdict.state is State.PARTIAL):
        return
    kind = EncordJobCancelledError if verdict.state is State.CANCELLED else EncordJobError
    place = f"Dataset {dataset_hash}" if dataset_hash else f"Folder {folder_uuid}"
    raise kind(f"{place}: {verdict.message}.", dataset_hash=dataset_hash)


def uploaded(outcomes: Sequence[FileOutcome]) -> list[Uploaded]:
    """Return object key and name of each uploaded file.

    :raises EncordUploadError: names the files that failed, and why.
    """
    failed = [outcome for outcome in outcomes if outcome.error]
    if failed:
        shown = "; ".join(str(outcome.error) for outcome in failed[:10])
        raise EncordUploadError(
            f"{len(failed)} of {len(outcomes)} files could not be uploaded; no job was started for them. {shown}"
        )
    return [(outcome.object_key or "", outcome.name) for outcome in outcomes]


class RegistrationOutcome:
    """What registration jobs did. All items are counted, and the first ones are kept.

    :param looks_back: whether :meth:`add_earlier` will be called.
    """

    def __init__(self, *, looks_back: bool = False) -> None:
        self._counted: set[str] | None = set() if looks_back else None
        self.added = self.present = self.failed = self.cancelled = self.earlier = 0
        self.items: list[dict[str, str]] = []
        self.errors: list[dict[str, Any]] = []
        self.endings: list[Verdict] = []

    @property
    def hashes(self) -> list[str]:
        """Data hashes of the kept items."""
        return [item["data_hash"] for item in self.items]

    @property
    def in_dataset(self) -> int:
        """How many items were added by this and earlier attempts."""
        return self.added + self.earlier

    def add(self, job_id: Any, verdict: Verdict) -> Iterator[dict[str, Any]]:
        """Count one job and yield a line of details for each item and each error."""
        job: UploadJob = verdict.answer
        self.added += len(job.items)
        # A unit that is done but added no item was a duplicate.
        self.present += max(0, job.done - len(job.items))
        # Encord repeats the errors of single items among those of the whole job.
        of_items = {unit.error for unit in job.unit_errors}
        of_job = [error for error in job.errors if error not in of_items]
        self.failed += max(job.failed, len(job.unit_errors)) or len(of_job)
        self.cancelled += job.cancelled
        self.endings.append(replace(verdict, answer=None))
        for item in job.items:
            if self._counted is not None:
                self._counted.add(item.data_hash)
            yield {"job_id": job_id, "outcome": "added", **self._keep(item.data_hash, item.title)}
        for unit in job.unit_errors:
            yield self._fail(job_id, list(unit.object_urls), unit.error)
        for error in of_job:
            yield self._fail(job_id, [], error)

    def add_earlier(self, rows: Iterable[DataRow]) -> Iterator[dict[str, Any]]:
        """Count the items of earlier attempts, and yield a line of details for each."""
        if self._counted is None:
            return
        for row in rows:
            if row.data_hash not in self._counted:
                self.earlier += 1
                self.present += 1
                yield {"job_id": None, "outcome": "present", **self._keep(row.data_hash, row.data_title)}

    def require_good_end(self, dataset_hash: str, max_failed_items: float) -> None:
        """Raise unless all jobs ended well and the failed items of all jobs together are allowed.

        :raises EncordJobError: names the first job that did not end well.
        """
        total = self.added + self.present + self.failed + self.cancelled
        tolerated = self.failed <= failed_items_allowed(max_failed_items, total)
        for verdict in self.endings:
            require_done(verdict, dataset_hash, allow_partial=tolerated)

    def report(
        self, dataset_hash: str, job_ids: Sequence[Any], details_path: Any, details_conn_id: str | None
    ) -> dict[str, Any]:
        """Return the report of the task."""
        complete = len(self.items) == self.in_dataset and fits_xcom(self.items)
        return {
            "dataset_hash": dataset_hash,
            "job_ids": list(job_ids),
            "status": ", ".join(sorted({verdict.status for verdict in self.endings})) or NOTHING_NEW,
            "added": self.added,
            "skipped": self.present,
            "failed": self.failed,
            "cancelled": self.cancelled,
            "items": self.items if complete else None,
            "errors": self.errors,
            "details": None if details_path is None else str(details_path),
            "details_conn_id": details_conn_id,
        }

    def _keep(self, data_hash: str, title: str) -> dict[str, str]:
        item = {"data_hash": data_hash, "title": title}
        if len(self.items) <= MOST_IN_XCOM:
            self.items.append(item)
        return item

    def _fail(self, job_id: Any, urls: list[str], error: str) -> dict[str, Any]:
        if len(self.errors) < _MOST_ERRORS:
            self.errors.append({"urls": urls[:5], "error": error[:_MOST_ERROR_TEXT]})
        return {"job_id": job_id, "outcome": "failed", "urls": urls, "error": error}
