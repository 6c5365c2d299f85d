"""The rows of datasets."""

import json
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_encord.emulator import legacy, moments
from airflow_provider_encord.emulator.clock import Clock
from airflow_provider_encord.emulator.errors import Reason, Refusal
from airflow_provider_encord.emulator.filters import conditions
from airflow_provider_encord.emulator.removal import Removal
from airflow_provider_encord.emulator.resources.storage import Storage
from airflow_provider_encord.emulator.store import Store
from airflow_provider_encord.emulator.uuids import is_uuid

_ROWS = """
SELECT rows.*, items.data_type, items.width, items.height, items.url, items.file_size, items.file_type,
       items.storage_location, items.client_metadata, items.fps, items.duration, items.optimised
FROM rows JOIN items ON items.uuid = rows.item
"""
_CHUNK = 500


class DataRows:
    """What the datasets hold."""

    def __init__(self, store: Store, storage: Storage, removal: Removal, clock: Clock) -> None:
        self._store = store
        self._storage = storage
        self._removal = removal
        self._clock = clock

    @legacy.answers("list_data_rows", "datarows", "GET", scope=legacy.READ)
    def answer_list(self, call: legacy.Call) -> list[dict[str, Any]]:
        """List the rows that pass all filters."""
        settings = legacy.as_object(call.payload.get("dataset_access_settings"), "dataset_access_settings")
        filters: dict[str, Any] = {
            name: value for name, value in legacy.dates(call.payload).items() if name.startswith("created")
        }
        filters |= {name: legacy.as_string(call.payload.get(name), name) for name in ("title_eq", "title_like")}
        return self.search(
            call.id,
            filters,
            call.strings("data_types"),
            call.strings("data_hashes"),
            bool(settings.get("fetch_client_metadata")),
        )

    @legacy.answers("get_data_row", "datarow", "GET", scope=legacy.READ)
    def answer_get(self, call: legacy.Call) -> dict[str, Any]:
        """Show one row with more about it."""
        wanted = legacy.as_object(call.payload.get("additional_data"), "additional_data")
        images = wanted.get("images_data_fetch_options")
        return self.get(
            call.id,
            legacy.as_string(call.uid, "uid") or "",
            signed_url=bool(wanted.get("signed_url")),
            images=images is not None,
            signed_images=bool(legacy.as_object(images, "images_data_fetch_options").get("fetch_signed_urls")),
            with_metadata=bool(wanted.get("client_metadata")),
        )

    @legacy.answers("link_items", "datasetlinkitems", "POST", scope=legacy.WRITE)
    def answer_link(self, call: legacy.Call) -> list[dict[str, Any]]:
        """Add existing storage items to the dataset."""
        call.require_same_dataset()
        items = call.strings("item_uuids")
        duplicates = call.payload.get("duplicates_behavior", "SKIP")
        if not items or not all(map(is_uuid, items)) or duplicates not in ("SKIP", "FAIL", "DUPLICATE"):
            raise Refusal(Reason.INVALID_ARGUMENTS, "needed: item_uuids, and SKIP, FAIL or DUPLICATE for duplicates")
        return self.link(call.caller.user, call.id, [item.lower() for item in items], duplicates)

    @legacy.answers("delete_data", "video", "DELETE", scope=legacy.WRITE)
    def answer_delete(self, call: legacy.Call) -> None:
        """Remove data from the dataset."""
        hashes = [call.uid] if isinstance(call.uid, str) else call.uid
        call.notes["removed"] = self.delete(call.id, legacy.as_strings(hashes, "uid"))

    def search(
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

    def get(
        self, dataset: str, data_hash: str, signed_url: bool, images: bool, signed_images: bool, with_metadata: bool
    ) -> dict[str, Any]:
        """Return one row with what was asked for in addition."""
        found = self._store.one(f"{_ROWS} WHERE rows.dataset = ? AND rows.data_hash = ?", (dataset, data_hash))
        if found is None:
            raise Refusal(Reason.NOT_FOUND, f"there is no data {data_hash} in this dataset")
        row = _row(found, with_metadata)
        if signed_url and found["url"]:
            row["signed_url"] = self._storage.download_url(found["url"], found["storage_location"])
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
                    "signed_url": self._storage.download_url(file["url"], found["storage_location"])
                    if signed_images
                    else None,
                }
                for file in self._store.all("SELECT * FROM files WHERE item = ? ORDER BY position", (found["item"],))
            ]
        return row

    def link(self, user: str, dataset: str, items: Sequence[str], duplicates: str) -> list[dict[str, Any]]:
        """Add existing storage items to a dataset and return the rows made."""
        made = []
        with self._store.transaction():
            for item in items:
                found = self._store.one("SELECT owner, title, placeholder FROM items WHERE uuid = ?", (item,))
                if found is None:
                    raise Refusal(Reason.NOT_FOUND, f"there is no storage item {item}")
                if found["owner"] != user:
                    raise Refusal(Reason.AUTHORISATION, f"storage item {item} belongs to someone else")
                if found["placeholder"]:
                    raise Refusal(Reason.INVALID_ARGUMENTS, f"storage item {item} is a placeholder")
                if duplicates != "DUPLICATE" and self.holds(dataset, item):
                    if duplicates == "FAIL":
                        raise Refusal(Reason.EXISTS, f"storage item {item} is in the dataset already")
                    continue
                made.append(self.add(dataset, item, found["title"]))
            self.touch(dataset)
        return self.search(dataset, data_hashes=made)

    def holds(self, dataset: str, item: str) -> bool:
        """Tell whether a storage item is in a dataset."""
        return self._store.one("SELECT 1 FROM rows WHERE item = ? AND dataset = ?", (item, dataset)) is not None

    def add(self, dataset: str, item: str, title: str, job: str | None = None) -> str:
        """Add one row and return its data hash."""
        data_hash = str(uuid.uuid4())
        self._store.run(
            "INSERT INTO rows (data_hash, dataset, item, job, title, created_at) VALUES (?, ?, ?, ?, ?, ?)",
            (data_hash, dataset, item, job, title, self._clock.time()),
        )
        return data_hash

    def delete(self, dataset: str, data_hashes: Sequence[str]) -> int:
        """Remove rows of this dataset, items no dataset shows any more, and the bytes Encord holds for those.

        Items that came into a folder in another way than with a dataset stay there. Hashes of other datasets are
        ignored, as Encord's documentation says.
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
                _, paths = self._removal.remove(item for item in {row["item"] for row in doomed} if self._goes(item))
                if doomed:
                    self.touch(dataset)
            # Only after the books are right: bytes left behind by a crash are swept away at the next start.
            for path in paths:
                path.unlink(missing_ok=True)
        return removed

    def remove_items(self, dataset: str, items: Sequence[str]) -> None:
        """Remove the rows of items that leave a dataset; the items stay."""
        self._store.run_many("DELETE FROM rows WHERE dataset = ? AND item = ?", [(dataset, item) for item in items])
        self.touch(dataset)

    def touch(self, dataset: str) -> None:
        """Note that a dataset has changed."""
        self._store.run("UPDATE datasets SET edited_at = ? WHERE uuid = ?", (self._clock.time(), dataset))

    def _goes(self, item: str) -> bool:
        """Tell whether an item goes with its last row: it came with a dataset, or lies in the folder of one."""
        return self._store.one(
            "SELECT 1 FROM items JOIN folders ON folders.uuid = items.folder LEFT JOIN jobs ON jobs.uuid = items.job"
            " WHERE items.uuid = ? AND NOT items.frame AND (jobs.dataset IS NOT NULL OR folders.dataset IS NOT NULL)"
            " AND NOT EXISTS (SELECT 1 FROM rows WHERE rows.item = items.uuid)",
            (item,),
        ) is not None  # fmt: skip


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))


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
