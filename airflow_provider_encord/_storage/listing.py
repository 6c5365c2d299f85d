"""What lies in a bucket or folder: every object, sorted by key, page by page.

The pages come from the clouds' own SDKs, which log in, sign, retry and follow redirects. Only their reading of a page
is replaced, since it takes ten times as long as all the rest (docs/architecture.md).
"""

from __future__ import annotations

import fnmatch
import functools
import gc
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import unquote, unquote_plus
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

from airflow_provider_encord._client.redaction import cause_of, server_text, shown
from airflow_provider_encord._storage.credentials import azure_client, gcs_client, s3_client, store_errors
from airflow_provider_encord._storage.files import no_file_system, resolve, shown_location
from airflow_provider_encord._storage.grouping import percent_encoded
from airflow_provider_encord._storage.location import Location, located
from airflow_provider_encord._storage.selection import apart
from airflow_provider_encord.exceptions import EncordInputError, EncordMachineError, EncordStorageError

AZURE_PAGE = 5000
_OBJECTS_PER_COLLECTION = 20_000
_NAMESPACE = re.compile(rb"""\sxmlns=(?:"[^"]*"|'[^']*')""")


class StoredObject(NamedTuple):
    """An object found in a bucket.

    :param url: its full URL, without credentials.
    :param bucket: the bucket's name; empty for a local file.
    :param key: its key; the whole path for a local file.
    :param size: bytes.
    :param modified: when it was last written, if the store tells.
    :param etag: what tells its content from another one, if the store tells.
    :param storage_class: the store's own word for how it is kept, such as ``GLACIER``, if the store tells.
    :param md5: of its content, where the store has it and gives an object another ETag when only its metadata change.
    """

    url: str
    bucket: str
    key: str
    size: int
    modified: datetime | None
    etag: str | None = None
    storage_class: str | None = None
    md5: str | None = None


def stored_objects(location: Any, conn_id: str | None = None) -> Iterator[StoredObject]:
    """Yield all objects whose keys begin with a prefix, or all files below a local folder, sorted by key.

    S3, Google Cloud Storage and Azure are read page by page; any other store's listing is held.

    :param location: such as ``s3://bucket/incoming/``, a local folder, or one of Airflow's paths.
    :param conn_id: Airflow connection of the store; one in the URL wins.
    :raises EncordInputError: there is no such bucket, or the extra for it is not installed.
    :raises EncordConnectionError: the store refuses the credentials.
    :raises EncordStorageError: the store could not be asked; a later attempt can pass.
    :raises EncordMachineError: the local folder is missing or cannot be read here.
    """
    place = located(location, conn_id)
    with _seldom_collected():
        yield from _stored_objects(location, conn_id, place)


