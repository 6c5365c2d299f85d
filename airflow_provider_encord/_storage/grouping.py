"""Turns the objects of a bucket into manifest entries: kinds by file name, groups by folder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_encord.manifest._rules import NOT_IN_URLS

if TYPE_CHECKING:
    from airflow_provider_encord.manifest import Entry

KIND_BY_EXTENSION: dict[str, str] = {
    **dict.fromkeys(("mp4", "mov", "webm", "mkv", "avi", "m4v"), "videos"),
    **dict.fromkeys(("jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "avif"), "images"),
    **dict.fromkeys(("dcm", "dicom"), "dicom_series"),
    **dict.fromkeys(("mp3", "wav", "flac", "m4a", "ogg", "eac3"), "audio"),
    **dict.fromkeys(("txt", "html"), "text"),
    "pdf": "pdfs",
    **dict.fromkeys(("nii", "nii.gz"), "nifti"),
}
"""Manifest kind by file name extension."""

MAX_TITLE = 300
_DIGITS = re.compile(r"(\d+)")
_ODD = re.compile(rf"[{NOT_IN_URLS}?#%]")
_PLAIN = re.compile(r"[A-Za-z0-9._~/-]*")
_WEB = {"s3": "https://{bucket}.s3.amazonaws.com/{key}", "gs": "https://storage.googleapis.com/{bucket}/{key}"}
"""Web addresses of objects, for keys that the store's own form of URL cannot carry."""


def title_of(key: str) -> str:
    """Return the title of an item: its key; a key that is too long is cut, and a hash keeps it unique."""
    if len(key) <= MAX_TITLE:
        return key if key.strip() else quote(key)  # a blank title is refused
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"{digest}...{key[-(MAX_TITLE - len(digest) - 3) :]}"


def object_url(url: str, bucket: str, key: str, form: str | None = None) -> str:
    """Return how Encord reaches an object.

    Encord takes no white space or invisible character in a URL, so a key that is not plain is named by its
    percent-encoded web address. Any key of a listing makes a URL that a manifest may hold.

    :param url: the object's, as the listing tells it; Azure's is a web address already.
    :param form: with ``{bucket}`` and ``{key}``, if it is not the store's own URL.
    """
    if not form:
        form = _WEB.get(url.partition("://")[0]) if _ODD.search(key) else None
    return form.format(bucket=bucket, key=percent_encoded(key)) if form else url


def percent_encoded(key: str) -> str:
    """Return a key as it stands in a web address."""
    return key if _PLAIN.fullmatch(key) else quote(key, errors="surrogatepass")


def natural(text: str) -> list[tuple[int, int | str]]:
    """Return a sort key that puts ``frame9`` before ``frame10``."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in _DIGITS.split(text)]


def entries(
    objects: Iterable[tuple[str, str, str]], *, group_images: bool = False, create_video: bool = False
) -> Iterator[Entry]:
    """Yield the entries for objects, which are given as key, URL and kind, and sorted by key.

    DICOM files of a folder, and images if they are grouped, make one entry in natural order. Memory holds only the
    folders that the listing has not left yet.

    :param group_images: make one image group of the images in each folder.
    :param create_video: make the groups image sequences; needs write permission on the bucket.
    """
    open_folders: dict[tuple[str, str], dict[str, str]] = {}
    for key, url, given in objects:
        for folder, group_kind in [left for left in open_folders if not key.startswith(left[0])]:
            yield _group(group_kind, folder, open_folders.pop((folder, group_kind)), create_video)
        kind = "image_groups" if given == "images" and group_images else given
        if kind in ("image_groups", "dicom_series"):
            folder = key[: key.rfind("/") + 1]
            open_folders.setdefault((folder, kind), {})[key] = url
        else:
            yield kind, {"objectUrl": url, "title": title_of(key)}
    for (folder, group_kind), files in open_folders.items():
        yield _group(group_kind, folder, files, create_video)


def objects_in(item: Mapping[str, Any]) -> int:
    """Return how many objects an entry is made of."""
    return 1 if "objectUrl" in item else sum(name.startswith("objectUrl_") for name in item)


def _group(kind: str, folder: str, files: Mapping[str, str], create_video: bool) -> Entry:
    name = folder.rstrip("/") or "/"
    if kind == "image_groups":
        item: dict[str, Any] = {"title": title_of(name), "createVideo": create_video}
    else:  # a folder may hold both, and titles must differ
        item = {"title": title_of(f"{name} (DICOM)")}
    for number, key in enumerate(sorted(files, key=natural)):
        item[f"objectUrl_{number}"] = files[key]
    return kind, item
