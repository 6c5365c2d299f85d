"""Storage folders: list, get, make, change, move, delete."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.fields import Fields, Model
from airflow_provider_encord._client.pages import DEFAULT_PAGE_SIZE, Page, checked_page_size, page_reader
from airflow_provider_encord._client.parameters import BadParameter, checked_uuid, checked_uuids


@dataclass(frozen=True)
class PathElement(Model):
    """One of the folders in which a folder lies."""

    uuid: str
    name: str
    parent_uuid: str | None
    synced_dataset_hash: str | None


@dataclass(frozen=True)
class StorageFolder(Model):
    """A storage folder. ``parent`` is None at the top; ``synced_dataset_hash`` names the dataset that mirrors it.

    ``folder_type`` is Encord's text: ``generic``, ``cloudLinked`` or ``synthetic``. ``integration_hash`` and
    ``remote_url`` tell where a cloud-synced folder's objects lie.
    """

    uuid: str
    name: str
    description: str
    parent: str | None
    client_metadata: Mapping[str, Any] | None
    owner: str | None
    created_at: datetime | None
    last_edited_at: datetime | None
    user_role: str | None
    synced_dataset_hash: str | None
    path_to_root: tuple[PathElement, ...]
    folder_type: str
    integration_hash: str | None
    remote_url: str | None


@dataclass(frozen=True)
class FolderSummary(Model):
    """How much a folder holds. ``total_size`` is in bytes, about; ``tombstones`` are items whose object vanished."""

    files: int
    folders: int
    videos: int
    images: int
    image_groups: int
    image_sequences: int
    dicom_files: int
    dicom_series: int
    niftis: int
    audios: int
    pdfs: int
    plain_texts: int
    tombstones: int
    upload_jobs: int
    total_size: float | None


def list_folders(
    *,
    parent: str | UUID | None = None,
    search: str | None = None,
    recursive: bool = False,
    dataset_synced: bool | None = None,
    include_org_access: bool | None = None,
    order: str = "name",
    desc: bool = False,
    page_size: int = DEFAULT_PAGE_SIZE,
    page_token: str | None = None,
) -> Call[Page[StorageFolder]]:
    """List one page of the folders in a folder, or at the top; ``recursive`` also finds those further down.

    :param search: a part of the name.
    :param dataset_synced: only folders that a dataset mirrors, or only others.
    :param include_org_access: all folders of the organisation; only for its admins.
    :param order: ``name`` or ``createdAt``.
    """
    if parent is not None:
        path = f"storage/folders/{checked_uuid(parent, 'parent')}/folders"
    else:
        path = "storage/search/folders" if recursive else "storage/folders"
    query = (
        ("search", search),
        ("isRecursive", recursive and parent is not None),
        ("datasetSynced", dataset_synced),
        ("includeOrgAccess", include_org_access),
        ("order", order),
        ("desc", desc),
        ("pageToken", page_token),
        ("pageSize", checked_page_size(page_size)),
    )
    return Call(
        operation="list folders" if parent is None else f"list folders of folder {parent}",
        method="GET",
        path=path,
        query=query,
        read=page_reader(read_folder, page_token),
        repeatable=True,
        large=True,
    )


def get_folder(folder_uuid: str | UUID) -> Call[StorageFolder]:
    """Get one folder."""
    folder = checked_uuid(folder_uuid, "folder_uuid")
    return Call(
        operation=f"get folder {folder}",
        method="GET",
        path=f"storage/folders/{folder}",
        read=read_folder,
        repeatable=True,
    )


def create_folder(
    name: str,
    *,
    description: str | None = None,
    parent: str | UUID | None = None,
    client_metadata: Mapping[str, Any] | None = None,
    integration_id: str | UUID | None = None,
    remote_url: str | None = None,
) -> Call[StorageFolder]:
    """Make a folder; with an integration and the URL of a place in its bucket, one that Encord syncs with it.

    Folders of one name may exist side by side, so an unclear start is not repeated.
    """
    if (integration_id is None) != (remote_url is None):
        raise BadParameter("a cloud-synced folder needs both an integration and a remote_url")
    body: dict[str, Any] = {"name": name}
    if description is not None:
        body["description"] = description
    if parent is not None:
        body["parent"] = checked_uuid(parent, "parent")
    if client_metadata is not None:
        body["clientMetadata"] = _metadata_text(client_metadata)
    if integration_id is not None:
        synced = {"integrationUuid": checked_uuid(integration_id, "integration_id"), "remoteUrl": remote_url}
        body["cloudSyncedFolderParams"] = synced
    return Call(
        operation="create folder",
        method="POST",
        path="storage/folders",
        body=body,
        read=read_folder,
        repeatable=False,
    )


def update_folder(
    folder_uuid: str | UUID,
    *,
    name: str | None = None,
    description: str | None = None,
    client_metadata: Mapping[str, Any] | None = None,
) -> Call[StorageFolder]:
    """Change what is given of a folder. Whether Encord merges or replaces client metadata is unconfirmed."""
    folder = checked_uuid(folder_uuid, "folder_uuid")
    given = (("name", name), ("description", description), ("clientMetadata", client_metadata))
    return Call(
        operation=f"update folder {folder}",
        method="PATCH",
        path=f"storage/folders/{folder}",
        body={key: value for key, value in given if value is not None},
        read=read_folder,
        repeatable=True,
    )


def move_folders(folder_uuids: Sequence[str | UUID], new_parent_uuid: str | UUID | None) -> Call[None]:
    """Move folders into another one, or to the top."""
    body: dict[str, Any] = {"folderUuids": checked_uuids(folder_uuids, "folder_uuids")}
    if new_parent_uuid is not None:
        body["newParentUuid"] = checked_uuid(new_parent_uuid, "new_parent_uuid")
    return Call(
        operation=f"move {len(body['folderUuids'])} folder(s)",
        method="POST",
        path="storage/folders/move",
        body=body,
        read=lambda value: None,
        repeatable=True,
    )


def delete_folder(folder_uuid: str | UUID) -> Call[None]:
    """Delete a folder."""
    folder = checked_uuid(folder_uuid, "folder_uuid")
    return Call(
        operation=f"delete folder {folder}",
        method="DELETE",
        path=f"storage/folders/{folder}",
        read=lambda value: None,
        repeatable=True,
    )


def get_folder_summary(folder_uuid: str | UUID) -> Call[FolderSummary]:
    """Count what a folder holds."""
    folder = checked_uuid(folder_uuid, "folder_uuid")
    return Call(
        operation=f"get summary of folder {folder}",
        method="GET",
        path=f"storage/folders/{folder}/summary",
        read=read_folder_summary,
        repeatable=True,
    )


def read_folder(value: Any) -> StorageFolder:
    """Read one folder."""
    fields = Fields(value, "a folder")
    return StorageFolder(
        uuid=fields.id("uuid"),
        name=fields.optional_text("name") or "",
        description=fields.optional_text("description") or "",
        parent=fields.optional_text("parent"),
        client_metadata=fields.json_object("client_metadata"),
        owner=fields.optional_text("owner"),
        created_at=fields.moment("created_at"),
        last_edited_at=fields.moment("last_edited_at"),
        user_role=fields.optional_text("user_role"),
        synced_dataset_hash=fields.optional_text("synced_dataset_hash"),
        path_to_root=fields.each("path_to_root", _read_path_element),
        folder_type=fields.optional_text("folder_type") or "generic",
        integration_hash=fields.optional_text("integration_hash"),
        remote_url=fields.optional_text("remote_url"),
    )


def _read_path_element(value: Any) -> PathElement:
    fields = Fields(value, "a folder of the path")
    return PathElement(
        fields.id("uuid"),
        fields.optional_text("name") or "",
        fields.optional_text("parent_uuid"),
        fields.optional_text("synced_dataset_hash"),
    )


def read_folder_summary(value: Any) -> FolderSummary:
    """Read the counts of a folder."""
    fields = Fields(value, "the summary")
    return FolderSummary(
        files=fields.count("files"),
        folders=fields.count("folders"),
        videos=fields.count("videos"),
        images=fields.count("images"),
        image_groups=fields.count("image_groups"),
        image_sequences=fields.count("image_sequences"),
        dicom_files=fields.count("dicom_files"),
        dicom_series=fields.count("dicom_series"),
        niftis=fields.count("niftis"),
        audios=fields.count("audios"),
        pdfs=fields.count("pdfs"),
        plain_texts=fields.count("plain_texts"),
        tombstones=fields.count("tombstones"),
        upload_jobs=fields.count("upload_jobs"),
        total_size=fields.number("total_size"),
    )


def _metadata_text(client_metadata: Mapping[str, Any]) -> str:
    try:
        return json.dumps(client_metadata, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadParameter(f"client_metadata holds what JSON cannot ({error})") from None
