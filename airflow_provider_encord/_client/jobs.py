"""Where a job stands: the single place that decides whether it has ended, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.redaction import server_text
from airflow_provider_encord._client.resources import data_rows, re_encoding, registration
from airflow_provider_encord._client.resources.re_encoding import ReEncodeTask
from airflow_provider_encord._client.resources.registration import UploadJob

MAX_HELD_SECONDS = 60


class State(StrEnum):
    """How far a job is. ``PARTIAL`` is an end: done, but some items failed."""

    PENDING = "pending"
    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a job.

    :param state: how far it is.
    :param status: the server's own word for it.
    :param message: one line for people, with the first errors.
    :param counts: items by outcome.
    :param answer: what the server answered, for details.
    :param known: False when the server used a word this version does not know; such a job counts as pending.
    """

    state: State
    status: str
    message: str
    counts: dict[str, int]
    answer: Any = field(repr=False, compare=False)
    known: bool = True

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state is not State.PENDING


class Watch(Protocol):
    """A job that can be asked for: what waiting in any mode needs to know of it."""

    @property
    def dataset_hash(self) -> str:
        """The dataset it belongs to."""

    @property
    def name(self) -> str:
        """What it is, with its id, for messages."""

    def poll(self, held_seconds: int) -> Call[Any]:
        """Return the call that asks for it; the server may hold it that long where the API allows."""

    def judge(self, answer: Any) -> Verdict:
        """Decide where it stands."""

    @property
    def server_holds(self) -> bool:
        """Whether Encord holds polls of this kind of job."""


@dataclass(frozen=True, slots=True)
class UploadJobWatch:
    """A registration job.

    :param max_held_seconds: how long one poll may be held; Encord's client says 10 for uploads, else 60.
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
        counts = {
            "done": answer.done,
            "failed": answer.failed,
            "pending": answer.pending,
            "cancelled": answer.cancelled,
        }
        status = server_text(answer.status.upper()[:100])
        state = {
            "PENDING": State.PENDING,
            "DONE": State.PARTIAL if answer.failed or answer.unit_errors or answer.errors else State.DONE,
            "ERROR": State.FAILED,
            "CANCELLED": State.CANCELLED,
        }.get(status)
        numbers = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no items"
        reasons = [f"{', '.join(each.object_urls) or 'item'}: {each.error}" for each in answer.unit_errors]
        message = f"{self.name} is {status} ({numbers})"
        # Encord repeats the errors of single items among those of the job.
        of_items = {each.error for each in answer.unit_errors}
        if shown := [*(each for each in answer.errors if each not in of_items), *reasons][:5]:
            message += ": " + "; ".join(server_text(each) for each in shown)
        return Verdict(state or State.PENDING, status, message, counts, answer, known=state is not None)


@dataclass(frozen=True, slots=True)
class ReEncodeWatch:
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
        status = server_text(answer.status.upper()[:100])
        state = {"SUBMITTED": State.PENDING, "DONE": State.DONE, "ERROR": State.FAILED}.get(status)
        message = f"{self.name} is {status} ({len(answer.videos)} videos re-encoded)"
        counts = {"done": len(answer.videos)}
        return Verdict(state or State.PENDING, status, message, counts, answer, known=state is not None)


@dataclass(frozen=True, slots=True)
class DataRowsWatch:
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
