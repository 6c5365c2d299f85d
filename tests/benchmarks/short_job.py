"""A short job: from the start of a task to its end, when Encord needs half a second to register one image.

``python -m tests.benchmarks.short_job WAY PACKAGE URL FOLDER < KEY`` is one contestant in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks.contestants import measured
from tests.benchmarks.earlier import TOP, earlier
from tests.benchmarks.measure import Contestant, Table, interleave

JOBS = 10
JOB_SECONDS = 0.5
OURS = "this provider's operator"


def run(runs: int) -> list[Table]:
    """Return a table of what one job takes."""
    from PIL import Image

    from airflow_provider_encord.emulator import LocalEncord

    with LocalEncord() as encord, tempfile.TemporaryDirectory(prefix="encord-bench-") as folder:
        encord.settings(job_seconds=JOB_SECONDS)
        for number in range(JOBS + 1):
            Image.new("RGB", (4, 4)).save(Path(folder, f"{number}.png"))
        contestants: dict[str, Contestant] = {
            OURS: partial(_contestant, "operator", TOP, encord, folder),
            "Encord's client": partial(_contestant, "official_client", TOP, encord, folder),
        }
        if where := earlier():
            contestants["earlier version"] = partial(_contestant, "operator", where, encord, folder)
        title = f"One image, and a job of {JOB_SECONDS:g} s; of {JOBS} one after the other"
        return [Table(title, OURS, interleave(contestants, runs))]


def _contestant(way: str, package: Path, encord: Any, folder: str) -> Mapping[str, float]:
    with tempfile.TemporaryDirectory(prefix="encord-bench-") as home:
        command = [sys.executable, "-m", __name__, way, str(package), encord.url, folder]
        done = subprocess.run(
            command,
            input=encord.private_key,
            env={**os.environ, "AIRFLOW_HOME": home, "PYTHONWARNINGS": "ignore"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found = json.loads(done.stdout.splitlines()[-1])
    return {"seconds": found["seconds"] / JOBS, "CPU seconds": found["CPU seconds"] / JOBS}


class TaskInstance:
    """As much of one as operators read."""

    dag_id, task_id, run_id, map_index, try_number, max_tries = "dag", "task", "run", -1, 1, 0

    def xcom_push(self, *_: Any, **__: Any) -> None:
        """Nobody reads it."""


def operator(url: str, key: str) -> Callable[[str], None]:
    """Upload as the operator does."""
    connection = {"conn_type": "encord", "host": url, "extra": {"ssh_private_key": key}}
    os.environ["AIRFLOW_CONN_ENCORD_DEFAULT"] = json.dumps(connection)
    from airflow_provider_encord.hooks.encord import EncordHook
    from airflow_provider_encord.operators.uploads import EncordUploadImageOperator

    dataset = EncordHook().create_dataset("short job").dataset_hash

    def upload(path: str) -> None:
        task = EncordUploadImageOperator(task_id="task", dataset_hash=dataset, file_paths=path)
        assert task.execute({"ti": TaskInstance()})["added"] == 1

    return upload


def official_client(url: str, key: str) -> Callable[[str], None]:
    """Upload as Encord's client does."""
    from encord import EncordUserClient
    from encord.orm.dataset import StorageLocation

    client = EncordUserClient.create_with_ssh_private_key(key, domain=url)
    made = client.create_dataset("short job", StorageLocation.CORD_STORAGE)
    return client.get_dataset(made.dataset_hash).upload_image


def main() -> None:
    """Do what the command line says; the first job, with all imports, is not counted."""
    way, package, url, folder = sys.argv[1:]
    sys.path.insert(0, package)
    upload = globals()[way](url, sys.stdin.read())
    paths = [str(path) for path in sorted(Path(folder).iterdir())]
    upload(paths.pop())
    print(json.dumps(measured(lambda: [upload(path) for path in paths])))


if __name__ == "__main__":
    main()
