"""Registration jobs of storage folders: start one, ask how it stands, cancel it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.fields import LONG, Fields, Model, read_uuid
from airflow_provider_encord._client.parameters import checked_uuid
from airflow_provider_encord._client.resources.registration import UnitError, read_progress


@dataclass(frozen=True)
class AddedItem(Model):
    """An item that a registration job added to a folder."""

    item_uuid: str
    name: str


@dataclass(frozen=True)
class FolderUploadJob(Model):
    """A registration job of a folder as it stands. ``status`` is Encord's text; see :mod:`.jobs` for its meaning."""

    status: str
    items: tuple[AddedItem, ...] = field(default=(), repr=False, metadata=LONG)
    errors: tuple[str, ...] = field(default=(), repr=False, metadata=LONG)
    unit_errors: tuple[UnitError, ...] = field(default=(), repr=False, metadata=LONG)
    pending: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0


def start_folder_upload_job(
    folder_uuid: str | UUID,
    *,
    data_items: Mapping[str, Any] | None = None,
    files: Mapping[str, Any] | None = None,
    integration_id: str | UUID | None = None,
    ignore_errors: bool = False,
    file_name: str | None = None,
) -> Call[str]:
    """Start a registration job and return its id.

    :param data_items: structured items, of an upload or of a private cloud.
    :param files: a manifest of a private cloud.
    """
    folder = checked_uuid(folder_uuid, "folder_uuid")
    body: dict[str, Any] = {}
    if data_items is not None:
        body["dataItems"] = data_items
    if files is not None:
        body["externalFiles"] = files
    if integration_id is not None:
        body["integrationHash"] = checked_uuid(integration_id, "integration_id")
    body["ignoreErrors"] = ignore_errors
    if file_name is not None:
        body["fileName"] = file_name
    return Call(
        operation=f"start upload job of folder {folder}",
        method="POST",
        path=f"storage/folders/{folder}/data-upload-jobs",
        body=body,
        read=read_uuid,
        repeatable=False,
    )


def get_folder_upload_job(
    folder_uuid: str | UUID, job_id: str | UUID, *, held_seconds: int = 0
) -> Call[FolderUploadJob]:
    """Get a registration job; the server may hold the request until the job ends or the seconds are over."""
    folder, job = checked_uuid(folder_uuid, "folder_uuid"), checked_uuid(job_id, "job_id")
    return Call(
        operation=f"get upload job {job} of folder {folder}",
        method="GET",
        path=f"storage/folders/{folder}/data-upload-jobs/{job}",
        query=(("timeoutSeconds", held_seconds),),
        read=read_folder_upload_job,
        repeatable=True,
        large=True,
        held_seconds=held_seconds,
    )


def cancel_folder_upload_job(folder_uuid: str | UUID, job_id: str | UUID) -> Call[int]:
    """Cancel a registration job and return how many of its units will not be added; what was added stays."""
    folder, job = checked_uuid(folder_uuid, "folder_uuid"), checked_uuid(job_id, "job_id")
    return Call(
        operation=f"cancel upload job {job} of folder {folder}",
        method="POST",
        path=f"storage/folders/{folder}/data-upload-jobs/{job}/cancel",
        read=lambda value: Fields(value, "the answer").count("units_cancelled_count"),
        repeatable=True,
    )


def read_folder_upload_job(value: Any) -> FolderUploadJob:
    """Read a registration job of a folder."""
    fields = Fields(value, "the job")
    return FolderUploadJob(
        status=fields.text("status"),
        items=fields.each("items_with_names", _read_added_item),
        **read_progress(fields, "unit_errors"),
    )


def _read_added_item(value: Any) -> AddedItem:
    fields = Fields(value, "an added item")
    return AddedItem(fields.id("item_uuid"), fields.optional_text("name") or "")
