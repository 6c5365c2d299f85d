"""The tables of what is stored, page by page."""

import json
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_encord.emulator.bodies import without_queries
from airflow_provider_encord.emulator.job_books import DATASET, FOLDER, SYNC
from airflow_provider_encord.emulator.page import items
from airflow_provider_encord.emulator.page.cells import Cell, Section, code, lines, link_to, moment, row, state
from airflow_provider_encord.emulator.store import Store

SOME, SHORT, LONG = 3, 20, 500
"""Rows on a page: of jobs beside other things; of datasets, folders and all jobs; of data rows, items and files."""

JOBS = """
SELECT jobs.*, datasets.title AS dataset_title, folders.name AS folder_name FROM jobs
LEFT JOIN datasets ON datasets.uuid = jobs.dataset LEFT JOIN folders ON folders.uuid = jobs.folder
"""
JOB_KINDS = {DATASET: "Registration", FOLDER: "Registration in a folder", SYNC: "Sync with a bucket"}

_ITEMS = {
    "folder": "SELECT uuid AS item FROM items WHERE folder = ? AND NOT frame ORDER BY created_at, uuid",
    "job": "SELECT item FROM job_items WHERE job = ? ORDER BY seq",
}
_SHOWN = f"SELECT {items.ITEM}, items.title AS shown_title, items.created_at AS added_at"
_HELD = "items.folder = folders.uuid AND NOT (items.placeholder OR items.tombstone OR items.frame)"


