"""What a task remembers across its tries, so that a retry finds the job it has started already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEY = "encord_job"


class Memory:
    """The started job of one task instance.

    Airflow 3.3 and later keep it in the task state store. Earlier releases have no such place (XComs are cleared when
    a try starts), so nothing is remembered there.

    :param context: the task's context.
    :param durable: False remembers nothing.
    :param subject: what the job is about; a job of another subject, from before a change of arguments, is not recalled.
    """

    def __init__(self, context: Mapping[str, Any], *, durable: bool, subject: str) -> None:
        self._store = context.get("task_state_store") if durable else None
        self._subject = subject

    def recall(self) -> Any:
        """Return the id that an earlier try remembered, or None."""
        remembered = self._store.get(_KEY) if self._store is not None else None
        if isinstance(remembered, Mapping) and remembered.get("subject") == self._subject:
            return remembered.get("job_id")
        return None

    def remember(self, job_id: Any) -> None:
        """Keep the id of a job that was just started."""
        if self._store is not None:
            self._store.set(_KEY, {"subject": self._subject, "job_id": job_id})

    def forget(self) -> None:
        """Drop the id: the job has ended, and clearing the task means to run it again."""
        if self._store is not None:
            self._store.delete(_KEY)
