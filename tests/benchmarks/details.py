"""What a details file costs: a line for each of many items, beside only making the lines, and json.dumps by hand.

``ENCORD_BENCH_ITEMS`` (100000) says how many. ``python -m tests.benchmarks.details WAY`` is one contestant.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks.contestants import measured
from tests.benchmarks.fresh_process import in_fresh_process
from tests.benchmarks.measure import Table, interleave

ITEMS = int(os.environ.get("ENCORD_BENCH_ITEMS", "100000"))
OURS = "a details file"


def run(runs: int) -> list[Table]:
    """Return one table."""
    ways = {OURS: "written", "lines only": "made", "by hand: json.dumps": "by_hand"}
    contestants = {name: partial(in_fresh_process, __name__, way) for name, way in ways.items()}
    return [Table(f"Details of {ITEMS:,} items", OURS, interleave(contestants, runs))]


def lines() -> Iterator[dict[str, Any]]:
    """Yield what a report says of each item."""
    from airflow_provider_encord._airflow.outcome import RegisteredItem

    for at in range(ITEMS):
        ids = f"{at:08}-0000-4000-8000-000000000000", f"{at:08}-1111-4111-8111-111111111111"
        yield {"job_id": "job", "outcome": "added", **RegisteredItem(f"clip {at}.mp4", *ids).told()}


def written(file: Path) -> None:
    """Write as the operators do."""
    from airflow_provider_encord._storage.details_file import write_json_lines

    write_json_lines(file, lines())


def made(file: Path) -> None:
    """Write nothing."""
    deque(lines(), maxlen=0)


def by_hand(file: Path) -> None:
    """Write without a look at credentials, and what cannot be stored."""
    with file.open("w") as opened:
        opened.writelines(json.dumps(line) + "\n" for line in lines())


def main() -> None:
    """Do what the command line says."""
    import airflow_provider_encord._storage.details_file
    import airflow_provider_encord.hooks.encord  # noqa: F401

    with TemporaryDirectory() as folder:
        print(json.dumps(measured(lambda: globals()[sys.argv[1]](Path(folder, "details.jsonl")))))


if __name__ == "__main__":
    main()
