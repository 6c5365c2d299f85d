"""The processes below this one: found through /proc, told apart by their titles, stopped by their ids."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
# The task's own process is titled by its id on Airflow 3, and by its name before.
_TASK = re.compile(r"airflow worker -- ([0-9a-f-]{36})$|airflow task runner: (.*)")
_SUPERVISOR = re.compile(r"airflow worker -- LocalExecutor.*?: (?!<idle>)(.+)|airflow task supervisor: (.*)")


@dataclass(frozen=True)
class Process:
    """A process as it was a moment ago."""

    pid: int
    parent: int
    title: str
    zombie: bool

    @property
    def task(self) -> str | None:
        """The task whose own process it is, if it is one."""
        found = _TASK.match(self.title)
        return next(filter(None, found.groups()), None) if found else None

    @property
    def supervises(self) -> bool:
        """Whether it looks after a task: the executor's worker, or the process between that and the task."""
        return not self.task and bool(_SUPERVISOR.match(self.title))

    @property
    def is_idle(self) -> bool:
        """Whether it is a worker of LocalExecutor that has nothing to do."""
        return self.title.endswith("<idle>")


def adopt_orphans() -> None:
    """Become the parent of all that is left behind by a killed process below, so that it is found."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _all() -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            title = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            yield Process(int(entry.name), int(parent), title, state == "Z")


def below(pid: int) -> list[Process]:
    """Return all descendants of a process that run, parents first."""
    children: dict[int, list[Process]] = {}
    for process in _all():
        children.setdefault(process.parent, []).append(process)
    found = list(children.get(pid, ()))
    for process in found:
        found += children.get(process.pid, ())
    return [process for process in found if not process.zombie]


def kill(pid: int, number: int = signal.SIGKILL) -> bool:
    """Send a signal; tell whether there was a process."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


def kill_all(pid: int) -> int:
    """Kill a process and all below it; return how many there were."""
    kill(pid, signal.SIGSTOP)  # so that it starts no more meanwhile
    killed = sum(kill(process.pid) for process in below(pid))
    return killed + kill(pid)


def end_idle_orphans() -> None:
    """Kill idle workers of LocalExecutor whose scheduler is dead: they hold its connections, and so its locks, open."""
    own = os.getpid()
    for process in below(own):
        if process.parent == own and process.is_idle:
            kill(process.pid)


def reap(known: set[int]) -> None:
    """Collect dead orphans that this process has adopted; ``known`` children are collected by who started them."""
    own = os.getpid()
    for process in _all():
        if process.zombie and process.parent == own and process.pid not in known:
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)


def end_everything(patience: float = 10.0) -> None:
    """Stop all that still runs below this process: politely first."""
    own = os.getpid()
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        for process in below(own):
            kill(process.pid, number)
        until = time.monotonic() + seconds
        while below(own) and time.monotonic() < until:
            time.sleep(0.1)
            reap(set())
