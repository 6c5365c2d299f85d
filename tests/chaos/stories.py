"""What stories of single tasks need: Airflow told what to do, and asked how a task stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.chaos.airflow_services import Airflow
from tests.chaos.encord import Control

JOB_SECONDS = 3600.0
CALM_SECONDS = 25.0
"""So long nothing more may come: longer than a triggerer takes to take over the triggers of another one."""


class Stories:
    """Stories of the tasks of one DAG, on one Airflow.

    :param folder: of the chaos run.
    :param say: shows a line.
    """

    dag_id: str
    polls: str
    """The operation that a wait asks for."""

    def __init__(self, airflow: Airflow, control: Control, folder: Path, say: Callable[[str], None]) -> None:
        self.airflow = airflow
        self.control = control
        self.folder = folder
        self.say = say

    def trigger(self, run_id: str) -> None:
        """Trigger a run."""
        self._order("trigger", run_id=run_id)

    def order(self, do: str, run_id: str, task_id: str) -> None:
        """Clear a task, or mark it failed."""
        self._order(do, run_id=run_id, task_id=task_id, map_index=-1)

    def _order(self, do: str, **arguments: Any) -> None:
        if error := self.airflow.order(do, dag_id=self.dag_id, **arguments):
            raise RuntimeError(error)

    def restart_triggerer(self, *, politely: bool) -> None:
        """Restart the triggerer, as a deployment does or as a lost machine does, and wait until it goes on."""
        triggerer = self.airflow.services["triggerer"]
        if politely:
            triggerer.deploy()
        else:
            triggerer.kill()
        triggerer.start()
        self.control.ask("DELETE", "requests")
        self.until(lambda: self.asked(self.polls) > 0 or self._held(), "the new triggerer does not poll", 120)

    def _held(self) -> bool:
        # A poll that Encord holds is no answered request yet.
        sql = "SELECT 1 FROM trigger JOIN job ON job.id = trigger.triggerer_id WHERE job.state = 'running'"
        return bool(self.airflow.ask(sql))

    def until(self, ready: Callable[[], bool], problem: str, patience: float = 180) -> float:
        """Wait until something is so; return after how many seconds it was.

        :raises TimeoutError: if it never is.
        """
        begun = time.monotonic()
        while not ready():
            if time.monotonic() > begun + patience:
                raise TimeoutError(problem)
            time.sleep(0.5)
        return time.monotonic() - begun

    def asked(self, operation: str) -> int:
        """Return how many requests of an operation were answered."""
        return len(self.control.ask("GET", f"requests?operation={operation}")["requests"])

    def instance(self, run_id: str, task_id: str, columns: str = "state, try_number") -> Any:
        """Return what Airflow's database knows of a task instance."""
        which = {"dag": self.dag_id, "run": run_id, "task": task_id}
        sql = f"SELECT {columns} FROM task_instance WHERE dag_id = :dag AND run_id = :run AND task_id = :task"
        return self.airflow.ask(sql, **which)[0]

    def state(self, run_id: str, task_id: str) -> str:
        """Return the state of a task instance."""
        return str(self.instance(run_id, task_id)[0])

    def tries(self, run_id: str, task_id: str) -> int:
        """Return how many tries of a task instance were begun."""
        return int(self.instance(run_id, task_id)[1])

    def lines(self, text: str, logs: str = "*.trigger.*.log") -> list[str]:
        """Return all lines with a text in logs of tasks; those of their triggers are beside them."""
        files = sorted((self.folder / "logs" / "tasks").rglob(logs))
        lines = [line for file in files for line in file.read_text(errors="replace").splitlines() if text in line]
        return sorted(lines)
