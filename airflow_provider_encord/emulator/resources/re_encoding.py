"""Re-encode tasks. Nothing is encoded: a task takes its time and then shows the videos as they are."""

import json
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_encord.emulator import legacy, rest
from airflow_provider_encord.emulator.clock import Clock
from airflow_provider_encord.emulator.errors import Reason, Refusal
from airflow_provider_encord.emulator.outcomes import Outcome
from airflow_provider_encord.emulator.resources.storage import Storage
from airflow_provider_encord.emulator.settings import Settings
from airflow_provider_encord.emulator.store import Store


class ReEncoding:
    """The tasks. Ids of those of a dataset are whole numbers, as Encord's documentation shows them."""

    def __init__(self, store: Store, storage: Storage, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._storage = storage
        self._settings = settings
        self._clock = clock
        self._next = Outcome()

    @legacy.answers("re_encode_start", "reencodevideotask", "PUT", scope=legacy.WRITE)
    def answer_start(self, call: legacy.Call) -> int:
        """Start a re-encode task."""
        hashes = call.payload.get("data_hash")
        task = self.start(call.id, [hashes] if isinstance(hashes, str) else legacy.as_strings(hashes, "data_hash"))
        call.notes["tasks"] = [task]
        return task

    @legacy.answers("re_encode_status", "reencodevideotask", "GET", scope=legacy.READ)
    def answer_status(self, call: legacy.Call) -> dict[str, Any] | None:
        """Tell how a re-encode task stands; null if there is none."""
        return self.status(call.id, call.uid)

    @rest.answers("item_re_encode_start", "POST", "storage/items/reencode")
    def answer_start_items(self, call: rest.Call) -> str:
        """Start a re-encode task for videos among items."""
        given = call.json()
        rest.as_string(given, "processTitle")
        rest.as_flag(given, "forceFullReencoding")
        items = rest.as_uuids(given, "storageItems")
        videos = [row["name"] for row in self._item_videos(call.caller.user, items)]
        if not videos:
            raise Refusal(Reason.INVALID_ARGUMENTS, "none of the storage items is a video")
        name = str(uuid.uuid4())
        self._create(videos, name=name, owner=call.caller.user)
        call.notes["tasks"] = [name]
        return name

    @rest.answers("item_re_encode_status", "GET", "storage/items/reencode/{task}")
    def answer_item_status(self, call: rest.Call) -> dict[str, Any]:
        """Tell how a re-encode task of items stands."""
        row = self._store.one(
            "SELECT * FROM tasks WHERE uuid = ? AND owner = ?", (call.path["task"].lower(), call.caller.user)
        )
        if row is None:
            raise Refusal(Reason.NOT_FOUND, f"there is no re-encode task {call.path['task']}")
        return self._describe(row)

    def start(self, dataset: str, data_hashes: Sequence[str]) -> int:
        """Start a task for the videos among the hashes that are in the dataset; others are ignored."""
        return self._create([row["name"] for row in self._videos(dataset, data_hashes)], dataset=dataset)

    def status(self, dataset: str, task: Any) -> dict[str, Any] | None:
        """Tell how a task stands; None if there is no such task."""
        if not isinstance(task, int | str):
            return None
        row = self._store.one("SELECT * FROM tasks WHERE id = ? AND dataset = ?", (task, dataset))
        return None if row is None else self._describe(row)

    def force(self, task: str, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Order the outcome of a task, or with ``next`` as its name that of the next one to be started."""
        forced = Outcome.parse(outcome)
        if task == "next":
            self._next = forced
            return {}
        with self._store.transaction():
            row = self._store.one("SELECT id FROM tasks WHERE ? IN (CAST(id AS TEXT), uuid)", (task.lower(),))
            if row is not None:
                self._store.run("UPDATE tasks SET forced = ? WHERE id = ?", (forced.dump(), row["id"]))
                row = self._store.one("SELECT * FROM tasks WHERE id = ?", (row["id"],))
        if row is None:
            raise LookupError(f"there is no re-encode task {task!r}: give its id, or 'next'")
        return self._describe(row)

    def _create(
        self, videos: list[str], *, dataset: str | None = None, name: str | None = None, owner: str | None = None
    ) -> int:
        ordered, self._next = self._next, Outcome()
        with self._store.transaction():
            task = self._store.run(
                "INSERT INTO tasks (dataset, hashes, due_at, forced, uuid, owner) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    *(dataset, json.dumps(videos), self._clock.time() + self._settings.re_encode_seconds),
                    *(ordered.dump(), name, owner),
                ),
            ).lastrowid
        return int(task or 0)

    def state(self, row: sqlite3.Row) -> str:
        """Tell the state of a task."""
        return Outcome.load(row["forced"]).status or ("DONE" if self._clock.time() >= row["due_at"] else "SUBMITTED")

    def _describe(self, row: sqlite3.Row) -> dict[str, Any]:
        forced, status = Outcome.load(row["forced"]), self.state(row)
        of_items, wanted = row["dataset"] is None, json.loads(row["hashes"])
        if of_items:
            status = status.lower()
        if status.upper() != "DONE":
            return {"status": status, "result": None}
        videos = self._item_videos(row["owner"], wanted) if of_items else self._videos(row["dataset"], wanted)
        fields = ("itemUuid", "signedUrl", "bucketPath") if of_items else ("data_hash", "signed_url", "bucket_path")
        return {
            "status": status,
            "result": [
                dict(zip(fields, (video["name"], self._signed_url(video), video["url"]), strict=True))
                for video in videos
                if video["name"] not in forced.fail_units
            ],
        }

    def _signed_url(self, video: sqlite3.Row) -> str | None:
        return None if video["storage_location"] else self._storage.download_url(video["url"], 0)

    def _item_videos(self, user: str, items: Sequence[str]) -> list[sqlite3.Row]:
        return self._store.all(
            "SELECT uuid AS name, url, storage_location FROM items"
            " WHERE owner = ? AND data_type = 'VIDEO' AND NOT placeholder"
            " AND uuid IN (SELECT value FROM json_each(?)) ORDER BY rowid",
            (user, json.dumps(list(items))),
        )

    def _videos(self, dataset: str, data_hashes: Sequence[str]) -> list[sqlite3.Row]:
        return self._store.all(
            "SELECT rows.data_hash AS name, items.url, items.storage_location"
            " FROM rows JOIN items ON items.uuid = rows.item WHERE rows.dataset = ? AND items.data_type = 'VIDEO'"
            " AND rows.data_hash IN (SELECT value FROM json_each(?)) ORDER BY rows.seq",
            (dataset, json.dumps(list(data_hashes))),
        )
