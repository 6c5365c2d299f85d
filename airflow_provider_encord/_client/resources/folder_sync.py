"""Syncs of cloud-synced folders with their bucket: start one, and ask how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.fields import Fields, Model, read_uuid
from airflow_provider_encord._client.parameters import checked_uuid


@dataclass(frozen=True)
class FolderSync(Model):
    """A sync as it stands: ``pages_*`` of the bucket's listing, ``jobs_*`` made of them, and the files themselves.

    ``status`` is Encord's text; see :mod:`.jobs` for its meaning. It tells neither items nor why files failed.
    """

    status: str
    pages_pending: int = 0
    pages_done: int = 0
    pages_failed: int = 0
    pages_cancelled: int = 0
    jobs_pending: int = 0
    jobs_done: int = 0
    jobs_failed: int = 0
    pending: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0


def start_folder_sync(folder_uuid: str | UUID) -> Call[str]:
    """Start to sync a cloud-synced folder with its bucket and return the job's id."""
    folder = checked_uuid(folder_uuid, "folder_uuid")
    return Call(
        operation=f"start sync of folder {folder}",
        method="POST",
        path=f"storage/folders/{folder}/cloud-synced-folder-syncs",
        read=read_uuid,
        repeatable=False,
    )


def get_folder_sync(folder_uuid: str | UUID, job_id: str | UUID, *, held_seconds: int = 0) -> Call[FolderSync]:
    """Get a sync; the server may hold the request until it ends or the seconds are over."""
    folder, job = checked_uuid(folder_uuid, "folder_uuid"), checked_uuid(job_id, "job_id")
    return Call(
        operation=f"get sync {job} of folder {folder}",
        method="GET",
        path=f"storage/folders/{folder}/cloud-linked-folder-syncs/{job}/long-polling",  # Encord's other word for it
        query=(("timeoutSeconds", held_seconds),),
        read=read_folder_sync,
        repeatable=True,
        held_seconds=held_seconds,
    )


def read_folder_sync(value: Any) -> FolderSync:
    """Read a sync."""
    fields = Fields(value, "the sync")
    return FolderSync(
        status=fields.text("status"),
        pages_pending=fields.count("scan_pages_processing_pending"),
        pages_done=fields.count("scan_pages_processing_done"),
        pages_failed=fields.count("scan_pages_processing_error"),
        pages_cancelled=fields.count("scan_pages_processing_cancelled"),
        jobs_pending=fields.count("upload_jobs_pending"),
        jobs_done=fields.count("upload_jobs_done"),
        jobs_failed=fields.count("upload_jobs_error"),
        pending=fields.count("upload_jobs_units_pending"),
        done=fields.count("upload_jobs_units_done"),
        failed=fields.count("upload_jobs_units_error"),
        cancelled=fields.count("upload_jobs_units_cancelled"),
    )
