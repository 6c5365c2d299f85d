"""Which task instance an item in Encord comes from, written into the item itself.

Encord keeps client metadata with each item and tells it back, so a later attempt, or a cleared task, can see what
an earlier one has added, on every Airflow.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from airflow_provider_encord._client.outgoing import one_line

TASK_KEY = "airflow_task"
FILE_KEY = "airflow_file"
KEYS = (TASK_KEY, FILE_KEY)
_CLOCKS_APART = timedelta(days=1)


class NamedFile(Protocol):
    """As much of a file as identifies it from one attempt to the next, on whichever worker that runs."""

    @property
    def name(self) -> str:
        """Base name."""

    @property
    def size(self) -> int:
        """Bytes."""


def task_name(context: Mapping[str, Any]) -> str:
    """Name the task instance, the same at each of its attempts: ``dag/task/run/map index``."""
    ti = context["ti"]
    return f"{ti.dag_id}/{ti.task_id}/{ti.run_id}/{ti.map_index}"


def file_ids(files: Sequence[NamedFile]) -> list[str]:
    """Identify each file of a list, the same at each attempt: by base name, size, and number among its equals.

    Neither its folder nor its age counts: a retry may find it in another temporary folder. What no store can hold of a
    name is escaped, so that what is kept is what is compared.
    """
    seen: Counter[str] = Counter()
    ids = []
    for file in files:
        alike = f"{one_line(file.name)}:{file.size}"
        seen[alike] += 1
        ids.append(f"{alike}:{seen[alike]}")
    return ids


def one_id(ids: Sequence[str]) -> str:
    """Identify several files that make one item together, in their order."""
    return f"{len(ids)} files:{hashlib.sha256(chr(10).join(ids).encode(errors='surrogateescape')).hexdigest()[:32]}"


def tag(context: Mapping[str, Any], file_id: str) -> dict[str, str]:
    """Return what goes into an item's client metadata."""
    return {TASK_KEY: task_name(context), FILE_KEY: file_id}


def is_repeated(context: Mapping[str, Any]) -> bool:
    """Whether the task instance has run before: this is a retry, or the task was cleared."""
    return int(getattr(context["ti"], "try_number", 1) or 1) > 1


def is_cleared(context: Mapping[str, Any], retries: int) -> bool:
    """Whether this is the first attempt since somebody cleared the task: Airflow grants all retries anew then."""
    return is_repeated(context) and context["ti"].max_tries - retries + 1 == context["ti"].try_number


def earliest(context: Mapping[str, Any]) -> datetime | None:
    """Return a time before which no attempt of this task instance can have added anything, if there is one for sure."""
    logical = context.get("logical_date")
    if not isinstance(logical, datetime) or logical.tzinfo is None or logical > datetime.now(UTC):
        return None
    return logical - _CLOCKS_APART
