"""By how much uploading makes a process grow: one very large file, and very many files. Over TLS, without latency."""

from __future__ import annotations

import os
from functools import partial

from tests.benchmarks.contestants import official_client, provider
from tests.benchmarks.measure import Table, interleave
from tests.benchmarks.sink import sink
from tests.benchmarks.sink.files import files

GIB = int(os.environ.get("ENCORD_BENCH_LARGEST_GIB", "5"))
COUNT = int(os.environ.get("ENCORD_BENCH_MOST_FILES", "20000"))
KIB = 200
LARGE_COUNT, LARGE_MIB = 128, 32
OURS = "this provider"


def run(runs: int) -> list[Table]:
    """Return a table for one file, one for many files, and one for many large ones."""
    tables: list[Table] = []
    with sink(tls=True) as to:
        with files(1, GIB << 30, ".mp4") as paths:
            contestants = {
                OURS: partial(provider, to, paths, item_type="video"),
                "Encord's client": partial(official_client, to, paths, item_type="video"),
            }
            tables.append(Table(f"One file of {GIB} GiB", OURS, interleave(contestants, runs)))
        # Encord's client would take ten minutes for these.
        for count, size, suffix, title in (
            (COUNT, KIB << 10, ".jpg", f"{COUNT:,} files of {KIB} KiB"),
            (LARGE_COUNT, LARGE_MIB << 20, ".mp4", f"{LARGE_COUNT} files of {LARGE_MIB} MiB"),
        ):
            with files(count, size, suffix, linked=True) as paths:
                ours = {OURS: partial(provider, to, paths, item_type="image" if suffix == ".jpg" else "video")}
                tables.append(Table(title, OURS, interleave(ours, runs)))
    return tables
