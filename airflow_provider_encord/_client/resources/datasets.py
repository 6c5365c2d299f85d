"""Datasets: make, list, get."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ErrorKind
from airflow_provider_encord._client.fields import LONG, Fields, Model
from airflow_provider_encord._client.parameters import When, checked_hash, query_moment
from airflow_provider_encord._client.resources.data_rows import DataRow, access_settings, read_data_row
from airflow_provider_encord._client.resources.storage_location import StorageLocation


@dataclass(frozen=True)
class CreatedDataset(Model):
    """A dataset just made; ``backing_folder_uuid`` is None without a mirror folder."""

    dataset_hash: str
    backing_folder_uuid: str | None
    title: str
    storage_location: StorageLocation


@dataclass(frozen=True)
class DatasetInfo(Model):
    """One dataset of a listing; ``user_role`` is ``admin``, ``user`` or None."""

    dataset_hash: str
    title: str
    description: str
    created_at: datetime | None
    last_edited_at: datetime | None
    user_role: str | None
    storage_location: StorageLocation
    backing_folder_uuid: str | None


@dataclass(frozen=True)
class Dataset(Model):
    """A dataset with its rows; ``data_rows`` is empty when they were not asked for.

    ``has_mirror_folder`` is None when the server does not tell.
    """

    dataset_hash: str
    title: str
    description: str
    storage_location: StorageLocation
    backing_folder_uuid: str | None
    has_mirror_folder: bool | None
    data_rows: tuple[DataRow, ...] = field(repr=False, metadata=LONG)


def create_dataset(
    title: str,
    *,
    description: str | None = None,
    storage_location: StorageLocation = StorageLocation.CORD_STORAGE,
    create_backing_folder: bool = True,
) -> Call[CreatedDataset]:
    """Make a dataset.

    The v2 API has no field for the storage location, so it is only echoed: where data lives is decided item by item.
    """
    body: dict[str, Any] = {"title": title}
    if description is not None:
        body["description"] = description
    body |= {"createBackingFolder": create_backing_folder, "legacyCall": False}

    def read(value: Any) -> CreatedDataset:
        fields = Fields(value, "the new dataset")
        return CreatedDataset(
            dataset_hash=fields.id("dataset_uuid", "dataset_hash"),
            backing_folder_uuid=fields.optional_text("backing_folder_uuid"),
            title=title,
            storage_location=storage_location,
        )

    return Call(operation="create dataset", method="POST", path="datasets", body=body, read=read, repeatable=False)


def list_datasets(
    *,
    title_eq: str | None = None,
    title_like: str | None = None,
    desc_eq: str | None = None,
    desc_like: str | None = None,
    created_before: When = None,
    created_after: When = None,
    edited_before: When = None,
    edited_after: When = None,
    include_org_access: bool = False,
) -> Call[tuple[DatasetInfo, ...]]:
    """List datasets. ``*_like`` take SQL patterns; a text without zone is UTC."""
    query = (
        ("titleEq", title_eq),
        ("titleLike", title_like),
        ("descriptionEq", desc_eq),
        ("descriptionLike", desc_like),
        ("createdBefore", query_moment(created_before)),
        ("createdAfter", query_moment(created_after)),
        ("editedBefore", query_moment(edited_before)),
        ("editedAfter", query_moment(edited_after)),
        ("includeOrgAccess", include_org_access),
    )
    return Call(
        operation="list datasets",
        method="GET",
        path="datasets/list",
        query=query,
        read=lambda value: Fields(value, "the answer").all("result", read_dataset_info),
        repeatable=True,
        large=True,
    )


def get_dataset(dataset_hash: str, *, fetch_client_metadata: bool = False, fetch_rows: bool = True) -> Call[Dataset]:
    """Get one dataset, with all its rows unless told otherwise."""
    return Call(
        operation="get dataset",
        method="GET",
        query_type="dataset",
        payload={"dataset_access_settings": access_settings(fetch_client_metadata, fetch_rows)},
        dataset_hash=checked_hash(dataset_hash, "dataset_hash"),
        read=read_dataset,
        repeatable=True,
        large=True,
        empty=ErrorKind.NOT_FOUND,
    )


def read_dataset_info(value: Any) -> DatasetInfo:
    """Read one dataset of a v2 listing."""
    fields = Fields(value, "a dataset")
    location = fields.get("storage_location")
    return DatasetInfo(
        dataset_hash=fields.id("dataset_uuid", "dataset_hash"),
        title=fields.optional_text("title") or "",
        description=fields.optional_text("description") or "",
        created_at=fields.moment("created_at"),
        last_edited_at=fields.moment("last_edited_at"),
        user_role=fields.optional_text("user_role"),
        storage_location=StorageLocation.CORD_STORAGE if location is None else StorageLocation.parse(location),
        backing_folder_uuid=fields.optional_text("backing_folder_uuid"),
    )


def read_dataset(value: Any) -> Dataset:
    """Read one dataset with its rows."""
    fields = Fields(value, "the dataset")
    folder = fields.optional_text("backing_folder_uuid")
    return Dataset(
        dataset_hash=fields.id("dataset_hash"),
        title=fields.optional_text("title") or "",
        description=fields.optional_text("description") or "",
        storage_location=StorageLocation.parse(fields.get("dataset_type")),
        backing_folder_uuid=folder,
        has_mirror_folder=folder is not None if fields.has("backing_folder_uuid") else None,
        data_rows=fields.each("data_rows", read_data_row),
    )
