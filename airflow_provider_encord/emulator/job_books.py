"""The books of jobs: what was ordered, how far it has come, what is told about it."""

import json
import sqlite3
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_encord.emulator.clock import Clock
from airflow_provider_encord.emulator.outcomes import Outcome
from airflow_provider_encord.emulator.store import Store

DATASET, FOLDER, SYNC = "dataset", "folder", "sync"
"""The kinds of jobs: registration into a dataset, into a folder, and the sync of a folder with its bucket."""

_COUNTS = ("pending", "done", "error", "cancelled")


class JobBooks:
    """All jobs there are and were."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def create(
        self,
        kind: str,
        user: str,
        folder: str,
        outcome: Outcome,
        *,
        seconds: float,
        payload: Mapping[str, Any] | None = None,
        units: int = 0,
        dataset: str | None = None,
    ) -> str:
        """Write down a new job and return its UUID."""
        job, payload = str(uuid.uuid4()), payload or {}
        with self._store.transaction():
            self._store.run(
                "INSERT INTO jobs (uuid, kind, owner, dataset, folder, ignore_errors, due_at, status, forced, pending,"
                " file_name) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(job, kind, user, dataset, folder, payload.get("ignoreErrors") is True),
                    *(self._clock.time() + seconds, outcome.status if outcome.held else "PENDING", outcome.dump()),
                    *(units, payload.get("fileName")),
                ),
            )
            if payload:
                self._store.run("INSERT INTO payloads VALUES (?, ?)", (job, json.dumps(payload).encode()))
        return job

    def find(self, job: str) -> sqlite3.Row | None:
        """Return a job."""
        return self._store.one("SELECT * FROM jobs WHERE uuid = ?", (job.lower(),))

    def unsettled(self) -> list[sqlite3.Row]:
        """Return the jobs still to be carried out."""
        return self._store.all("SELECT uuid FROM jobs WHERE NOT settled ORDER BY seq")

    def set_outcome(self, job: str, outcome: Outcome) -> None:
        """Write down an ordered outcome; a job that is over changes its status only."""
        running = outcome.status if outcome.held else "PENDING"
        with self._store.transaction():
            self._store.run(
                "UPDATE jobs SET forced = ?, status = CASE WHEN settled THEN coalesce(?, status) ELSE ? END"
                " WHERE uuid = ?",
                (outcome.dump(), outcome.status, running, job),
            )

    def advance(self, job: str, done: int, failed: int) -> None:
        """Count units that a job has dealt with."""
        self._store.run(
            "UPDATE jobs SET pending = pending - ?, done = done + ?, failed = failed + ? WHERE uuid = ?",
            (done + failed, done, failed, job),
        )

    def tell(self, job: str, errors: Iterable[str], unit_errors: Iterable[Mapping[str, Any]]) -> None:
        """Write down what has gone wrong so far."""
        self._store.run(
            "UPDATE jobs SET errors = ?, unit_errors = ? WHERE uuid = ?",
            (json.dumps(list(errors)), json.dumps(list(unit_errors)), job),
        )

    def finish(
        self,
        job: str,
        status: str,
        errors: Iterable[str] | None = None,
        unit_errors: Iterable[Mapping[str, Any]] = (),
        *,
        failed: int = 0,
    ) -> None:
        """End a job: so many more units have failed, and those that nobody has dealt with are cancelled."""
        with self._store.transaction():
            if errors is not None:
                self.tell(job, errors, unit_errors)
            self.advance(job, 0, failed)
            self._store.run(
                "UPDATE jobs SET settled = 1, status = ?, cancelled = pending, pending = 0 WHERE uuid = ?",
                (status, job),
            )
            self._store.run("DELETE FROM payloads WHERE job = ?", (job,))

    def describe(self, job: str) -> dict[str, Any]:
        """Tell how a job stands, in all the fields Encord's client 0.1.211 insists on."""
        row = self.find(job)
        assert row is not None  # noqa: S101 - jobs are never removed
        counts = (row["pending"], row["done"], row["failed"], row["cancelled"])
        if row["kind"] == SYNC:
            return _sync(row, counts)
        if row["kind"] == FOLDER:
            return self._folder_job(row, counts)
        made = self._made("SELECT * FROM rows WHERE job = ? ORDER BY seq", row)
        return {
            "status": row["status"],
            "data_hashes_with_titles": [
                {"data_hash": entry["data_hash"], "title": entry["title"], "backing_item_uuid": entry["item"]}
                for entry in made
            ],
            "errors": json.loads(row["errors"]),
            "data_unit_errors": json.loads(row["unit_errors"]),
            **{f"units_{name}_count": count for name, count in zip(_COUNTS, counts, strict=True)},
        }

    def _folder_job(self, row: sqlite3.Row, counts: tuple[int, ...]) -> dict[str, Any]:
        made = self._made(
            "SELECT items.uuid, items.title FROM job_items JOIN items ON items.uuid = job_items.item"
            " WHERE job_items.job = ? ORDER BY job_items.seq",
            row,
        )
        return {
            "status": row["status"],
            "itemsWithNames": [{"itemUuid": entry["uuid"], "name": entry["title"]} for entry in made],
            "errors": json.loads(row["errors"]),
            "unitErrors": [
                {
                    "objectUrls": error["object_urls"],
                    "error": error["error"],
                    "subtaskUuid": error["subtask_uuid"],
                    "actionDescription": error["action_description"],
                }
                for error in json.loads(row["unit_errors"])
            ],
            **{f"units{name.title()}Count": count for name, count in zip(_COUNTS, counts, strict=True)},
            "fileName": row["file_name"],
        }

    def _made(self, sql: str, row: sqlite3.Row) -> list[sqlite3.Row]:
        """Return what a job has made, unless it is at it: telling half a million at each poll would hold it up."""
        quiet = row["settled"] or Outcome.load(row["forced"]).held
        return self._store.all(sql, (row["uuid"],)) if quiet else []


def _sync(row: sqlite3.Row, counts: tuple[int, ...]) -> dict[str, Any]:
    scan = json.loads(row["scan"])
    shown = {"status": row["status"].lower()}
    shown |= {f"scanPagesProcessing{name.title()}": scan.get(f"pages_{name}", 0) for name in _COUNTS}
    shown |= {f"uploadJobs{name.title()}": scan.get(f"jobs_{name}", 0) for name in _COUNTS[:3]}
    return shown | {f"uploadJobsUnits{name.title()}": count for name, count in zip(_COUNTS, counts, strict=True)}
