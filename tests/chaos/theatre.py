"""The folder of a run, and all that is started in it: a local S3, a local Encord, a whole Airflow."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import TextIO

from airflow_provider_encord import demo
from tests.chaos import postgres, processes, workload
from tests.chaos.airflow_services import IS_2, VERSION, Airflow, free_port, settings
from tests.chaos.encord import Control

JOB_SECONDS = 3


class Theatre:
    """The folder of a chaos run, and all that is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.began = time.monotonic()
        self.chronicle = (self.logs / "chaos.log").open("w")

    def tell(self, line: str) -> None:
        """Write down what happened."""
        print(f"{time.monotonic() - self.began:7.1f} {line}", file=self.chronicle, flush=True)

    def say(self, line: str) -> None:
        """Show it, too."""
        self.tell(line)
        print(f"* {time.monotonic() - self.began:5.0f} s  {line}", flush=True)

    @contextmanager
    def staged(
        self,
        before_encord: Callable[[str], AbstractContextManager[str]] = nullcontext,
        extra_environment: Mapping[str, str] = MappingProxyType({}),
        services: type[Airflow] = Airflow,
    ) -> Iterator[tuple[Airflow, Control, workload.Workload]]:
        """Start everything; whatever happens, nothing of it is left.

        :param before_encord: given the local Encord's URL, runs a server before it and gives the URL for Airflow.
        :param extra_environment: of Airflow.
        :param services: which services are started, and how.
        """
        os.environ.update(environment := demo.clean_environment())
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        with ExitStack() as stack:
            stack.callback(processes.end_everything)
            log = stack.enter_context((self.logs / "services.log").open("w"))
            private_key, public_key = demo.make_key(self.folder)
            stage = self.stage = demo.Stage(self.folder, log, private_key)
            work = workload.make(stage.media_folder)
            work.write(self.folder / "workload.json")
            stage.s3_url = stack.enter_context(demo.server("S3", [sys.executable, "-c", demo.S3_SERVER], log))
            workload.fill_bucket(stage.s3_url, work)
            command = [sys.executable, "-m", "airflow_provider_encord.emulator", "--public-key", str(public_key)]
            command += ["--state-dir", str(self.folder / "encord"), "--s3-endpoint", stage.s3_url]
            command += ["--job-seconds", str(JOB_SECONDS), "--re-encode-seconds", str(JOB_SECONDS)]
            encord_url = stack.enter_context(demo.server("Encord", command, log))
            stage.encord_url = stack.enter_context(before_encord(encord_url))
            port, database = free_port(), self._database(stack, log)
            stage.home.mkdir()
            environment = demo.airflow_environment(stage) | settings(port, database)
            environment |= {
                "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.logs / "tasks"),
                "CHAOS_WORKLOAD": str(self.folder / "workload.json"),
                "PYTHONDONTWRITEBYTECODE": "1",
                **extra_environment,
            }
            airflow = services(environment, database, port, self.logs)
            stack.callback(airflow.stop)
            self.say(f"Starting Airflow {VERSION} on {'PostgreSQL' if self.socket else 'SQLite'}")
            airflow.start()
            self.say("Airflow is up")
            yield airflow, Control(encord_url), work

    def _database(self, stack: ExitStack, log: TextIO) -> str:
        self.socket = ""
        try:
            self.postgres = stack.enter_context(postgres.postgres(log))
        except postgres.NoPostgres as missing:
            if IS_2:
                raise
            self.say(f"{missing} Going on with SQLite.")
            return f"sqlite:///{self.folder}/airflow/airflow.db"
        self.socket = self.postgres.folder
        return f"postgresql+psycopg2://airflow@/postgres?host={self.socket}"


def perform(play: Callable[[Theatre], list[str]], name: str, *, keep: bool) -> int:
    """Let a play happen in a folder of its own; return the exit code.

    :param play: returns what is bad.
    :param name: of the play.
    :param keep: keeps the folder even if nothing is bad.
    """
    signal.signal(signal.SIGTERM, demo.interrupt)
    processes.adopt_orphans()
    folder = Path(tempfile.mkdtemp(prefix=f"encord-{name}-"))
    bad = ["interrupted"]
    try:
        bad = play(Theatre(folder))
    except KeyboardInterrupt:
        pass
    except Exception as error:
        bad = [f"{type(error).__name__}: {error}"]
        traceback.print_exc()
    finally:
        if bad or keep:
            print(f"Logs are in {folder}", flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if bad:
        print(f"{name.capitalize()} failed: {'; '.join(bad)}.", file=sys.stderr)
    return bool(bad)
