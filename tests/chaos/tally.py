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
class Finding:
    """An item that is not there exactly once."""

    dataset: str
    title: str
    known: list[str]
    in_window: bool = False

    def __str__(self) -> str:
        where = f"{self.dataset}: {self.title}"
        return "\n      ".join([f"{where} (in a documented window)" if self.in_window else where, *self.known])


@dataclass
class Tally:
    """How many there are of what."""

    expected: int = 0
    present: int = 0
    jobs: int = 0
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


def count(
    database: Path, datasets: Iterable[str], uploaded: Collection[str], registered: Collection[str], *, lasts: bool
) -> Tally:
    """Count the items of each dataset.

    :param database: the local Encord's.
    :param datasets: titles of the datasets that must be there once each.
    :param uploaded: titles of the uploaded items that each must hold.
    :param registered: titles of the registered ones.
    :param lasts: whether Airflow remembers across tries: nothing excuses a duplicate then.
    """
    tally = Tally()
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        tally.jobs = connection.execute("SELECT count(*) FROM jobs").fetchone()[0]
        tally.re_encodes = connection.execute("SELECT count(*) FROM tasks").fetchone()[0]
        same_title = Counter(row["title"] for row in connection.execute("SELECT title FROM datasets"))
        found: dict[tuple[str, str], list[sqlite3.Row]] = defaultdict(list)
        for row in connection.execute(
            "SELECT datasets.title AS dataset, rows.title AS title, rows.job AS job, rows.created_at AS created_at,"
            " rows.data_hash AS data_hash, items.identity AS identity, items.client_metadata AS client_metadata"
            " FROM rows JOIN datasets ON datasets.uuid = rows.dataset JOIN items ON items.uuid = rows.item"
            " ORDER BY rows.seq"
        ):
            found[row["dataset"], row["title"]].append(row)
    for dataset in datasets:
        if same_title[dataset] > 1:
            tally.duplicated.append(Finding(dataset, "(the dataset itself)", [f"{same_title[dataset]} datasets"]))
        for title in [*uploaded, *registered]:
            rows = found.pop((dataset, title), [])
            tally.expected += 1
            tally.present += bool(rows)
            if not rows:
                tally.lost.append(Finding(dataset, title, ["never seen"]))
            elif len(rows) > 1:
                known = [_known(row) for row in rows]
                tally.duplicated.append(Finding(dataset, title, known, not lasts and title in uploaded))
    for (dataset, title), rows in found.items():
        tally.duplicated.append(Finding(dataset, title, ["nobody expects it", *map(_known, rows)]))
    return tally


def _known(row: sqlite3.Row) -> str:
    metadata: Any = json.loads(row["client_metadata"] or "{}") or {}
    told = {name: metadata.get(name) for name in ("airflow_task", "airflow_file")}
    return f"job {row['job']} at {row['created_at']:.1f}, {row['identity'][-60:]}, {told}"