class Tables:
    """The tables of one page.

    :param query: which page of a table is wanted, by the table's id
    """

    def __init__(self, store: Store, query: Mapping[str, str]) -> None:
        self._store = store
        self._query = query

    def datasets(self) -> Section:
        """Return all datasets, newest first."""

        def made(entry: sqlite3.Row) -> dict[str, Any]:
            return row(
                entry["uuid"],
                link_to("datasets", entry["uuid"], entry["title"]),
                f"{entry['count']:,}",
                moment(entry["created_at"]),
                moment(entry["edited_at"]),
                code(entry["uuid"]),
            )

        return self._table(
            *("datasets", "Datasets", ("Title", "Data rows", "Created", "Changed", "Hash")),
            "SELECT *, (SELECT count(*) FROM rows WHERE rows.dataset = datasets.uuid) AS count"
            " FROM datasets ORDER BY rowid DESC LIMIT ? OFFSET ?",
            "datasets",
            made=made,
            empty="No datasets yet: create one, with a DAG or Encord's client.",
        )

    def folders(self, parent: str | None) -> Section:
        """Return the folders in another one; at the top, those that are no dataset's."""

        def made(entry: sqlite3.Row) -> dict[str, Any]:
            return row(
                entry["uuid"],
                link_to("folders", entry["uuid"], entry["name"]),
                f"{entry['count']:,}",
                f"{entry['folders']:,}",
                moment(entry["created_at"]),
                code(entry["uuid"]),
            )

        chosen = "folders WHERE parent IS ?" if parent else "folders WHERE parent IS ? AND dataset IS NULL"
        return self._table(
            *("folders", "Folders in it" if parent else "Folders"),
            ("Name", "Items", "Folders in it", "Created", "UUID"),
            f"SELECT *, (SELECT count(*) FROM items WHERE {_HELD}) AS count,"  # noqa: S608
            " (SELECT count(*) FROM folders AS below WHERE below.parent = folders.uuid) AS folders"
            f" FROM {chosen} ORDER BY rowid DESC LIMIT ? OFFSET ?",
            chosen,
            (parent,),
            made=made,
            empty="None but those of datasets.",
        )

    def jobs(self) -> Section:
        """Return all jobs, newest first."""

        def made(job: sqlite3.Row) -> dict[str, Any]:
            kind = JOB_KINDS.get(job["kind"])
            return row(job["uuid"], state(job["status"]), kind, target(job), units(job), _job_link(job))

        columns = ("State", "Kind", "Of", "Units", "Job")
        sql = f"{JOBS} ORDER BY jobs.seq DESC LIMIT ? OFFSET ?"
        return self._table("jobs", "Jobs", columns, sql, "jobs", made=made, empty="No jobs yet.")

    def jobs_of(self, kind: str, key: str) -> Section:
        """Return the jobs of a dataset or a folder, newest first."""

        def made(job: sqlite3.Row) -> dict[str, Any]:
            return row(job["uuid"], state(job["status"]), JOB_KINDS.get(job["kind"]), units(job), _job_link(job))

        chosen = f"jobs WHERE {kind} = ?"
        return self._table(
            *("jobs", "Jobs", ("State", "Kind", "Units", "Job")),
            f"SELECT * FROM {chosen} ORDER BY seq DESC LIMIT ? OFFSET ?",  # noqa: S608 - "dataset" or "folder"
            chosen,
            (key,),
            made=made,
            empty="No jobs yet.",
            most=SOME,
        )

    def tasks(self, state_of: Callable[[sqlite3.Row], str]) -> Section:
        """Return the re-encode tasks, newest first."""

        def made(task: sqlite3.Row) -> dict[str, Any]:
            return row(
                task["id"],
                state(state_of(task)),
                link_to("datasets", task["dataset"], task["title"]),
                f"{task['count']:,}",
                link_to("jobs", task["uuid"] or task["id"], None),
            )

        return self._table(
            *("tasks", "Re-encode tasks", ("State", "Of", "Videos", "Task")),
            "SELECT tasks.*, json_array_length(hashes) AS count, datasets.title FROM tasks"
            " LEFT JOIN datasets ON datasets.uuid = tasks.dataset ORDER BY id DESC LIMIT ? OFFSET ?",
            "tasks",
            made=made,
            empty="No tasks yet.",
        )

    def data_rows(self, of: str, key: str) -> Section:
        """Return the rows of a dataset, or those that a job has added."""
        chosen = f"rows WHERE {of} = ?"
        # Only the rows of the page are joined.
        return self._table(
            *("rows", "Data rows", items.COLUMNS),
            f"SELECT {items.ITEM}, rows.data_hash, rows.title AS shown_title, rows.created_at AS added_at"  # noqa: S608
            f" FROM (SELECT * FROM {chosen} ORDER BY seq LIMIT ? OFFSET ?) AS rows"
            f" JOIN items ON items.uuid = rows.item {items.OBJECT} ORDER BY rows.seq",
            chosen,
            (key,),
            made=lambda found: items.item_row(self._store, found, "data_hash"),
            empty="No data rows yet.",
            most=LONG,
        )

    def items(self, of: str, key: str) -> Section:
        """Return the items of a folder, or those that a job has added."""
        return self._table(
            *("items", "Items", items.COLUMNS),
            f"{_SHOWN} FROM ({_ITEMS[of]} LIMIT ? OFFSET ?) AS page"
            f" JOIN items ON items.uuid = page.item {items.OBJECT}",
            f"({_ITEMS[of]})",
            (key,),
            made=lambda found: items.item_row(self._store, found, "uuid"),
            empty="No items yet.",
            most=LONG,
        )

    def files(self, item: str) -> Section:
        """Return the files of a group or series."""
        return self._table(
            *("files", "Files", items.FILE_COLUMNS),
            f"{items.FILES} WHERE item = ? ORDER BY position LIMIT ? OFFSET ?",
            "files WHERE item = ?",
            (item,),
            made=items.file_row,
            empty="No files.",
            most=LONG,
        )

    def videos(self, task: sqlite3.Row) -> Section:
        """Return the videos of a re-encode task."""
        item = "(SELECT item FROM rows WHERE data_hash = videos.value)" if task["dataset"] else "videos.value"
        return self._table(
            *("videos", "Videos", items.COLUMNS),
            f"{_SHOWN} FROM json_each(?) AS videos JOIN items ON items.uuid = {item} {items.OBJECT} LIMIT ? OFFSET ?",
            "json_each(?)",
            (task["hashes"],),
            made=lambda found: items.item_row(self._store, found, "uuid"),
            empty="No videos.",
            most=LONG,
        )

    def _table(
        self,
        name: str,
        title: str,
        columns: Sequence[str],
        sql: str,
        chosen: str,
        values: Sequence[Any] = (),
        *,
        made: Callable[[sqlite3.Row], dict[str, Any]],
        empty: str,
        most: int = SHORT,
    ) -> Section:
        """Return one page of a table.

        :param sql: what is shown; its last two values are the limit and the offset
        :param chosen: what is counted, as it stands after ``FROM``
        :param made: turns what was found into a row
        """
        count = self._store.value(f"SELECT count(*) FROM {chosen}", values)  # noqa: S608 - all written here
        pages = max(1, -(-count // most))
        asked = self._query.get(name, "")
        page = min(max(int(asked), 1), pages) if re.fullmatch("[0-9]{1,9}", asked) else 1
        found = self._store.all(sql, (*values, most, (page - 1) * most))
        return Section(name, title, columns, [made(entry) for entry in found], empty, count, page, pages)


def errors(job: sqlite3.Row) -> Section:
    """Return what went wrong in a job."""
    of_units = json.loads(job["unit_errors"])[:LONG]
    # Encord tells an error of a unit twice.
    told = {error["error"] for error in of_units}
    others = [text for text in json.loads(job["errors"])[:LONG] if text not in told]
    rows = [row(number, None, without_queries(text)) for number, text in enumerate(others)]
    for error in of_units:
        urls = lines(code(without_queries(url)) for url in error["object_urls"][:SOME])
        rows.append(row(error["subtask_uuid"], urls, without_queries(error["error"])))
    return Section("errors", "Errors", ("Object", "Error"), rows, "No errors.", job["failed"])


def target(job: sqlite3.Row) -> Cell:
    """Return the way to what a job is for."""
    if job["dataset"]:
        return link_to("datasets", job["dataset"], job["dataset_title"])
    return link_to("folders", job["folder"], job["folder_name"])


def units(job: sqlite3.Row) -> Cell:
    """Return how far a job has come."""
    names = ("done", "failed", "pending", "cancelled")
    return ", ".join(f"{job[name]:,} {name}" for name in names if job[name]) or None


def _job_link(job: sqlite3.Row) -> Cell:
    return link_to("jobs", job["uuid"], None)
