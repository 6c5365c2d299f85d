"""One large file without latency: this provider, curl, Encord's own client, and a small C program."""

from __future__ import annotations

import os
import shutil
from functools import partial

from tests.benchmarks.contestants import c_program, curl, official_client, provider
from tests.benchmarks.earlier import earlier
from tests.benchmarks.measure import Contestant, Table, interleave
from tests.benchmarks.sink import built, sink
from tests.benchmarks.sink.files import files

MIB = int(os.environ.get("ENCORD_BENCH_LARGE_MIB", "1024"))
OURS = "this provider"


def run(runs: int) -> list[Table]:
    """Return a table for plain HTTP and one for TLS."""
    if not shutil.which("curl"):
        raise SystemExit("The benchmark of one large file needs curl (Debian: apt install curl).")
    tables: list[Table] = []
    with built("limit") as limit, files(1, MIB << 20, ".mp4") as paths:
        where = earlier()
        for tls in (False, True):
            with sink(tls=tls) as to:
                upload = partial(provider, to, paths, item_type="video")
                contestants: dict[str, Contestant] = {
                    OURS: upload,
                    **({"earlier version": partial(upload, where=where)} if where else {}),
                    "curl": partial(curl, to, paths),
                    "Encord's client": partial(official_client, to, paths, item_type="video"),
                    "C, one connection": partial(c_program, limit, to, paths, connections=1),
                }
                title = f"One file of {MIB:,} MiB, {'TLS' if tls else 'plain HTTP'}, no latency"
                tables.append(Table(title, OURS, interleave(contestants, runs)))
    return tables