def _stored_objects(location: Any, conn_id: str | None, place: Location) -> Iterator[StoredObject]:
    if place.scheme in ("", "file"):
        yield from _local_objects(_local_folder(location))
        return
    reader = {"s3": _s3_objects, "gs": _gcs_objects, "az": _azure_objects}.get(place.scheme)
    if not reader:
        yield from _other_objects(resolve(location, conn_id), place)
        return
    if not place.bucket:
        raise EncordInputError(f"{shown_location(str(location))} names no bucket.")
    with store_errors(shown_location(str(location)), place.bucket, place.conn_id):
        yield from reader(place)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Let Python look for cycles of garbage less often.

    A page is thousands of objects, none of them in a cycle, and each look goes through all that Airflow has loaded:
    that was half of the time of a listing.
    """
    often, *others = gc.get_threshold()
    gc.set_threshold(often and max(often, _OBJECTS_PER_COLLECTION), *others)
    try:
        yield
    finally:
        gc.set_threshold(often, *others)


def list_objects(prefix: Any, *, conn_id: str | None = None, pattern: str = "*") -> Iterator[StoredObject]:
    """Yield the objects with something in them below a folder such as ``s3://bucket/incoming/``, sorted by key.

    :param pattern: as for :mod:`fnmatch`, over the part of the key after the folder.
    """
    location, top = _as_folder(prefix)
    for found in stored_objects(location, conn_id):
        if found.size and fnmatch.fnmatchcase(found.key.removeprefix(top), pattern):
            yield found


class Search(NamedTuple):
    """What to list, and what to look for in it.

    :param location: the prefix to list, without a glob.
    :param top: how the keys begin, before what the pattern is for.
    :param pattern: glob for the rest of a key.
    """

    location: Any
    top: str
    pattern: str


def search(prefix: Any, pattern: str = "**", *, is_folder: bool = True) -> Search:
    """Take a glob out of a prefix, and put what is left of it before the pattern.

    :param is_folder: whether a prefix without a glob means a folder, even without its slash.
    """
    if not hasattr(prefix, "fs"):  # a path of Airflow's is taken as it is
        prefix = os.fspath(prefix)
        location, glob = apart(prefix, pattern)
        if location != prefix:
            if _is_local(location):
                return Search(location, _as_folder(location)[1], glob)
            top, slash, begun = located(location).prefix.rpartition("/")
            return Search(location, top + slash, begun + glob)
    if is_folder or _is_local(prefix):
        return Search(*_as_folder(prefix), pattern)
    return Search(prefix, located(prefix).prefix, pattern)


def _as_folder(prefix: Any) -> tuple[Any, str]:
    """Return a prefix with the slash of a folder, and how the keys in it begin."""
    if _is_local(prefix):
        return prefix, f"{_local_folder(prefix).absolute()}/"
    if isinstance(prefix, str) and not prefix.endswith("/"):
        prefix += "/"
    return prefix, located(prefix).prefix


def _is_local(location: Any) -> bool:
    return located(location).scheme in ("", "file")


def _local_folder(location: Any) -> Path:
    return cast("Path", resolve(str(location)))


def _no_listing(where: str) -> EncordStorageError:
    return EncordStorageError(
        f"{shown_location(where)}: what answers is no listing; is there a proxy before the store?"
    )


# S3


def _s3_objects(place: Location) -> Iterator[StoredObject]:
    client = s3_client(place.conn_id)
    client.meta.events.register("before-parse.*.ListObjectsV2", functools.partial(_take_objects, place.bucket))
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=place.prefix)
    for page in pages:
        if "Objects" not in page:
            raise _no_listing(f"s3://{place.bucket}")
        yield from page["Objects"]


def _take_objects(
    bucket: str, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Read the objects of a page before boto3 does, which is left the rest: errors, and where the next page begins.

    Registered for ``before-parse.*``, since those of ``before-parse.s3`` read the page, too.
    """
    if response_dict["status_code"] != 200:
        return
    try:
        root = fromstring(_NAMESPACE.sub(b"", response_dict["body"], count=1))  # noqa: S314  (boto3 reads it like this)
    except ParseError:
        return
    if root.tag != "ListBucketResult":
        return
    encoded = root.findtext("EncodingType") == "url"
    found = []
    for each in root.iter("Contents"):
        text = each.findtext
        key = text("Key") or ""
        if encoded and ("%" in key or "+" in key):
            key = unquote_plus(key)
        modified = text("LastModified")
        found.append(
            StoredObject(
                f"s3://{bucket}/{key}",
                bucket,
                key,
                int(text("Size") or 0),
                datetime.fromisoformat(modified) if modified else None,
                text("ETag"),
                text("StorageClass"),
            )
        )
    customized_response_dict["Objects"] = found
    root[:] = [each for each in root if each.tag != "Contents"]
    response_dict["body"] = tostring(root)


# Google Cloud Storage


def _gcs_objects(place: Location) -> Iterator[StoredObject]:
    fields = "kind,items(name,size,timeCreated,updated,md5Hash,crc32c,etag,storageClass),nextPageToken"
    for page in gcs_client(place.conn_id).list_blobs(place.bucket, prefix=place.prefix or None, fields=fields).pages:
        if page.raw_page.get("kind") != "storage#objects":
            raise _no_listing(f"gs://{place.bucket}")
        for each in page.raw_page.get("items", ()):
            key = each["name"]
            # Metadata can be edited, and the class changed: that is no other content, so `updated` comes second.
            modified = each.get("timeCreated") or each.get("updated")
            yield StoredObject(
                f"gs://{place.bucket}/{key}",
                place.bucket,
                key,
                int(each.get("size") or 0),
                datetime.fromisoformat(modified) if modified else None,
                each.get("md5Hash") or each.get("crc32c") or each.get("etag"),
                each.get("storageClass"),
            )


