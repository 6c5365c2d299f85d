"""A contestant in a process of its own, so that its time and its memory are nobody else's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

MB = 1_000_000


def in_fresh_process(module: str, *arguments: object) -> Mapping[str, float]:
    """Run ``python -m module arguments...`` with a new Airflow home and return what its last line says, as JSON."""
    with TemporaryDirectory() as home:
        settings = {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        done = subprocess.run(
            [sys.executable, "-m", module, *map(str, arguments)],
            env={name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")} | settings,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found: Mapping[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(work: Callable[[], object]) -> dict[str, float]:
    """Do the work and return its seconds and its highest memory over that of the idle process."""
    Path("/proc/self/clear_refs").write_text("5")  # the highest memory so far begins anew
    idle = memory("VmRSS")
    begin = time.perf_counter()
    work()
    return {"seconds": time.perf_counter() - begin, "peak MB over idle": memory("VmHWM") - idle}


def memory(name: str) -> float:
    """Return a field of Linux's account of this process, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024 / MB
