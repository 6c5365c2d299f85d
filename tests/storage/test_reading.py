"""One contract for the buckets of every cloud: each object comes as it was found, whole, or its problem is told."""

import asyncio
import http.server
import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import aiohttp
import pytest

import buckets
from airflow_provider_encord._client.transport.file_reader import UnreadableFile
from airflow_provider_encord._storage import reading, stores
from airflow_provider_encord._storage.files import SourceFile, find_files
from airflow_provider_encord._storage.listing import stored_objects
from airflow_provider_encord._storage.location import Location
from airflow_provider_encord.exceptions import EncordInputError, EncordMachineError

SECRET = "do-not-tell-me"
BUFFER = reading._BUFFER_BYTES
SIZES = [1, BUFFER - 1, BUFFER, BUFFER + 1, 2 * BUFFER, 1_000_001]


@pytest.fixture(
    scope="module", params=[buckets.S3, buckets.SmallGoogle, buckets.Azure], ids=lambda store: store.__name__
)
def store(request, tmp_path_factory):
    with buckets.running(request.param, tmp_path_factory.mktemp("store")) as running:
        running.make("media")
        yield running


def contents(files: list[SourceFile]) -> list[bytes]:
    """Read all at the same time."""

    async def whole(session: aiohttp.ClientSession, file: SourceFile) -> bytes:
        assert file.stream, f"{file.location} is not read on the event loop"
        return b"".join([piece async for piece in file.stream(session)])

    async def read() -> list[bytes]:
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            return await asyncio.gather(*(whole(session, file) for file in files))

    return asyncio.run(read())


def test_objects_of_any_size_come_whole(store):
    sent = [os.urandom(size) for size in SIZES]
    for at, content in enumerate(sent):
        store.put("media", f"sizes/{at}.mp4", content)
    files = find_files([store.url("media", f"sizes/{at}.mp4") for at in range(len(SIZES))], item_type="video")
    assert [(file.name, file.size, file.is_local) for file in files] == [
        (f"{at}.mp4", size, False) for at, size in enumerate(SIZES)
    ]
    assert contents(files) == sent


def test_any_key_that_is_listed_is_read(store):
    for key in buckets.ODD_KEYS:
        try:
            store.put("media", f"odd/{key}", b"x" * len(key))
        except Exception:  # each store has names of its own that it refuses
            continue
    listed = {
        store.url("media", found.key): found.size
        for found in stored_objects(store.url("media", "odd/"))
        # For fake-gcs-server, `//` in a path is one `/`; moto finds no line break in one.
        if {"gs": "//", "s3": "\n"}.get(store.scheme, "none") not in found.key
    }
    assert len(listed) >= {"s3": len(buckets.ODD_KEYS) - 1, "gs": 13, "az": 14}[store.scheme]
    files = find_files(list(listed))
    assert [file.size for file in files] == list(listed.values())
    assert contents(files) == [b"x" * size for size in listed.values()]


def test_what_is_not_there_or_empty_is_told_before_anything_is_sent(store):
    store.put("media", "there.mp4", b"1")
    with pytest.raises(EncordMachineError) as raised:
        find_files([store.url("media", "missing.mp4"), store.url("media", "there.mp4")])
    assert "1 of 2 files" in str(raised.value)
    assert f"{store.url('media', 'missing.mp4')}: does not exist" in str(raised.value)
    with pytest.raises(EncordMachineError, match="does not exist"):
        find_files([store.url("no-such-bucket", "a.mp4")])
    if store.scheme != "gs":  # fake-gcs-server keeps nothing of an empty object
        store.put("media", "empty.mp4", b"")
        with pytest.raises(EncordInputError, match=r"empty\.mp4: is empty \(0 bytes\)"):
            find_files(store.url("media", "empty.mp4"))
    with pytest.raises(EncordInputError, match="is video/mp4 by its name, and image files are uploaded here"):
        find_files(store.url("media", "there.mp4"), item_type="image")


