"""Registration jobs: carry one out, tell how it stands."""

import json
import logging
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow_provider_encord.emulator import units
from airflow_provider_encord.emulator.bucket import Bucket
from airflow_provider_encord.emulator.clock import Clock
from airflow_provider_encord.emulator.errors import MissingExtra
from airflow_provider_encord.emulator.inspection import PROBED_FILES, Inspector, NewItem, UnitError
from airflow_provider_encord.emulator.outcomes import Outcome
from airflow_provider_encord.emulator.resources.data_rows import DataRows
from airflow_provider_encord.emulator.resources.integrations import Integrations
from airflow_provider_encord.emulator.resources.storage import Storage
from airflow_provider_encord.emulator.store import Store
from airflow_provider_encord.emulator.units import Manifest, Unit

log = logging.getLogger(__name__)

_BATCH = 1000
_READERS = 8


class Stopped(Exception):
    """The emulator is being stopped; the job goes on at the next start."""


class JobWork:
    """The jobs and what they do. Calls block; :mod:`jobs` decides when they are made."""

    def __init__(
        self,
        store: Store,
        storage: Storage,
        rows: DataRows,
        integrations: Integrations,
        clock: Clock,
        bucket: Bucket | None,
    ) -> None:
        self._store = store
        self._storage = storage
        self._rows = rows
        self._integrations = integrations
        self._clock = clock
        self._bucket = bucket
        self.stopping = threading.Event()

    def find(self, job: str) -> sqlite3.Row | None:
        """Return a job."""
        return self._store.one("SELECT * FROM jobs WHERE uuid = ?", (job.lower(),))

    def unsettled(self) -> list[sqlite3.Row]:
        """Return the jobs still to be carried out, after undoing what an interrupted run of them has added."""
        jobs = self._store.all("SELECT uuid FROM jobs WHERE NOT settled ORDER BY seq")
        with self._store.transaction():
            for job in jobs:
                self._store.run("DELETE FROM rows WHERE job = ?", (job["uuid"],))
                self._store.run(
                    "DELETE FROM files WHERE item IN (SELECT uuid FROM items WHERE job = ?)", (job["uuid"],)
                )
                self._store.run("DELETE FROM items WHERE job = ?", (job["uuid"],))
        return jobs

    def set_outcome(self, job: str, outcome: Outcome) -> None:
        """Write down an ordered outcome; a job that is over changes its status only."""
        running = outcome.status if outcome.held else "PENDING"
        with self._store.transaction():
            self._store.run(
                "UPDATE jobs SET forced = ?, status = CASE WHEN settled THEN coalesce(?, status) ELSE ? END"
                " WHERE uuid = ?",
                (outcome.dump(), outcome.status, running, job),
            )

    def describe(self, job: str) -> dict[str, Any]:
        """Tell how a job stands, in all the fields Encord's client 0.1.211 insists on."""
        row = self.find(job)
        assert row is not None  # noqa: S101 - jobs are never removed
        made = (
            self._store.all("SELECT data_hash, title, item FROM rows WHERE job = ? ORDER BY seq", (job,))
            if row["settled"]
            else []
        )
        return {
            "status": row["status"],
            "data_hashes_with_titles": [
                {"data_hash": entry["data_hash"], "title": entry["title"], "backing_item_uuid": entry["item"]}
                for entry in made
            ],
            "errors": json.loads(row["errors"]),
            "data_unit_errors": json.loads(row["unit_errors"]),
            "units_pending_count": row["pending"],
            "units_done_count": row["done"],
            "units_error_count": row["failed"],
            "units_cancelled_count": row["cancelled"],
        }

    def settle(self, job: str) -> None:
        """Carry a job out to its end."""
        row = self.find(job)
        if row is None or row["settled"]:
            return
        outcome = Outcome.load(row["forced"])
        total = row["pending"]
        try:
            if outcome.status == "CANCELLED":
                self._finish(job, "CANCELLED", cancelled=total)
            elif outcome.status == "ERROR" and not outcome.fail_units:
                self._finish(job, "ERROR", errors=[outcome.error], failed=total)
            else:
                self._carry_out(row, outcome)
        except Stopped:
            raise
        except MissingExtra as error:
            self._finish(job, "ERROR", errors=[str(error)], failed=total)
        except Exception as error:
            log.exception("job %s broke", job)
            self._finish(job, "ERROR", errors=[f"the local Encord broke: {error!r}"], failed=total)

    def _carry_out(self, row: sqlite3.Row, ordered: Outcome) -> None:
        payload = json.loads(self._store.value("SELECT payload FROM payloads WHERE job = ?", (row["uuid"],)))
        manifest = units.read(payload)
        items: list[NewItem] = []
        failures: list[tuple[Unit, str]] = []
        for unit, outcome in self._inspected(row["owner"], payload, manifest, ordered):
            if isinstance(outcome, str):
                failures.append((unit, outcome))
            else:
                items.extend(outcome)
        failed = len(failures)
        problems: dict[str, Any] = {
            "errors": list(dict.fromkeys(text for _, text in failures)),
            "unit_errors": [_unit_error(unit, text) for unit, text in failures],
            "failed": failed,
        }
        if ordered.status == "ERROR" or (failures and not row["ignore_errors"] and ordered.status != "DONE"):
            # All or nothing: the units that were fine are not added, so they are not done.
            self._finish(row["uuid"], "ERROR", cancelled=row["pending"] - failed, **problems)
            return
        for batch in _batches(items):
            self._check_stopping()
            with self._store.transaction():
                self._add(row, manifest, batch)
        self._finish(row["uuid"], "DONE", done=row["pending"] - failed, **problems)

    def _inspected(
        self, user: str, payload: Mapping[str, Any], manifest: Manifest, ordered: Outcome
    ) -> Iterator[tuple[Unit, list[NewItem] | str]]:
        location = self._integrations.provider(payload["integrationId"]) if manifest.private else 0
        inspector = Inspector(
            self._store,
            self._storage,
            self._bucket if location == 1 else None,
            user,
            location,
            probing=sum(len(unit.files) for unit in manifest.units) <= PROBED_FILES,
        )

        def outcome(numbered: tuple[int, Unit]) -> list[NewItem] | str:
            if ordered.fails(numbered[0], numbered[1].urls):
                return ordered.error
            try:
                return inspector.inspect(numbered[1])
            except UnitError as error:
                return str(error)

        with ThreadPoolExecutor(_READERS) as readers:
            apply: Callable[..., Iterable[list[NewItem] | str]] = readers.map if inspector.slow else map
            for batch in _batches(list(enumerate(manifest.units))):
                self._check_stopping()
                yield from zip((unit for _, unit in batch), apply(outcome, batch), strict=True)

    def _add(self, row: sqlite3.Row, manifest: Manifest, batch: list[NewItem]) -> None:
        job, dataset, folder, now = row["uuid"], row["dataset"], row["folder"], self._clock.time()
        known: dict[str, str] = {}
        if manifest.skip_duplicates:
            known = {
                found["identity"]: found["uuid"]
                for found in self._store.all(
                    "SELECT identity, uuid FROM items WHERE folder = ?"
                    " AND identity IN (SELECT value FROM json_each(?))",
                    (folder, json.dumps([item.identity for item in batch])),
                )
            }
        fresh: set[str] = set()
        items: list[tuple[Any, ...]] = []
        files: list[tuple[Any, ...]] = []
        rows: list[tuple[Any, ...]] = []
        for item in batch:
            metadata = json.dumps(item.client_metadata)
            existing = known.get(item.identity)
            if existing is not None:
                if manifest.upsert_metadata:
                    self._store.run("UPDATE items SET client_metadata = ? WHERE uuid = ?", (metadata, existing))
                # Another dataset may have put the item into this folder.
                if existing not in fresh and not self._rows.holds(dataset, existing):
                    self._rows.add(dataset, existing, item.title, job)
                continue
            name = item.uuid if item.uuid and item.uuid not in fresh and self._is_free(item.uuid) else str(uuid.uuid4())
            fresh.add(name)
            if manifest.skip_duplicates:
                known[item.identity] = name
            items.append(
                (
                    *(name, row["owner"], folder, job, item.data_type, item.title, item.url, item.identity),
                    *(item.storage_location, *item.facts, item.optimised, metadata, now),
                )
            )
            for position, file in enumerate(item.files):
                facts = file.facts
                files.append(
                    (
                        *(name, position, str(uuid.uuid4()), file.url, file.title),
                        *(facts.width, facts.height, facts.file_size, facts.file_type),
                    )
                )
            rows.append((str(uuid.uuid4()), dataset, name, job, item.title, now))
        self._store.insert("items", items)
        self._store.insert("files", files)
        self._store.run_many(
            "INSERT INTO rows (data_hash, dataset, item, job, title, created_at) VALUES (?, ?, ?, ?, ?, ?)", rows
        )
        self._rows.touch(dataset)

    def _is_free(self, item: str) -> bool:
        """Tell whether the UUID that was handed out with an upload URL is not an item's yet."""
        return self._store.one("SELECT 1 FROM items WHERE uuid = ?", (item,)) is None

    def _finish(
        self,
        job: str,
        status: str,
        errors: Iterable[str] = (),
        unit_errors: Iterable[Mapping[str, Any]] = (),
        done: int = 0,
        failed: int = 0,
        cancelled: int = 0,
    ) -> None:
        with self._store.transaction():
            self._store.run(
                "UPDATE jobs SET settled = 1, status = ?, errors = ?, unit_errors = ?, pending = 0, done = ?,"
                " failed = ?, cancelled = ? WHERE uuid = ?",
                (status, json.dumps(list(errors)), json.dumps(list(unit_errors)), done, failed, cancelled, job),
            )
            self._store.run("DELETE FROM payloads WHERE job = ?", (job,))

    def _check_stopping(self) -> None:
        if self.stopping.is_set():
            raise Stopped


def _batches(values: list[Any]) -> Iterator[list[Any]]:
    return (values[start : start + _BATCH] for start in range(0, len(values), _BATCH))


def _unit_error(unit: Unit, text: str) -> dict[str, Any]:
    return {
        "object_urls": unit.urls,
        "error": text,
        "subtask_uuid": str(uuid.uuid4()),
        "action_description": f"register {unit.kind.data_type}",
    }
