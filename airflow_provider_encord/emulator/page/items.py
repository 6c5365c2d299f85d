"""Rows of datasets, items of folders and files of groups as rows of a table, with their pictures."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from airflow_provider_encord.emulator.bodies import without_queries
from airflow_provider_encord.emulator.item_rows import KIND
from airflow_provider_encord.emulator.page.cells import (
    Cell,
    code,
    counted,
    link_to,
    metadata,
    moment,
    pictures,
    row,
    size,
)
from airflow_provider_encord.emulator.resources.integrations import INTEGRATIONS
from airflow_provider_encord.emulator.store import Store

COLUMNS = ("Preview", "Title", "Kind", "Size", "Dimensions", "Added", "Metadata")
FILE_COLUMNS = ("Preview", "Title", "Size", "Dimensions", "Stored as")

GROUP_PICTURES = 24
"""Pictures of a group in a table; the page of the group has all of them."""

ITEM = f"""
items.*, {KIND} AS kind, objects.uuid AS object, objects.etag AS object_etag,
(SELECT count(*) FROM files WHERE files.item = items.uuid) AS files
"""  # noqa: S608 - a constant
"""SQL for the columns of an item, to be joined with :data:`OBJECT`."""

OBJECT = "LEFT JOIN objects ON objects.key = items.url AND objects.size IS NOT NULL"

FILES = """
SELECT files.*, objects.uuid AS object, objects.etag, items.data_type
FROM files JOIN items ON items.uuid = files.uuid
LEFT JOIN objects ON objects.key = files.url AND objects.size IS NOT NULL
"""
"""SQL for the files of groups and series."""

_WORDS = {
    "VIDEO": ("video", "videos"),
    "IMAGE": ("image", "images"),
    "GROUP": ("group", "groups"),
    "IMG_GROUP": ("image group", "image groups"),
    "IMG_SEQUENCE": ("image sequence", "image sequences"),
    "DICOM_FILE": ("DICOM file", "DICOM files"),
    "DICOM": ("DICOM series", "DICOM series"),
    "AUDIO": ("audio file", "audio files"),
    "TIME_SERIES": ("time series", "time series"),
    "NIFTI": ("NIfTI file", "NIfTI files"),
    "PLAIN_TEXT": ("text file", "text files"),
    "PDF": ("PDF", "PDFs"),
    "SCENE": ("scene", "scenes"),
}
_CLOUDS = {location: title for title, (_, location) in INTEGRATIONS.items()}


def item_row(store: Store, item: sqlite3.Row, key: str) -> dict[str, Any]:
    """Return an item as a row of a table.

    :param item: with the columns of :data:`ITEM`, and ``shown_title`` and ``added_at``
    :param key: the column that tells the rows apart
    """
    return row(
        item[key],
        preview(store, item),
        link_to("items", item["uuid"], item["shown_title"]),
        kind(item),
        size(item["file_size"]),
        dimensions(item),
        moment(item["added_at"]),
        metadata(without_queries(item["client_metadata"])),
    )


def file_row(file: sqlite3.Row) -> dict[str, Any]:
    """Return a file of a group or series, found with :data:`FILES`, as a row of a table."""
    if file["object"] and file["data_type"] == "IMAGE":
        shown = pictures([_picture(file["object"], file["etag"], file["title"])])
    else:
        shown = pictures([], missing=_word(file["data_type"]) if file["object"] else "not held here")
    return row(
        file["position"],
        shown,
        link_to("items", file["uuid"], file["title"]),
        size(file["file_size"]),
        _square(file),
        code(without_queries(file["url"])),
    )


def preview(store: Store, item: sqlite3.Row, picture_size: str = "small") -> Cell:
    """Return the pictures of an item, or why there are none."""
    if item["url"] is None and (group := _group_pictures(store, item["uuid"])):
        return pictures(group, more=item["files"] - len(group))
    if item["object"] and item["data_type"] in ("IMAGE", "VIDEO"):
        alt = f"First frame of {item['title']}" if item["data_type"] == "VIDEO" else item["title"]
        return pictures([_picture(item["object"], item["object_etag"], alt, picture_size)])
    if item["placeholder"]:
        return pictures([], missing="announced")
    if item["storage_location"]:
        return pictures([], missing=f"in {_CLOUDS.get(item['storage_location'], 'a bucket')}, not held here")
    return pictures([], missing=_word(item["kind"]))


def kind(item: sqlite3.Row) -> str:
    """Return the kind of an item and what is special about it."""
    word = _word(item["kind"])
    if item["url"] is None:
        word += f" of {item['files']:,}"
    if item["placeholder"]:
        return f"{word}, announced"
    return f"{word}, vanished" if item["tombstone"] else word


def dimensions(item: sqlite3.Row) -> Cell:
    """Return width, height, rate and duration, as far as they are known."""
    rate = f"{item['fps']:.4g}\N{NO-BREAK SPACE}fps" if item["fps"] else None
    duration = f"{item['duration']:,.4g}\N{NO-BREAK SPACE}s" if item["duration"] else None
    return ", ".join(filter(None, (_square(item), rate, duration))) or None


def count_of_kinds(counts: Sequence[sqlite3.Row]) -> str:
    """Return numbers of items by kind, in words."""
    return ", ".join(
        counted(entry["count"], *_WORDS.get(entry["kind"], (entry["kind"], entry["kind"]))) for entry in counts
    )


def _group_pictures(store: Store, group: str) -> list[dict[str, str]]:
    """Return the first pictures of a group, of those images that are held here."""
    found = store.all(
        f"{FILES} WHERE item = ? AND position < ? AND objects.uuid IS NOT NULL AND items.data_type = 'IMAGE'"
        " ORDER BY position",
        (group, GROUP_PICTURES),
    )
    return [_picture(file["object"], file["etag"], file["title"]) for file in found]


def _picture(name: str, etag: str | None, alt: str, picture_size: str = "small") -> dict[str, str]:
    # The tag makes the address a new one if the bytes change, so that browsers may keep what they got.
    return {"src": f"/_emulator/page/pictures/{picture_size}/{name}?v={(etag or '')[:8]}", "alt": alt}


def _square(item: sqlite3.Row) -> str | None:
    if not item["width"] or not item["height"]:
        return None
    return f"{item['width']:,} \N{MULTIPLICATION SIGN} {item['height']:,}"


def _word(name: str) -> str:
    word = _WORDS.get(name, (name,))[0]
    return word[0].upper() + word[1:]
