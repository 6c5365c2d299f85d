"""A whole Airflow: its services as processes, its settings, its database."""

from __future__ import annotations

import json
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import create_engine, text

from tests.chaos import processes
from tests.chaos.workload import DAG_ID

VERSION = version("apache-airflow")
IS_2 = VERSION.startswith("2.")
LASTS = not IS_2 and tuple(int(part) for part in VERSION.split(".")[:2]) >= (3, 3)
"""Whether this Airflow keeps the task state store, in which the operators remember."""
UNFINISHED = ("queued", "running")
STUCK_SECONDS = 30.0 if IS_2 else 45.0


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings(port: int, database: str) -> dict[str, str]:
    """Return Airflow's settings as its environment: what is dead is found dead within seconds."""
    names = {
        "core__executor": "LocalExecutor",
        # Fixed workers of 2.11 do not come back after a kill; without a limit each task gets a new one.
        "core__parallelism": "0" if IS_2 else "6",
        "core__max_active_tasks_per_dag": "6",
        "core__dags_folder": str(Path(__file__).parent / "dags"),
        "core__dags_are_paused_at_creation": "False",
        "core__killed_task_cleanup_time": "5",
        "core__fernet_key": "",
        "core__execution_api_server_url": f"http://127.0.0.1:{port}/execution/",
        "core__simple_auth_manager_all_admins": "True",
        "core__simple_auth_manager_passwords_file": "/dev/null",
        "database__sql_alchemy_conn": database,
        "database__load_default_connections": "False",
        "api__secret_key": secrets.token_hex(16),
        "api_auth__jwt_secret": secrets.token_hex(32),
        "logging__logging_level": "INFO",
        "scheduler__job_heartbeat_sec": "2",
        "scheduler__scheduler_heartbeat_sec": "1",
        "scheduler__scheduler_idle_sleep_time": "0.5",
        "scheduler__scheduler_health_check_threshold": "10",
        "scheduler__orphaned_tasks_check_interval": "5",
        "scheduler__task_queued_timeout": "30",
        "scheduler__task_queued_timeout_check_interval": "5",
        "scheduler__num_stuck_in_queued_retries": "100",
        "scheduler__task_instance_heartbeat_sec": "2",
        "scheduler__task_instance_heartbeat_timeout": "15",
        "scheduler__task_instance_heartbeat_timeout_detection_interval": "3",
        "scheduler__local_task_job_heartbeat_sec": "2",
        "scheduler__scheduler_zombie_task_threshold": "15",
        "scheduler__zombie_detection_interval": "3",
        "scheduler__trigger_timeout_check_interval": "5",
        "scheduler__min_file_process_interval": "300",
        "scheduler__schedule_after_task_execution": "False",
        "dag_processor__min_file_process_interval": "300",
        "dag_processor__stale_dag_threshold": "600",
        "triggerer__job_heartbeat_sec": "2",
        "triggerer__triggerer_health_check_threshold": "8",
        "workers__min_heartbeat_interval": "2",
    }
    if IS_2:
        # Tasks are forked from the scheduler: a pooled connection that both use breaks.
        names["database__sql_alchemy_pool_enabled"] = "False"
    if not database.startswith("sqlite"):
        names["database__sql_alchemy_conn_async"] = database.replace("+psycopg2", "+asyncpg")
    return {f"AIRFLOW__{name.upper()}": value for name, value in names.items()}


