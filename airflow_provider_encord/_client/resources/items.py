"""Items of storage folders: list, get, change, move, delete, re-encode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.fields import Fields, Model, read_uuid
from airflow_provider_encord._client.pages import DEFAULT_PAGE_SIZE, Page, checked_page_size, page_reader
from airflow_provider_encord._client.parameters import BadParameter, checked_uuid, checked_uuids

MAX_ITEMS_PER_REQUEST = 1000
"""How many items one request may get or change."""


@dataclass(frozen=True)
class StorageItem(Model):
    """One unit of data in Encord's storage, or in a private cloud that Encord reads.

    ``item_type`` and ``storage_location`` are Encord's texts, such as ``imageGroup`` and ``s3``. ``is_tombstone``: its
    object has vanished from the bucket; ``is_placeholder``: it is not processed yet. ``url`` tells where a private
    cloud's object lies. ``file_size`` is in bytes, ``duration`` in seconds.
    """

    uuid: str
    name: str
    item_type: str
    parent: str | None
    description: str
    client_metadata: Mapping[str, Any] | None
    owner: str | None
    created_at: datetime | None
    last_edited_at: datetime | None
    is_tombstone: bool
    is_placeholder: bool
    backed_data_units_count: int
    storage_location: str | None
    integration_hash: str | None
    url: str | None
    signed_url: str | None = field(repr=False)
    file_size: float | None
    mime_type: str | None
    duration: float | None
    fps: float | None
    width: int | None
    height: int | None
    frame_count: int | None
    dicom_instance_uid: str | None
    dicom_study_uid: str | None
    dicom_series_uid: str | None
    audio_sample_rate: int | None
    audio_bit_depth: int | None
    audio_codec: str | None
    audio_num_channels: int | None


@dataclass(frozen=True)
class GroupOfItem(Model):
    """A group, sequence or series that an item is part of."""

    uuid: str
    name: str
    item_type: str
    parent_uuid: str | None
    parent_name: str | None


@dataclass(frozen=True)
class DatasetOfItem(Model):
    """A dataset that holds an item, and as which data."""

    dataset_hash: str
    title: str
    data_hashes: tuple[str, ...]
    backing_folder_uuid: str | None


@dataclass(frozen=True)
class ItemSummary(Model):
    """Where an item is used. The counts tell of all groups and datasets, the lists of those the caller may see."""

    frame_in_groups: int
    used_in_datasets: int
    accessible_group_items: tuple[GroupOfItem, ...]
    accessible_datasets: tuple[DatasetOfItem, ...]


@dataclass(frozen=True)
class ItemReEncoding(Model):
    """A re-encode job of items as it stands. ``result`` is what Encord says of it, and never shown."""

    status: str
    result: Any = field(default=None, repr=False)


def list_items(
    folder_uuid: str | UUID,
    *,
    search: str | None = None,
    recursive: bool = False,
    is_in_dataset: bool | None = None,
    item_types: Sequence[str] | None = None,
    order: str = "name",
    desc: bool = False,
    sign_urls: bool = False,
    include_client_metadata: bool = True,
    page_size: int = DEFAULT_PAGE_SIZE,
    page_token: str | None = None,
) -> Call[Page[StorageItem]]:
    """List one page of a folder's items; ``recursive`` also finds those of the folders in it.

    :param search: a part of the name.
    :param is_in_dataset: only items that a dataset holds, or only others.
    :param item_types: kinds of items, such as ``video``.
    :param order: ``name`` or ``createdAt``.
    :param sign_urls: with a URL of each, from which its file can be read for some time.
    """
    folder = checked_uuid(folder_uuid, "folder_uuid")
    if isinstance(item_types, str):
        raise BadParameter("item_types must be a list such as ['video']")
    query = (
        ("search", search),
        ("isRecursive", recursive),
        ("isInDataset", is_in_dataset),
        ("itemTypes", None if item_types is None else [str(getattr(each, "value", each)) for each in item_types]),
        ("order", order),
        ("desc", desc),
        ("pageToken", page_token),
        ("pageSize", checked_page_size(page_size)),
        ("signUrls", sign_urls),
        ("includeClientMetadata", include_client_metadata),
        ("clientMetadataAsSignedUrl", False),
    )
    return Call(
        operation=f"list items of folder {folder}",
        method="GET",
        path=f"storage/folders/{folder}/items",
        query=query,
        read=page_reader(read_item, page_token),
        repeatable=True,
        large=True,
    )


def get_item(item_uuid: str | UUID, *, sign_url: bool = False) -> Call[StorageItem]:
    """Get one item."""
    item = checked_uuid(item_uuid, "item_uuid")
    return Call(
        operation=f"get item {item}",
        method="GET",
        path=f"storage/items/{item}",
        query=(("signUrl", sign_url),),
        read=read_item,
        repeatable=True,
        large=True,
    )


def get_items(item_uuids: Sequence[str | UUID], *, sign_urls: bool = False) -> Call[tuple[StorageItem, ...]]:
    """Get 1,000 items at most, in the given order; those that Encord leaves out are left out."""
    wanted = _batch(checked_uuids(item_uuids, "item_uuids"))

    def read(value: Any) -> tuple[StorageItem, ...]:
        found = {item.uuid: item for item in Fields(value, "the answer").all("results", read_item)}
        return tuple(found[uuid] for uuid in wanted if uuid in found)

    return Call(
        operation=f"get {len(wanted)} item(s)",
        method="POST",
        path="storage/items/get-bulk",
        body={"itemUuids": wanted, "signUrls": sign_urls},
        read=read,
        repeatable=True,
        large=True,
    )


def list_child_items(
    folder_uuid: str | UUID, item_uuid: str | UUID, *, sign_urls: bool = False
) -> Call[tuple[StorageItem, ...]]:
    """List the images of a group or sequence, or the files of a series."""
    folder, item = checked_uuid(folder_uuid, "folder_uuid"), checked_uuid(item_uuid, "item_uuid")
    return Call(
        operation=f"list child items of item {item}",
        method="GET",
        path=f"storage/folders/{folder}/items/{item}/child-items",
        query=(("signUrls", sign_urls),),
        read=_read_items,
        repeatable=True,
        large=True,
    )


def get_item_summary(folder_uuid: str | UUID, item_uuid: str | UUID) -> Call[ItemSummary]:
    """Tell where an item is used."""
    folder, item = checked_uuid(folder_uuid, "folder_uuid"), checked_uuid(item_uuid, "item_uuid")
    return Call(
        operation=f"get summary of item {item}",
        method="GET",
        path=f"storage/folders/{folder}/items/{item}/summary",
        query=(("includeGroupLayout", True),),
        read=read_item_summary,
        repeatable=True,
        large=True,
    )


def item_patch(
    *, name: str | None = None, description: str | None = None, client_metadata: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what is to be changed of an item, as Encord takes it."""
    given = (("name", name), ("description", description), ("clientMetadata", client_metadata))
    return {key: value for key, value in given if value is not None}


