"""Uploads: what they are made of, and how files get into Encord's storage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.connection import ConnectionSettings
from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.resources import upload_urls
from airflow_provider_encord._client.resources.registration import UploadedItem
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._client.transport.uploader import FileOutcome, Uploader
from airflow_provider_encord._storage.files import media_type
from airflow_provider_encord.hooks._verbs import Put

_CONTENT_TYPES: dict[str, Callable[[str], str | None]] = {
    "video": lambda name: "application/octet-stream",
    "image": media_type,
    "dicomFile": lambda name: "application/dicom",
}

Unit = tuple[str | None, list[Any]]
"""Title and files of one item: first paths, and once they are uploaded, object keys and names."""

whole_number = arguments.whole_number()
paths = arguments.list_of(arguments.path, "paths or URLs", may_be_empty=True)
_paths_of_group = arguments.list_of(arguments.path, "paths or URLs")


def images_of_groups(value: Any, name: str) -> list[Unit]:
    """Take groups of images: a dict of title to paths, or lists of paths."""
    if isinstance(value, Mapping):
        return [
            (arguments.text(each, f"a title of {name}"), _group(value[each], f"{name}[{each!r}]")) for each in value
        ]
    return [(None, group) for group in _groups(value, name)]


def _group(value: Any, name: str) -> Any:
    if isinstance(value, str | os.PathLike) or arguments.is_object_storage_path(value):
        # In a plain list of paths, each would be a group of its own.
        raise arguments.refuse(name, value, "a list of paths", "For a single group there is create_image_group.")
    return _paths_of_group(value, name)


_groups = arguments.list_of(_group, "lists of paths", may_be_empty=True)


async def put_files(step: Put, transport: AsyncTransport, settings: ConnectionSettings, log: Any) -> list[FileOutcome]:
    """Put files into Encord's storage, and log how it goes."""

    def ask(names: Sequence[str]) -> Call[tuple[upload_urls.PresignedUrl, ...]]:
        if settings.credentials.dataset_only:
            return upload_urls.get_signed_url(names[0], step.item_type)
        return upload_urls.get_presigned_urls(min(len(names), upload_urls.MAX_PRESIGNED_URLS), step.item_type)

    uploader = Uploader(
        transport,
        ask,
        _CONTENT_TYPES[step.item_type],
        max_workers=step.max_workers,
        allow_private_storage=settings.allow_private_storage,
        report=lambda progress: log.info("Uploading: %s.", progress),
    )
    return await uploader.run(step.files, step.uploaded)


def batches(units: Sequence[Unit], most: int) -> Iterator[list[Unit]]:
    """Yield units together that hold so many files at most; a unit is never split."""
    batch: list[Unit] = []
    size = 0
    for unit in units:
        if batch and size + len(unit[1]) > most:
            yield batch
            batch, size = [], 0
        batch.append(unit)
        size += len(unit[1])
    yield batch


def in_order_of(units: Sequence[Unit], items: Sequence[UploadedItem]) -> list[UploadedItem]:
    """Return items of single files in the order of the files, as far as the names tell."""
    places: dict[str, int] = {}
    for at, (_, (path,)) in enumerate(units):
        places.setdefault(PurePath(str(path)).name, at)
    return sorted(items, key=lambda item: places.get(item.title, len(units)))
