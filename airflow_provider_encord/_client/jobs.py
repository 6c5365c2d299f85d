"""Where a job stands: the single place that decides whether it has ended, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.redaction import server_text
from airflow_provider_encord._client.resources import (
    data_rows,
    folder_jobs,
    folder_sync,
    items,
    re_encoding,
    registration,
)
from airflow_provider_encord._client.resources.folder_jobs import FolderUploadJob
from airflow_provider_encord._client.resources.folder_sync import FolderSync
from airflow_provider_encord._client.resources.items import ItemReEncoding
from airflow_provider_encord._client.resources.re_encoding import ReEncodeTask
from airflow_provider_encord._client.resources.registration import UploadJob

MAX_HELD_SECONDS = 60


class State(StrEnum):
    """The state of a job. ``PARTIAL`` is an ending: done, but some items failed."""

    PENDING = "pending"
    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of a job.

    :param state: its state.
    :param status: the server's own name for the state.
    :param message: one line for people, with the first errors.
    :param counts: items by outcome.
    :param answer: the server's answer, for details.
    :param known: False if this version does not know the server's status; such a job counts as pending.
    """

    state: State
    status: str
    message: str
    counts: dict[str, int]
    answer: Any = field(repr=False, compare=False)
    known: bool = True

    @property
    def ended(self) -> bool:
        """Whether the job has ended."""
        return self.state is not State.PENDING


class Watch(Protocol):
    """How to poll and judge a job, in any mode of waiting."""

    @property
    def dataset_hash(self) -> str | None:
        """Its dataset, if it has one."""

    @property
    def place(self) -> str:
        """Its place for messages, such as ``dataset 8f2e...``."""

    @property
    def name(self) -> str:
        """Its name for messages, with its id."""

    def poll(self, held_seconds: int) -> Call[Any]:
        """Return the call that polls it; the server may hold it for these seconds, if the API allows it."""

    def judge(self, answer: Any) -> Verdict:
        """Judge its state."""

    def cancel(self) -> Call[int] | None:
        """Return the call that cancels it and returns the number of cancelled units; None if Encord offers none."""

    @property
    def server_holds(self) -> bool:
        """Whether Encord holds polls of this kind of job."""


class _OfDataset:
    """Jobs of a dataset, which Encord cannot cancel."""

    __slots__ = ()
    dataset_hash: str

    @property
    def place(self) -> str:
        """The dataset."""
        return f"dataset {self.dataset_hash}"

    def cancel(self) -> Call[int] | None:
        """Encord offers no way to cancel it."""
        return None


class _OfFolder:
    """Jobs of a folder."""

    __slots__ = ()
    folder_uuid: str
    dataset_hash = None

    @property
    def place(self) -> str:
        """The folder."""
        return f"folder {self.folder_uuid}"

    def cancel(self) -> Call[int] | None:
        """Encord offers no way to cancel it."""
        return None


@dataclass(frozen=True, slots=True)
class UploadJobWatch(_OfDataset):
    """A registration job.

    :param max_held_seconds: how long one poll may be held; Encord's client uses 10 for uploads, else 60.
    """

    dataset_hash: str
    job_id: str
    max_held_seconds: int = MAX_HELD_SECONDS
    server_holds = True

    @property
    def name(self) -> str:
        """The job's name in messages."""
        return f"upload job {self.job_id}"

    def poll(self, held_seconds: int) -> Call[UploadJob]:
        """Ask for the job."""
        return registration.get_upload_job(
            self.dataset_hash, self.job_id, held_seconds=min(held_seconds, self.max_held_seconds)
        )

    def judge(self, answer: UploadJob) -> Verdict:
        """Decide by Encord's status; with ignored errors DONE also covers failed items."""
        return _judge_registration(self.name, answer)


@dataclass(frozen=True, slots=True)
class FolderUploadJobWatch(_OfFolder):
    """A registration job of a storage folder, the one kind of work that Encord cancels.

    :param max_held_seconds: how long one poll may be held.
    """

    folder_uuid: str
    job_id: str
    max_held_seconds: int = MAX_HELD_SECONDS
    server_holds = True

    @property
    def name(self) -> str:
        """The job's name in messages."""
        return f"upload job {self.job_id}"

    def poll(self, held_seconds: int) -> Call[FolderUploadJob]:
        """Ask for the job."""
        return folder_jobs.get_folder_upload_job(
            self.folder_uuid, self.job_id, held_seconds=min(held_seconds, self.max_held_seconds)
        )

    def judge(self, answer: FolderUploadJob) -> Verdict:
        """Decide by Encord's status; with ignored errors DONE also covers failed items."""
        return _judge_registration(self.name, answer)

    def cancel(self) -> Call[int]:
        """Cancel what is not added yet."""
        return folder_jobs.cancel_folder_upload_job(self.folder_uuid, self.job_id)


def _judge_registration(name: str, answer: UploadJob | FolderUploadJob) -> Verdict:
    counts = {"done": answer.done, "failed": answer.failed, "pending": answer.pending, "cancelled": answer.cancelled}
    reasons = [f"{', '.join(each.object_urls) or 'item'}: {each.error}" for each in answer.unit_errors]
    # Encord repeats the errors of single items among those of the job.
    of_items = {each.error for each in answer.unit_errors}
    shown = [*(each for each in answer.errors if each not in of_items), *reasons][:5]
    return _verdict(
        name,
        answer,
        counts,
        said=f"({_numbers(counts)})" + (": " if shown else "") + "; ".join(server_text(each) for each in shown),
        is_partial=bool(answer.failed or answer.unit_errors or answer.errors),
    )


