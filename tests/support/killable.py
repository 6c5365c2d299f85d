"""Runs one try of a task in a process of its own, and kills it at a given line of the provider's code."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import airflow_provider_encord

PACKAGE = str(Path(airflow_provider_encord.__file__).parent)


class FileStore:
    """A task state store that outlives the process, as Airflow's does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def get(self, key: str) -> Any:
        file = self._folder / key
        return json.loads(file.read_text()) if file.exists() else None

    def set(self, key: str, value: Any) -> None:
        half = self._folder / f"{key}.half"
        half.write_text(json.dumps(value))
        half.replace(self._folder / key)

    def delete(self, key: str) -> None:
        (self._folder / key).unlink(missing_ok=True)


@dataclass
class TaskInstance:
    """As much of one as operators read."""

    try_number: int
    dag_id: str = "dag"
    task_id: str = "task"
    run_id: str = "run"
    map_index: int = -1
    max_tries: int = 99
    xcoms: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any, **_: Any) -> None:
        self.xcoms[key] = value


@dataclass(frozen=True)
class Task:
    """A task with a memory in a folder of its own.

    :param operator: module and class.
    :param arguments: of the operator.
    :param connection: JSON of the Airflow connection.
    :param remembers: whether there is a task state store.
    :param environment: more variables.
    """

    operator: tuple[str, str]
    arguments: dict[str, Any]
    connection: str
    folder: Path
    remembers: bool
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def tries(self) -> int:
        """How many tries were begun."""
        return len(list(self.folder.glob("try-*")))

    def run(self, kill_at: int | None = None) -> dict[str, Any] | None:
        """Run a try; return what it returned, or None if it was killed.

        :param kill_at: number of the executed line at which to kill the process, from 0.
        """
        number = self.tries + 1
        result = self.folder / f"try-{number}"
        result.touch()
        process = PROCESSES.Process(target=_run, args=(self, number, result, kill_at))
        process.start()
        process.join()
        text = result.read_text()
        if process.exitcode != -signal.SIGKILL and not text:
            raise AssertionError(f"the try ended with {process.exitcode} and told nothing")
        told: dict[str, Any] | None = json.loads(text) if text else None
        if told and told["error"]:
            raise AssertionError(told["error"])
        return told


# A server that has everything imported and no threads forks processes quickly and safely.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        "airflow_provider_encord.operators.datasets",
        "airflow_provider_encord.operators.private_data",
        "airflow_provider_encord.operators.reencode",
        "airflow_provider_encord.operators.uploads",
        "airflow_provider_encord.operators._uploading",
        "airflow_provider_encord.transfers._bucket_registration",
        "airflow_provider_encord.hooks.encord",
        "killable",
    ]
)


def _run(task: Task, number: int, result: Path, kill_at: int | None) -> None:
    from importlib import import_module

    os.environ.update(task.environment, AIRFLOW_CONN_ENCORD_DEFAULT=task.connection)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123
    module, name = task.operator
    operator = getattr(import_module(module), name)(task_id="task", **task.arguments)
    instance = TaskInstance(number)
    context: dict[str, Any] = {"ti": instance}
    if task.remembers:
        context["task_state_store"] = FileStore(task.folder / "store")
    lines = _Lines(kill_at)
    try:
        with lines:
            returned = operator.execute(context)
        told = {"error": None, "returned": returned, "xcoms": instance.xcoms, "lines": lines.count}
    except Exception as error:
        told = {"error": f"{type(error).__name__}: {error}"}
    result.write_text(json.dumps(told))


class _Lines:
    """Counts executed lines of the provider in all threads."""

    def __init__(self, kill_at: int | None) -> None:
        self.count = 0
        self._kill_at = kill_at

    def __enter__(self) -> _Lines:
        threading.settrace(self._call)
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]

    def _call(self, frame: Any, event: str, argument: Any) -> Any:
        return self._line if frame.f_code.co_filename.startswith(PACKAGE) else None

    def _line(self, frame: Any, event: str, argument: Any) -> Any:
        if event == "line":
            if self.count == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            self.count += 1
        return self._line