def test_an_object_that_changes_after_it_was_found_is_told(store):
    if store.scheme == "gs":
        pytest.skip("fake-gcs-server ignores conditions; see test_google_is_asked_for_what_was_found")
    store.put("media", "changes.mp4", b"12345")
    files = find_files(store.url("media", "changes.mp4"))
    store.put("media", "changes.mp4", b"54321")
    with pytest.raises(UnreadableFile, match="changed while it was read: it had 5 bytes at first"):
        contents(files)
    assert contents(find_files(store.url("media", "changes.mp4"))) == [b"54321"]


def test_a_child_process_reads_what_its_parent_reads(store):
    store.put("media", "shared.mp4", b"12345")
    files = find_files(store.url("media", "shared.mp4"))
    assert contents(files) == [b"12345"]
    child = os.fork()
    if not child:
        try:
            again = find_files(store.url("media", "shared.mp4"))
            os._exit(len(contents(files)[0]) + len(contents(again)[0]))
        finally:
            os._exit(255)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 10
    assert contents(files) == [b"12345"]


# Credentials


def test_azure_with_a_key_a_token_or_the_wrong_key(tmp_path, monkeypatch):
    with buckets.running(buckets.Azure, tmp_path) as store:
        from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

        store.make("media")
        store.put("media", "in/a b.mp4", b"1")
        sas = generate_account_sas(
            "devstoreaccount1",
            buckets.AZURE_KEY,
            ResourceTypes(object=True),
            AccountSasPermissions(read=True),
            datetime.now(UTC).replace(year=2100),
        )
        connection = {"conn_type": "wasb", "login": "devstoreaccount1", "host": store.address}
        address = f"{store.address}?{sas}"
        for extra in ({"shared_access_key": buckets.AZURE_KEY}, {"sas_token": sas}, {"connection_string": ""}):
            if "connection_string" in extra:
                extra = {"connection_string": f"BlobEndpoint={address.partition('?')[0]};SharedAccessSignature={sas}"}
            buckets.connect(monkeypatch, "azure", {**connection, "extra": extra})
            assert contents(find_files("abfs://azure@media/in/a b.mp4")) == [b"1"]
        buckets.connect(monkeypatch, "azure", {**connection, "extra": {"shared_access_key": "d3Jvbmc="}})
        with pytest.raises(EncordMachineError, match=r"HTTP 403.*; may these credentials read it") as raised:
            find_files("abfs://azure@media/in/a b.mp4")
        assert "sig=" not in str(raised.value)


def test_s3_refuses_unknown_keys(tmp_path):
    with buckets.running(buckets.S3, tmp_path) as store:
        import requests

        store.make("media")
        store.put("media", "a.mp4", b"1")
        requests.post(f"{store.address}/moto-api/reset-auth", data=b"0", timeout=10)
        try:
            with pytest.raises(EncordMachineError, match="HTTP 403; may these credentials read it"):
                find_files(store.url("media", "a.mp4"))
        finally:
            requests.post(f"{store.address}/moto-api/reset-auth", data=b"Infinity", timeout=10)


@pytest.fixture
def signed_in(monkeypatch):
    """Return a store of S3 of a connection with these settings; nothing is asked over the network."""

    def make(bucket="media", login="id", password=SECRET, **extra):
        extra = {"region_name": "eu-central-1", **extra}
        aws = {"conn_type": "aws", "login": login, "password": password, "extra": extra}
        buckets.connect(monkeypatch, "aws", aws)
        return stores.open_store(Location("s3", "aws", bucket, ""))

    return make


@pytest.mark.parametrize("token", [None, "a/token=="])
@pytest.mark.parametrize("key", ["in/a b.mp4", "in//ü~+%&?#.mp4", "/../x/", "in/\x01"])
def test_requests_are_signed_as_the_sdk_signs_them(signed_in, monkeypatch, key, token):
    import botocore.auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    store = signed_in(**({"aws_session_token": token} if token else {}))
    for method in ("GET", "HEAD"):
        _, url, headers = store.ask(method, key)
        moment = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda moment=moment: moment, raising=True)
        theirs = AWSRequest(method, url)
        botocore.auth.S3SigV4Auth(Credentials("id", SECRET, token), "s3", "eu-central-1").add_auth(theirs)
        assert headers["Authorization"] == theirs.headers["Authorization"]
        assert headers.get("x-amz-security-token") == token


