"""What a registration job adds: items to a folder, and rows to a dataset."""

import json
import sqlite3
import uuid
from collections.abc import Iterable
from typing import Any

from airflow_provider_encord.emulator.clock import Clock
from airflow_provider_encord.emulator.inspection import NewFile, NewItem
from airflow_provider_encord.emulator.item_rows import item_row
from airflow_provider_encord.emulator.resources.data_rows import DataRows
from airflow_provider_encord.emulator.store import Store
from airflow_provider_encord.emulator.units import Manifest


class Additions:
    """Adds what has been inspected. To be used within a transaction."""

    def __init__(self, store: Store, rows: DataRows, clock: Clock) -> None:
        self._store = store
        self._rows = rows
        self._clock = clock

    def add(self, job: sqlite3.Row, manifest: Manifest, batch: Iterable[NewItem]) -> None:
        """Add items for a job."""
        _Batch(self._store, self._rows, self._clock.time(), job, manifest).add(list(batch))


class _Batch:
    """Some items of one job."""

    def __init__(self, store: Store, rows: DataRows, now: float, job: sqlite3.Row, manifest: Manifest) -> None:
        self._store = store
        self._data_rows = rows
        self._now = now
        self._job = job["uuid"]
        self._owner = job["owner"]
        self._folder = job["folder"]
        self._lists_items = job["kind"] != "dataset"
        # What is added to the folder of a mirror dataset is added to the dataset, too.
        self._dataset = job["dataset"] or store.value("SELECT dataset FROM folders WHERE uuid = ?", (job["folder"],))
        self._manifest = manifest
        self._items: dict[str, tuple[Any, ...]] = {}
        self._files: list[tuple[Any, ...]] = []
        self._rows: list[tuple[Any, ...]] = []
        self._listed: list[tuple[str, str]] = []

    def add(self, items: list[NewItem]) -> None:
        known = self._known(items) if self._manifest.skip_duplicates else {}
        for item in items:
            existing = known.get(item.identity)
            if existing is not None:
                self._skip(item, existing)
            elif (filled := self._filled(item)) is not None:
                self._listed.append((self._job, filled))
            else:
                name = self._make(item)
                if self._manifest.skip_duplicates:
                    known[item.identity] = name
        self._write()

    def _known(self, items: list[NewItem]) -> dict[str, str]:
        """Return the items that the folder holds already, by what makes them duplicates."""
        found = self._store.all(
            "SELECT identity, uuid FROM items WHERE folder = ? AND NOT frame AND NOT placeholder"
            " AND identity IN (SELECT value FROM json_each(?))",
            (self._folder, json.dumps([item.identity for item in items])),
        )
        return {row["identity"]: row["uuid"] for row in found}

    def _filled(self, item: NewItem) -> str | None:
        """Return what an earlier unit made of the same placeholders."""
        if not item.placeholder:
            return None
        if item.uuid is not None:
            return None if self._is_free(item.uuid) else item.uuid
        group: str | None = self._store.value(
            "SELECT uuid FROM items WHERE folder = ? AND identity = ? AND data_type = ?",
            (self._folder, item.identity, item.data_type),
        )
        return group

    def _skip(self, item: NewItem, existing: str) -> None:
        if self._manifest.upsert_metadata:
            metadata = json.dumps(item.client_metadata)
            self._store.run("UPDATE items SET client_metadata = ? WHERE uuid = ?", (metadata, existing))
        # Another dataset may have put the item into this folder.
        if self._dataset and existing not in self._items and not self._data_rows.holds(self._dataset, existing):
            self._data_rows.add(self._dataset, existing, item.title, self._job)

    def _make(self, item: NewItem) -> str:
        name = self._name(item.uuid)
        self._items[name] = self._row(name, item, client_metadata=json.dumps(item.client_metadata))
        for position, file in enumerate(item.files):
            facts = file.facts
            frame = name if item.url is not None else self._frame(item, file)
            self._files.append(
                (
                    *(name, position, frame, file.url, file.title),
                    *(facts.width, facts.height, facts.file_size, facts.file_type),
                )
            )
        self._listed.append((self._job, name))
        if self._dataset:
            self._rows.append((str(uuid.uuid4()), self._dataset, name, self._job, item.title, self._now))
        return name

    def _frame(self, group: NewItem, file: NewFile) -> str:
        """Return the item that stands for a file of a group or series, made if there is none yet."""
        if file.uuid and not self._is_free(file.uuid):
            return file.uuid
        name = file.uuid or str(uuid.uuid4())
        data_type = "DICOM_FILE" if group.data_type == "DICOM" else "IMAGE"
        frame = NewItem(data_type, file.title, file.url, [], file.facts, group.storage_location, {})
        self._items[name] = self._row(name, frame, frame=True)
        return name

    def _row(self, name: str, item: NewItem, *, client_metadata: str = "{}", frame: bool = False) -> tuple[Any, ...]:
        return item_row(
            name,
            owner=self._owner,
            folder=self._folder,
            job=self._job,
            data_type=item.data_type,
            title=item.title,
            url=item.url,
            identity=item.identity,
            storage_location=item.storage_location,
            facts=item.facts,
            optimised=item.optimised,
            client_metadata=client_metadata,
            integration=self._manifest.integration if item.storage_location else None,
            frame=frame,
            extra=json.dumps({"settings": item.settings}) if item.settings else "{}",
            now=self._now,
        )

    def _name(self, promised: str | None) -> str:
        return promised if promised and self._is_free(promised) else str(uuid.uuid4())

    def _is_free(self, item: str) -> bool:
        """Tell whether what was promised with an upload URL is no item yet, or only a placeholder."""
        found = self._store.one("SELECT placeholder FROM items WHERE uuid = ?", (item,))
        return item not in self._items and (found is None or bool(found["placeholder"]))

    def _write(self) -> None:
        placeholders = json.dumps(list(self._items))
        self._store.run("DELETE FROM items WHERE uuid IN (SELECT value FROM json_each(?))", (placeholders,))
        self._store.insert("items", list(self._items.values()))
        self._store.insert("files", self._files)
        self._store.run_many(
            "INSERT INTO rows (data_hash, dataset, item, job, title, created_at) VALUES (?, ?, ?, ?, ?, ?)", self._rows
        )
        if self._lists_items:
            self._store.run_many("INSERT INTO job_items (job, item) VALUES (?, ?)", self._listed)
        if self._dataset:
            self._data_rows.touch(self._dataset)
