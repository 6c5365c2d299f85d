"""What must be in Encord and what is: counted in the local Encord's own database, not by asking the provider."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Place:
    """A dataset or a folder, which must be there once, and the items that must be in it once each.

    :param kind: ``dataset`` or ``folder``.
    :param uploaded: titles of the uploaded items.
    :param registered: titles of the items that stay in their bucket.
    """

    kind: str
    title: str
    uploaded: Collection[str]
    registered: Collection[str]


@dataclass(frozen=True)
class Finding:
    """An item that is not there exactly once."""

    place: str
    title: str
    known: list[str]
    in_window: bool = False

    def __str__(self) -> str:
        where = f"{self.place}: {self.title}"
        return "\n      ".join([f"{where} (in a documented window)" if self.in_window else where, *self.known])


@dataclass
class Tally:
    """How many there are of what."""

    expected: int = 0
    present: int = 0
    jobs: int = 0
    folder_jobs: int = 0
    cancelled_jobs: int = 0
    placeholders: int = 0
    re_encodes: int = 0
    duplicated: list[Finding] = field(default_factory=list)
    lost: list[Finding] = field(default_factory=list)

    @property
    def outside(self) -> list[Finding]:
        """The duplicates that no documented window excuses."""
        return [each for each in self.duplicated if not each.in_window]


def unsettled(database: Path) -> int:
    """Return how many registration jobs have not ended."""
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM jobs WHERE NOT settled").fetchone()[0])


def count(database: Path, places: Iterable[Place], *, lasts: bool) -> Tally:
    """Count the items of each place; all others that there are count as duplicates.

    :param database: the local Encord's.
    :param lasts: whether Airflow remembers across tries: nothing excuses a duplicate then.
    """
    tally = Tally()
    found: dict[tuple[str, str], dict[str, list[sqlite3.Row]]] = defaultdict(lambda: defaultdict(list))
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row

        def number(sql: str) -> int:
            return int(connection.execute(f"SELECT count(*) FROM {sql}").fetchone()[0])

        tally.jobs = number("jobs WHERE kind = 'dataset'")
        tally.folder_jobs = number("jobs WHERE kind = 'folder'")
        tally.cancelled_jobs = number("jobs WHERE status = 'CANCELLED'")
        tally.placeholders = number("items WHERE placeholder")
        tally.re_encodes = number("tasks")
        same_title = Counter(("dataset", row["title"]) for row in connection.execute("SELECT title FROM datasets"))
        # The folder of a dataset holds what the dataset does.
        own = connection.execute("SELECT name FROM folders WHERE dataset IS NULL")
        same_title.update(("folder", row["name"]) for row in own)
        for row in connection.execute(_ITEMS):
            found[row["kind"], row["place"]][row["title"]].append(row)
    for place in places:
        name = f"{place.kind} {place.title}"
        if (same := same_title[place.kind, place.title]) > 1:
            tally.duplicated.append(Finding(name, f"(the {place.kind} itself)", [f"{same} of them"]))
        held = found.pop((place.kind, place.title), {})
        for title in [*place.uploaded, *place.registered]:
            rows = held.pop(title, [])
            tally.expected += 1
            tally.present += bool(rows)
            if not rows:
                tally.lost.append(Finding(name, title, ["never seen"]))
            elif len(rows) > 1:
                known = [_known(row) for row in rows]
                tally.duplicated.append(Finding(name, title, known, not lasts and title in place.uploaded))
        if held:
            found[place.kind, place.title] = held
    for (kind, place_title), held in found.items():
        for title, rows in held.items():
            known = ["nobody expects it", *map(_known, rows)]
            tally.duplicated.append(Finding(f"{kind} {place_title}", title, known))
    return tally


_ITEMS = """
SELECT 'dataset' AS kind, datasets.title AS place, rows.title AS title, rows.job AS job, rows.created_at AS created_at,
    items.identity AS identity, items.client_metadata AS client_metadata
FROM rows JOIN datasets ON datasets.uuid = rows.dataset JOIN items ON items.uuid = rows.item
UNION ALL
SELECT 'folder', folders.name, items.title, items.job, items.created_at, items.identity, items.client_metadata
FROM items JOIN folders ON folders.uuid = items.folder
WHERE folders.dataset IS NULL AND NOT items.placeholder AND NOT items.frame
ORDER BY created_at
"""


def _known(row: sqlite3.Row) -> str:
    metadata: Any = json.loads(row["client_metadata"] or "{}") or {}
    told = {name: metadata.get(name) for name in ("airflow_task", "airflow_file")}
    return f"job {row['job']} at {row['created_at']:.1f}, {row['identity'][-60:]}, {told}"
