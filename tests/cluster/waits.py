"""The many waits of one run: their jobs ended one by one, and how long it takes until Airflow has noticed."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import quantiles

from tests.chaos.encord import Control
from tests.chaos.tally import Place
from tests.cluster.services import Cluster

DAG_ID = "waits"
HELD = 86_400.0
"""Seconds that a job takes of its own: it ends when told to."""


class Waits:
    """A run of the DAG.

    :param count: how many waits it has.
    """

    def __init__(self, cluster: Cluster, control: Control, folder: Path, run_id: str, count: int) -> None:
        self.cluster = cluster
        self.control = control
        self.run_id = run_id
        self.count = count
        self.ended: dict[str, float] = {}
        """When each job was ended, by its id."""
        self._encord = folder / "encord" / "encord.sqlite3"

    @property
    def place(self) -> Place:
        """What must be in Encord in the end."""
        return Place("dataset", self.run_id, (), [f"{number}.jpg" for number in range(self.count)])

    def start(self) -> None:
        """Start the run, whose jobs do not end."""
        self.control.ask("POST", "settings", job_seconds=HELD)
        if error := self.cluster.order("trigger", dag_id=DAG_ID, run_id=self.run_id):
            raise RuntimeError(error)

    def states(self) -> Counter[str]:
        """Count the waits by state."""
        sql = "SELECT state, count(*) FROM task_instance WHERE dag_id = :dag AND run_id = :run AND task_id = 'wait'"
        found = self.cluster.ask(f"{sql} AND map_index >= 0 GROUP BY 1", dag=DAG_ID, run=self.run_id)
        return Counter({str(state): number for state, number in found})

    def jobs(self) -> list[str]:
        """Return the ids of all jobs of the run, also of those that nobody should have started."""
        sql = "SELECT jobs.uuid FROM jobs JOIN datasets ON datasets.uuid = jobs.dataset WHERE datasets.title = ?"
        with closing(sqlite3.connect(self._encord)) as database:
            return [row[0] for row in database.execute(f"{sql} ORDER BY jobs.seq", (self.run_id,))]

    def end(self, most: int, a_second: float = 10.0) -> None:
        """End some more jobs, one after the other."""
        for job in [job for job in self.jobs() if job not in self.ended][:most]:
            self.control.ask("POST", f"jobs/{job}", status="DONE")
            self.ended[job] = time.time()
            time.sleep(1 / a_second)

    def all_are(self, state: str) -> bool:
        """Whether all waits are in a state."""
        return self.states()[state] == self.count

    def is_over(self) -> bool:
        """Whether all waits have ended."""
        return self.states().keys() <= {"success", "failed"}

    def latencies(self) -> Iterator[tuple[str, list[float]]]:
        """Yield how long it took from the end of a job until its trigger was heard, and until its task had ended."""
        sql = "SELECT rows.job, rows.title FROM rows JOIN datasets ON datasets.uuid = rows.dataset"
        with closing(sqlite3.connect(self._encord)) as database:
            numbers = {
                job: int(title.removesuffix(".jpg"))
                for job, title in database.execute(f"{sql} WHERE datasets.title = ?", (self.run_id,))
            }
        sql = "SELECT map_index, scheduled_dttm, end_date FROM task_instance WHERE dag_id = :dag AND run_id = :run"
        times = {
            row[0]: row[1:] for row in self.cluster.ask(f"{sql} AND task_id = 'wait'", dag=DAG_ID, run=self.run_id)
        }
        for place, what in enumerate(("its trigger was heard", "its task had ended")):
            known = [(times[numbers[job]][place], ended) for job, ended in self.ended.items() if job in numbers]
            yield what, [moment.timestamp() - ended for moment, ended in known if moment]


def spread(seconds: list[float]) -> str:
    """Say what half, nine in ten and all of them took at most."""
    if len(seconds) < 2:
        return str(seconds)
    tenths = quantiles(seconds, n=10)
    return f"half {tenths[4]:.1f} s, nine in ten {tenths[8]:.1f} s, all {max(seconds):.1f} s"
