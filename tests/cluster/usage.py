"""What the services use: CPU time and memory, each with all processes below it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import processes

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """CPU seconds so far, and MB of memory now, by name."""

    at: float
    cpu: Mapping[str, float]
    memory: Mapping[str, float]

    @classmethod
    def of(cls, pids: Mapping[str, int]) -> Usage:
        """Measure processes and all below them."""
        trees = {name: [pid, *(each.pid for each in processes.below(pid))] for name, pid in pids.items()}
        cpu = {name: sum(map(_cpu, tree)) for name, tree in trees.items()}
        return cls(time.monotonic(), cpu, {name: sum(map(_memory, tree)) for name, tree in trees.items()})

    def since(self, before: Usage) -> dict[str, str]:
        """Say for each name how much of a core it took since then, and its memory now."""
        seconds = self.at - before.at
        return {
            name: f"{(cpu - before.cpu[name]) / seconds:6.1%} of a core, {self.memory[name]:5.0f} MB"
            for name, cpu in self.cpu.items()
        }


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process and of those below it that have ended."""
    with suppress(OSError):
        numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, numbers[11:15])) / _TICKS
    return 0.0


def _memory(pid: int) -> float:
    """Return the MB of a process; what several share counts for each in part."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
