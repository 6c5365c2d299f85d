"""What an import adds to a process that has loaded what every DAG file needs of Airflow."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tests.benchmarks.fresh_process import in_fresh_process, measured
from tests.benchmarks.measure import Table, interleave

OURS, CLIENT, PEER = "ours: all operators and sensors", "Encord's client: import encord", "amazon: S3 and Glue"
PEER_MODULES = (
    "airflow.providers.amazon.aws.operators.s3",
    "airflow.providers.amazon.aws.operators.glue",
    "airflow.providers.amazon.aws.sensors.s3",
    "airflow.providers.amazon.aws.sensors.glue",
)
BASES = ("import airflow", "import airflow and dag, task")
HEAVY = ("requests", "aiohttp", "cryptography")


def run(runs: int) -> list[Table]:
    """Compare with the official client, and with two operators and sensors of the amazon provider."""
    contestants = [name for name in (OURS, CLIENT, PEER) if all(_installed(each) for each in _modules(name))]
    return [
        Table(
            f"Added to a process after: {base}",
            OURS,
            interleave({name: partial(in_fresh_process, __name__, base, name) for name in contestants}, runs),
        )
        for base in BASES
    ]


def measure(base: str, contestant: str) -> dict[str, float]:
    """Import what the contestant needs, after the base."""
    import_module("airflow")
    if base == BASES[1]:
        _load_dag_and_task()
    modules = _modules(contestant)
    before = set(sys.modules)
    found = measured(lambda: [import_module(each) for each in modules])
    heavy = {name.partition(".")[0] for name in set(sys.modules) - before} & set(HEAVY)
    return {
        "ms": found["seconds"] * 1000,
        "MB": found["peak MB over idle"],
        "modules": len(set(sys.modules) - before),
        f"of {', '.join(HEAVY)}": len(heavy),
    }


def _load_dag_and_task() -> None:
    try:
        from airflow.sdk import dag, task
    except ImportError:
        from airflow.decorators import dag, task  # noqa: F401


def _modules(contestant: str) -> Iterable[str]:
    if contestant == OURS:
        package = Path(__file__).parents[2] / "airflow_provider_encord"
        rooms = ("operators", "sensors", "transfers")
        return [
            f"{package.name}.{room}.{path.stem}"
            for room in rooms
            for path in sorted((package / room).glob("*.py"))
            if not path.stem.startswith("_")  # what DAG files import; the rest comes with it, or when a task runs
        ]
    return ("encord",) if contestant == CLIENT else PEER_MODULES


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))
