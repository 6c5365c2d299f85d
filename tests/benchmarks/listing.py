"""A bucket of many keys, listed, and planned into the requests that register them; from a canned S3.

``OBJECTS`` in the environment says how many; a million by default.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from functools import partial
from itertools import count, islice
from typing import Any

from tests.benchmarks.canned_s3 import PAGE
from tests.benchmarks.fresh_process import in_fresh_process, measured
from tests.benchmarks.measure import Table, interleave
from tests.benchmarks.stand_in import Encord

URL = "s3://aws@bucket/incoming/"
OURS = "ours"


def run(runs: int) -> list[Table]:
    """Compare with boto3's own paginator, and with only receiving the bytes, which shows what the server can do."""
    objects = int(os.environ.get("OBJECTS", "1000000"))
    works = {
        f"{objects:,} keys of S3, listed": {OURS: listed, "boto3's paginator": by_boto3, "bytes received": received},
        f"{objects:,} keys of S3, listed and planned": {OURS: planned, "all there already": planned_again},
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.canned_s3", str(objects)], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        port = server.stdout.readline().strip()
        try:
            return [
                Table(
                    title,
                    OURS,
                    interleave(
                        {
                            name: partial(in_fresh_process, __name__, work.__name__, port, objects)
                            for name, work in contestants.items()
                        },
                        runs,
                    ),
                )
                for title, contestants in works.items()
            ]
        finally:
            server.terminate()


def listed(port: int, objects: int) -> dict[str, float]:
    """List as the transfers do."""
    from airflow_provider_encord._storage.listing import stored_objects

    return _measured(lambda: _count(stored_objects(URL)), objects)


def planned(port: int, objects: int) -> dict[str, float]:
    """Let the transfer list, choose, and make the bodies of the requests, all objects being new."""
    return _planned(Encord("bucket"), objects, objects)


def planned_again(port: int, objects: int) -> dict[str, float]:
    """The same with all of them in the dataset already. Reading what is there is measured apart."""
    return _planned(Encord("bucket", lambda: islice(_keys(), objects)), objects, 0)


def _keys() -> Iterator[str]:
    """Yield the keys of the canned S3."""
    return (f"incoming/batch-{n // PAGE:04}/clip-{n // PAGE:04}{n % PAGE:03}.mp4" for n in count())


def _planned(encord: Encord, objects: int, new: int) -> dict[str, float]:
    from airflow_provider_encord._resume.task_store import Memory
    from airflow_provider_encord.transfers.bucket_to_encord import BucketRegistration
    from airflow_provider_encord.transfers.s3_to_encord import S3ToEncordOperator

    class Transfer(S3ToEncordOperator):
        hook: Any = encord

    transfer = Transfer(task_id="transfer", dataset_hash=str(uuid.uuid4()), integration="S3", prefix=URL)
    registration = BucketRegistration(transfer, {})
    begin = time.process_time()
    there = registration.to.presence()
    reading = time.process_time() - begin
    registration.to.presence = lambda since=None: there  # type: ignore[method-assign]

    def work() -> int:
        memory = Memory({"ti": None}, durable=False, identity={})
        planned = sum(len(batch.files["videos"]) for batch in registration.batches(memory))
        return objects if planned == new else -1

    return {**_measured(work, objects), "CPU seconds, reading what is there": reading}


def by_boto3(port: int, objects: int) -> dict[str, float]:
    """List with boto3's paginator, made by Airflow's hook."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    def keys() -> Iterator[Any]:
        pages = S3Hook("aws").get_conn().get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket="bucket", Prefix="incoming/"):
            yield from page["Contents"]

    return _measured(lambda: _count(keys()), objects)


def received(port: int, objects: int) -> dict[str, float]:
    """Ask for the pages and drop them."""

    def work() -> int:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for page in range(objects // PAGE):
                connection.sendall(b"GET /?continuation-token=%d HTTP/1.1\r\n\r\n" % page)
                head, _, body = connection.recv(1 << 20).partition(b"\r\n\r\n")
                left = int(head.rpartition(b": ")[2]) - len(body)
                while left:
                    left -= len(connection.recv(min(left, 1 << 20)))
        return objects

    return _measured(work, objects)


def _count(found: Iterator[Any]) -> int:
    return sum(1 for _ in found)


def _measured(work: Any, objects: int) -> dict[str, float]:
    def checked() -> None:
        assert work() == objects

    begin = time.process_time()
    found = measured(checked)
    return {"CPU seconds": time.process_time() - begin, **found}


if __name__ == "__main__":
    work, port, objects = globals()[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3])
    extra = {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "x", "password": "x", "extra": extra}
    os.environ["AIRFLOW_CONN_AWS"] = json.dumps(connection)
    print(json.dumps(work(port, objects)))