# Azure


def _azure_objects(place: Location) -> Iterator[StoredObject]:
    container = azure_client(place.conn_id, place.host).get_container_client(place.bucket)
    from azure.core.exceptions import HttpResponseError
    from azure.core.rest import HttpRequest

    address = container.url.partition("?")[0]  # behind it: the SAS token
    wanted = {"restype": "container", "comp": "list", "prefix": place.prefix, "maxresults": str(AZURE_PAGE)}
    marker: str | None = ""
    while marker is not None:
        request = HttpRequest("GET", container.url, params={**wanted, "marker": marker})
        request.headers["x-ms-version"] = container.api_version
        # Private, and asserted by a test: in public, the SDK makes an object with 40 fields of each entry.
        response = container._pipeline.run(request).http_response
        if response.status_code != 200:
            raise HttpResponseError(response=response)
        try:
            root = fromstring(response.body())  # noqa: S314  (the SDK reads it like this)
        except ParseError:
            raise _no_listing(address) from None
        if root.tag != "EnumerationResults":
            raise _no_listing(address)
        for each in root.iter("Blob"):
            yield _azure_object(place.bucket, address, each)
        marker = root.findtext("NextMarker") or None


def _azure_object(bucket: str, address: str, blob: Element) -> StoredObject:
    name, told = blob.find("Name"), blob.find("Properties")
    if name is None or told is None:
        raise _no_listing(address)
    key = name.text or ""
    if name.get("Encoded") == "true":
        key = unquote(key)
    modified = told.findtext("Last-Modified")
    return StoredObject(
        f"{address}/{percent_encoded(key)}",
        bucket,
        key,
        int(told.findtext("Content-Length") or 0),
        _http_date(modified) if modified else None,
        told.findtext("Etag"),
        told.findtext("AccessTier"),
        told.findtext("Content-MD5") or None,
    )


_http_date = functools.lru_cache(maxsize=1024)(parsedate_to_datetime)


# Local folders and other stores


def _local_objects(folder: Path) -> Iterator[StoredObject]:
    if folder.is_file():
        raise EncordInputError(f"{shown(str(folder))} is a file, not a folder.")
    try:
        yield from _files_below(os.fspath(folder.absolute()))
    except OSError as error:
        raise EncordMachineError(
            f"The folder {shown(str(folder))} cannot be read on this machine: {server_text(error.strerror or '')}."
        ) from cause_of(error)


def _files_below(folder: str) -> Iterator[StoredObject]:
    with os.scandir(folder) as entries:
        in_order = sorted((each.name + "/" * each.is_dir(follow_symlinks=False), each) for each in entries)
    for name, entry in in_order:
        if name.endswith("/"):
            yield from _files_below(entry.path)
        elif entry.is_file():
            path, told = Path(entry.path), entry.stat()
            modified = datetime.fromtimestamp(told.st_mtime, UTC)
            yield StoredObject(path.as_uri(), "", path.as_posix(), told.st_size, modified)


def _other_objects(path: Any, place: Location) -> Iterator[StoredObject]:
    container = path.container.rpartition("@")[2]  # before Airflow 3.2 the connection is part of it
    top = f"{container}/{path.key}".rstrip("/") + "/" if path.key.strip("/") else f"{container}/"
    try:
        fs = path.fs
    except ValueError as error:
        raise no_file_system(str(path), error) from cause_of(error)
    for name, told in sorted(fs.find(top, detail=True).items()):
        if told.get("type", "file") == "file":
            bucket, _, key = name.partition("/")
            times = (told.get(each) for each in ("LastModified", "last_modified", "mtime", "updated", "created"))
            modified = next((time for time in map(_moment, times) if time), None)
            yield StoredObject(f"{place.scheme}://{name}", bucket, key, int(told.get("size") or 0), modified)


def _moment(told: Any) -> datetime | None:
    """Read a time as file systems of fsspec tell it: as such, as text, or as seconds."""
    try:
        if isinstance(told, str):
            told = datetime.fromisoformat(told)
        elif isinstance(told, int | float) and not isinstance(told, bool):
            told = datetime.fromtimestamp(told, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    if not isinstance(told, datetime):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
