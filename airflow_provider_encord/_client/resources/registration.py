"""Registration jobs: start one, and ask how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ErrorKind
from airflow_provider_encord._client.fields import LONG, Fields, Model
from airflow_provider_encord._client.parameters import checked_hash, checked_uuid
from airflow_provider_encord._client.redaction import without_credentials


@dataclass(frozen=True)
class UploadedItem(Model):
    """A unit of data that a registration job added."""

    data_hash: str
    title: str
    backing_item_uuid: str | None = None


@dataclass(frozen=True)
class UnitError(Model):
    """A unit that a registration job could not add."""

    object_urls: tuple[str, ...]
    error: str
    subtask_uuid: str | None = None
    action_description: str | None = None


@dataclass(frozen=True)
class UploadJob(Model):
    """A registration job as it stands. ``status`` is Encord's text; see :mod:`.jobs` for its meaning."""

    status: str
    items: tuple[UploadedItem, ...] = field(default=(), repr=False, metadata=LONG)
    errors: tuple[str, ...] = field(default=(), repr=False, metadata=LONG)
    unit_errors: tuple[UnitError, ...] = field(default=(), repr=False, metadata=LONG)
    pending: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0


def start_upload_job(
    dataset_hash: str,
    *,
    data_items: Mapping[str, Any] | None = None,
    files: Mapping[str, Any] | None = None,
    integration_id: str | UUID | None = None,
    ignore_errors: bool = False,
    folder: str | UUID | None = None,
    file_name: str | None = None,
) -> Call[str]:
    """Start a registration job and return its id: ``data_items`` of an upload, or ``files`` of a private cloud."""
    payload: dict[str, Any] = {}
    if data_items is not None:
        payload["dataItems"] = data_items
    if files is not None:
        payload["files"] = files
    if integration_id is not None:
        payload["integrationId"] = checked_uuid(integration_id, "integration_id")
    payload["ignoreErrors"] = ignore_errors
    if folder is not None:
        payload["folderUuid"] = checked_uuid(folder, "folder")
    if file_name is not None:
        payload["fileName"] = file_name
    return Call(
        operation="start upload job",
        method="POST",
        query_type="datasetdatalongpolling",
        uid=dataset_hash,
        payload=payload,
        dataset_hash=checked_hash(dataset_hash, "dataset_hash"),
        read=lambda value: Fields(value, "the answer").id("process_hash"),
        repeatable=False,
        empty=ErrorKind.SERVER,
    )


def get_upload_job(dataset_hash: str, job_id: str, *, held_seconds: int = 0) -> Call[UploadJob]:
    """Get a registration job; the server may hold the request until the job ends or the seconds are over."""
    return Call(
        operation=f"get upload job {job_id}",
        method="GET",
        query_type="datasetdatalongpolling",
        uid=dataset_hash,
        payload={"process_hash": job_id, "timeout_seconds": held_seconds},
        dataset_hash=checked_hash(dataset_hash, "dataset_hash"),
        read=read_upload_job,
        repeatable=True,
        large=True,
        empty=ErrorKind.UNREADABLE,  # only Encord's own words say that a job is lost
        held_seconds=held_seconds,
    )


def read_upload_job(value: Any) -> UploadJob:
    """Read a registration job; older servers may leave fields out."""
    fields = Fields(value, "the job")
    return UploadJob(
        status=fields.text("status"),
        items=fields.each("data_hashes_with_titles", _read_uploaded_item),
        **read_progress(fields, "data_unit_errors"),
    )


def read_progress(fields: Fields, unit_errors: str) -> dict[str, Any]:
    """Read what all registration jobs tell, of datasets and of folders: errors and counts.

    :param unit_errors: name of the field with the errors of single units.
    """
    return {
        "errors": tuple(map(without_credentials, fields.texts("errors"))),
        "unit_errors": fields.each(unit_errors, _read_unit_error),
        "pending": fields.count("units_pending_count"),
        "done": fields.count("units_done_count"),
        "failed": fields.count("units_error_count"),
        "cancelled": fields.count("units_cancelled_count"),
    }


def _read_uploaded_item(value: Any) -> UploadedItem:
    fields = Fields(value, "an added item")
    return UploadedItem(
        fields.id("data_hash"), fields.optional_text("title") or "", fields.optional_text("backing_item_uuid")
    )


def _read_unit_error(value: Any) -> UnitError:
    fields = Fields(value, "an item error")
    return UnitError(
        tuple(map(without_credentials, fields.texts("object_urls"))),
        without_credentials(fields.optional_text("error") or ""),
        fields.optional_text("subtask_uuid"),
        fields.optional_text("action_description"),
    )
