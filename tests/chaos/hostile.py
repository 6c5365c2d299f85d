"""Hostile answers for some jobs while good ones are waited for: only the tasks of the hostile ones may notice."""

from __future__ import annotations

import re
import secrets
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.chaos import leaks, postgres, processes
from tests.chaos.airflow_services import Airflow
from tests.chaos.api import Api
from tests.chaos.encord import Control
from tests.chaos.hostile_answers import HostileFront, hostile_answers

DAG_ID, TASK_ID, RUN_ID = "hostile", "wait", "hostile-1"
GOOD = 50
JOB_SECONDS = 3600.0
JOB_FAILED = ("nul", "surrogates", "controls", "escaped", "long")
"""After these a retry starts another job; after all others it may not, since nothing says that the job ended badly."""
CONTROLS = {b"\x1b[31mred": "ESC", b"\\u001b[31mred": "ESC in JSON"}
MOST_BLOCKED_SECONDS = 10.0
_FIRED = re.compile(r"Trigger fired event.*?/wait/(\d+)/(\d+)")
_BLOCKED = re.compile(r"async thread was blocked for ([\d.]+) seconds")

MARKER, VISIBLE = f"planted{secrets.token_hex(12)}", f"visible{secrets.token_hex(12)}"
ANSWERS = hostile_answers(MARKER, VISIBLE)
TITLES = [*ANSWERS, *(f"good-{number}" for number in range(1, GOOD + 1))]


class Hostile:
    """Tells the story on one Airflow."""

    def __init__(
        self,
        airflow: Airflow,
        control: Control,
        front: HostileFront,
        folder: Path,
        socket: str,
        say: Callable[[str], None],
    ) -> None:
        self.airflow = airflow
        self.control = control
        self.front = front
        self.folder = folder
        self.socket = socket
        self.say = say
        self.triggerer = airflow.services["triggerer"]

    def tell(self) -> list[str]:
        """Tell it; return what is bad."""
        self.control.ask("POST", "settings", job_seconds=JOB_SECONDS)
        if error := self.airflow.order("trigger", dag_id=DAG_ID, run_id=RUN_ID):
            return [f"the run could not be triggered: {error}"]
        if not self._until(lambda: self._all_are("deferred", TITLES), 900):
            return [f"not all tasks are deferred: {self._states()}"]
        before = self._processes()
        self.say(f"{len(ANSWERS)} + {GOOD} tasks are deferred, {len(before)} processes trigger; now it gets hostile")
        self.front.hostile.set()
        self._until(lambda: not self.triggerer.runs or all(self._ended(title) for title in ANSWERS), 300)
        self.say(f"answers served: {dict(self.front.served)}")
        for job, title in self.front.jobs.items():
            if title not in ANSWERS:
                self.control.ask("POST", f"jobs/{job}", status="DONE")
        self._until(lambda: not self.triggerer.runs or self._all_are("success", TITLES[-GOOD:]), 300)
        states = self._states()
        for title in ANSWERS:
            self.say(f"{title}: {states[title]}, {self.front.started[title]} jobs started")
        bad = [f"{title} is {states[title]}" for title in ANSWERS if not self._ended(title)]
        bad += [f"{title} was never served" for title in ANSWERS if not self.front.served[title]]
        bad += [
            f"{self.front.started[title]} jobs were started for {title}"
            for title in ANSWERS
            if self.front.started[title] > 1 + (title in JOB_FAILED)
        ]
        if states["title"] != "success":
            bad.append(f"the task whose item has an odd title is {states['title']}")
        good = Counter(states[title] for title in TITLES[-GOOD:])
        self.say(f"good tasks: {dict(good)}")
        if good != {"success": GOOD}:
            bad.append(f"good tasks: {dict(good)}")
        if lost := before - self._processes():
            bad.append(f"{len(lost)} of {len(before)} processes of the triggerer ended")
        bad += [f"{count} events of {key}" for key, count in self._events().items() if count != 1]
        blocked = max(map(float, _BLOCKED.findall(self.triggerer.log.read_text(errors="replace"))), default=0.0)
        self.say(f"the triggerer's event loop was blocked for {blocked} s at most")
        if blocked > MOST_BLOCKED_SECONDS:
            bad.append(f"the triggerer's event loop was blocked for {blocked} s")
        return bad + self._shown()

    def _shown(self) -> list[str]:
        """Look for what was planted in all tables, logs and answers of the API."""
        folder = self.folder / "api"
        folder.mkdir()
        api = Api(f"http://127.0.0.1:{self.airflow.port}")
        tasks = [
            {"task_id": TASK_ID, "map_index": index, "try_number": number, "task_try_number": number, "xcom_key": key}
            for index in range(len(ANSWERS) + 1)
            for number in (1, 2)
            for key in ("return_value", "job_ids")
        ]
        answers = list(api.all_about({"dag_id": DAG_ID, "dag_run_id": RUN_ID, "run_id": RUN_ID}, tasks))
        for number, (path, text) in enumerate(answers):
            (folder / f"{number:04}.json").write_text(f"{path}\n{text}")
        self.say(f"{len(answers)} answers of the API, {sum(len(text) for _, text in answers) >> 10} KiB")
        postgres.dump(self.socket, self.folder / "airflow.sql")
        places = {"tables": self.folder / "airflow.sql", "logs": self.folder / "logs", "API": folder}
        bad = [
            f"nothing of the answers is in the {name}, so that nothing planted is proves little"
            for name, place in places.items()
            if not any(leaks.find([place], {VISIBLE.encode(): "visible"}))
        ]
        found = list(leaks.find([self.folder], {MARKER.encode(): "a planted signature", **CONTROLS}))
        self.say(f"planted secrets and controls found: {len(found)}")
        return bad + found

    def _events(self) -> Counter[str]:
        """Count the events of each trigger, by title and try."""
        fired: Counter[str] = Counter()
        for file in (self.folder / "logs").rglob("*.log"):
            for index, number in _FIRED.findall(file.read_text(errors="replace")):
                fired[f"{TITLES[int(index)]}, try {number}"] += 1
        return fired

    def _processes(self) -> set[int]:
        return {self.triggerer.pid, *(each.pid for each in processes.below(self.triggerer.pid))}

    def _states(self) -> dict[str, str]:
        sql = "SELECT map_index, state FROM task_instance WHERE dag_id = :dag AND task_id = :task AND map_index >= 0"
        found = dict(self.airflow.ask(sql, dag=DAG_ID, task=TASK_ID))
        return {title: str(found.get(index)) for index, title in enumerate(TITLES)}

    def _all_are(self, state: str, titles: list[str]) -> bool:
        states = self._states()
        return all(states[title] == state for title in titles)

    def _ended(self, title: str) -> bool:
        return self._states()[title] in ("success", "failed")

    def _until(self, ready: Callable[[], bool], patience: float) -> bool:
        until = time.monotonic() + patience
        while not ready():
            if time.monotonic() > until:
                return False
            time.sleep(1)
        return True
