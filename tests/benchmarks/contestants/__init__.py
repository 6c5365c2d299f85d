"""Those who upload: each in a process of its own, so that processor time and memory are its own.

A Python contestant is started as ``python -m``, gets its task as JSON on its standard input and prints what it measured
as JSON. What it needs to import and to make ready counts as idle.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.benchmarks.earlier import TOP
from tests.benchmarks.sink import Sink, Taken
from tests.benchmarks.source import Source

MB = 1_000_000


def measured(work: Callable[[], None]) -> dict[str, float]:
    """Do the work; return seconds, CPU seconds, and by how many MB the process grew at most over what it was before."""
    Path("/proc/self/clear_refs").write_text("5")
    idle, cpu, started = _memory("VmRSS"), _cpu(resource.RUSAGE_SELF), time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "CPU seconds": _cpu(resource.RUSAGE_SELF) - cpu,
        "MB over idle": (_memory("VmHWM") - idle) / MB,
    }


def provider(
    to: Sink,
    paths: Sequence[Path],
    *,
    item_type: str,
    max_workers: int | None = None,
    folder_uuid: str | None = None,
    bucket: Source | None = None,
    where: Path = TOP,
) -> Mapping[str, float]:
    """Upload as this provider's operators do: into a dataset, or into a folder.

    :param bucket: read the files from there.
    :param where: folder of the version that uploads.
    """
    task: dict[str, Any] = {"item_type": item_type, "max_workers": max_workers, "folder_uuid": folder_uuid}
    task["package"] = str(where)
    if bucket:
        task["paths"] = bucket.urls(paths)
    return _python("ours", to, paths, task, bucket.environment if bucket else {})


def official_client(to: Sink, paths: Sequence[Path], *, item_type: str) -> Mapping[str, float]:
    """Upload as Encord's own client does."""
    return _python("official", to, paths, {"item_type": item_type})


def c_program(limit: Path, to: Sink, paths: Sequence[Path], *, connections: int) -> Mapping[str, float]:
    """Upload with nothing in between; ``limit`` is the built program of that name."""
    command: list[str | Path] = [limit, str(to.port), str(connections)]
    if to.ca:
        command.append(to.ca)
    return _program(command, to, paths, "\n".join(map(str, paths)))


def curl(to: Sink, paths: Sequence[Path]) -> Mapping[str, float]:
    """Upload one file with curl, which need not ask first."""
    [path] = paths
    command: list[str | Path] = ["curl", "-sSf", "-H", "Expect:", "-T", path, f"{to.url}/bucket/{path.name}"]
    if to.ca:
        command += ["--cacert", to.ca]
    return _program(command, to, paths)


def _python(
    module: str,
    to: Sink,
    paths: Sequence[Path],
    task: Mapping[str, object],
    more: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="encord-bench-") as home:
        environment = {**_plain_environment(), **more, "AIRFLOW_HOME": home, "PYTHONWARNINGS": "ignore"}
        if to.bundle:
            environment["REQUESTS_CA_BUNDLE"] = str(to.bundle)
        command = [sys.executable, "-m", f"tests.benchmarks.contestants.{module}"]
        given = json.dumps({"url": to.url, "paths": [str(path) for path in paths], **task})
        before = to.taken()
        result = subprocess.run(command, input=given, capture_output=True, text=True, env=environment)
    if result.returncode:
        raise SystemExit(f"The contestant {module} failed:\n{result.stderr[-4000:]}")
    return {**json.loads(result.stdout.splitlines()[-1]), **_taken(to, before, paths)}


def _program(command: Sequence[str | Path], to: Sink, paths: Sequence[Path], given: str = "") -> dict[str, float]:
    before, cpu, started = to.taken(), _cpu(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, input=given, text=True, check=True, capture_output=True, env=_plain_environment())
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "CPU seconds": _cpu(resource.RUSAGE_CHILDREN) - cpu, **_taken(to, before, paths)}


def _taken(to: Sink, before: Taken, paths: Sequence[Path]) -> Mapping[str, float]:
    taken = to.taken().since(before)
    size = sum(path.stat().st_size for path in paths)
    if (taken.puts, taken.bytes) != (len(paths), size):
        raise SystemExit(f"{len(paths)} files of {size} bytes were to be uploaded; the sink took {taken}.")
    return {"sink's CPU seconds": taken.cpu_seconds}


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.lower().endswith(("_proxy", "_bundle"))}


def _cpu(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def _memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(field)
