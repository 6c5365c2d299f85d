"""What becomes of a deferred task on Airflow 3.3: killed by its user it warns once, a restarted triggerer says nothing.

Neither changes anything in Encord, and the wait goes on with the same job.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.chaos.airflow_services import Airflow
from tests.chaos.encord import Control

DAG_ID, TASK_ID = "deferred", "wait"
WARNING = "The task was killed."
CHANGING = ("create_dataset", "upload_job_start", "link_items", "delete_data", "re_encode_start", "storage_put")
JOB_SECONDS = 3600.0
CALM_SECONDS = 25.0
"""So long nothing more may come: longer than a triggerer takes to take over the triggers of another one."""


class Deferred:
    """Tells one story after the other on the same Airflow."""

    def __init__(self, airflow: Airflow, control: Control, folder: Path, say: Callable[[str], None]) -> None:
        self.airflow = airflow
        self.control = control
        self.folder = folder
        self.say = say

    def tell_all(self) -> list[str]:
        """Tell all stories; return what is bad."""
        self.control.ask("POST", "settings", job_seconds=JOB_SECONDS)
        stories: dict[str, tuple[Callable[[str], object], int]] = {
            "clear": (lambda run: self._order("clear", run), 1),
            "fail": (lambda run: self._order("fail", run), 1),
            "deploy": (lambda _: self._restart(politely=True), 0),
            "kill": (lambda _: self._restart(politely=False), 0),
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
        self._order("trigger", run_id)
        self._until(lambda: self._state(run_id) == "deferred", "the task is not deferred")
        job = self._job(run_id)
        self._until(lambda: self._polls() >= 1, "the trigger does not poll")
        time.sleep(5)  # until the trigger runs for sure
        before = self._warnings()
        self.control.ask("DELETE", "requests")
        happen(run_id)
        if name == "clear":
            self._until(lambda: self._tries(run_id) > 1 and self._state(run_id) == "deferred", "no second wait")
        time.sleep(CALM_SECONDS)
        new = self._warnings()[len(before) :]
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
            self._until(lambda: self._state(run_id) == "success", "the wait did not end with its job")
            if self._jobs(run_id) != [job]:
                bad.append(f"jobs {self._jobs(run_id)} instead of {job} in the end")
        self.say(f"{name}: {len(new)} warnings, {len(changing)} changing requests, {'bad' if bad else 'good'}")
        return bad

    def _order(self, do: str, run_id: str) -> None:
        more = {} if do == "trigger" else {"task_id": TASK_ID, "map_index": -1}
        if error := self.airflow.order(do, dag_id=DAG_ID, run_id=run_id, **more):
            raise RuntimeError(error)

    def _restart(self, *, politely: bool) -> None:
        triggerer = self.airflow.services["triggerer"]
        if politely:
            triggerer.deploy()
        else:
            triggerer.kill()
        triggerer.start()
        self.control.ask("DELETE", "requests")
        self._until(lambda: self._polls() > 0 or self._held(), "the new triggerer does not poll", 120)

    def _held(self) -> bool:
        # A poll that Encord holds is no answered request yet.
        sql = "SELECT 1 FROM trigger JOIN job ON job.id = trigger.triggerer_id WHERE job.state = 'running'"
        return bool(self.airflow.ask(sql))

    def _until(self, ready: Callable[[], bool], problem: str, patience: float = 180) -> None:
        until = time.monotonic() + patience
        while not ready():
            if time.monotonic() > until:
                raise TimeoutError(problem)
            time.sleep(0.5)

    def _polls(self) -> int:
        return len(self.control.ask("GET", "requests?operation=upload_job_poll")["requests"])

    def _instance(self, run_id: str) -> Any:
        sql = "SELECT state, try_number FROM task_instance WHERE dag_id = :dag AND run_id = :run AND task_id = :task"
        return self.airflow.ask(sql, dag=DAG_ID, run=run_id, task=TASK_ID)[0]

    def _state(self, run_id: str) -> str:
        return str(self._instance(run_id)[0])

    def _tries(self, run_id: str) -> int:
        return int(self._instance(run_id)[1])

    def _jobs(self, run_id: str) -> list[str]:
        sql = "SELECT jobs.uuid FROM jobs JOIN datasets ON datasets.uuid = jobs.dataset WHERE datasets.title = ?"
        with closing(sqlite3.connect(self.folder / "encord" / "encord.sqlite3")) as database:
            return [row[0] for row in database.execute(sql, (run_id,))]

    def _job(self, run_id: str) -> str:
        [job] = self._jobs(run_id)
        return job

    def _warnings(self) -> list[str]:
        """Return all lines of ours: a trigger's log is in a file beside its task's log or in the triggerer's own."""
        files = sorted((self.folder / "logs" / "tasks").rglob("*.trigger.*.log"))
        lines = [line for file in files for line in file.read_text(errors="replace").splitlines() if WARNING in line]
        return sorted(lines)
