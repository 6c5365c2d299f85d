"""Uploads straight from a bucket: many small objects beside the same files from disk, and one very large object.

``ENCORD_BENCH_FILES`` (2000), ``ENCORD_BENCH_KIB`` (200), ``ENCORD_BENCH_RTT_MS`` of Encord's storage (the first of
them, 20) and ``ENCORD_BENCH_LARGEST_GIB`` (5) set the work.
"""

from __future__ import annotations

from functools import partial

from tests.benchmarks.contestants import provider
from tests.benchmarks.earlier import earlier
from tests.benchmarks.measure import Contestant, Table, interleave
from tests.benchmarks.memory import GIB
from tests.benchmarks.sink import sink
from tests.benchmarks.sink.files import files
from tests.benchmarks.source import source
from tests.benchmarks.uploads import COUNT, KIB, ROUND_TRIPS

OURS = "from a bucket"


def run(runs: int) -> list[Table]:
    """Return a table for small objects, with latency, and one for a large one, without."""
    return [_small(runs), _large(min(runs, 3))]


def _small(runs: int) -> Table:
    with (
        files(COUNT, KIB * 1024, ".jpg") as paths,
        source(paths[0].parent) as bucket,
        sink(tls=True, round_trip_ms=ROUND_TRIPS[0]) as to,
    ):
        work = partial(provider, to, paths, item_type="image")
        contestants: dict[str, Contestant] = {OURS: partial(work, bucket=bucket), "from disk": work}
        if where := earlier():
            contestants["earlier version, from a bucket"] = partial(work, bucket=bucket, where=where)
            contestants["earlier version, from disk"] = partial(work, where=where)
        title = f"{COUNT:,} objects of {KIB} KiB, TLS, {ROUND_TRIPS[0]:g} ms round trip"
        return Table(title, OURS, interleave(contestants, runs))


def _large(runs: int) -> Table:
    with files(1, GIB << 30, ".mp4") as paths, source(paths[0].parent) as bucket, sink(tls=True) as to:
        work = partial(provider, to, paths, item_type="video")
        contestants = {OURS: partial(work, bucket=bucket), "from disk": work}
        return Table(f"One object of {GIB} GiB, TLS, no latency", OURS, interleave(contestants, runs))
