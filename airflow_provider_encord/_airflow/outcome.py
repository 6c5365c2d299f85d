"""What a task did: judged, counted, and short enough for an XCom."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_encord.exceptions import EncordJobCancelledError, EncordJobError, EncordUploadError

if TYPE_CHECKING:
    from airflow_provider_encord._client.jobs import Verdict
    from airflow_provider_encord._client.resources.data_items import Uploaded
    from airflow_provider_encord._client.transport.uploader import FileOutcome


XCOM_BYTES = 48 * 1024


def fits_xcom(value: Any) -> bool:
    """Whether a value is small enough for an XCom on every database that Airflow supports."""
    return len(json.dumps(value)) < XCOM_BYTES // 2


def failed_items_allowed(max_failed_items: float, total: int) -> int:
    """Return how many items may fail: a whole number is a count, a fraction below 1 a share of all items."""
    return int(max_failed_items * total) if 0 < max_failed_items < 1 else int(max_failed_items)


def uploaded(outcomes: Sequence[FileOutcome]) -> list[Uploaded]:
    """Return object key and name of each uploaded file.

    :raises EncordUploadError: names every file that failed, and why.
    """
    failed = [outcome for outcome in outcomes if outcome.error]
    if failed:
        shown = "; ".join(str(outcome.error) for outcome in failed[:10])
        raise EncordUploadError(
            f"{len(failed)} of {len(outcomes)} files could not be uploaded; no job was started for them. {shown}"
        )
    return [(outcome.object_key or "", outcome.name) for outcome in outcomes]


def require_done(verdict: Verdict, dataset_hash: str, *, allow_partial: bool = False) -> None:
    """Raise unless a job ended well.

    :raises EncordJobCancelledError: when somebody cancelled it.
    :raises EncordJobError: when it failed, or items of it failed and that is not allowed.
    """
    from airflow_provider_encord._client.jobs import State

    if verdict.state is State.DONE or (allow_partial and verdict.state is State.PARTIAL):
        return
    kind = EncordJobCancelledError if verdict.state is State.CANCELLED else EncordJobError
    raise kind(f"Dataset {dataset_hash}: {verdict.message}.", dataset_hash=dataset_hash)
