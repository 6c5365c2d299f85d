"""Objects of a bucket -> entries of a manifest: kinds by file name, groups by folder. Pure; no store, no Encord."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

Entry = tuple[str, dict[str, Any]]
"""Kind of the manifest and item."""

KINDS: dict[str, str] = {
    **dict.fromkeys(("mp4", "mov", "webm", "mkv", "avi", "m4v"), "videos"),
    **dict.fromkeys(("jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "avif"), "images"),
    **dict.fromkeys(("dcm", "dicom"), "dicom_series"),
    **dict.fromkeys(("mp3", "wav", "flac", "m4a", "ogg", "eac3"), "audio"),
    **dict.fromkeys(("txt", "html"), "text"),
    "pdf": "pdfs",
}
"""Kind of the manifest by file name extension."""

MAX_TITLE = 300
_DIGITS = re.compile(r"(\d+)")
_NOT_PLAIN = re.compile(r"[\s\x00-\x1f\x7f?#%]")


@dataclass(frozen=True)
class Grouping:
    """How objects become items.

    :param kinds: kind by extension; other objects are left out.
    :param group_images: make one image group of the images of each folder.
    :param create_video: make image sequences of the groups; needs write permission on the bucket.
    """

    kinds: Mapping[str, str] = field(default_factory=lambda: KINDS)
    group_images: bool = False
    create_video: bool = False

    def kind_of(self, key: str) -> str | None:
        """Return the kind of an object, or None to leave it out."""
        _, dot, extension = key.rpartition(".")
        kind = self.kinds.get(extension.lower()) if dot else None
        return "image_groups" if kind == "images" and self.group_images else kind


def title_of(key: str) -> str:
    """Return the title of an item: its key, which tells it apart; a very long one is cut and told apart by a hash."""
    if len(key) <= MAX_TITLE:
        return key
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"{digest}...{key[-(MAX_TITLE - len(digest) - 3) :]}"


def object_url(url: str, bucket: str, key: str, form: str | None = None) -> str:
    """Return how Encord reaches an object.

    Encord takes no white space in a URL, so an S3 key that is not plain is named by its percent-encoded web address.

    :param form: with ``{bucket}`` and ``{key}``, if it is not the store's own URL.
    """
    if form:
        return form.format(bucket=bucket, key=quote(key))
    if url.startswith("s3://") and _NOT_PLAIN.search(key):
        return f"https://{bucket}.s3.amazonaws.com/{quote(key)}"
    return url


def bucket_and_key(url: str) -> tuple[str, str]:
    """Split the URL of an object or prefix; whatever comes after the bucket belongs to the key, ``?`` and ``#`` too."""
    bucket, _, key = url.partition("://")[2].partition("/")
    return bucket.rpartition("@")[2], key


def natural(text: str) -> list[tuple[int, int | str]]:
    """Return a sort key by which ``frame9`` comes before ``frame10``."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in _DIGITS.split(text)]


def entries(objects: Iterable[tuple[str, str]], grouping: Grouping) -> Iterator[Entry]:
    """Yield the entries of objects given as key and URL, sorted by key.

    Files of a folder that belong together (DICOM, and images if they are grouped) make one entry, in natural order;
    only the folders that the listing is inside of are held.
    """
    open_folders: dict[tuple[str, str], dict[str, str]] = {}
    for key, url in objects:
        for folder, kind in [each for each in open_folders if not key.startswith(each[0])]:
            yield _group(kind, folder, open_folders.pop((folder, kind)), grouping)
        found = grouping.kind_of(key)
        if found in ("image_groups", "dicom_series"):
            folder = key[: key.rfind("/") + 1]
            open_folders.setdefault((folder, found), {})[key] = url
        elif found:
            yield found, {"objectUrl": url, "title": title_of(key)}
    for (folder, kind), files in open_folders.items():
        yield _group(kind, folder, files, grouping)


def _group(kind: str, folder: str, files: Mapping[str, str], grouping: Grouping) -> Entry:
    name = folder.rstrip("/") or "/"
    if kind == "image_groups":
        item: dict[str, Any] = {"title": title_of(name), "createVideo": grouping.create_video}
    else:  # a folder may hold both, and a title tells what is there already
        item = {"title": title_of(f"{name} (DICOM)")}
    for number, key in enumerate(sorted(files, key=natural)):
        item[f"objectUrl_{number}"] = files[key]
    return kind, item
