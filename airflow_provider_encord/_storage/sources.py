"""Where data comes from: one form for each address, and what client metadata keeps of it.

An object's note is ``{"url", "size", "etag", "md5"}``, a group's ``{"url", "kind", "objects", "digest", "md5"}``, with
the URL of its folder; what a store does not tell is left out. ``supersedes`` names the item of an earlier content.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from airflow_provider_encord._resume.item_tags import SOURCE_KEY

_S3_HOST = re.compile(r"(?:(.+)\.)?s3(?:[.-][a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?")
_GOOGLE_HOST = re.compile(r"(?:(.+)\.)?(?:storage|commondatastorage)\.(?:googleapis|cloud\.google)\.com")
_AZURE_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)?\.(?:blob|dfs)\.[a-z0-9.-]+")
_MAPPING = (dict, Mapping)  # nearly all are dicts, and to ask an abstract class takes five times as long
_SCHEMES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfss": "az", "abfs": "az", "wasb": "az", "wasbs": "az"}


def source_of(url: str) -> str:
    """Return the one form of an object's address: two URLs with the same form name the same object.

    That of S3 and of Google Cloud Storage is ``s3://bucket/key`` and ``gs://bucket/key``, as the key is, whatever host
    and escapes the URL has; that of Azure is the web address in the account. Of any other URL, escapes are made alike.
    """
    if url.startswith(("s3://", "gs://")):
        return url
    scheme, mark, rest = url.partition("://")
    scheme = scheme.lower()
    scheme = _SCHEMES.get(scheme, scheme)
    if not mark or scheme in ("s3", "gs"):
        return f"{scheme}{mark}{rest}"
    host, _, path = rest.partition("/")
    container, named, account = host.rpartition("@")
    if scheme == "az":  # Azure's own form, abfss://container@account.dfs.core.windows.net/key, has no escapes
        blob = account.lower().replace(".dfs.", ".blob.", 1)
        return f"https://{blob}/{quote(f'{container}/{path}')}" if named else f"az://{rest}"
    if scheme not in ("http", "https"):
        return url
    host = host.lower().removesuffix(":443" if scheme == "https" else ":80")
    for known, own in ((_S3_HOST, "s3"), (_GOOGLE_HOST, "gs")):
        if match := known.fullmatch(host):
            key = unquote(re.split(r"[?#]", path, maxsplit=1)[0])
            return f"{own}://{match[1]}/{key}" if match[1] else f"{own}://{key}"
    if _AZURE_HOST.fullmatch(host):
        path = re.split(r"[?#]", path, maxsplit=1)[0]
        return f"https://{host.replace('.dfs.', '.blob.', 1)}/{quote(unquote(path))}"
    path, query, more = path.partition("?")  # it may name the object
    return f"{scheme}://{host}/{quote(unquote(path))}{query}{more}"


def name_of(url: str | None, title: str, metadata: Any, *, grouped: bool = False) -> str:
    """Return by which name it can be found whether data is in Encord already: where it comes from.

    Of data that tells no address, only the title is left.

    :param url: the address, as Encord knows it or is to know it.
    :param metadata: the client metadata.
    :param grouped: whether it is a group or series, which has no address.
    """
    note = note_of(metadata)
    if "kind" in note:
        return group_name(str(note["kind"]), note["url"])
    if url and not grouped:
        return source_of(url)
    return source_of(note["url"]) if note and not grouped else title_name(title)


def group_name(kind: str, folder_url: str) -> str:
    """Return the name of a group or series of a folder, which may hold one of each."""
    return f"{kind} {source_of(folder_url)}"


def title_name(title: str) -> str:
    """Return the name of data that tells only a title."""
    return f"title {title}"


def entry_name(entry: Mapping[str, Any]) -> str:
    """Return the name of an entry of a manifest."""
    return name_of(entry.get("objectUrl"), str(entry.get("title")), entry.get("clientMetadata"))


def note_of(metadata: Any) -> Mapping[str, Any]:
    """Return what client metadata tells of the source, if it is readable; people can edit it."""
    note = metadata.get(SOURCE_KEY) if isinstance(metadata, _MAPPING) else None
    return note if isinstance(note, _MAPPING) and isinstance(note.get("url"), str) else {}


def version_of(note: Mapping[str, Any]) -> str:
    """Return what tells the content of a source from another one: size, MD5, and ETag or digest; empty if unknown."""
    if "size" not in note and not note.get("digest"):
        return ""
    return f"{note.get('size', '')} {note.get('md5') or ''} {note.get('digest') or note.get('etag') or ''}"


def is_same(version: str, other: str) -> bool:
    """Whether two versions may be of the same content: what is unknown of one of them is no difference.

    Where the MD5 of both is known, an ETag tells nothing more: it changes with the metadata, too.
    """
    if version == other or not version or not other:
        return True
    (size, md5, etag), (other_size, other_md5, other_etag) = version.split(" ", 2), other.split(" ", 2)
    if md5 and other_md5:
        return (size, md5) == (other_size, other_md5)
    return size == other_size and (etag == other_etag or not etag or not other_etag)
