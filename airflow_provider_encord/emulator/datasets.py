"""Datasets, their rows, and the cloud integrations and API keys around them."""

import json
import secrets
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_encord.emulator import moments
from airflow_provider_encord.emulator.auth import ApiKey
from airflow_provider_encord.emulator.bucket import Bucket, Unreadable
from airflow_provider_encord.emulator.clock import Clock
from airflow_provider_encord.emulator.errors import Reason, Refusal
from airflow_provider_encord.emulator.folders import Folders
from airflow_provider_encord.emulator.storage import Storage
from airflow_provider_encord.emulator.store import Store

STORAGE_LOCATIONS = ("CORD_STORAGE", "AWS_S3", "GCP_STR", "AZURE_STR", "S3_COMPATIBLE_STR")
"""Storage locations by number, named as Encord's client 0.1.211 reads them in a dataset."""

SCOPES = frozenset({"dataset.read", "dataset.write"})

INTEGRATIONS = {
    title: (str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{title.lower()}.integration.local-encord")), provider)
    for provider, title in enumerate(("AWS", "GCP", "Azure"), start=1)
}
"""Title of a cloud integration -> its UUID, the same in every local Encord, and its storage location."""

_FILTERS = {
    "title_eq": "title = ?",
    "title_like": "title LIKE ?",
    "description_eq": "description = ?",
    "description_like": "description LIKE ?",
    "created_before": "created_at < ?",
    "created_after": "created_at > ?",
    "edited_before": "edited_at < ?",
    "edited_after": "edited_at > ?",
}
_ROWS = """
SELECT rows.*, items.data_type, items.width, items.height, items.url, items.file_size, items.file_type,
       items.storage_location, items.client_metadata, items.fps, items.duration, items.optimised
FROM rows JOIN items ON items.uuid = rows.item
"""
_CHUNK = 500


def is_uuid(value: Any) -> bool:
    """Tell whether a value is the text of a UUID."""
    try:
        return isinstance(value, str) and bool(uuid.UUID(value))
    except ValueError:
        return False


def conditions(filters: Mapping[str, Any], prefix: str = "") -> tuple[str, list[Any]]:
    """Return the SQL for the filters that are set, and its values."""
    used = [(f"{prefix}{_FILTERS[name]}", value) for name, value in filters.items() if value is not None]
    return "".join(f" AND {sql}" for sql, _ in used), [value for _, value in used]


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))


