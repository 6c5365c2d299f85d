"""A whole Airflow with its pages, beside a local Encord and a local S3: all of them processes of their own."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

import requests
from sqlalchemy import create_engine, text

from airflow_provider_encord import demo
from airflow_provider_encord.hooks.encord import EncordHook
from tests.chaos.airflow_services import IS_2, Service, free_port

USER, PASSWORD = "admin", "admin"
"""Of Airflow 2; Airflow 3 lets everybody in."""
INGEST, REVIEW = "encord_asset_ingest", "encord_asset_review"
"""The examples of which one starts from the dataset that the other fills."""
Found = TypeVar("Found")


def api_servers(port: int, execution_port: int) -> dict[str, list[str]]:
    """Return Airflow 3's commands for its pages, and for its tasks.

    One server for both stands still on SQLite: it waits for its own lock where people act while tasks start.
    """
    both = {"core": port, "execution": execution_port}
    where = ["api-server", "--host", "127.0.0.1", "--workers", "1"]
    return {f"{apps}-api": [*where, "--port", str(number), "--apps", apps] for apps, number in both.items()}


class WholeAirflow:
    """Airflow's services, and what stands behind them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.execution_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.services: list[Service] = []

    @contextmanager
    def running(self, media: Callable[[Path], None]) -> Iterator[WholeAirflow]:
        """Start everything; whatever happens, nothing of it is left.

        :param media: draws what the example uploads.
        """
        with ExitStack() as stack:
            log = stack.enter_context((self.folder / "stage.log").open("w"))
            self.stage = stack.enter_context(demo.staged(log, self.folder))
            media(self.stage.media_folder)
            self.stage.home.mkdir()
            shutil.copytree(Path(__file__).with_name("dags"), self.folder / "dags")
            for dag_id in (demo.DAG_ID, INGEST, REVIEW):
                shutil.copy(demo.DAGS / f"{dag_id}.py", self.folder / "dags")
            self.dataset = self._make_dataset()
            self.asset = f"encord://api.encord.com/datasets/{self.dataset}"
            self.environment = self._environment()
            self._run("db", "migrate")
            if IS_2:
                name = ["--username", USER, "--password", PASSWORD, "--firstname", "A", "--lastname", "B"]
                self._run("users", "create", *name, "--role", "Admin", "--email", "admin@example.com")
            self.engine = create_engine(self.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
            stack.callback(self.engine.dispose)
            for name, command in self._commands().items():
                service = Service(name, command, self.environment, self.folder / f"{name}.log")
                service.start()
                stack.callback(service.kill)
                self.services.append(service)
            self.wait_for("Airflow's page", self._answers, 300)
            self.wait_for("the DAGs", lambda: self.ask("SELECT count(*) FROM serialized_dag") == [(4,)], 300)
            yield self

    def _make_dataset(self) -> str:
        """Make the dataset that a DAG waits for, and return its hash."""
        name = "AIRFLOW_CONN_ENCORD_DEFAULT"
        with patch.dict(os.environ, {name: demo.airflow_environment(self.stage)[name]}):
            return EncordHook().create_dataset("watched").dataset_hash

    def _environment(self) -> dict[str, str]:
        basis = demo.airflow_environment(self.stage)
        del basis["AIRFLOW_CONN_ENCORD_DEFAULT"]  # a test makes it in the form
        names = {
            # On SQLite, Airflow 2 can run only one task after the other.
            "core__executor": "SequentialExecutor" if IS_2 else "LocalExecutor",
            "core__parallelism": "3",
            "core__dags_folder": str(self.folder / "dags"),
            "core__fernet_key": "",
            "core__test_connection": "Enabled",
            "core__execution_api_server_url": f"http://127.0.0.1:{self.execution_port}/execution/",
            "core__simple_auth_manager_all_admins": "True",
            "core__simple_auth_manager_passwords_file": "/dev/null",
            # A scheduler that finds SQLite locked for 5 s, the usual patience, ends.
            "database__sql_alchemy_conn": f"sqlite:///{self.stage.home}/airflow.db?timeout=60",
            "database__load_default_connections": "False",
            "api__base_url": self.url,
            "api__secret_key": secrets.token_hex(16),
            "api_auth__jwt_secret": secrets.token_hex(32),
            "webserver__base_url": self.url,
            "webserver__secret_key": secrets.token_hex(16),
            "logging__base_log_folder": str(self.folder / "logs"),
            "scheduler__scheduler_heartbeat_sec": "1",
            "scheduler__scheduler_idle_sleep_time": "0.5",
            "scheduler__min_file_process_interval": "600",
            "dag_processor__min_file_process_interval": "600",
            "workers__execution_api_timeout": "60",  # machines may be busy
        }
        # Airflow 2 starts tasks by the name of its command.
        basis["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), basis["PATH"]])
        basis["ENCORD_EXAMPLE_DATASET"] = self.dataset
        return basis | {f"AIRFLOW__{name.upper()}": value for name, value in names.items()}

    def _commands(self) -> dict[str, list[str]]:
        both = {"scheduler": ["scheduler", "--skip-serve-logs"], "triggerer": ["triggerer", "--skip-serve-logs"]}
        where = ["--port", str(self.port), "--workers", "1"]
        if IS_2:
            return both | {"webserver": ["webserver", "--hostname", "127.0.0.1", *where]}
        return both | api_servers(self.port, self.execution_port) | {"dag-processor": ["dag-processor"]}

    def _run(self, *command: str) -> None:
        with (self.folder / "commands.log").open("ab") as log:
            whole = [sys.executable, "-m", "airflow", *command]
            subprocess.run(whole, env=self.environment, stdout=log, stderr=log, check=True, timeout=300)

    def _answers(self) -> bool:
        session = requests.Session()
        session.trust_env = False
        with suppress(requests.RequestException):
            return session.get(f"{self.url}/{'health' if IS_2 else 'api/v2/version'}", timeout=20).ok
        return False

    def wait_for(self, what: str, ready: Callable[[], Found], patience: float) -> Found:
        """Wait until something is there, and return it."""
        until = time.monotonic() + patience
        while not (found := ready()):
            for service in self.services:
                assert service.runs, f"{service.name} ended; see {service.log}"
            assert time.monotonic() < until, f"{what} was not there after {patience:.0f} s; see {self.folder}"
            time.sleep(0.3)
        return found

    def ask(self, sql: str, **values: object) -> list[tuple[object, ...]]:
        """Ask Airflow's database."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql), values)]

    def ended(self, dag_id: str, run_id: str) -> str:
        """Wait for the end of a run, and return its state."""
        sql = "SELECT state FROM dag_run WHERE dag_id = :dag AND run_id = :run AND state IN ('success', 'failed')"
        ended = self.wait_for(f"the end of {dag_id}", lambda: self.ask(sql, dag=dag_id, run=run_id), 600)
        return str(ended[0][0])
