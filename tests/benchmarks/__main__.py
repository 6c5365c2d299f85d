"""Run benchmarks: `python -m tests.benchmarks [--runs N] [--against VERSION] [NAME...]`, from the top of the project.

Each benchmark is a module beside this one with ``run(runs: int) -> list[Table]``.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path

from tests.benchmarks.earlier import checked_out
from tests.benchmarks.measure import Table

NAMES = (
    *("uploads", "bucket", "reading", "one_file", "memory", "short_job", "details"),
    *("waits", "rows", "manifests", "listing", "imports"),
)


def main() -> None:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Run benchmarks on this machine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(NAMES)}; all by default")
    parser.add_argument("--runs", type=int, default=5, help="rounds, in each of which every contestant works once")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"), help="file for all that was measured")
    parser.add_argument(
        "--against", default="7be24f4", metavar="VERSION", help="an earlier commit, or a folder with one; '' for none"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    tables: list[Table] = []
    with checked_out(arguments.against):
        for name in arguments.names or NAMES:
            for table in import_module(f"tests.benchmarks.{name}").run(arguments.runs):
                print(table.text(), flush=True)
                tables.append(table)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps([table.as_json() for table in tables], indent=1))


if __name__ == "__main__":
    main()