def update_items(patches: Mapping[str, Mapping[str, Any]]) -> Call[tuple[StorageItem, ...]]:
    """Change 1,000 items at most. Whether Encord merges or replaces client metadata is unconfirmed.

    :param patches: what :func:`item_patch` returned, by the item's UUID.
    """
    checked_patches = {checked_uuid(uuid, "item_uuids"): patch for uuid, patch in patches.items()}
    return Call(
        operation=f"update {len(_batch(checked_patches))} item(s)",
        method="PATCH",
        path="storage/items/patch-bulk",
        body={"itemPatches": checked_patches},
        read=_read_items,
        repeatable=True,
        large=True,
    )


def move_items(
    folder_uuid: str | UUID,
    item_uuids: Sequence[str | UUID],
    new_folder_uuid: str | UUID,
    *,
    allow_mirror_dataset_changes: bool = False,
) -> Call[None]:
    """Move items of a folder into another one.

    :param allow_mirror_dataset_changes: also items of a dataset's mirror folder, which the dataset loses, with labels.
    """
    folder, several = checked_uuid(folder_uuid, "folder_uuid"), checked_uuids(item_uuids, "item_uuids")
    return Call(
        operation=f"move {len(several)} item(s) of folder {folder}",
        method="POST",
        path=f"storage/folders/{folder}/items/move",
        body={
            "itemUuids": several,
            "newParentUuid": checked_uuid(new_folder_uuid, "new_folder_uuid"),
            "allowSyncedDatasetMove": allow_mirror_dataset_changes,
        },
        read=lambda value: None,
        repeatable=True,
    )


def delete_items(
    folder_uuid: str | UUID, item_uuids: Sequence[str | UUID], *, remove_unused_frames: bool = True
) -> Call[None]:
    """Delete items of a folder; with ``remove_unused_frames`` also images and files that only they were made of."""
    folder, several = checked_uuid(folder_uuid, "folder_uuid"), checked_uuids(item_uuids, "item_uuids")
    return Call(
        operation=f"delete {len(several)} item(s) of folder {folder}",
        method="POST",
        path=f"storage/folders/{folder}/items/delete",
        body={"childUuids": several, "removeUnusedFrames": remove_unused_frames},
        read=lambda value: None,
        repeatable=True,
    )