@pytest.mark.parametrize(
    ("bucket", "extra", "address"),
    [
        ("media", {}, "https://media.s3.eu-central-1.amazonaws.com/k"),
        ("my.media", {}, "https://s3.eu-central-1.amazonaws.com/my.media/k"),
        ("media", {"region_name": "cn-north-1"}, "https://media.s3.cn-north-1.amazonaws.com.cn/k"),
        ("media", {"endpoint_url": "http://127.0.0.1:9/up"}, "http://127.0.0.1:9/up/media/k"),
        (
            "media",
            {"config_kwargs": {"s3": {"use_dualstack_endpoint": True}}},
            "https://media.s3.dualstack.eu-central-1.amazonaws.com/k",
        ),
    ],
)
def test_the_connection_says_where_s3_is(signed_in, bucket, extra, address):
    assert signed_in(bucket, **extra).ask("GET", "k").url == address


def test_the_connection_says_whom_to_trust_and_which_proxy_to_take(signed_in):
    proxy = {"proxies": {"http": "http://proxy.example:3128"}}
    store = signed_in(endpoint_url="http://storage.example", verify=False, config_kwargs=proxy)
    assert store.tls is False
    assert store.proxy == "http://proxy.example:3128"


def test_buckets_that_are_signed_for_in_other_ways_are_left_to_their_file_system(signed_in):
    assert signed_in(config_kwargs={"signature_version": "s3"}) is None


def test_what_cannot_be_opened_is_told_with_its_connection():
    buckets.bring_clouds()
    with pytest.raises(EncordMachineError, match=r"'gs://bucket' cannot be opened with connection 'unknown' \(Airflow"):
        find_files("gs://unknown@bucket/a.mp4")
    with pytest.raises(EncordInputError, match="'Bad!' is no name of a bucket"):
        find_files("s3://Bad!/a.mp4")


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("s3://bucket/a.mp4", "amazon.aws.hooks.s3", "s3"),
        ("gs://bucket/a.mp4", "google.cloud.hooks.gcs", "gcs"),
        ("abfs://azure@bucket/a.mp4", "microsoft.azure.hooks.wasb", "azure"),
    ],
)
def test_without_its_provider_an_error_names_the_extra(monkeypatch, url, module, extra):
    monkeypatch.setitem(sys.modules, f"airflow.providers.{module}", None)
    with pytest.raises(EncordInputError, match=rf"pip install 'airflow-provider-encord\[{extra}\]'"):
        find_files(url)


# What goes wrong on the way


class Scripted(http.server.ThreadingHTTPServer):
    """Answers each request with the next of its answers; the last one stays."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Callable[[Handler], None]] = []
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.address = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Scripted

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path, {**self.headers}))
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Be silent."""


CONTENT = os.urandom(300_000)


def sends(start=0, stop=None, *, status=200, etag='"1"', body=CONTENT, size=None):
    """Answer with a part of the content, and say that it is all from there on; close the connection after it."""

    def answer(request: Handler) -> None:
        request.send_response(status)
        request.send_header("ETag", etag)
        request.send_header("Content-Length", str(len(body) - start if size is None else size))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body[start:stop])
        request.close_connection = stop is not None

    return answer


@pytest.fixture
def scripted(monkeypatch):
    monkeypatch.setattr(reading, "_FIRST_PAUSE", 0)
    server = Scripted()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    extra = {
        "endpoint_url": server.address,
        "region_name": "us-east-1",
        "config_kwargs": {"retries": {"max_attempts": 0}},
    }
    buckets.connect(monkeypatch, "aws", {"conn_type": "aws", "login": "id", "password": SECRET, "extra": extra})
    yield server
    server.shutdown()
    server.server_close()


def found(server: Scripted) -> list[SourceFile]:
    server.answers[:] = [sends()]
    files = find_files("s3://aws@media/a.mp4")
    server.asked.clear()
    return files


