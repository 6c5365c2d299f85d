"""Events of the triggers: how a wait ended, with all that a task needs to resume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_encord._airflow.errors import by_kind
from airflow_provider_encord.exceptions import EncordError

if TYPE_CHECKING:
    from airflow_provider_encord._client.jobs import Verdict

ENDINGS = ("done", "partial", "cancelled", "failed")
"""Endings of a job, from good to bad. For several jobs the worst one counts."""

STATUSES = (*ENDINGS, "timeout", "error")


def validate_event(event: Any) -> dict[str, Any]:
    """Return the event of a trigger if it is valid.

    :raises EncordError: when it is not; the state of the job is then unknown.
    """
    valid = isinstance(event, dict) and event.get("status") in STATUSES and isinstance(event.get("message"), str)
    if not valid:
        raise EncordError("The event of the trigger cannot be read; the job may go on in Encord.")
    checked: dict[str, Any] = event
    return checked


def event_job_ids(event: dict[str, Any]) -> list[str | int]:
    """Return the ids of the jobs in an event.

    :raises EncordError: when there are none.
    """
    job_ids = event.get("job_ids")
    if not isinstance(job_ids, list) or not all(isinstance(job_id, str | int) for job_id in job_ids) or not job_ids:
        raise EncordError(f"The trigger's event names no jobs: {event['message']}")
    return job_ids


def raise_unless_ended(event: dict[str, Any]) -> None:
    """Raise the error of a wait that failed before its job ended; a timeout is not such an error."""
    if event["status"] == "error":
        raise by_kind(str(event.get("kind")))(str(event.get("message")), dataset_hash=event.get("dataset_hash"))


def summary(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return status, message and counts of ended jobs; the worst ending counts."""
    worst = max(verdicts, key=lambda verdict: ENDINGS.index(verdict.state.value))
    counts: Counter[str] = Counter()
    for verdict in verdicts:
        counts.update(verdict.counts)
    message = worst.message if len(verdicts) == 1 else f"{worst.message} (the worst of {len(verdicts)} jobs)"
    return {"status": worst.state.value, "message": message, "counts": dict(counts)}
