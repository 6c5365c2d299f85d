"""The structured items of a registration job that follow an upload, laid out as Encord's client 0.1.211 does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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


def videos(files: Sequence[Uploaded], client_metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Register uploaded videos."""
    return _data_items("videos", [_single(file, "VIDEO", client_metadata) for file in files])


def images(files: Sequence[Uploaded], client_metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Register uploaded single images."""
    return _data_items("images", [_single(file, "IMAGE", client_metadata) for file in files])


def image_group(
    files: Sequence[Uploaded],
    *,
    title: str | None = None,
    create_video: bool = True,
    client_metadata: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Register uploaded images as one group, in the given order; ``create_video`` makes an image sequence."""
    return image_groups([(title, files)], create_video=create_video, client_metadata=client_metadata)


def image_groups(
    groups: Iterable[tuple[str | None, Sequence[Uploaded]]],
    *,
    create_video: bool = True,
    client_metadata: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Register uploaded images as groups, each with its title."""
    items = [
        {"images": [{"url": key, "title": name} for key, name in files]}
        | _titled(title, client_metadata)
        | {"createVideo": create_video, "externalFileType": "IMG_GROUP"}
        for title, files in groups
    ]
    return _data_items("imageGroups", items)


def dicom_series(
    files: Sequence[Uploaded], *, title: str | None = None, client_metadata: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Register uploaded DICOM files as one series, in the given order."""
    series: dict[str, Any] = {"dicomFiles": [{"url": key, "title": name} for key, name in files]}
    series |= _titled(title, client_metadata)
    series["externalFileType"] = "DICOM"
    return _data_items("dicomSeries", [series])


def tagged(items: Mapping[str, Any], tags: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return registered items with more client metadata, and safe to send again.

    :param items: what one of the functions above returned.
    :param tags: metadata of each item, in their order.
    """
    left = list(tags)
    lists = {
        name: [{**item, "clientMetadata": {**item["clientMetadata"], **left.pop(0)}} for item in entries]
        for name, entries in items.items()
        if isinstance(entries, list)
    }
    return {**items, **lists, "skipDuplicateUrls": True}


def _single(file: Uploaded, kind: str, client_metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    key, title = file
    return {
        "objectUrl": key,
        "title": title,
        "clientMetadata": dict(client_metadata or {}),
        "externalFileType": kind,
    }


def _titled(title: str | None, client_metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    return ({} if title is None else {"title": title}) | {"clientMetadata": dict(client_metadata or {})}


def _data_items(name: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    lists: dict[str, Any] = {each: items if each == name else [] for each in _LISTS}
    return lists | {"skipDuplicateUrls": False, "upsertMetadata": False}
