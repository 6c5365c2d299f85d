"""What there is, in numbers."""

from typing import TypedDict

from airflow_provider_encord.emulator.job_books import SYNC
from airflow_provider_encord.emulator.store import Store


class State(TypedDict):
    """What there is, in numbers."""

    datasets: int
    rows: dict[str, int]
    """Dataset -> number of its data rows."""
    objects: int
    """Uploaded files that are kept."""
    urls_issued: int
    """Upload URLs handed out, except those of data that was deleted."""
    puts: int
    """Uploads that arrived whole, repeated ones included."""
    jobs: dict[str, str]
    """Registration job -> status, oldest first."""
    folders: int
    """Storage folders, those of mirror datasets included."""
    items: dict[str, int]
    """Folder -> number of its items, without placeholders, tombstones and frames of groups."""
    placeholders: int
    """Items that are announced and not there yet."""
    tombstones: int
    """Items whose objects have vanished from their bucket."""
    syncs: dict[str, str]
    """Sync of a folder with its bucket -> status, oldest first."""
    re_encode_tasks: int


def count(store: Store) -> State:
    """Count what there is."""
    rows = store.all(
        "SELECT datasets.uuid, count(rows.seq) AS count"
        " FROM datasets LEFT JOIN rows ON rows.dataset = datasets.uuid"
        " GROUP BY datasets.uuid ORDER BY datasets.rowid"
    )
    items = store.all(
        "SELECT folders.uuid, count(items.uuid) AS count FROM folders LEFT JOIN items"
        " ON items.folder = folders.uuid AND NOT (placeholder OR tombstone OR frame)"
        " GROUP BY folders.uuid ORDER BY folders.rowid"
    )
    jobs = store.all("SELECT uuid, status, kind FROM jobs ORDER BY seq")
    return {
        "datasets": len(rows),
        "rows": {row["uuid"]: row["count"] for row in rows},
        "objects": store.value("SELECT count(*) FROM objects WHERE size IS NOT NULL"),
        "urls_issued": store.value("SELECT count(*) FROM objects"),
        "puts": store.value("SELECT coalesce(sum(puts), 0) FROM objects"),
        "jobs": {job["uuid"]: job["status"] for job in jobs if job["kind"] != SYNC},
        "folders": len(items),
        "items": {row["uuid"]: row["count"] for row in items},
        "placeholders": store.value("SELECT count(*) FROM items WHERE placeholder"),
        "tombstones": store.value("SELECT count(*) FROM items WHERE tombstone"),
        "syncs": {job["uuid"]: job["status"].lower() for job in jobs if job["kind"] == SYNC},
        "re_encode_tasks": store.value("SELECT count(*) FROM tasks"),
    }
