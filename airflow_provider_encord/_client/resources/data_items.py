"""The structured items of a registration job that follow an upload, laid out as Encord's client 0.1.211 does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_encord._client.parameters import BadParameter
from airflow_provider_encord._client.redaction import shown

# The server is sent every list, empty or not, in this order.
_LISTS = (
    "videos",
    "imageGroups",
    "dicomSeries",
    "images",
    "imageGroupsFromItems",
    "audio",
    "timeSeries",
    "nifti",
    "text",
    "pdf",
    "scenes",
)
Uploaded = tuple[str, str]
"""Object key and title of an uploaded file."""
UploadedIntoFolder = tuple[str, str, str]
"""Object key and title of a file that was uploaded into a folder, and the id of the item that waits for it."""
Files = Sequence[Uploaded | UploadedIntoFolder]

_SINGLE_FILES = {
    "video": ("videos", "VIDEO"),
    "image": ("images", "IMAGE"),
    "audio": ("audio", "AUDIO"),
    "timeseries": ("timeSeries", "TIMESERIES"),
    "nifti": ("nifti", "NIFTI"),
    "plainText": ("text", "PLAIN_TEXT"),
    "pdf": ("pdf", "PDF"),
}
SINGLE_FILE_TYPES = tuple(_SINGLE_FILES)
"""Kinds of items that are one file each."""


def single_files(item_type: str, files: Files, client_metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Register uploaded files of one of the kinds that are one file each."""
    if item_type not in _SINGLE_FILES:
        raise BadParameter(f"item_type must be one of {', '.join(SINGLE_FILE_TYPES)}, not {shown(item_type)}")
    name, kind = _SINGLE_FILES[item_type]
    return _data_items(name, [_single(file, kind, client_metadata) for file in files])


def scene_files(
    files: Sequence[tuple[str, str, str]], client_metadata: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Register uploaded scenes that are one file each, given by object key, title and format, such as ``pcd``."""
    items = [
        {"title": title, "scene": {"url": key, "format": form}}
        | {"clientMetadata": dict(client_metadata or {}), "externalFileType": "SCENE"}
        for key, title, form in files
    ]
    return _data_items("scenes", items)


def videos(files: Files, client_metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Register uploaded videos."""
    return single_files("video", files, client_metadata)


def images(files: Files, client_metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Register uploaded single images."""
    return single_files("image", files, client_metadata)


def image_group(
    files: Files,
    *,
    title: str | None = None,
    create_video: bool = True,
    client_metadata: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Register uploaded images as one group, in the given order; ``create_video`` makes an image sequence."""
    return image_groups([(title, files)], create_video=create_video, client_metadata=client_metadata)


def image_groups(
    groups: Iterable[tuple[str | None, Files]],
    *,
    create_video: bool = True,
    client_metadata: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Register uploaded images as groups, each with its title."""
    items = [
        {"images": [_part(file) for file in files]}
        | _titled(title, client_metadata)
        | {"createVideo": create_video, "externalFileType": "IMG_GROUP"}
        for title, files in groups
    ]
    return _data_items("imageGroups", items)


def dicom_series(
    files: Files, *, title: str | None = None, client_metadata: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Register uploaded DICOM files as one series, in the given order."""
    series: dict[str, Any] = {"dicomFiles": [_part(file) for file in files]}
    series |= _titled(title, client_metadata)
    series["externalFileType"] = "DICOM"
    return _data_items("dicomSeries", [series])


def with_metadata(items: Mapping[str, Any], metadata: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return registered items with more client metadata.

    :param items: what one of the functions above returned.
    :param metadata: more of each item, in their order.
    """
    left = iter(metadata)
    lists = {
        name: [{**item, "clientMetadata": {**item["clientMetadata"], **next(left)}} for item in entries]
        for name, entries in items.items()
        if isinstance(entries, list)
    }
    return {**items, **lists}


def tagged(items: Mapping[str, Any], tags: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return registered items with tags in their client metadata, in their order, and safe to send again."""
    return {**with_metadata(items, tags), "skipDuplicateUrls": True}


def _single(
    file: Uploaded | UploadedIntoFolder, kind: str, client_metadata: Mapping[str, Any] | None
) -> dict[str, Any]:
    key, title, *_ = file
    item = {"objectUrl": key, "title": title, "clientMetadata": dict(client_metadata or {}), "externalFileType": kind}
    # Of a time series, Encord's client says no placeholder.
    return item if kind == "TIMESERIES" else item | _placeholder(file)


def _part(file: Uploaded | UploadedIntoFolder) -> dict[str, Any]:
    key, title, *_ = file
    return {"url": key, "title": title} | _placeholder(file)


def _placeholder(file: Uploaded | UploadedIntoFolder) -> dict[str, Any]:
    return {"placeholderItemUuid": file[2]} if len(file) == 3 else {}


def _titled(title: str | None, client_metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    return ({} if title is None else {"title": title}) | {"clientMetadata": dict(client_metadata or {})}


def _data_items(name: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    lists: dict[str, Any] = {each: items if each == name else [] for each in _LISTS}
    return lists | {"skipDuplicateUrls": False, "upsertMetadata": False}