class Datasets:
    """Everything that can be done with datasets except adding data to them."""

    def __init__(self, store: Store, storage: Storage, folders: Folders, clock: Clock, bucket: Bucket | None) -> None:
        self._store = store
        self._storage = storage
        self._folders = folders
        self._clock = clock
        self._bucket = bucket
        with store.transaction():
            store.run_many(
                "INSERT OR IGNORE INTO integrations VALUES (?, ?, ?)",
                [(name, title, provider) for title, (name, provider) in INTEGRATIONS.items()],
            )

    def create(
        self, user: str, title: str, description: str, mirror: bool, storage_location: int = 0
    ) -> tuple[str, str | None]:
        """Make a dataset and, for a mirror dataset, its folder."""
        name, now = str(uuid.uuid4()), self._clock.time()
        with self._store.transaction():
            folder = self._folders.create(user, title, description, dataset=name) if mirror else None
            self._store.run(
                "INSERT INTO datasets VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (name, user, folder, title, description, storage_location, now, now),
            )
        return name, folder

    def search(self, user: str, filters: Mapping[str, Any], everyone: bool = False) -> list[sqlite3.Row]:
        """Return the user's datasets, or everyone's, that pass the filters."""
        sql, values = conditions(filters)
        return self._store.all(
            f"SELECT * FROM datasets WHERE (owner = ? OR ?){sql} ORDER BY created_at, rowid",  # noqa: S608
            (user, everyone, *values),
        )

    def require(self, user: str, dataset: str) -> sqlite3.Row:
        """Return a dataset of the user's."""
        if not is_uuid(dataset):
            raise Refusal(Reason.INVALID_ARGUMENTS, "the id of the dataset is not a UUID")
        row = self._store.one("SELECT * FROM datasets WHERE uuid = ?", (dataset.lower(),))
        if row is None:
            raise Refusal(Reason.NOT_FOUND, f"there is no dataset {dataset}")
        if row["owner"] != user:
            raise Refusal(Reason.AUTHORISATION, f"dataset {dataset} belongs to someone else")
        return row

    def touch(self, dataset: str) -> None:
        """Note that a dataset has changed."""
        self._store.run("UPDATE datasets SET edited_at = ? WHERE uuid = ?", (self._clock.time(), dataset))

    def rows(
        self,
        dataset: str,
        filters: Mapping[str, Any] | None = None,
        data_types: Sequence[str] | None = None,
        data_hashes: Sequence[str] | None = None,
        with_metadata: bool = False,
    ) -> list[dict[str, Any]]:
        """Return the dataset's rows that pass all the filters."""
        sql, values = conditions(filters or {}, prefix="rows.")
        # JSON spares the limit on the number of values in one statement.
        for column, wanted in (("items.data_type", data_types), ("rows.data_hash", data_hashes)):
            if wanted is not None:
                sql += f" AND {column} IN (SELECT value FROM json_each(?))"  # noqa: S608 - two known columns
                values.append(json.dumps(wanted))
        found = self._store.all(f"{_ROWS} WHERE rows.dataset = ?{sql} ORDER BY rows.seq", (dataset, *values))
        return [_row(row, with_metadata) for row in found]

    def row(
        self, dataset: str, data_hash: str, signed_url: bool, images: bool, signed_images: bool, with_metadata: bool
    ) -> dict[str, Any]:
        """Return one row with what was asked for in addition."""
        found = self._store.one(f"{_ROWS} WHERE rows.dataset = ? AND rows.data_hash = ?", (dataset, data_hash))
        if found is None:
            raise Refusal(Reason.NOT_FOUND, f"there is no data {data_hash} in this dataset")
        row = _row(found, with_metadata)
        if signed_url and found["url"]:
            row["signed_url"] = self.signed_url(found["url"], found["storage_location"])
        if images and found["data_type"] == "IMG_GROUP":
            row["images_data"] = [
                {
                    "image_hash": file["uuid"],
                    "title": file["title"],
                    "file_link": file["url"],
                    "file_type": file["file_type"],
                    "file_size": file["file_size"],
                    "storage_location": found["storage_location"],
                    "created_at": moments.legacy(found["created_at"]),
                    "last_edited_at": moments.legacy(found["created_at"]),
                    "width": file["width"],
                    "height": file["height"],
                    "signed_url": self.signed_url(file["url"], found["storage_location"]) if signed_images else None,
                }
                for file in self._store.all("SELECT * FROM files WHERE item = ? ORDER BY position", (found["item"],))
            ]
        return row

    def signed_url(self, url: str, storage_location: int) -> str:
        """Return a URL that can be read without credentials, as far as there is one."""
        if storage_location == 0:
            return self._storage.download_url(url)
        if self._bucket and storage_location == 1:
            try:
                return self._bucket.signed_url(url)
            except Unreadable:
                pass
        return url

    def link(self, user: str, dataset: str, items: Sequence[str], duplicates: str) -> list[dict[str, Any]]:
        """Add existing storage items to a dataset and return the rows made."""
        made = []
        with self._store.transaction():
            for item in items:
                found = self._store.one("SELECT owner, title FROM items WHERE uuid = ?", (item,))
                if found is None:
                    raise Refusal(Reason.NOT_FOUND, f"there is no storage item {item}")
                if found["owner"] != user:
                    raise Refusal(Reason.AUTHORISATION, f"storage item {item} belongs to someone else")
                if duplicates != "DUPLICATE" and self.holds(dataset, item):
                    if duplicates == "FAIL":
                        raise Refusal(Reason.EXISTS, f"storage item {item} is in the dataset already")
                    continue
                made.append(self.add_row(dataset, item, found["title"]))
            self.touch(dataset)
        return self.rows(dataset, data_hashes=made)

    def holds(self, dataset: str, item: str) -> bool:
        """Tell whether a storage item is in a dataset."""
        return self._store.one("SELECT 1 FROM rows WHERE item = ? AND dataset = ?", (item, dataset)) is not None

    def add_row(self, dataset: str, item: str, title: str, job: str | None = None) -> str:
        """Add one row and return its data hash."""
        data_hash = str(uuid.uuid4())
        self._store.run(
            "INSERT INTO rows (data_hash, dataset, item, job, title, created_at) VALUES (?, ?, ?, ?, ?, ?)",
            (data_hash, dataset, item, job, title, self._clock.time()),
        )
        return data_hash

    def delete(self, dataset: str, data_hashes: Sequence[str]) -> int:
        """Remove rows of this dataset, items no dataset shows any more, and the bytes Encord holds for those.

        Hashes of other datasets are ignored, as Encord's documentation says.
        """
        removed = 0
        for chunk in _chunks(data_hashes):
            with self._store.transaction():
                marks = ", ".join("?" * len(chunk))
                doomed = self._store.all(
                    f"DELETE FROM rows WHERE dataset = ? AND data_hash IN ({marks}) RETURNING item",  # noqa: S608
                    (dataset, *chunk),
                )
                removed += len(doomed)
                paths = [path for item in {row["item"] for row in doomed} for path in self._remove_if_unused(item)]
                if doomed:
                    self.touch(dataset)
            # Only after the books are right: bytes left behind by a crash are swept away at the next start.
            for path in paths:
                path.unlink(missing_ok=True)
        return removed

    def _remove_if_unused(self, item: str) -> Iterator[Path]:
        if self._store.one("SELECT 1 FROM rows WHERE item = ?", (item,)):
            return
        urls = [row["url"] for row in self._store.all("SELECT url FROM files WHERE item = ?", (item,))]
        self._store.run("DELETE FROM files WHERE item = ?", (item,))
        self._store.run("DELETE FROM items WHERE uuid = ?", (item,))
        unused = [url for url in urls if not self._store.one("SELECT 1 FROM files WHERE url = ?", (url,))]
        yield from self._storage.forget(unused)

    def integrations(self) -> list[sqlite3.Row]:
        """Return the cloud integrations."""
        return self._store.all("SELECT * FROM integrations ORDER BY rowid")

    def create_api_key(self, dataset: str, title: str, scopes: Sequence[str]) -> dict[str, Any]:
        """Make an API key for a dataset."""
        key, key_hash = secrets.token_urlsafe(32), str(uuid.uuid4())
        with self._store.transaction():
            self._store.run(
                "INSERT INTO api_keys VALUES (?, ?, ?, ?, ?)", (key, key_hash, dataset, title, json.dumps(list(scopes)))
            )
        return self.api_keys(dataset)[-1]

    def api_keys(self, dataset: str) -> list[dict[str, Any]]:
        """Return a dataset's API keys. Encord's old client relies on getting them in clear text."""
        return [
            {
                "resource_hash": row["dataset"],
                "api_key": row["key"],
                "title": row["title"],
                "key_hash": row["key_hash"],
                "scopes": json.loads(row["scopes"]),
            }
            for row in self._store.all("SELECT * FROM api_keys WHERE dataset = ? ORDER BY rowid", (dataset,))
        ]

    def find_api_key(self, key: str) -> tuple[str, ApiKey] | None:
        """Return the owner behind an API key, and what it is for."""
        row = self._store.one(
            "SELECT api_keys.*, datasets.owner FROM api_keys JOIN datasets ON datasets.uuid = dataset WHERE key = ?",
            (key,),
        )
        if row is None:
            return None
        return row["owner"], ApiKey(row["dataset"], row["title"], frozenset(json.loads(row["scopes"])))


def _row(row: sqlite3.Row, with_metadata: bool) -> dict[str, Any]:
    optimised = row["optimised"]
    return {
        "data_hash": row["data_hash"],
        "data_title": row["title"],
        "data_type": row["data_type"],
        "created_at": moments.legacy(row["created_at"]),
        "last_edited_at": moments.legacy(row["created_at"]),
        "width": row["width"],
        "height": row["height"],
        "file_link": row["url"],
        "file_size": row["file_size"],
        "file_type": row["file_type"],
        "storage_location": row["storage_location"],
        "client_metadata": json.loads(row["client_metadata"]) if with_metadata else None,
        "frames_per_second": row["fps"],
        "duration": row["duration"],
        "images_data": None,
        "signed_url": None,
        "is_optimised_image_group": None if optimised is None else bool(optimised),
        "backing_item_uuid": row["item"],
    }
