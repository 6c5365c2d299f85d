"""Uploads: what they are made of, and how files get into Encord's storage."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any
from uuid import UUID

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.connection import ConnectionSettings
from airflow_provider_encord._airflow.errors import argument_errors
from airflow_provider_encord._airflow.lineage import add_inputs, folders_of
from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.parameters import BadParameter, checked_uuid
from airflow_provider_encord._client.redaction import shown
from airflow_provider_encord._client.resources import upload_urls
from airflow_provider_encord._client.resources.registration import UploadedItem
from airflow_provider_encord._client.transport import DEFAULT_MAX_WORKERS
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._client.transport.uploader import FileOutcome, Uploader
from airflow_provider_encord._storage.files import SourceFile, media_type
from airflow_provider_encord.hooks._verbs import Put, Steps, Verbs, verb

_CONTENT_TYPES: dict[str, Callable[[str], str | None]] = {
    "video": lambda name: "application/octet-stream",
    "image": media_type,
    "dicomFile": lambda name: "application/dicom",
    "audio": lambda name: "application/octet-stream",
    "nifti": lambda name: "application/nifti",
    "pdf": lambda name: "application/pdf",
    "plainText": lambda name: media_type(name) or "text/plain",
    "timeseries": media_type,
    "scene": lambda name: "application/octet-stream",
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


def upload_kind(item_type: str, *, in_folder: bool) -> str:
    """Return the kind of files to upload, if it is one that Encord takes."""
    kinds = [*_CONTENT_TYPES] if in_folder else ["video", "image", "dicomFile"]
    if item_type not in kinds:
        raise BadParameter(f"item_type must be one of {', '.join(kinds)}, not {shown(item_type)}")
    return item_type


async def put_files(step: Put, transport: AsyncTransport, settings: ConnectionSettings, log: Any) -> list[FileOutcome]:
    """Put files into Encord's storage, and log how it goes."""
    content_type = _CONTENT_TYPES[step.item_type]

    def ask(names: Sequence[str]) -> Call[tuple[upload_urls.PresignedUrl, ...]]:
        count = min(len(names), upload_urls.MAX_PRESIGNED_URLS)
        if step.folder_uuid is not None and step.item_type != "scene":  # scenes wait for no item
            return upload_urls.get_folder_upload_urls(step.folder_uuid, count, step.item_type)
        if settings.credentials.dataset_only:
            return upload_urls.get_signed_url(names[0], step.item_type)
        return upload_urls.get_presigned_urls(count, step.item_type)

    uploader = Uploader(
        transport,
        ask,
        # For folders, Encord's client names a type of any file.
        content_type if step.folder_uuid is None else lambda name: content_type(name) or "application/octet-stream",
        max_workers=step.max_workers,
        allow_private_storage=settings.allow_private_storage,
        report=lambda progress: log.info("Uploading: %s.", progress),
    )
    return await uploader.run(step.files, step.uploaded, step.assigned)


class UploadVerbs(Verbs):
    """Files on their way into Encord's storage."""

    @verb
    def put_files(
        self,
        files: Sequence[SourceFile],
        item_type: str,
        *,
        max_workers: int = DEFAULT_MAX_WORKERS,
        uploaded: Callable[[int, str], None] = lambda index, object_key: None,
        folder_uuid: str | UUID | None = None,
        assigned: Callable[[int, str, str | None], None] = lambda index, object_key, item_uuid: None,
    ) -> Steps[list[FileOutcome]]:
        """Put files into Encord's storage, in parallel; nothing is registered yet.

        :param files: what ``airflow_provider_encord._storage.files.find_files`` found.
        :param item_type: ``video``, ``image`` or ``dicomFile``; for a folder also ``audio``, ``nifti``, ``pdf``,
            ``plainText``, ``timeseries`` or ``scene``.
        :param max_workers: files in flight at once.
        :param uploaded: called with a file's index in ``files`` and its object key, as soon as the file is in storage;
            runs on the event loop that uploads, so it must neither block nor raise.
        :param folder_uuid: the storage folder in which they will be registered; outcomes have an ``item_uuid`` then.
        :param assigned: called likewise before the first byte of a file is sent, with its index, its object key and, of
            a folder, the id of the item that waits for it; again with others if its URL has expired meanwhile.
        :return: one outcome per file, in the given order.
        """
        with argument_errors():
            folder = None if folder_uuid is None else checked_uuid(folder_uuid, "folder_uuid")
            kind = upload_kind(item_type, in_folder=folder is not None)
        started = time.monotonic()
        outcomes: list[FileOutcome] = yield Put(files, kind, max_workers, uploaded, folder, assigned)
        failed = sum(1 for outcome in outcomes if outcome.error)
        add_inputs(self, lambda: folders_of(file.location for file in files))
        self.log.info(
            "Uploaded %d of %d files, %s bytes, in %.1f s.",
            len(outcomes) - failed,
            len(outcomes),
            f"{sum(outcome.size for outcome in outcomes if not outcome.error):,}",
            time.monotonic() - started,
        )
        return outcomes


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
