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
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import import_module
from itertools import count, islice
from pathlib import Path
from typing import Any

from tests.benchmarks.canned_s3 import PAGE
from tests.benchmarks.earlier import TOP, earlier
from tests.benchmarks.fresh_process import in_fresh_process, measured
from tests.benchmarks.measure import Table, interleave
from tests.benchmarks.stand_in import Encord

URL = "s3://aws@bucket/incoming/"
OURS = "ours"


def run(runs: int) -> list[Table]:
    """Compare with an earlier version, with boto3's own paginator, and with only receiving the bytes.

    The last shows what the server can do.
    """
    objects = int(os.environ.get("OBJECTS", "1000000"))
    listing = {OURS: "listed", "boto3's paginator": "by_boto3", "bytes received": "received"}
    works = {"listed": {name: partial(_alone, work) for name, work in listing.items()}}
    for there, title in (("none", "listed and planned, all new"), ("all", "listed and planned, all there already")):
        works[title] = {OURS: partial(_alone, "planned", there=there)}
        if package := earlier():
            works[title]["earlier version"] = partial(_alone, "planned", there=there, package=package)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.canned_s3", str(objects)], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        port = int(server.stdout.readline())
        try:
            return [
                Table(
                    f"{objects:,} keys of S3, {title}",
                    OURS,
                    interleave({name: partial(work, port, objects) for name, work in contestants.items()}, runs),
                )
                for title, contestants in works.items()
            ]
        finally:
            server.terminate()


def _alone(work: str, port: int, objects: int, *, there: str = "", package: Path = TOP) -> Mapping[str, float]:
    return in_fresh_process(__name__, work, port, objects, package, *([there] if there else []))


def listed(port: int, objects: int) -> dict[str, float]:
    """List as the transfers do."""
    from airflow_provider_encord._storage.listing import stored_objects

    return _measured(lambda: _count(stored_objects(URL)), objects)


def planned(port: int, objects: int, there: str) -> dict[str, float]:
    """Let the transfer list, choose, and make the bodies of the requests. Reading what is there is measured apart.

    :param there: ``all`` or ``none``, of what is in the dataset already.
    """
    from airflow_provider_encord.transfers.s3_to_encord import S3ToEncordOperator

    class Transfer(S3ToEncordOperator):
        hook: Any = Encord("bucket", (lambda: islice(_keys(), objects)) if there == "all" else tuple)

    transfer = Transfer(
        task_id="transfer", dataset_hash=str(uuid.uuid4()), integration="S3", prefix=URL, aws_conn_id="aws"
    )
    reading: list[float] = []
    batches = _batches_of_earlier(transfer, reading) if hasattr(transfer, "parts") else _batches(transfer, reading)

    def work() -> int:
        planned = sum(map(_videos, batches))  # as the operators do, this keeps no batch while the next one is made
        return objects if planned == (0 if there == "all" else objects) else -1

    found = _measured(work, objects)
    found["CPU seconds"] -= sum(reading)
    return {**found, "CPU seconds, reading what is there": sum(reading)}


def _batches(transfer: Any, reading: list[float]) -> Iterator[Any]:
    from airflow_provider_encord._resume.task_store import Memory
    from airflow_provider_encord.transfers._bucket_registration import BucketRegistration

    registration = BucketRegistration(transfer, {})
    registration.to.presence = _timed(registration.to.presence, reading)  # type: ignore[method-assign]
    memory = Memory({"ti": None}, durable=False, identity={})
    return registration.batches(memory)


def _batches_of_earlier(transfer: Any, reading: list[float]) -> Iterator[Any]:
    """Plan with 7be24f4, which knows what is there by its titles."""
    seen = import_module("airflow_provider_encord.seen").Seen
    seen.__init__ = _timed(seen.__init__, reading)
    parts: Iterator[Any] = transfer.parts({})
    return parts


def _videos(batch: Any) -> int:
    return len(batch.files.get("videos", ()))


def _timed(function: Any, seconds: list[float]) -> Any:
    def timed(*arguments: Any, **named: Any) -> Any:
        begin = time.process_time()
        try:
            return function(*arguments, **named)
        finally:
            seconds.append(time.process_time() - begin)

    return timed


def _keys() -> Iterator[str]:
    """Yield the keys of the canned S3."""
    return (f"incoming/batch-{n // PAGE:04}/clip-{n // PAGE:04}{n % PAGE:03}.mp4" for n in count())


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
    sys.path.insert(0, sys.argv[4])
    extra = {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "x", "password": "x", "extra": extra}
    os.environ["AIRFLOW_CONN_AWS"] = json.dumps(connection)
    print(json.dumps(work(port, objects, *sys.argv[5:])))