@dataclass
class Service:
    """One of Airflow's services, or another program, started again as often as it is killed."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    program: Sequence[str] = (sys.executable, "-m", "airflow")
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0

    def start(self) -> None:
        """Start it."""
        self.started = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.program, *self.command],
                env=self.environment,
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process
        return self.process.pid

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None

    def kill(self, *, whole: bool = True) -> bool:
        """SIGKILL it: with all below it, as the end of its container does, or alone."""
        if not self.runs:
            return False
        killed = processes.kill_all(self.pid) > 0 if whole else processes.kill(self.pid)
        assert self.process
        self.process.wait()
        return killed

    def deploy(self, patience: float = 15.0) -> bool:
        """SIGTERM it, and SIGKILL it if that takes too long, as deployments do."""
        if not self.runs:
            return False
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        self.kill()
        return True


@dataclass
class Airflow:
    """Everything that runs, and the ways in."""

    environment: dict[str, str]
    database: str
    port: int
    logs: Path
    services: dict[str, Service] = field(default_factory=dict)

    def start(self) -> None:
        """Make the database, start the services, and wait until the DAGs are known."""
        with (self.logs / "migrate.log").open("wb") as log:
            migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
            subprocess.run(migrate, env=self.environment, stdout=log, stderr=log, check=True, timeout=300)
        for name, command in sorted(self.commands().items()):
            self.services[name] = Service(name, command, self.environment, self.logs / f"{name}.log")
            self.services[name].start()
        self.engine = create_engine(self.database, pool_pre_ping=True, isolation_level="AUTOCOMMIT")
        with (self.logs / "hand.log").open("wb") as log:
            self.hand = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("hand.py"))],
                # Debug logs would come between its answers.
                env={**self.environment, "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self.hand.stdout
        if not self.hand.stdout.readline():
            raise RuntimeError("the process that triggers runs did not start; see hand.log")
        self.wait_for(self._knows_the_dags, "the DAGs", 180)
        if not IS_2:
            self.wait_for(self._answers, "the API server", 120)

    def commands(self) -> dict[str, list[str]]:
        """Return the services by name, each with its command."""
        commands = {"scheduler": ["scheduler", "--skip-serve-logs"], "triggerer": ["triggerer", "--skip-serve-logs"]}
        if not IS_2:
            commands["api-server"] = ["api-server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
            commands["dag-processor"] = ["dag-processor"]
        return commands

    def wait_for(self, ready: Any, what: str, patience: float) -> None:
        """Wait until something is there."""
        until = time.monotonic() + patience
        while not ready():
            for service in self.services.values():
                if not service.runs:
                    raise RuntimeError(f"{service.name} ended; see {service.log}")
            if time.monotonic() > until:
                raise RuntimeError(f"{what} was not there after {patience:.0f} s")
            time.sleep(0.5)

    def _knows_the_dags(self) -> bool:
        known = self.ask(
            "SELECT DISTINCT dag.fileloc FROM dag JOIN serialized_dag ON serialized_dag.dag_id = dag.dag_id"
        )
        return len(known) == len(list(Path(self.environment["AIRFLOW__CORE__DAGS_FOLDER"]).glob("*.py")))

    def _answers(self) -> bool:
        session = requests.Session()
        session.trust_env = False
        with suppress(requests.RequestException):
            return session.get(f"http://127.0.0.1:{self.port}/api/v2/version", timeout=5).ok
        return False

    def ask(self, sql: str, **values: Any) -> list[Any]:
        """Ask the database."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(sql), values))

    def order(self, do: str, dag_id: str = DAG_ID, **arguments: Any) -> str | None:
        """Let Airflow trigger a run, clear a task or mark it failed; return what went wrong."""
        assert self.hand.stdin and self.hand.stdout
        self.hand.stdin.write(json.dumps({"do": do, "dag_id": dag_id, **arguments}) + "\n")
        self.hand.stdin.flush()
        ready, _, _ = select.select([self.hand.stdout], [], [], 120)
        if not ready:
            raise RuntimeError(f"Airflow did not {do} within two minutes; a lock that nobody frees?")
        error: str | None = json.loads(self.hand.stdout.readline())["error"]
        return error

    def states(self, dag_id: str = DAG_ID) -> dict[str, str]:
        """Return the state of each run."""
        found = self.ask("SELECT run_id, state FROM dag_run WHERE dag_id = :dag", dag=dag_id)
        return {run_id: str(state) for run_id, state in found}

    def keep_running(self) -> list[str]:
        """Start again what has ended by itself, or hangs; return what that was."""
        if self._is_stuck():
            self.services["scheduler"].kill()
        ended = [service for service in self.services.values() if not service.runs]
        for service in ended:
            service.start()
        return [service.name for service in ended]

    def _is_stuck(self) -> bool:
        scheduler = self.services["scheduler"]
        if not scheduler.runs or time.monotonic() < scheduler.started + 2 * STUCK_SECONDS:
            return False
        before = datetime.now(UTC) - timedelta(seconds=STUCK_SECONDS)
        # Airflow 2.11's scheduler waits for ever for workers that were killed when it wants to end after an error.
        alive = "SELECT 1 FROM job WHERE job_type = 'SchedulerJob' AND latest_heartbeat > :before"
        # LocalExecutor never notices that a worker was killed which had taken a task but not begun it. With all workers
        # busy, a task only waits for its turn.
        waits = "SELECT 1 FROM task_instance WHERE state = 'queued' AND queued_dttm < :before"
        workers = processes.below(scheduler.pid)
        return not self.ask(alive, before=before) or (
            bool(self.ask(waits, before=before)) and (IS_2 or any(each.is_idle for each in workers))
        )

    def stop(self) -> None:
        """Kill all services; nothing here is worth saving."""
        for service in self.services.values():
            service.kill()
        if hasattr(self, "hand"):
            self.hand.kill()
            self.hand.wait()
        if hasattr(self, "engine"):
            self.engine.dispose()
