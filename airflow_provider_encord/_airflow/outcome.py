"""What a task did, as counts and short lists that fit an XCom."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_encord._client.outgoing import storable
from airflow_provider_encord.exceptions import (
    EncordError,
    EncordInputError,
    EncordJobCancelledError,
    EncordJobError,
    EncordMachineError,
    EncordUploadError,
)

if TYPE_CHECKING:
    from airflow_provider_encord._client.jobs import Verdict
    from airflow_provider_encord._client.resources.data_items import Uploaded
    from airflow_provider_encord._client.resources.folder_jobs import FolderUploadJob
    from airflow_provider_encord._client.resources.registration import UploadJob
    from airflow_provider_encord._client.transport.uploader import FileOutcome

XCOM_BYTES = 48 * 1024
MOST_IN_XCOM = 1000
NOTHING_NEW = "NOTHING NEW"
MOST_ERRORS = 20
MOST_ERROR_TEXT = 500


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


class Listed:
    """Things that are counted while they pass by; only the first ones are kept."""

    def __init__(self) -> None:
        self.count = 0
        self.items: list[dict[str, Any]] = []

    def add(self, item: dict[str, Any]) -> None:
        """Count one."""
        self.count += 1
        if len(self.items) <= MOST_IN_XCOM:
            self.items.append(item)

    def for_xcom(self) -> list[dict[str, Any]] | None:
        """Return them all, or None if they are too many for an XCom."""
        items: list[dict[str, Any]] = storable(self.items)
        return items if self.count == len(items) and fits_xcom(items) else None


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


@dataclass(frozen=True)
class RegisteredItem:
    """Data in Encord: a row of a dataset, an item of a folder, or both."""

    title: str
    data_hash: str | None = None
    item_uuid: str | None = None
    client_metadata: Any = field(default=None, repr=False)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Its client metadata, if that is an object."""
        return self.client_metadata if isinstance(self.client_metadata, Mapping) else {}

    def told(self) -> dict[str, str]:
        """Return what a report tells of it: a field only where it is known."""
        known = {"data_hash": self.data_hash, "item_uuid": self.item_uuid, "title": self.title}
        return {name: value for name, value in known.items() if value is not None}


CHECK, READ, UPLOAD, JOB = "check", "read", "upload", "job"
_ERRORS: dict[str, type[EncordError]] = {
    JOB: EncordJobError,
    UPLOAD: EncordUploadError,
    READ: EncordMachineError,
    CHECK: EncordInputError,
}
"""The error of a task by the stage at which files failed; that of the last stage is raised."""


@dataclass(frozen=True)
class FailedFile:
    """A file that is not in Encord.

    :param path: its path or URL, as messages show it.
    :param stage: where it failed: ``check`` (by what it is), ``read`` (on this machine), ``upload`` or ``job``.
    """

    path: str
    stage: str
    error: str

    def line(self) -> dict[str, Any]:
        """Return the line of a details file."""
        told = {"path": self.path, "stage": self.stage, "error": self.error}
        return {"job_id": None, "outcome": "failed", "urls": [], **told}


