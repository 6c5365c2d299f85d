"""What a task remembers across its tries, so that a retry finds the jobs it has started already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEY = "encord_jobs"


class Memory:
    """The started jobs of one task instance.

    Airflow 3.3 and later keep it in the task state store. Earlier releases have no such place (XComs are cleared when
    a try starts), so nothing is remembered there.

    :param context: the task's context.
    :param durable: False remembers nothing.
    :param subject: a digest of the arguments; jobs that were started with others are not recalled.
    """

    def __init__(self, context: Mapping[str, Any], *, durable: bool, subject: str) -> None:
        self._store = context.get("task_state_store") if durable else None
        self._subject = subject

    def recall(self) -> tuple[list[str | int], bool]:
        """Return the ids that an earlier try remembered, in the order of their start, and whether they are all."""
        remembered = self._store.get(_KEY) if self._store is not None else None
        if isinstance(remembered, Mapping) and remembered.get("subject") == self._subject:
            return list(remembered["job_ids"]), bool(remembered["complete"])
        return [], False

    def remember(self, job_ids: list[str | int], *, complete: bool) -> None:
        """Keep the ids of all jobs started so far, and whether no more are to be started."""
        if self._store is not None:
            self._store.set(_KEY, {"subject": self._subject, "job_ids": job_ids, "complete": complete})

    def forget(self) -> None:
        """Drop the ids: the jobs have ended, and clearing the task means to run it again."""
        if self._store is not None:
            self._store.delete(_KEY)
