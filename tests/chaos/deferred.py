"""What becomes of a deferred task on Airflow 3.3: killed by its user it warns once, a restarted triggerer says nothing.

Neither changes anything in Encord, and the wait goes on with the same job.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

from tests.chaos.stories import CALM_SECONDS, JOB_SECONDS, Stories

TASK_ID = "wait"
WARNING = "The task was killed."
CHANGING = ("create_dataset", "upload_job_start", "link_items", "delete_data", "re_encode_start", "storage_put")


class Deferred(Stories):
    """Tells one story after the other on the same Airflow."""

    dag_id, polls = "deferred", "upload_job_poll"

    def tell_all(self) -> list[str]:
        """Tell all stories; return what is bad."""
        self.control.ask("POST", "settings", job_seconds=JOB_SECONDS)
        stories: dict[str, tuple[Callable[[str], object], int]] = {
            "clear": (lambda run: self.order("clear", run, TASK_ID), 1),
            "fail": (lambda run: self.order("fail", run, TASK_ID), 1),
            "deploy": (lambda _: self.restart_triggerer(politely=True), 0),
            "kill": (lambda _: self.restart_triggerer(politely=False), 0),
        }
        bad = []
        for name, (happen, warnings) in stories.items():
            try:
                bad += [f"{name}: {each}" for each in self._tell(name, happen, warnings)]
            except TimeoutError as error:
                bad.append(f"{name}: {error}")
        return bad

    def _tell(self, name: str, happen: Callable[[str], object], warnings: int) -> list[str]:
        run_id = f"deferred-{name}"
        self.trigger(run_id)
        self.until(lambda: self._state(run_id) == "deferred", "the task is not deferred")
        job = self._job(run_id)
        self.until(lambda: self.asked(self.polls) >= 1, "the trigger does not poll")
        time.sleep(5)  # until the trigger runs for sure
        before = self.lines(WARNING)
        self.control.ask("DELETE", "requests")
        happen(run_id)
        if name == "clear":
            self.until(lambda: self.tries(run_id, TASK_ID) > 1 and self._state(run_id) == "deferred", "no second wait")
        time.sleep(CALM_SECONDS)
        new = self.lines(WARNING)[len(before) :]
        asked = [each["operation"] for each in self.control.ask("GET", "requests")["requests"]]
        changing = [operation for operation in asked if operation in CHANGING]
        bad = []
        if len(new) != warnings or any(job not in line for line in new):
            bad.append(f"{len(new)} warnings instead of {warnings} that name job {job}: {new}")
        if changing:
            bad.append(f"changing requests: {changing}")
        if self._jobs(run_id) != [job]:
            bad.append(f"jobs {self._jobs(run_id)} instead of {job}")
        if name != "fail":
            self.control.ask("POST", f"jobs/{job}", status="DONE")
            self.until(lambda: self._state(run_id) == "success", "the wait did not end with its job")
            if self._jobs(run_id) != [job]:
                bad.append(f"jobs {self._jobs(run_id)} instead of {job} in the end")
        self.say(f"{name}: {len(new)} warnings, {len(changing)} changing requests, {'bad' if bad else 'good'}")
        return bad

    def _state(self, run_id: str) -> str:
        return self.state(run_id, TASK_ID)

    def _jobs(self, run_id: str) -> list[str]:
        sql = "SELECT jobs.uuid FROM jobs JOIN datasets ON datasets.uuid = jobs.dataset WHERE datasets.title = ?"
        with closing(sqlite3.connect(self.folder / "encord" / "encord.sqlite3")) as database:
            return [row[0] for row in database.execute(sql, (run_id,))]

    def _job(self, run_id: str) -> str:
        [job] = self._jobs(run_id)
        return job
