"""Events of the triggers: how a wait ended, in a form that alone is enough to resume a task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_encord._airflow.errors import by_kind
from airflow_provider_encord.exceptions import EncordError

if TYPE_CHECKING:
    from airflow_provider_encord._client.jobs import Verdict

ENDINGS = ("done", "partial", "cancelled", "failed")
"""Ends of a job, from good to bad; several jobs together end like the worst of them."""

STATUSES = (*ENDINGS, "timeout", "error")


def validate_event(event: Any) -> dict[str, Any]:
    """Return a trigger's event if it is one.

    :raises EncordError: when it isn't; nothing can be said of the job then.
    """
    readable = isinstance(event, dict) and event.get("status") in STATUSES and isinstance(event.get("message"), str)
    if not readable:
        raise EncordError("The trigger left no event that can be read; the job may go on in Encord.")
    told: dict[str, Any] = event
    return told


def event_job_ids(event: dict[str, Any]) -> list[str | int]:
    """Return the jobs that an event is about.

    :raises EncordError: when it names none.
    """
    job_ids = event.get("job_ids")
    if not isinstance(job_ids, list) or not all(isinstance(job_id, str | int) for job_id in job_ids) or not job_ids:
        raise EncordError(f"The trigger's event names no jobs: {event['message']}")
    return job_ids


def raise_unless_ended(event: dict[str, Any]) -> None:
    """Raise what an event tells of a wait that failed before its job ended, time-outs left aside."""
    if event["status"] == "error":
        raise by_kind(str(event.get("kind")))(str(event.get("message")), dataset_hash=event.get("dataset_hash"))


def summary(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return status, message and counts of several ended jobs; the worst ending counts."""
    worst = max(verdicts, key=lambda verdict: ENDINGS.index(verdict.state.value))
    counts: Counter[str] = Counter()
    for verdict in verdicts:
        counts.update(verdict.counts)
    message = worst.message if len(verdicts) == 1 else f"{worst.message} (the worst of {len(verdicts)} jobs)"
    return {"status": worst.state.value, "message": message, "counts": dict(counts)}
