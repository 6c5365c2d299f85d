"""One stage for all: media, a local S3, a local Encord and one Airflow home, because setting these up takes long."""

import itertools
import json
import select
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
import requests

import airflow_provider_encord.demo


@dataclass(frozen=True)
class Run:
    """What one run of a DAG left behind."""

    states: dict[str, str]
    xcoms: dict[tuple[str, str], object]
    requests: list[str]
    log: str

    def returned(self, task):
        return self.xcoms[task, "return_value"]

    def count(self, operation):
        return self.requests.count(operation)

    @property
    def deferrals(self):
        return self.log.count("running trigger in line")


class Commands:
    """Airflow's commands in one process of its own, which starts with the first of them."""

    def __init__(self, demo, environment):
        self.demo = demo
        self.environment = environment
        self.process = None

    def run(self, log, *arguments, timeout=180):
        if self.process is None:
            command = [sys.executable, str(Path(__file__).with_name("commands.py"))]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            self.process = subprocess.Popen(command, env=self.environment, start_new_session=True, **pipes)
        self.process.stdin.write(json.dumps({"log": log, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], timeout)
        if not ready or self.process.stdout.readline() != "true\n":
            raise self.demo.DemoFailed(f"airflow {' '.join(arguments[:3])} failed, or took {timeout} s")

    def stop(self):
        if self.process:
            self.demo.stop(self.process)
            self.process.communicate()


class Theatre:
    """Runs DAGs on the stage."""

    def __init__(self, demo, stage, folder, commands):
        self.demo = demo
        self.stage = stage
        self.folder = folder
        self.commands = commands
        self.session = requests.Session()
        self.session.trust_env = False
        self.runs = itertools.count(1)

    def control(self, method, path, **body):
        """Ask the local Encord's control API."""
        answer = self.session.request(method, f"{self.stage.encord_url}/_emulator/{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def run(self, dag_id, *, in_own_process=False, **conf):
        """Run a DAG with `airflow dags test`, and tell how it went."""
        day = date(2026, 2, 1) + timedelta(days=next(self.runs))
        command = ["dags", "test", dag_id, day.isoformat(), "--conf", json.dumps(conf)]
        if in_own_process:
            return self.watch(dag_id, lambda: self.demo.airflow(self.stage, *command, timeout=180))
        return self.watch(dag_id, lambda: self.commands.run(self.stage.log.name, *command))

    def watch(self, dag_id, work):
        """Do something that runs a DAG, and tell how it went."""
        self.control("DELETE", "requests")
        log = self.folder / f"{dag_id}-{next(self.runs)}.log"
        whole, self.stage.log = self.stage.log, log.open("w")
        try:
            work()
        except self.demo.DemoFailed as error:
            excerpt = "\n".join(self.demo.notable(log.read_text().splitlines()))
            pytest.fail(f"{error}\n{excerpt}", pytrace=False)
        finally:
            self.stage.log.close()
            self.stage.log = whole
        asked = self.control("GET", "requests")["requests"]
        return Run(*self._left(dag_id), [each["operation"] for each in asked], log.read_text())

    @contextmanager
    def jobs_that_take(self, seconds):
        """Let jobs of both kinds take so long for a while."""
        before = self.control("GET", "settings")
        self.control("POST", "settings", job_seconds=seconds, re_encode_seconds=seconds)
        yield
        self.control("POST", "settings", **{name: before[name] for name in ("job_seconds", "re_encode_seconds")})

    def rows(self, title):
        """Return the rows of the dataset with a title, as Encord tells them now."""
        return self.demo.rows_by_title(self.stage)[title]

    def _left(self, dag_id):
        with closing(sqlite3.connect(self.stage.home / "airflow.db")) as database:
            (run_id,) = database.execute(
                "SELECT run_id FROM dag_run WHERE dag_id = ? ORDER BY id DESC LIMIT 1", (dag_id,)
            ).fetchone()
            states = database.execute(
                "SELECT task_id, state FROM task_instance WHERE dag_id = ? AND run_id = ?", (dag_id, run_id)
            ).fetchall()
            xcoms = database.execute(
                "SELECT task_id, key, value FROM xcom WHERE dag_id = ? AND run_id = ?", (dag_id, run_id)
            ).fetchall()
        return dict(states), {(task, key): _value(value) for task, key, value in xcoms}


def _value(stored):
    value = json.loads(stored) if isinstance(stored, str | bytes) else stored
    return json.loads(value) if isinstance(value, str) and value[:1] in ('"', "{", "[") else value


@pytest.fixture(scope="session")
def demo():
    return airflow_provider_encord.demo


@pytest.fixture(scope="session")
def commands_in(demo):
    """Make the commands of an Airflow in another environment."""
    return partial(Commands, demo)


@pytest.fixture(scope="session")
def theatre(demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    quiet = demo.airflow_environment
    # At debug level a secret has the most places to show up in.
    demo.airflow_environment = lambda stage: quiet(stage) | {"AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG"}
    with (folder / "stage.log").open("w") as log, demo.staged(log, folder) as stage:
        demo.prepare_airflow(stage)
        commands = Commands(demo, demo.airflow_environment(stage))
        yield Theatre(demo, stage, folder, commands)
        commands.stop()
