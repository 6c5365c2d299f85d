"""Jobs of folders whose tasks end before them: cancelled where the task is ended, left alone where a process is.

In one run, tasks are marked failed, cleared and out of time, on a worker and deferred. The process of one is killed,
and the triggerer is restarted twice.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from functools import partial

from tests.chaos import processes
from tests.chaos.airflow_services import IS_2, LASTS
from tests.chaos.stories import CALM_SECONDS, JOB_SECONDS, Stories

RUN_ID = "folders-1"
CANCELLED, DONE, PENDING = "CANCELLED", "DONE", "PENDING"
# State of the task and of its jobs in the end. Before 3.3, no trigger is told that its task is gone, and a try that
# knows nothing of the one before waits for whatever runs in the folder.
EXPECTED = {
    "worker_failed": ("failed", [CANCELLED]),
    "worker_cleared": ("success", [CANCELLED, DONE]),
    "worker_lost": ("success", [DONE]),
    "worker_timeout": ("failed", [CANCELLED]),
    "worker_execution_timeout": ("failed", [CANCELLED]),
    "deferred_failed": ("failed", [CANCELLED if LASTS else PENDING]),
    "deferred_cleared": ("success", [CANCELLED, DONE] if LASTS else [DONE]),
    "deferred_timeout": ("failed", [CANCELLED]),
    "deferred_restarted": ("success", [DONE]),
}
BY_HAND = {
    "worker_failed": "fail",
    "worker_cleared": "clear",
    "deferred_failed": "fail",
    "deferred_cleared": "clear",
}
if IS_2:  # it can lose the order to clear a task that runs, or take the task for a zombie first
    del EXPECTED["worker_cleared"], BY_HAND["worker_cleared"]
WAITING = {name: name.partition("_")[0] for name in EXPECTED if not name.endswith("timeout")}
MOST_SECONDS = 10.0
"""Within these, a trigger has cancelled."""


class Folders(Stories):
    """Tells all stories in one run."""

    dag_id, polls = "folders", "folder_job_poll"

    def tell_all(self) -> list[str]:
        """Tell all stories; return what is bad."""
        self.control.ask("POST", "settings", job_seconds=JOB_SECONDS)
        self.bad: list[str] = []
        try:
            self.trigger(RUN_ID)
            self.until(lambda: all(map(self._waits, WAITING)), "not all tasks wait for their jobs", 300)
            time.sleep(10)  # until the triggers run for sure
            for name, order in BY_HAND.items():
                self._end_by_hand(name, order)
            self._lose_worker("worker_lost")
            self.until(lambda: all(self._ended(name) for name in EXPECTED if name not in WAITING), "a timeout is late")
            self._restart_triggerer(politely=True)
            self._restart_triggerer(politely=False)
            for name, (state, _) in EXPECTED.items():
                if state == "success":
                    self._end_job(name)
        except TimeoutError as error:
            self.bad.append(str(error))
        for name, expected in EXPECTED.items():
            found = (self._state(name), [status for _, status in self._jobs(name)])
            self.say(f"{name}: {found[0]}, jobs {', '.join(found[1])}")
            if found != expected:
                self.bad.append(f"{name} is {found}, not {expected}")
        return self.bad

    def _end_by_hand(self, name: str, order: str) -> None:
        job, _ = self._jobs(name)[0]
        self.order(order, RUN_ID, name)
        if WAITING[name] == "deferred" and not LASTS:
            return
        seconds = self.until(lambda: self._jobs(name)[0][1] == CANCELLED, f"{name}: its job is not cancelled", 60)
        self.say(f"{name}: its job was cancelled after {seconds:.1f} s")
        if WAITING[name] == "deferred":
            self.until(lambda: self._told(name, job), f"{name}: nobody tells that job {job} is cancelled", MOST_SECONDS)
            if seconds > MOST_SECONDS:
                self.bad.append(f"{name}: its job was cancelled after {seconds:.1f} s")

    def _told(self, name: str, job: str) -> bool:
        # The next try of a cleared task may be faster than its trigger.
        logs = f"task_id={name}/*.log"
        return any(job in line for line in self.lines("Cancelled", logs))

    def _lose_worker(self, name: str) -> None:
        """Kill the process of a task, which can't cancel then; the next try must wait, too."""
        own = f"{self.dag_id} {name} {RUN_ID}" if IS_2 else str(self.instance(RUN_ID, name, "id")[0])
        for each in processes.below(self.airflow.services["scheduler"].pid):
            if each.task and each.task.startswith(own):
                processes.kill(each.pid)
        self.until(lambda: self.tries(RUN_ID, name) > 1 and self._waits(name), f"{name}: no second try")

    def _restart_triggerer(self, *, politely: bool) -> None:
        before = self._cancelled()
        self.restart_triggerer(politely=politely)
        time.sleep(CALM_SECONDS)
        asked = self.asked("folder_job_cancel")
        self.say(f"The triggerer was {'restarted' if politely else 'killed'}: {asked} jobs cancelled")
        if asked or self._cancelled() != before:
            self.bad.append(f"a triggerer that was {'restarted' if politely else 'killed'} cancelled jobs")

    def _end_job(self, name: str) -> None:
        """End the last job of a task; its wait must end, too."""
        until = len(EXPECTED[name][1])
        self.until(lambda: len(self._jobs(name)) == until, f"{name} does not start {until} jobs")
        self.control.ask("POST", f"jobs/{self._jobs(name)[-1][0]}", status=DONE)
        self.until(partial(self._ended, name), f"{name} does not end with its job")

    def _state(self, name: str) -> str:
        return self.state(RUN_ID, name)

    def _waits(self, name: str) -> bool:
        jobs = self._jobs(name)
        state = "deferred" if WAITING[name] == "deferred" else "running"
        return self._state(name) == state and bool(jobs) and jobs[-1][1] == PENDING

    def _ended(self, name: str) -> bool:
        return self._state(name) in ("success", "failed")

    def _cancelled(self) -> int:
        return sum(status == CANCELLED for name in EXPECTED for _, status in self._jobs(name))

    def _jobs(self, name: str) -> list[tuple[str, str]]:
        """Return id and status of each job of a task, in the order of their start."""
        sql = (
            "SELECT jobs.uuid, jobs.status FROM jobs JOIN folders ON folders.uuid = jobs.folder"
            " WHERE folders.name = ? ORDER BY jobs.seq"
        )
        with closing(sqlite3.connect(self.folder / "encord" / "encord.sqlite3")) as database:
            return database.execute(sql, (name,)).fetchall()