def test_a_connection_that_breaks_goes_on_where_it_broke(scripted):
    files = found(scripted)
    scripted.answers[:] = [sends(0, 100_000), sends(100_000, 150_000, status=206), sends(150_000, status=206)]
    assert contents(files) == [CONTENT]
    assert [headers.get("Range") for _, _, headers in scripted.asked] == [None, "bytes=100000-", "bytes=150000-"]
    assert {headers["If-Match"] for _, _, headers in scripted.asked} == {'"1"'}


def test_a_store_that_takes_no_ranges_is_read_from_the_beginning(scripted):
    files = found(scripted)
    scripted.answers[:] = [sends(0, 290_000), sends()]
    assert contents(files) == [CONTENT]


@pytest.mark.parametrize(
    "change",
    [
        sends(status=412),
        sends(status=404),
        sends(100_000, status=206, etag='"2"'),
        sends(100_000, status=206, body=CONTENT + b"1"),
        sends(100_000, 100_001, status=206, size=1),
    ],
)
def test_a_change_after_a_broken_connection_is_told(scripted, change):
    files = found(scripted)
    scripted.answers[:] = [sends(0, 100_000), change]
    with pytest.raises(UnreadableFile, match="changed while it was read: it had 300000 bytes"):
        contents(files)


def test_a_busy_store_is_asked_again_but_not_for_ever(scripted):
    files = found(scripted)
    busy = sends(status=503, body=b"<Error><Code>SlowDown</Code></Error>")
    scripted.answers[:] = [busy, sends(0, 10), busy, sends(10, status=206)]
    assert contents(files) == [CONTENT]
    scripted.answers[:] = [busy]
    scripted.asked.clear()
    with pytest.raises(UnreadableFile, match="HTTP 503 SlowDown"):
        contents(files)
    assert len(scripted.asked) == reading._TRIES
    with pytest.raises(EncordMachineError, match="HTTP 503"):
        find_files("s3://aws@media/a.mp4")


def test_credentials_that_are_refused_are_renewed_once(scripted, caplog):
    files = found(scripted)
    old = sends(status=400, body=b"<Error><Code>ExpiredToken</Code></Error>")
    scripted.answers[:] = [old, sends(), sends()]
    assert contents(files) == [CONTENT]
    assert [(method, path) for method, path, _ in scripted.asked] == [
        ("GET", "/media/a.mp4"),
        ("HEAD", "/media"),
        ("GET", "/media/a.mp4"),
    ]
    scripted.answers[:] = [old]
    with pytest.raises(UnreadableFile, match=r"HTTP 400 ExpiredToken$") as raised:
        contents(files)
    assert SECRET not in f"{raised.value} {caplog.text}"


def test_credentials_are_taken_anew_before_they_expire(scripted, monkeypatch):
    files = found(scripted)
    logins = []
    log_in = stores.S3Store._log_in
    monkeypatch.setattr(stores.S3Store, "_log_in", lambda self: logins.append(1) or log_in(self))
    contents(files * 3)
    assert not logins
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    contents(files * 3)
    assert len(logins) == 1


def test_google_is_asked_for_what_was_found(scripted, monkeypatch):
    buckets.bring_clouds()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", scripted.address)
    connection = {"conn_type": "google_cloud_platform", "extra": {"is_anonymous": True, "project": "test"}}
    buckets.connect(monkeypatch, "google", connection)
    told = b'{"size": "300000", "generation": "17", "md5Hash": "abc=="}'
    scripted.answers[:] = [sends(body=told), sends(), sends(status=412)]
    files = find_files("gs://google@media/in/a b.mp4")
    assert contents(files) == [CONTENT]
    with pytest.raises(UnreadableFile, match="changed"):
        contents(files)
    assert [path for _, path, _ in scripted.asked] == [
        "/storage/v1/b/media/o/in%2Fa%20b.mp4?fields=size,md5Hash,crc32c,etag,generation",
        *["/download/storage/v1/b/media/o/in%2Fa%20b.mp4?alt=media&ifGenerationMatch=17"] * 2,
    ]
