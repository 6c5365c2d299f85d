"""What the objects of a bucket make in Encord: kinds by file name, groups by folder, titles, addresses, notes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from airflow_provider_encord._resume.item_tags import SOURCE_KEY
from airflow_provider_encord._storage.sources import group_name, source_of
from airflow_provider_encord.manifest._rules import NOT_IN_URLS

if TYPE_CHECKING:
    from airflow_provider_encord._storage.listing import StoredObject

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
        form = None if _PLAIN.fullmatch(key) or not _ODD.search(key) else _WEB.get(url.partition("://")[0])
    return form.format(bucket=bucket, key=percent_encoded(key)) if form else url


def percent_encoded(key: str) -> str:
    """Return a key as it stands in a web address."""
    return key if _PLAIN.fullmatch(key) else quote(key, errors="surrogatepass")


def natural(text: str) -> list[tuple[int, int | str]]:
    """Return a sort key that puts ``frame9`` before ``frame10``."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in _DIGITS.split(text)]


class NotedEntry(dict[str, Any]):
    """An entry of a manifest whose note is still to be written: checking it would cost more than all the rest."""

    __slots__ = ("note",)
    note: Mapping[str, Any]

    def write_note(self) -> None:
        """Make it the whole entry."""
        self["clientMetadata"] = {**self.get("clientMetadata", {}), SOURCE_KEY: self.note}


def noted_entry(line: str) -> tuple[str, NotedEntry]:
    """Return kind and entry from the JSON of kind, entry and note."""
    kind, item, note = json.loads(line)
    entry = NotedEntry(item)
    entry.note = note
    return kind, entry


class Candidate(NamedTuple):
    """What one item of Encord would be made of.

    :param kind: of a manifest.
    :param bucket: name of the bucket.
    :param key: of the object; of a group, its folder without the last slash.
    :param urls: how Encord reaches the files, in their order.
    :param note: what client metadata keeps of the source.
    """

    kind: str
    bucket: str
    key: str
    urls: Sequence[str]
    note: dict[str, Any]

    @property
    def is_group(self) -> bool:
        """Whether it is made of a folder."""
        return "kind" in self.note

    @property
    def name(self) -> str:
        """Where it comes from; see :mod:`.sources`."""
        url: str = self.note["url"]
        return group_name(self.kind, url) if "kind" in self.note else source_of(url)

    @property
    def old_title(self) -> str:
        """The title that release 0.1.0 gave it, which had no other choice."""
        return title_of(self.key) if "kind" not in self.note else _group_title(self.kind, self.key)

    def entry(self, title: str, metadata: Mapping[str, Any], *, create_video: bool = False) -> NotedEntry:
        """Return it as an entry of a manifest."""
        if "kind" not in self.note:
            item: dict[str, Any] = {"objectUrl": self.urls[0], "title": title}
        else:
            item = {"title": title, **{f"objectUrl_{number}": url for number, url in enumerate(self.urls)}}
            if self.kind == "image_groups":
                item["createVideo"] = create_video
        if metadata:
            item["clientMetadata"] = metadata
        entry = NotedEntry(item)
        entry.note = self.note
        return entry


def candidates(
    wanted: Iterable[tuple[StoredObject, str]], *, url_form: str | None = None, group_images: bool = False
) -> Iterator[Candidate]:
    """Yield what objects, given with their kinds and sorted by key, would make in Encord.

    DICOM files of a folder, and images if they are grouped, make one item in natural order. Memory holds only the
    folders that the listing has not left yet.

    :param url_form: how Encord reaches an object, if it is not the store's own URL.
    :param group_images: make one image group of the images in each folder.
    """
    open_folders: dict[tuple[str, str], dict[str, StoredObject]] = {}
    for found, given in wanted:
        key = found.key
        if open_folders:
            for folder, group_kind in [left for left in open_folders if not key.startswith(left[0])]:
                yield _group(group_kind, folder, open_folders.pop((folder, group_kind)), url_form)
        kind = "image_groups" if group_images and given == "images" else given
        if kind in _GROUP_KINDS:
            open_folders.setdefault((key[: key.rfind("/") + 1], kind), {})[key] = found
        else:
            url = object_url(found.url, found.bucket, key, url_form)
            note: dict[str, Any] = {"url": url, "size": found.size}
            if found.etag:
                note["etag"] = found.etag.strip('"')
            if found.md5:
                note["md5"] = found.md5
            yield Candidate(kind, found.bucket, key, (url,), note)
    for (folder, group_kind), files in open_folders.items():
        yield _group(group_kind, folder, files, url_form)


_GROUP_KINDS = ("image_groups", "dicom_series")


def _group(kind: str, folder: str, files: Mapping[str, StoredObject], form: str | None) -> Candidate:
    in_order = [files[key] for key in sorted(files, key=natural)]
    urls = [object_url(found.url, found.bucket, found.key, form) for found in in_order]
    last = in_order[-1]
    url = object_url(last.url[: last.url.rfind("/") + 1], last.bucket, folder, form)
    note = {"url": url, "kind": kind, "objects": len(urls), "digest": _digest(urls, in_order)}
    if any(found.md5 for found in in_order):
        note["md5"] = _digest(urls, [found._replace(etag=found.md5 or found.etag) for found in in_order])
    return Candidate(kind, last.bucket, folder.rstrip("/") or "/", urls, note)


def _digest(urls: Sequence[str], files: Sequence[StoredObject]) -> str:
    digest = hashlib.sha256()
    for url, found in zip(urls, files, strict=True):
        told = (source_of(url), str(found.size), (found.etag or "").strip('"'), "")
        digest.update("\n".join(told).encode(errors="surrogatepass"))
    return digest.hexdigest()[:32]


# Titles


def title_maker(title: str, group_title: str) -> Callable[[Candidate], str]:
    """Return a function that gives an item its title.

    :param title: of a single object, with ``{key}``, ``{name}`` (its last part) and ``{bucket}``.
    :param group_title: of a group or series, with ``{folder}``, ``{name}`` and ``{bucket}``; a series has another end,
        since a folder may hold both.
    """

    def made(candidate: Candidate) -> str:
        key = candidate.key
        if "kind" not in candidate.note:
            return title_of(key if title == "{key}" else _filled(title, candidate, key=key))
        return _group_title(candidate.kind, _filled(group_title, candidate, folder=key))

    return made


def _filled(form: str, candidate: Candidate, **more: str) -> str:
    name = candidate.key.rpartition("/")[2] or candidate.key
    return form.format(bucket=candidate.bucket, name=name, **more)


def _group_title(kind: str, title: str) -> str:
    return title_of(f"{title} (DICOM)" if kind == "dicom_series" else title)