def _verdict(name: str, answer: Any, counts: dict[str, int], *, said: str, is_partial: bool = False) -> Verdict:
    """Decide by Encord's status, which kinds of jobs tell in capitals or not.

    :param said: what there is to say besides the status.
    :param is_partial: whether something failed, should it be done.
    """
    status = server_text(answer.status.upper()[:100])
    state = _STATES.get(status)
    if state is State.DONE and is_partial:
        state = State.PARTIAL
    message = f"{name} is {status} {said}".rstrip()
    return Verdict(state or State.PENDING, status, message, counts, answer, known=state is not None)


_STATES = {
    "PENDING": State.PENDING,
    "SUBMITTED": State.PENDING,
    "DONE": State.DONE,
    "ERROR": State.FAILED,
    "CANCELLED": State.CANCELLED,
}


def _numbers(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no items"


@dataclass(frozen=True, slots=True)
class FolderSyncWatch(_OfFolder):
    """A sync of a cloud-synced folder with its bucket. Encord holds its polls and offers no way to cancel it.

    :param max_held_seconds: how long one poll may be held.
    """

    folder_uuid: str
    job_id: str
    max_held_seconds: int = MAX_HELD_SECONDS
    server_holds = True

    @property
    def name(self) -> str:
        """The sync's name in messages."""
        return f"sync {self.job_id}"

    def poll(self, held_seconds: int) -> Call[FolderSync]:
        """Ask for the sync."""
        return folder_sync.get_folder_sync(
            self.folder_uuid, self.job_id, held_seconds=min(held_seconds, self.max_held_seconds)
        )

    def judge(self, answer: FolderSync) -> Verdict:
        """Decide by Encord's status; one that is done can have files, jobs or pages of the listing that failed."""
        counts = {
            "done": answer.done,
            "failed": answer.failed,
            "pending": answer.pending,
            "cancelled": answer.cancelled,
        }
        more = {"pages of the listing": answer.pages_failed, "upload jobs": answer.jobs_failed}
        failed = "".join(f", {count} {what} failed" for what, count in more.items() if count)
        is_partial = bool(answer.failed or failed)
        return _verdict(self.name, answer, counts, said=f"({_numbers(counts)}{failed})", is_partial=is_partial)


@dataclass(frozen=True, slots=True)
class ReEncodeWatch(_OfDataset):
    """A re-encode task. Encord does not hold its polls."""

    dataset_hash: str
    task_id: int | str
    call: Call[ReEncodeTask] = field(init=False, repr=False, compare=False)
    server_holds = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "call", re_encoding.re_encode_data_status(self.dataset_hash, self.task_id))

    @property
    def name(self) -> str:
        """The task's name in messages."""
        return f"re-encode task {self.task_id}"

    def poll(self, held_seconds: int) -> Call[ReEncodeTask]:
        """Ask for the task; the question is always the same."""
        return self.call

    def judge(self, answer: ReEncodeTask) -> Verdict:
        """Decide by Encord's status, which its client keeps as free text."""
        count = len(answer.videos)
        return _verdict(self.name, answer, {"done": count}, said=f"({count} videos re-encoded)")


@dataclass(frozen=True, slots=True)
class ItemReEncodeWatch:
    """A re-encode job of items, which may lie in several folders. Encord does not hold its polls."""

    job_id: str
    dataset_hash = None
    server_holds = False

    @property
    def place(self) -> str:
        """Encord's storage: no single folder."""
        return "Encord's storage"

    @property
    def name(self) -> str:
        """The job's name in messages."""
        return f"re-encode job {self.job_id}"

    def poll(self, held_seconds: int) -> Call[ItemReEncoding]:
        """Ask for the job."""
        return items.get_item_re_encoding(self.job_id)

    def judge(self, answer: ItemReEncoding) -> Verdict:
        """Decide by Encord's status; how many were re-encoded is not told."""
        return _verdict(self.name, answer, {}, said="")

    def cancel(self) -> Call[int] | None:
        """Encord offers no way to cancel it."""
        return None


@dataclass(frozen=True, slots=True)
class DataRowsWatch(_OfDataset):
    """Rows that a dataset is to hold: done when a filter finds enough of them.

    :param filters: arguments of :func:`.calls.list_data_rows`.
    :param min_count: how many rows are enough.
    """

    dataset_hash: str
    filters: Mapping[str, Any]
    min_count: int
    server_holds = False

    @property
    def name(self) -> str:
        """What is waited for, in messages."""
        return f"the wait for {self.min_count} rows"

    def poll(self, held_seconds: int) -> Call[int]:
        """Count the rows."""
        return data_rows.count_data_rows(self.dataset_hash, self.min_count, **self.filters)

    def judge(self, answer: int) -> Verdict:
        """Decide by how many there are."""
        state = State.DONE if answer >= self.min_count else State.PENDING
        message = f"the filter finds {answer} of {self.min_count} rows"
        return Verdict(state, state.value.upper(), message, {"found": answer}, answer)
