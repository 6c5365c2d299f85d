"""Row sensors of a triggerer: ten at once on 50,000 rows each, and how late the event loop is meanwhile."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from tests.benchmarks.measure import Table, interleave
from tests.benchmarks.waits import encord, hold

SENSORS = 10
INTERVAL = 10.0
RAMP = 5.0
WINDOW = 60.0


def run(runs: int) -> list[Table]:
    """Hold the sensors in ``runs`` rounds of a minute."""
    with tempfile.TemporaryDirectory() as folder, encord(Path(folder)) as environment:
        held = interleave({"ours": partial(hold, environment, "rows", SENSORS, INTERVAL, RAMP, WINDOW)}, runs)
    return [Table(f"{SENSORS} row sensors on 50,000 rows each, polled every {INTERVAL:g} s over TLS", "ours", held)]
