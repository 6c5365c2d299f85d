"""What an upload is made of: units of a title and files, each of which makes one item."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._client.resources.registration import UploadedItem

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
