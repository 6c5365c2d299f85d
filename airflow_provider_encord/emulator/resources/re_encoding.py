"""Re-encode tasks. Nothing is encoded: a task takes its time and then shows the videos as they are."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_encord.emulator import legacy
from airflow_provider_encord.emulator.clock import Clock
from airflow_provider_encord.emulator.outcomes import Outcome
from airflow_provider_encord.emulator.resources.storage import Storage
from airflow_provider_encord.emulator.settings import Settings
from airflow_provider_encord.emulator.store import Store


class ReEncoding:
    """The tasks; ids are whole numbers, as Encord's documentation shows them."""

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

    def start(self, dataset: str, data_hashes: Sequence[str]) -> int:
        """Start a task for the videos among the hashes that are in the dataset; others are ignored."""
        videos = [row["data_hash"] for row in self._videos(dataset, data_hashes)]
        ordered, self._next = self._next, Outcome()
        with self._store.transaction():
            task = self._store.run(
                "INSERT INTO tasks (dataset, hashes, due_at, forced) VALUES (?, ?, ?, ?)",
                (dataset, json.dumps(videos), self._clock.time() + self._settings.re_encode_seconds, ordered.dump()),
            ).lastrowid
        return int(task or 0)

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
            self._store.run("UPDATE tasks SET forced = ? WHERE id = ?", (forced.dump(), task))
            row = self._store.one("SELECT * FROM tasks WHERE id = ?", (task,))
        if row is None:
            raise LookupError(f"there is no re-encode task {task!r}: give its id, or 'next'")
        return self._describe(row)

    def _describe(self, row: sqlite3.Row) -> dict[str, Any]:
        forced = Outcome.load(row["forced"])
        status = forced.status or ("DONE" if self._clock.time() >= row["due_at"] else "SUBMITTED")
        if status != "DONE":
            return {"status": status, "result": None}
        return {
            "status": status,
            "result": [
                {
                    "data_hash": video["data_hash"],
                    "signed_url": self._storage.download_url(video["url"], 0)
                    if not video["storage_location"]
                    else None,
                    "bucket_path": video["url"],
                }
                for video in self._videos(row["dataset"], json.loads(row["hashes"]))
                if video["data_hash"] not in forced.fail_units
            ],
        }

    def _videos(self, dataset: str, data_hashes: Sequence[str]) -> list[sqlite3.Row]:
        return self._store.all(
            "SELECT rows.data_hash, items.url, items.storage_location FROM rows JOIN items ON items.uuid = rows.item"
            " WHERE rows.dataset = ? AND items.data_type = 'VIDEO'"
            " AND rows.data_hash IN (SELECT value FROM json_each(?)) ORDER BY rows.seq",
            (dataset, json.dumps(list(data_hashes))),
        )
