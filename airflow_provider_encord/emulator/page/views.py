"""What each page shows."""

import sqlite3
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from airflow_provider_encord.emulator.auth import fingerprint
from airflow_provider_encord.emulator.bodies import without_queries
from airflow_provider_encord.emulator.caller import email
from airflow_provider_encord.emulator.item_rows import KIND
from airflow_provider_encord.emulator.job_books import DATASET, FOLDER
from airflow_provider_encord.emulator.page import activity, items
from airflow_provider_encord.emulator.page.cells import (
    LONGEST_METADATA,
    Cell,
    Section,
    View,
    code,
    lines,
    link_to,
    metadata,
    moment,
    size,
    state,
)
from airflow_provider_encord.emulator.page.tables import JOB_KINDS, JOBS, Tables, errors, target, units
from airflow_provider_encord.emulator.store import Store

if TYPE_CHECKING:
    from airflow_provider_encord.emulator.server import Emulator


class Views:
    """The pages: an overview, and one for each dataset, folder, item and job.

    Everybody's are shown: whoever reaches the port may use the control API, too.
    """

    def __init__(self, emulator: "Emulator", store: Store) -> None:
        self._emulator = emulator
        self._store = store
        self._of: Mapping[str, Callable[[str, Tables], View | None]] = {
            "datasets": self._dataset,
            "folders": self._folder,
            "items": self._item,
            "jobs": self._job,
        }

    def view(self, kind: str | None, key: str, query: Mapping[str, str]) -> View | None:
        """Return what a page shows, None if there is nothing of this name.

        :param kind: ``datasets``, ``folders``, ``items`` or ``jobs``, None for the overview
        :param query: which pages of its tables are wanted, by their ids
        """
        tables = Tables(self._store, query)
        return self._overview(tables) if kind is None else self._of[kind](key.lower(), tables)

    def has(self, kind: str, key: str) -> bool:
        """Tell whether there is something of this name."""
        key = key.lower()
        if kind == "jobs" and self._task(key) is not None:
            return True
        return self._store.one(f"SELECT 1 FROM {kind} WHERE uuid = ?", (key,)) is not None  # noqa: S608 - a known word

    def _overview(self, tables: Tables) -> View:
        keys, faults = self._emulator.users.keys(), activity.faults(self._emulator.faults)
        return View(
            "Overview",
            "Local Encord",
            [
                ("Address", code(self._emulator.public_url)),
                ("Keys", lines(code(f"{fingerprint(key)} ({email(user)})") for key, user in keys.items())),
            ],
            [
                *_filled(faults),
                tables.datasets(),
                tables.folders(None),
                tables.jobs(),
                *_filled(tables.tasks(self._emulator.re_encoding.state)),
                *([] if faults.rows else [faults]),
                activity.requests(self._emulator.log),
            ],
        )

    def _dataset(self, key: str, tables: Tables) -> View | None:
        found = self._store.one(
            "SELECT datasets.*, folders.name AS folder_name FROM datasets"
            " LEFT JOIN folders ON folders.uuid = datasets.folder WHERE datasets.uuid = ?",
            (key,),
        )
        if found is None:
            return None
        kinds = self._store.all(
            f"SELECT {KIND} AS kind, count(*) AS count, sum(file_size) AS size"  # noqa: S608 - a constant
            " FROM rows JOIN items ON items.uuid = rows.item WHERE dataset = ? GROUP BY 1",
            (key,),
        )
        return View(
            "Dataset",
            found["title"],
            [
                ("Hash", code(key)),
                ("Holds", items.count_of_kinds(kinds) or "nothing yet"),
                ("Size", size(sum(kind["size"] or 0 for kind in kinds))),
                ("Description", found["description"] or None),
                ("Folder", link_to("folders", found["folder"], found["folder_name"])),
                ("Owner", email(found["owner"])),
                ("Created", moment(found["created_at"])),
                ("Changed", moment(found["edited_at"])),
            ],
            [*_filled(tables.jobs_of("dataset", key)), tables.data_rows("dataset", key)],
        )

    def _folder(self, key: str, tables: Tables) -> View | None:
        found = self._store.one(
            "SELECT folders.*, above.name AS above, datasets.title FROM folders"
            " LEFT JOIN folders AS above ON above.uuid = folders.parent"
            " LEFT JOIN datasets ON datasets.uuid = folders.dataset WHERE folders.uuid = ?",
            (key,),
        )
        if found is None:
            return None
        return View(
            "Folder",
            found["name"],
            [
                ("UUID", code(key)),
                ("In", link_to("folders", found["parent"], found["above"])),
                ("Dataset", link_to("datasets", found["dataset"], found["title"])),
                ("Bucket", code(without_queries(found["remote_url"] or ""))),
                ("Description", found["description"] or None),
                ("Metadata", _metadata(found["client_metadata"])),
                ("Owner", email(found["owner"])),
                ("Created", moment(found["created_at"])),
                ("Changed", moment(found["edited_at"] or found["created_at"])),
            ],
            [*_filled(tables.folders(key), tables.jobs_of("folder", key)), tables.items("folder", key)],
        )

    def _item(self, key: str, tables: Tables) -> View | None:
        found = self._store.one(
            f"SELECT {items.ITEM}, folders.name AS folder_name FROM items {items.OBJECT}"  # noqa: S608 - constants
            " LEFT JOIN folders ON folders.uuid = items.folder WHERE items.uuid = ?",
            (key,),
        )
        if found is None:
            return None
        datasets = self._store.all(
            "SELECT uuid, title FROM datasets WHERE uuid IN (SELECT dataset FROM rows WHERE item = ?)", (key,)
        )
        shown = [link_to("datasets", dataset["uuid"], dataset["title"]) for dataset in datasets]
        whole = found["url"] is not None
        return View(
            "Item",
            found["title"],
            [
                *([("Preview", items.preview(self._store, found, "large"))] if whole else []),
                ("UUID", code(key)),
                ("Kind", items.kind(found)),
                ("Size", size(found["file_size"])),
                ("Dimensions", items.dimensions(found)),
                ("Type", found["file_type"]),
                ("Stored as", code(without_queries(found["url"] or ""))),
                ("Datasets", lines(shown) if shown else None),
                ("Folder", link_to("folders", found["folder"], found["folder_name"])),
                ("Description", found["description"] or None),
                ("Metadata", _metadata(found["client_metadata"])),
                ("Added", moment(found["created_at"])),
            ],
            [] if whole else [tables.files(key)],
        )

    def _job(self, key: str, tables: Tables) -> View | None:
        if task := self._task(key):
            return self._task_view(task, tables)
        found = self._store.one(f"{JOBS} WHERE jobs.uuid = ?", (key,))
        if found is None:
            return None
        added = {DATASET: tables.data_rows, FOLDER: tables.items}.get(found["kind"])
        return View(
            "Job",
            f"{JOB_KINDS.get(found['kind'], 'Job')} {key[:8]}",
            [
                ("UUID", code(key)),
                ("State", state(found["status"])),
                ("Units", units(found)),
                ("Of", target(found)),
                ("Files", found["file_name"]),
                ("Owner", email(found["owner"])),
                ("Due", None if found["settled"] else moment(found["due_at"])),
            ],
            [*_filled(errors(found)), *([added("job", key)] if added else [])],
        )

    def _task(self, key: str) -> sqlite3.Row | None:
        return self._store.one("SELECT * FROM tasks WHERE ? IN (uuid, CAST(id AS TEXT))", (key,))

    def _task_view(self, task: sqlite3.Row, tables: Tables) -> View:
        title = self._store.value("SELECT title FROM datasets WHERE uuid = ?", (task["dataset"],))
        return View(
            "Re-encode task",
            f"Re-encoding {str(task['uuid'] or task['id'])[:8]}",
            [
                ("Task", code(str(task["uuid"] or task["id"]))),
                ("State", state(self._emulator.re_encoding.state(task))),
                ("Of", link_to("datasets", task["dataset"], title)),
                ("Due", moment(task["due_at"])),
            ],
            [tables.videos(task)],
        )


def _filled(*sections: Section) -> list[Section]:
    """Return the tables that are worth showing only if there is something in them."""
    return [section for section in sections if section.rows]


def _metadata(text: str | None) -> Cell:
    return metadata(without_queries(text or ""), 100 * LONGEST_METADATA)
