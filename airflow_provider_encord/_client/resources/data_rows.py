"""Rows of a dataset: list, get, link, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from airflow_provider_encord._client.call import Call, Counted
from airflow_provider_encord._client.errors import ErrorKind
from airflow_provider_encord._client.fields import Fields, Model, read_list
from airflow_provider_encord._client.parameters import When, checked_hash, checked_hashes, checked_uuid, payload_moment
from airflow_provider_encord._client.resources.storage_location import StorageLocation


@dataclass(frozen=True)
class DataRow(Model):
    """One unit of data in a dataset: a video, image, group or series. ``file_size`` is in bytes."""

    data_hash: str
    data_title: str
    data_type: str
    created_at: datetime | None
    last_edited_at: datetime | None
    width: int | None
    height: int | None
    file_link: str | None
    file_size: float | None
    file_type: str | None
    storage_location: StorageLocation
    frames_per_second: float | None
    duration: float | None
    client_metadata: Mapping[str, Any] | None
    signed_url: str | None = field(repr=False)
    images_data: Sequence[Mapping[str, Any]] | None = field(repr=False)
    is_optimised_image_group: bool | None
    backing_item_uuid: str | None


def list_data_rows(
    dataset_hash: str,
    *,
    title_eq: str | None = None,
    title_like: str | None = None,
    created_before: When = None,
    created_after: When = None,
    data_types: Sequence[str] | None = None,
    data_hashes: Sequence[str] | None = None,
    fetch_client_metadata: bool = False,
) -> Call[tuple[DataRow, ...]]:
    """List data rows of a dataset."""
    payload = {
        "title_eq": title_eq,
        "title_like": title_like,
        "created_before": payload_moment(created_before),
        "created_after": payload_moment(created_after),
        "data_types": None if data_types is None else [kind.upper() for kind in data_types],
        "dataset_access_settings": access_settings(fetch_client_metadata, True),
        "data_hashes": None if data_hashes is None else list(data_hashes),
    }
    return Call(
        operation="list data rows",
        method="GET",
        query_type="datarows",
        payload=payload,
        dataset_hash=checked_hash(dataset_hash, "dataset_hash"),
        read=lambda value: read_list(value, read_data_row, "the answer"),
        repeatable=True,
        large=True,
        empty=ErrorKind.NOT_FOUND,
        empty_list_is_fine=True,
    )


def count_data_rows(dataset_hash: str, enough: int, **filters: Any) -> Call[int]:
    """Count data rows of a dataset: no further than to ``enough``, and without reading any.

    :param filters: arguments of :func:`list_data_rows`.
    """

    def read(value: Any) -> int:
        if isinstance(value, Counted):
            return min(enough, value)
        return min(enough, sum(read_list(value, lambda row: isinstance(row, dict), "the answer")))

    listing: Call[Any] = list_data_rows(dataset_hash, **filters)
    return replace(listing, operation="count data rows", read=read, enough=enough)


def get_data_row(
    dataset_hash: str,
    data_hash: str,
    *,
    signed_url: bool = False,
    images_signed_urls: bool | None = None,
    client_metadata: bool = False,
) -> Call[DataRow]:
    """Get one data row with details; ``images_signed_urls`` None leaves the images of a group out."""
    images = None if images_signed_urls is None else {"fetch_signed_urls": images_signed_urls}
    additional = {
        "signed_url": signed_url,
        "images_data_fetch_options": images,
        "client_metadata": client_metadata,
    }
    return Call(
        operation=f"get data row {data_hash}",
        method="GET",
        query_type="datarow",
        uid=data_hash,
        payload={"additional_data": additional},
        dataset_hash=checked_hash(dataset_hash, "dataset_hash"),
        read=read_data_row,
        repeatable=True,
        large=True,
        empty=ErrorKind.NOT_FOUND,
    )


def link_items(
    dataset_hash: str, item_uuids: Sequence[str | UUID], *, duplicates_behavior: str = "SKIP"
) -> Call[tuple[DataRow, ...]]:
    """Link items of Encord's storage into a dataset; duplicates are ``SKIP``, ``FAIL`` or ``DUPLICATE``."""
    return Call(
        operation="link items",
        method="POST",
        query_type="datasetlinkitems",
        uid=dataset_hash,
        payload={
            "item_uuids": [checked_uuid(each, "item_uuids") for each in item_uuids],
            "duplicates_behavior": duplicates_behavior,
        },
        dataset_hash=checked_hash(dataset_hash, "dataset_hash"),
        read=lambda value: read_list(value, read_data_row, "the answer"),
        repeatable=duplicates_behavior == "SKIP",
        large=True,
        empty=ErrorKind.SERVER,
        empty_list_is_fine=True,
    )


def delete_data(dataset_hash: str, data_hashes: Sequence[str]) -> Call[None]:
    """Delete data of any kind from a dataset; files in Encord's storage go too, unknown hashes are ignored."""
    hashes = checked_hashes(data_hashes)
    return Call(
        operation=f"delete {len(hashes)} data item(s)",
        method="DELETE",
        query_type="video",
        uid=hashes,
        dataset_hash=checked_hash(dataset_hash, "dataset_hash"),
        read=lambda value: None,
        repeatable=True,
    )


def read_data_row(value: Any) -> DataRow:
    """Read one data row."""
    fields = Fields(value, "a data row")
    images = fields.get("images_data")
    optimised = fields.get("is_optimised_image_group")
    return DataRow(
        data_hash=fields.id("data_hash"),
        data_title=fields.optional_text("data_title") or "",
        data_type=fields.optional_text("data_type") or "",
        created_at=fields.moment("created_at"),
        last_edited_at=fields.moment("last_edited_at"),
        width=fields.whole_number("width"),
        height=fields.whole_number("height"),
        file_link=fields.optional_text("file_link"),
        file_size=fields.number("file_size"),
        file_type=fields.optional_text("file_type"),
        storage_location=StorageLocation.parse(fields.get("storage_location")),
        frames_per_second=fields.number("frames_per_second"),
        duration=fields.number("duration"),
        client_metadata=fields.mapping("client_metadata"),
        signed_url=fields.optional_text("signed_url"),
        images_data=images if isinstance(images, list) else None,
        is_optimised_image_group=optimised if isinstance(optimised, bool) else None,
        backing_item_uuid=fields.optional_text("backing_item_uuid"),
    )


def access_settings(fetch_client_metadata: bool, fetch_rows: bool) -> dict[str, bool]:
    return {"fetch_client_metadata": fetch_client_metadata, "fetch_rows": fetch_rows}
