"""Many small files over TLS and a link with latency: this provider, Encord's own client, and a small C program.

``ENCORD_BENCH_FILES`` (2000), ``ENCORD_BENCH_KIB`` (200) and ``ENCORD_BENCH_RTT_MS`` (20,80) set the work. Encord's
client needs a minute or two for it, so it takes part in every third round only.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.benchmarks.contestants import c_program, official_client, provider
from tests.benchmarks.earlier import earlier
from tests.benchmarks.measure import Contestant, Table, interleave
from tests.benchmarks.sink import Sink, built, sink
from tests.benchmarks.sink.files import files

COUNT = int(os.environ.get("ENCORD_BENCH_FILES", "2000"))
KIB = int(os.environ.get("ENCORD_BENCH_KIB", "200"))
ROUND_TRIPS = [float(part) for part in os.environ.get("ENCORD_BENCH_RTT_MS", "20,80").split(",")]
CONNECTIONS = 64
WORKERS = (16, 32, 64, 128)
OURS = "this provider"
CLIENT = "Encord's client"
FOLDER = "11111111-1111-4111-8111-111111111111"


def run(runs: int) -> list[Table]:
    """Return for each latency a table against others, and one against other numbers of workers."""
    tables: list[Table] = []
    with built("limit") as limit, files(COUNT, KIB * 1024, ".jpg") as paths:
        for milliseconds in ROUND_TRIPS:
            work = f"{COUNT:,} files of {KIB} KiB, TLS, {milliseconds:g} ms round trip"
            with sink(tls=True, round_trip_ms=milliseconds) as to:
                tables.append(Table(work, OURS, interleave(_rivals(to, paths, limit), runs, slow=[CLIENT])))
                tables.append(Table(f"{work}: max_workers", "64", interleave(_workers(to, paths), runs)))
    return tables


def _rivals(to: Sink, paths: Sequence[Path], limit: Path) -> dict[str, Contestant]:
    upload = partial(provider, to, paths, item_type="image")
    where = earlier()
    return {
        OURS: upload,
        **({"earlier version": partial(upload, where=where)} if where else {}),
        "this provider, into a folder": partial(upload, folder_uuid=FOLDER),
        CLIENT: partial(official_client, to, paths, item_type="image"),
        f"C and OpenSSL, {CONNECTIONS} connections": partial(c_program, limit, to, paths, connections=CONNECTIONS),
    }


def _workers(to: Sink, paths: Sequence[Path]) -> dict[str, Contestant]:
    return {str(count): partial(provider, to, paths, item_type="image", max_workers=count) for count in WORKERS}
