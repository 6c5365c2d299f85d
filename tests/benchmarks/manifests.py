"""A manifest of many objects, and a bucket of many keys, made into the requests that register them.

``OBJECTS`` in the environment says how many; a million by default.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks.fresh_process import MB, in_fresh_process, measured
from tests.benchmarks.measure import Table, interleave
from tests.benchmarks.stand_in import Encord

BUCKET, PREFIX = "bucket", "incoming/"
DATASET, INTEGRATION = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
OURS, BY_HAND = "ours: checked, in parts", "by hand: one dict, json.dumps"


def run(runs: int) -> list[Table]:
    """Compare with building one dict of everything and dumping it, which checks nothing and makes one request."""
    objects = int(os.environ.get("OBJECTS", "1000000"))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "manifest.json"
        _write_manifest(file, objects)
        size = f"{objects:,} objects, {file.stat().st_size / MB:.0f} MB"
        works = {
            f"A manifest file of {size}, into requests": (ours_from_file, by_hand_from_file),
            f"A bucket of {objects:,} keys, half of them new, into requests": (ours_from_bucket, by_hand_from_bucket),
        }
        return [
            Table(
                title,
                OURS,
                interleave(
                    {
                        name: partial(in_fresh_process, __name__, work.__name__, file, objects)
                        for name, work in zip((OURS, BY_HAND), pair, strict=True)
                    },
                    runs,
                ),
            )
            for title, pair in works.items()
        ]


def ours_from_file(file: Path, objects: int) -> dict[str, float]:
    """Plan and split the file as the operator for private data does, and make the body of each request."""
    from airflow_provider_encord import manifest

    limits = {"max_items": 10_000, "max_urls": manifest.MAX_URLS}

    def work() -> None:
        with file.open("rb") as source:
            plan = manifest.plan(source, **limits)
        with file.open("rb") as source:
            parts = manifest.split(manifest.entries(source), flags=plan.flags, **limits)
            registered = sum(_request(part) for part in parts)
        assert registered == plan.items == objects

    _request({"videos": []})  # loads the modules
    next(iter(manifest.entries(file.open("rb"))))
    return measured(work)


def by_hand_from_file(file: Path, objects: int) -> dict[str, float]:
    """Load the file and dump it into one body."""

    def work() -> None:
        files = json.loads(file.read_bytes())
        body = _body_by_hand(files)
        assert len(files["videos"]) == objects
        assert len(body) > file.stat().st_size

    return measured(work)


def ours_from_bucket(file: Path, objects: int) -> dict[str, float]:
    """Let the transfer from S3 leave out what the dataset holds of a bucket, and make the body of each request."""
    from airflow_provider_encord._resume.task_store import Memory
    from airflow_provider_encord._storage.listing import StoredObject
    from airflow_provider_encord.transfers._bucket_registration import BucketRegistration
    from airflow_provider_encord.transfers.s3_to_encord import S3ToEncordOperator

    dataset = _encord(objects)

    class Transfer(S3ToEncordOperator):
        hook: Any = dataset

        def objects(self) -> Iterator[StoredObject]:
            for page in _pages(objects):
                for key, modified in page:
                    yield StoredObject(f"s3://{BUCKET}/{key}", BUCKET, key, 1, modified)

    arguments = {"dataset_hash": DATASET, "integration": "S3", "prefix": f"s3://{BUCKET}/{PREFIX}"}
    transfer = Transfer(task_id="transfer", **arguments)

    def work() -> None:
        memory = Memory({"ti": None}, durable=False, identity={})
        registered = sum(_request(batch.files) for batch in BucketRegistration(transfer, {}).batches(memory))
        assert registered == objects - objects // 2

    _request({"videos": []})
    import airflow_provider_encord.hooks.encord  # noqa: F401  (a worker has it loaded for its connection)

    return measured(work)


def by_hand_from_bucket(file: Path, objects: int) -> dict[str, float]:
    """List all keys, compare them with a set of titles, and dump one dict into one body."""

    def work() -> None:
        held = {row.data_title for row in _encord(objects).iter_data_rows(DATASET)}
        keys = [key for page in _pages(objects) for key, _ in page]
        videos = [{"objectUrl": f"s3://{BUCKET}/{key}", "title": key} for key in keys if key not in held]
        assert len(_body_by_hand({"videos": videos, "skip_duplicate_urls": True})) > objects

    return measured(work)


def _request(files: dict[str, Any]) -> int:
    """Make the request that registers a part, and return how many items it holds."""
    from airflow_provider_encord._client import protocol
    from airflow_provider_encord._client.auth import BearerCredentials
    from airflow_provider_encord._client.resources import registration

    call = registration.start_upload_job(DATASET, files=files, integration_id=INTEGRATION)
    protocol.build(call, BearerCredentials("token"), domain="https://api.encord.com", created=0, trace_id="0", agent="")
    return len(files["videos"])


def _body_by_hand(files: dict[str, Any]) -> bytes:
    payload = {"files": files, "integrationId": INTEGRATION, "ignoreErrors": False}
    return json.dumps({"query_type": "datasetdatalongpolling", "values": {"uid": DATASET, "payload": payload}}).encode()


def _key(number: int) -> str:
    return f"{PREFIX}2026/{number // 1000:04}/clip-{number:07}.mp4"


def _write_manifest(path: Path, objects: int) -> None:
    with path.open("w") as file:
        file.write('{"skip_duplicate_urls": true, "videos": [')
        for number in range(objects):
            file.write(", " if number else "")
            file.write(json.dumps({"objectUrl": f"s3://{BUCKET}/{_key(number)}"}))
        file.write("]}")


def _encord(objects: int) -> Encord:
    """Half of the bucket is there."""
    half = objects // 2
    return Encord(BUCKET, lambda: (_key(number * 7919 % half) for number in range(half)))


def _pages(objects: int) -> Iterator[list[tuple[str, datetime]]]:
    """Stand in for a listing: pages of a thousand keys."""
    modified = datetime.now(UTC)
    for first in range(0, objects, 1000):
        yield [(_key(each), modified) for each in range(first, min(first + 1000, objects))]


if __name__ == "__main__":
    _, _name, _file, _objects = sys.argv
    print(json.dumps(globals()[_name](Path(_file), int(_objects))))
