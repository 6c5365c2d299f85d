"""Reading alone: objects of a bucket, which are dropped, and the digests by which files are known again.

``python -m tests.benchmarks.reading WAY PACKAGE < FILES`` is one contestant in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.benchmarks.contestants import measured
from tests.benchmarks.earlier import TOP, earlier
from tests.benchmarks.measure import Contestant, Table, interleave
from tests.benchmarks.sink.files import files
from tests.benchmarks.source import Source, source
from tests.benchmarks.uploads import COUNT, KIB

AT_ONCE = 64
OURS = "ours"


def run(runs: int) -> list[Table]:
    """Return a table for objects, with what finds them first, and one for digests."""
    with files(COUNT, KIB * 1024, ".jpg") as paths, source(paths[0].parent) as bucket:
        urls = bucket.urls(paths)
        contestants: dict[str, Contestant] = {
            OURS: partial(_contestant, "read", TOP, urls, bucket),
            "only found": partial(_contestant, "find", TOP, urls, bucket),
            f"boto3, {AT_ONCE} threads": partial(_contestant, "read_with_boto3", TOP, urls, bucket),
        }
        if where := earlier():
            contestants["earlier version, s3fs"] = partial(_contestant, "read_on_threads", where, urls, bucket)
        digests = {OURS: partial(_contestant, "digest", TOP, [str(path) for path in paths], bucket)}
        return [
            Table(f"{COUNT:,} objects of {KIB} KiB, read", OURS, interleave(contestants, runs)),
            Table(f"Digests of {COUNT:,} local files of {KIB} KiB", OURS, interleave(digests, runs)),
        ]


def _contestant(way: str, package: Path, locations: Sequence[str], bucket: Source) -> Mapping[str, float]:
    with tempfile.TemporaryDirectory(prefix="encord-bench-") as home:
        environment = {**os.environ, **bucket.environment, "AIRFLOW_HOME": home, "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "-m", __name__, way, str(package)]
        done = subprocess.run(
            command, input=json.dumps(locations), env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
    found: Mapping[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def read(locations: Sequence[str]) -> None:
    """Read as an upload does."""
    from airflow_provider_encord._client.transport.async_transport import open_session
    from airflow_provider_encord._storage.files import find_files

    left = iter(find_files(locations))

    async def work() -> None:
        async with open_session(limit=0) as session:

            async def some() -> None:
                for file in left:
                    assert file.stream
                    size = 0
                    async for piece in file.stream(session):
                        size += len(piece)
                    assert size == file.size

            await asyncio.gather(*(some() for _ in range(AT_ONCE)))

    asyncio.run(work())


def find(locations: Sequence[str]) -> None:
    """Look at the objects only."""
    from airflow_provider_encord._storage.files import find_files

    find_files(locations)


def read_on_threads(locations: Sequence[str]) -> None:
    """Read as an upload of the earlier version did: with s3fs, on threads."""
    from airflow_provider_encord.sources import find_files  # type: ignore[import-not-found]

    def whole(file: object) -> None:
        with file.open() as opened:  # type: ignore[attr-defined]
            assert len(opened.read(file.size)) == file.size  # type: ignore[attr-defined]

    found = find_files(locations)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(whole, found))


def read_with_boto3(locations: Sequence[str]) -> None:
    """Read with the SDK, without looking first."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from botocore.config import Config

    client = S3Hook("source").get_client_type(config=Config(max_pool_connections=AT_ONCE))

    def whole(url: str) -> None:
        client.get_object(Bucket="bucket", Key=url.rpartition("/")[2])["Body"].read()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(whole, locations))


def digest(locations: Sequence[str]) -> None:
    """Know the files again."""
    from airflow_provider_encord._storage.files import digests_of, find_files

    digests_of(find_files(locations))


def main() -> None:
    """Do what the command line says; what it needs to import counts as idle."""
    way, package = sys.argv[1:]
    sys.path.insert(0, package)
    locations = json.load(sys.stdin)
    import airflow_provider_encord

    assert str(Path(airflow_provider_encord.__file__).parents[1]) == package
    globals()[way](locations[:1])
    print(json.dumps(measured(lambda: globals()[way](locations))))


if __name__ == "__main__":
    main()
