"""Lists a bucket or folder."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_encord._storage.files import is_local, resolve


@dataclass(frozen=True)
class StoredObject:
    """An object found in a bucket.

    :param url: its full URL.
    :param bucket: the bucket's name; empty for a local file.
    :param key: its key; the whole path for a local file.
    :param size: bytes.
    :param modified: when it was last modified, if the store reports it.
    """

    url: str
    bucket: str
    key: str
    size: int
    modified: datetime | None


def list_objects(prefix: Any, *, conn_id: str | None = None, pattern: str = "*") -> Iterator[StoredObject]:
    """Yield the objects below a folder such as ``s3://bucket/incoming/``, sorted by key; empty ones are left out.

    Memory holds the whole listing. For very many objects on S3 use ``S3ToEncordOperator``, which lists page by page.

    :param pattern: glob for the part of the key after the folder.
    """
    root = resolve(prefix, conn_id)
    if is_local(root):
        for file in sorted(root.rglob("*")):
            if file.is_file() and file.stat().st_size and _matches(file.relative_to(root).as_posix(), pattern):
                modified = datetime.fromtimestamp(file.stat().st_mtime, UTC)
                yield StoredObject(file.as_uri(), "", file.as_posix(), file.stat().st_size, modified)
        return
    stored: Any = root
    scheme = urlsplit(str(prefix)).scheme
    container = stored.container.rpartition("@")[2]  # before Airflow 3.2 the connection is part of it
    top = f"{container}/{stored.key}".rstrip("/") + "/" if stored.key.strip("/") else f"{container}/"
    for name, info in sorted(stored.fs.find(top, detail=True).items()):
        if info.get("type", "file") == "file" and info.get("size") and _matches(name.removeprefix(top), pattern):
            bucket, _, key = name.partition("/")
            changed = info.get("LastModified") or info.get("last_modified") or info.get("updated")
            yield StoredObject(
                f"{scheme}://{name}", bucket, key, int(info["size"]), changed if isinstance(changed, datetime) else None
            )


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern)