class RegistrationOutcome:
    """What registration jobs did. All items are counted, and the first ones are kept.

    :param looks_back: whether :meth:`add_earlier` will be called.
    :param files: how many files were given, if each is an item.
    :param path_of: finds the file of an item that failed, by its URLs.
    """

    def __init__(
        self,
        *,
        looks_back: bool = False,
        files: int | None = None,
        path_of: Callable[[Sequence[str]], str | None] = lambda urls: None,
    ) -> None:
        self._files = files
        self._path_of = path_of
        self._stages: set[str] = set()
        self._counted: set[str | None] | None = set() if looks_back else None
        self.added = self.present = self.failed = self.cancelled = self.earlier = 0
        self.items: list[dict[str, str]] = []
        self.errors: list[dict[str, Any]] = []
        self.endings: list[Verdict] = []

    @property
    def listed(self) -> int:
        """How many items are listed by their ids: those of this and of earlier attempts."""
        return self.added + self.earlier

    @property
    def skipped(self) -> int:
        """How many items were there already; earlier attempts' may be among those that jobs have skipped."""
        return max(self.present, self.earlier)

    def ids(self, name: str) -> list[str]:
        """Return the ids of the items that are kept, ``data_hash`` or ``item_uuid``, where they are known."""
        return [item[name] for item in self.items if name in item]

    def add(self, job_id: Any, verdict: Verdict, items: Iterable[RegisteredItem]) -> Iterator[dict[str, Any]]:
        """Count one job and yield a line of details for each item and each error.

        :param items: what it has added.
        """
        job: UploadJob | FolderUploadJob = verdict.answer
        self.added += len(job.items)
        # A unit that is done but added no item was a duplicate.
        self.present += max(0, job.done - len(job.items))
        # Encord repeats the errors of single items among those of the whole job.
        of_items = {unit.error for unit in job.unit_errors}
        of_job = [error for error in job.errors if error not in of_items]
        self.failed += max(job.failed, len(job.unit_errors)) or len(of_job)
        self.cancelled += job.cancelled
        self.endings.append(replace(verdict, answer=None))
        for item in items:
            if self._counted is not None:
                self._counted.add(_key(item))
            yield {"job_id": job_id, "outcome": "added", **self._keep(item)}
        for unit in job.unit_errors:
            yield self._fail(job_id, list(unit.object_urls), unit.error)
        for error in of_job:
            yield self._fail(job_id, [], error)

    def add_earlier(self, items: Iterable[RegisteredItem]) -> Iterator[dict[str, Any]]:
        """Count the items that were there before, and yield a line of details for each."""
        for item in items:
            if self._counted is not None and _key(item) not in self._counted:
                self.earlier += 1
                yield {"job_id": None, "outcome": "present", **self._keep(item)}

    def add_files(self, files: Iterable[FailedFile], count: int) -> Iterator[dict[str, Any]]:
        """Count files that were part of no job, and yield a line of details for each.

        :param count: how many there are; ``files`` may be only the first ones.
        """
        self.failed += count
        for file in files:
            self._stages.add(file.stage)
            self._keep_error({"path": file.path, "stage": file.stage}, [], file.error)
            yield file.line()

    def require_good_end(self, dataset_hash: str | None, folder_uuid: str | None, max_failed_items: float) -> None:
        """Raise unless all jobs ended well and the failed items of all jobs together are allowed.

        :raises EncordJobError: names the first job that did not end well, or the files that failed in jobs.
        :raises EncordUploadError: names the files that could not be uploaded, if no file failed in a job.
        :raises EncordMachineError: names the files that cannot be read, if none failed later.
        :raises EncordInputError: names the files that no attempt can upload, if none failed for another reason.
        """
        total = self._files or self.added + self.skipped + self.failed + self.cancelled
        allowed = failed_items_allowed(max_failed_items, total)
        tolerated = self.failed <= allowed
        # What a folder's jobs did is told of the folder, also where its items are linked into a dataset.
        place = None if folder_uuid else dataset_hash
        for verdict in self.endings:
            allow_partial = tolerated or self._files is not None
            require_done(verdict, place, folder_uuid=folder_uuid, allow_partial=allow_partial)
        if self._files is not None and not tolerated:
            where = f"Dataset {place}" if place else f"Folder {folder_uuid}"
            raise self._files_error(where, allowed, total)

    def _files_error(self, place: str, allowed: int, total: int) -> EncordError:
        stage = next(stage for stage in _ERRORS if stage in self._stages or stage == CHECK)
        lines = [
            f"{place}: {self.failed} of {total} files failed, and max_failed_items allows {allowed}. "
            f"{self.added + self.skipped} are in Encord; "
            + ("mend or leave out the others." if stage == CHECK else "the next attempt sends only what is missing.")
        ]
        for error in self.errors:
            lines.append(f"{error.get('path') or ', '.join(error['urls']) or 'item'}: {error['error']}")
        if self.failed > len(self.errors):
            lines.append(
                f"And {self.failed - len(self.errors)} more; the details file (details_path) names all of them."
            )
        return _ERRORS[stage]("\n".join(lines))

    def report(self, job_ids: Sequence[Any], details_path: Any, details_conn_id: str | None) -> dict[str, Any]:
        """Return the report of the task, except where the data is."""
        complete = len(self.items) == self.listed and fits_xcom(self.items)
        return {
            "job_ids": list(job_ids),
            "status": ", ".join(sorted({verdict.status for verdict in self.endings})) or NOTHING_NEW,
            "added": self.added,
            "skipped": self.skipped,
            "failed": self.failed,
            "cancelled": self.cancelled,
            "items": self.items if complete else None,
            "errors": self.errors,
            "details": None if details_path is None else str(details_path),
            "details_conn_id": details_conn_id,
        }

    def _keep(self, item: RegisteredItem) -> dict[str, str]:
        told = item.told()
        if len(self.items) <= MOST_IN_XCOM:
            self.items.append(told)
        return told

    def _fail(self, job_id: Any, urls: list[str], error: str) -> dict[str, Any]:
        told: dict[str, Any] = {}
        if self._files is not None:
            self._stages.add(JOB)
            told = {"path": self._path_of(urls), "stage": JOB}
        self._keep_error(told, urls, error)
        return {"job_id": job_id, "outcome": "failed", **told, "urls": urls, "error": error}

    def _keep_error(self, told: dict[str, Any], urls: list[str], error: str) -> None:
        if len(self.errors) < MOST_ERRORS:
            self.errors.append({**told, "urls": urls[:5], "error": error[:MOST_ERROR_TEXT]})


def _key(item: RegisteredItem) -> str | None:
    # Of a row, Encord need not tell the item; of an item that is in no dataset, there is no hash.
    return item.data_hash or item.item_uuid
