"""Tags in the client metadata of an item in Encord: which task instance added it, from which file.

Encord keeps client metadata with each item and returns it. So a later attempt, or a cleared task, can see which items
an earlier attempt added, on every Airflow.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from airflow_provider_encord._client.outgoing import one_line

TASK_KEY = "airflow_task"
FILE_KEY = "airflow_file"
KEYS = (TASK_KEY, FILE_KEY)
SOURCE_KEY = "airflow_source"
"""Under which a transfer keeps where the data lies in its bucket, and which content it had."""
_CLOCKS_APART = timedelta(days=1)


class NamedFile(Protocol):
    """What identifies a file from one attempt to the next, on any worker."""

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


def file_ids(files: Sequence[NamedFile], digests: Sequence[str]) -> list[str]:
    """Return an id for each file, the same at each attempt: base name, size, digest, and number among the same ones.

    Folder and age do not count: a retry may find the file in another temporary folder. Characters that cannot be stored
    are escaped, so that the stored id equals the compared one.
    """
    return _numbered(f"{_name_and_size(file)}:{digest}" for file, digest in zip(files, digests, strict=True))


def older_file_ids(files: Sequence[NamedFile]) -> list[str]:
    """Return the ids that items got before they had digests, so that an attempt can go on after an upgrade."""
    return _numbered(map(_name_and_size, files))


def _name_and_size(file: NamedFile) -> str:
    return f"{one_line(file.name)}:{file.size}"


def _numbered(ids: Iterable[str]) -> list[str]:
    counts: Counter[str] = Counter()
    numbered = []
    for each in ids:
        counts[each] += 1
        numbered.append(f"{each}:{counts[each]}")
    return numbered


def one_id(ids: Sequence[str]) -> str:
    """Return one id for several files that make one item together, in their order."""
    return f"{len(ids)} files:{hashlib.sha256(chr(10).join(ids).encode(errors='surrogateescape')).hexdigest()[:32]}"


def tag(context: Mapping[str, Any], file_id: str) -> dict[str, str]:
    """Return the tags for the client metadata of an item."""
    return {TASK_KEY: task_name(context), FILE_KEY: file_id}


def is_repeated(context: Mapping[str, Any]) -> bool:
    """Whether the task instance has run before: it is retried, or was cleared."""
    return int(getattr(context["ti"], "try_number", 1) or 1) > 1


def is_cleared(context: Mapping[str, Any], retries: int) -> bool:
    """Whether this is the first attempt after somebody cleared the task: Airflow then grants all retries again."""
    return is_repeated(context) and context["ti"].max_tries - retries + 1 == context["ti"].try_number


def earliest(context: Mapping[str, Any]) -> datetime | None:
    """Return a time before which no attempt of this task instance can have added anything; None if that is unsure."""
    logical = context.get("logical_date") or getattr(context.get("dag_run"), "run_after", None)
    if not isinstance(logical, datetime) or logical.tzinfo is None or logical > datetime.now(UTC):
        return None
    return logical - _CLOCKS_APART