def re_encode_items(
    item_uuids: Sequence[str | UUID], process_title: str, *, force_full_re_encoding: bool = False
) -> Call[str]:
    """Start to re-encode videos and return the job's id."""
    return Call(
        operation="start re-encoding of items",
        method="POST",
        path="storage/items/reencode",
        body={
            "storageItems": checked_uuids(item_uuids, "item_uuids"),
            "processTitle": process_title,
            "forceFullReencoding": force_full_re_encoding,
        },
        read=read_uuid,
        repeatable=False,
    )


def get_item_re_encoding(job_id: str | UUID) -> Call[ItemReEncoding]:
    """Get a re-encode job of items."""
    job = checked_uuid(job_id, "job_id")
    return Call(
        operation=f"get re-encode job {job}",
        method="GET",
        path=f"storage/items/reencode/{job}",
        read=read_item_re_encoding,
        repeatable=True,
        large=True,
    )


def read_item(value: Any) -> StorageItem:
    """Read one item; of what the caller may not see there is no more than its UUID."""
    fields = Fields(value, "an item")
    whole = ("width", "height", "frame_count", "audio_sample_rate", "audio_bit_depth", "audio_num_channels")
    return StorageItem(
        uuid=fields.id("uuid"),
        name=fields.optional_text("name") or "",
        item_type=fields.optional_text("item_type") or "",
        parent=fields.optional_text("parent"),
        description=fields.optional_text("description") or "",
        client_metadata=fields.json_object("client_metadata"),
        owner=fields.optional_text("owner"),
        created_at=fields.moment("created_at"),
        last_edited_at=fields.moment("last_edited_at"),
        is_tombstone=fields.flag("is_tombstone"),
        is_placeholder=fields.flag("is_placeholder"),
        backed_data_units_count=fields.count("backed_data_units_count"),
        storage_location=fields.optional_text("storage_location"),
        integration_hash=fields.optional_text("integration_hash"),
        url=fields.optional_text("url"),
        signed_url=fields.optional_text("signed_url"),
        file_size=fields.number("file_size"),
        mime_type=fields.optional_text("mime_type"),
        duration=fields.number("duration"),
        fps=fields.number("fps"),
        dicom_instance_uid=fields.optional_text("dicom_instance_uid"),
        dicom_study_uid=fields.optional_text("dicom_study_uid"),
        dicom_series_uid=fields.optional_text("dicom_series_uid"),
        audio_codec=fields.optional_text("audio_codec"),
        **{name: fields.whole_number(name) for name in whole},
    )


def _read_items(value: Any) -> tuple[StorageItem, ...]:
    return Fields(value, "the answer").all("results", read_item)


def read_item_summary(value: Any) -> ItemSummary:
    """Read where an item is used."""
    fields = Fields(value, "the summary")
    return ItemSummary(
        frame_in_groups=fields.count("frame_in_groups"),
        used_in_datasets=fields.count("used_in_datasets"),
        accessible_group_items=fields.each("accessible_group_items", _read_group),
        accessible_datasets=fields.each("accessible_datasets", _read_dataset),
    )


def _read_group(value: Any) -> GroupOfItem:
    fields = Fields(value, "a group")
    return GroupOfItem(
        fields.id("uuid"),
        fields.optional_text("name") or "",
        fields.optional_text("item_type") or "",
        fields.optional_text("parent_uuid"),
        fields.optional_text("parent_name"),
    )


def _read_dataset(value: Any) -> DatasetOfItem:
    fields = Fields(value, "a dataset")
    return DatasetOfItem(
        fields.id("dataset_hash"),
        fields.optional_text("title") or "",
        fields.texts("data_hashes"),
        fields.optional_text("backing_folder_uuid"),
    )


def read_item_re_encoding(value: Any) -> ItemReEncoding:
    """Read a re-encode job of items."""
    fields = Fields(value, "the re-encode job")
    return ItemReEncoding(fields.text("status"), fields.get("result"))


def _batch(values: Any) -> Any:
    if not 1 <= len(values) <= MAX_ITEMS_PER_REQUEST:
        raise BadParameter(f"one request takes 1 to {MAX_ITEMS_PER_REQUEST} items, not {len(values)}")
    return values
