"""One contract for every store: all objects, in order, with what the store tells of them."""

import gc
import http.server
import json
import os
import threading
from datetime import UTC, datetime, timedelta

import pytest

import buckets
from airflow_provider_encord._storage import listing
from airflow_provider_encord._storage.grouping import object_url
from airflow_provider_encord._storage.listing import list_objects, stored_objects
from airflow_provider_encord._storage.location import located
from airflow_provider_encord.exceptions import (
    EncordConnectionError,
    EncordInputError,
    EncordMachineError,
    EncordStorageError,
)
from airflow_provider_encord.manifest import check

STORES = [buckets.S3, buckets.Google, buckets.Azure, buckets.Local]


@pytest.fixture(scope="module", params=STORES, ids=lambda store: store.__name__)
def store(request, tmp_path_factory):
    with buckets.running(request.param, tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(scope="module")
def odd(store):
    """A bucket with odd keys, and how many of them the store takes."""
    store.make("odd")
    taken = 0
    for key in buckets.ODD_KEYS:
        try:
            store.put("odd", key, b"x" * len(key))
        except Exception:  # each store has names of its own that it refuses
            continue
        taken += 1
    store.put("odd", "out/b.mp4", b"")
    return taken + 1


def test_every_key_that_the_sdk_lists_comes_with_size_and_time(store, odd):
    found = list(stored_objects(store.url("odd")))
    assert sorted((each.key, each.size, each.modified) for each in found) == sorted(store.told_by_sdk("odd"))
    # fake-gcs-server and azurite clean paths that their clients send; a file system knows no empty name.
    assert len(found) >= {"s3": odd, "gs": 14, "az": 14, "file": 15}[store.scheme]
    assert {each.size for each in found if each.key.endswith("out/b.mp4")} == {0}
    assert all(timedelta() <= datetime.now(UTC) - each.modified < timedelta(minutes=5) for each in found)


def test_every_key_can_be_registered(store, odd):
    if store.scheme == "file":
        return
    urls = {object_url(each.url, each.bucket, each.key) for each in stored_objects(store.url("odd"))}
    assert len(urls) >= 14
    check({"videos": [{"objectUrl": url, "title": "title"} for url in sorted(urls)]})


def test_the_store_tells_how_an_object_is_kept_and_what_is_in_it(store):
    store.make("twice")
    store.put("twice", "a.mp4", b"1")
    [first] = stored_objects(store.url("twice"))
    store.put("twice", "a.mp4", b"2")
    [second] = stored_objects(store.url("twice"))
    if store.scheme == "file":
        assert first.etag is None
        return
    assert first.etag
    assert first.etag != second.etag
    assert first.storage_class in ("STANDARD", "Hot")


def test_thousands_of_keys_come_in_order_and_once(store, monkeypatch):
    monkeypatch.setattr(listing, "AZURE_PAGE", 150)
    keys = store.make_many()
    found = [each.key for each in stored_objects(store.url("many"))]
    assert [key[key.index("in/") :] for key in found] == keys


def test_a_prefix_need_not_end_at_a_folder(store, odd):
    if store.scheme == "file":
        return
    assert {each.key for each in stored_objects(store.url("odd", "ou"))} == {"out/b.mp4"}
    assert list(stored_objects(store.url("odd", "nowhere/"))) == []


def test_a_folder_leaves_out_what_only_begins_alike(store):
    store.make("alike")
    for key in ("in/a.mp4", "in/deep/b.mp4", "in/c.jpg", "in/empty.mp4", "inside/d.mp4"):
        store.put("alike", key, b"" if "empty" in key else b"x")
    for folder in (store.url("alike", "in"), store.url("alike", "in/")):
        names = [each.key.rpartition("/")[2] for each in list_objects(folder)]
        assert names == ["a.mp4", "c.jpg", "b.mp4"]
        assert [each.key[-6:] for each in list_objects(folder, pattern="*.mp4")] == ["/a.mp4", "/b.mp4"]
        assert [each.key[-6:] for each in list_objects(folder, pattern="deep/*")] == ["/b.mp4"]


def test_what_is_not_there_is_an_error(store):
    if store.scheme == "file":
        with pytest.raises(EncordMachineError, match="missing"):
            list(stored_objects(store.url("missing")))
        return
    with pytest.raises(EncordInputError, match=r"there is no bucket 'missing' \(asked with connection 'store'\)"):
        list(stored_objects(store.url("missing", "in/")))


def test_the_connection_in_the_url_wins(store, odd):
    url = store.url("odd")
    assert len(list(stored_objects(url, "unknown"))) == len(list(stored_objects(url)))
    assert [each.key for each in stored_objects(url.replace("store@", ""), "store")] == [
        each.key for each in stored_objects(url)
    ]
    if store.scheme != "file":
        assert "store@" not in next(stored_objects(url)).url


def test_a_child_process_can_list_what_its_parent_lists(store, odd):
    here = iter(stored_objects(store.url("odd")))
    next(here)
    child = os.fork()
    if not child:  # an assertion would run the rest of the tests in two processes
        try:
            os._exit(len(list(stored_objects(store.url("odd")))))
        finally:
            os._exit(255)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == len(list(here)) + 1


def test_the_other_emulator_of_google(tmp_path):
    with buckets.running(buckets.GoogleInPython, tmp_path) as store:
        store.make("bucket")
        store.put("bucket", "in/a b.mp4", b"1234")
        [found] = stored_objects(store.url("bucket", "in/"))
        assert (found.key, found.size, found.url) == ("in/a b.mp4", 4, "gs://bucket/in/a b.mp4")
        assert found.modified
        assert found.modified.tzinfo


# Credentials


def test_azure_with_a_key_a_token_or_the_wrong_key(tmp_path, monkeypatch):
    with buckets.running(buckets.Azure, tmp_path) as store:
        from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

        store.make("media")
        store.put("media", "in/a b.mp4", b"1")
        sas = generate_account_sas(
            "devstoreaccount1",
            buckets.AZURE_KEY,
            ResourceTypes(service=True, container=True, object=True),
            AccountSasPermissions(list=True, read=True),
            datetime.now(UTC) + timedelta(hours=1),
        )
        expected = f"{store.address}/media/in/a%20b.mp4"
        for extra in ({"shared_access_key": buckets.AZURE_KEY}, {"sas_token": sas}):
            connection = {"conn_type": "wasb", "login": "devstoreaccount1", "host": store.address, "extra": extra}
            buckets.connect(monkeypatch, "azure", connection)
            assert [each.url for each in stored_objects("az://azure@media/in/")] == [expected]
        connection["extra"] = {"shared_access_key": "d3Jvbmc="}
        buckets.connect(monkeypatch, "azure", connection)
        with pytest.raises(EncordConnectionError, match="refused"):
            list(stored_objects("az://azure@media/in/"))
        with pytest.raises(EncordInputError, match="for the storage account 'devstoreaccount1', but the URL names"):
            list(stored_objects("https://other.blob.core.windows.net/media/", "azure"))
        with pytest.raises(EncordInputError, match="names no storage account"):
            list(stored_objects("abfs://media/in/"))


def test_s3_refuses_unknown_keys(tmp_path, monkeypatch):
    with buckets.running(buckets.S3, tmp_path) as store:
        import requests

        store.make("bucket")
        requests.post(f"{store.address}/moto-api/reset-auth", data=b"0", timeout=10)
        try:
            with pytest.raises(EncordConnectionError, match="refused"):
                list(stored_objects(store.url("bucket")))
        finally:
            requests.post(f"{store.address}/moto-api/reset-auth", data=b"Infinity", timeout=10)


@pytest.fixture
def answering():
    """A server with one answer to all."""
    answer = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answer["headers"] = dict(self.headers)
            body = answer["body"]
            self.send_response(answer["status"])
            self.send_header("Content-Type", answer.get("type", "application/json"))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Be silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield answer, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def google_at(address, monkeypatch):
    buckets.bring_clouds()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
    connection = {"conn_type": "google_cloud_platform", "extra": {"is_anonymous": True, "project": "test"}}
    buckets.connect(monkeypatch, "google", connection)


@pytest.mark.parametrize("status", [401, 403])
def test_google_refuses(answering, monkeypatch, status):
    answer, address = answering
    google_at(address, monkeypatch)
    answer.update(status=status, body=json.dumps({"error": {"code": status, "message": "no"}}).encode())
    with pytest.raises(EncordConnectionError, match="refused"):
        list(stored_objects("gs://google@bucket/"))


def s3_at(address, monkeypatch, **extra):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    aws = {"endpoint_url": address, "region_name": "us-east-1", "config_kwargs": {"retries": {"max_attempts": 0}}}
    buckets.connect(monkeypatch, "aws", {"conn_type": "aws", **extra, "extra": aws})


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (503, "SlowDown", EncordStorageError),
        (500, "InternalError", EncordStorageError),
        (403, "AccessDenied", EncordConnectionError),
        (400, "ExpiredToken", EncordConnectionError),
        (400, "InvalidArgument", EncordInputError),
        (404, "NoSuchBucket", EncordInputError),
        (200, "InternalError", EncordStorageError),
    ],
)
def test_errors_of_s3_are_told_apart(answering, monkeypatch, status, code, error):
    answer, address = answering
    s3_at(address, monkeypatch, login="x", password="x")
    answer.update(status=status, body=f"<Error><Code>{code}</Code><Message>words</Message></Error>".encode())
    with pytest.raises(error, match="words") as raised:
        list(stored_objects("s3://aws@bucket/in/"))
    assert type(raised.value) is error


PORTAL = b"<html><body>Sign in</body></html>"


@pytest.mark.parametrize("body", [PORTAL, b"not even XML", b""])
def test_a_page_that_is_no_listing_is_an_error(answering, monkeypatch, body):
    answer, address = answering
    s3_at(address, monkeypatch, login="x", password="x")
    answer.update(status=200, body=body)
    with pytest.raises(EncordStorageError):
        list(stored_objects("s3://aws@bucket/in/"))


@pytest.mark.parametrize("body", [PORTAL, b"{}", b"not even JSON"])
def test_a_page_that_is_no_listing_of_google_is_an_error(answering, monkeypatch, body):
    answer, address = answering
    google_at(address, monkeypatch)
    answer.update(status=200, body=body)
    with pytest.raises(EncordStorageError):
        list(stored_objects("gs://google@bucket/"))


def azure_at(address, monkeypatch):
    buckets.bring_clouds()
    extra = {"shared_access_key": buckets.AZURE_KEY}
    host = f"{address}/devstoreaccount1"
    buckets.connect(
        monkeypatch, "azure", {"conn_type": "wasb", "login": "devstoreaccount1", "host": host, "extra": extra}
    )


@pytest.mark.parametrize("body", [PORTAL, b"not even XML", b"<EnumerationResults><Blobs><Blob/></Blobs>%s"])
def test_a_page_that_is_no_listing_of_azure_is_an_error(answering, monkeypatch, body):
    answer, address = answering
    azure_at(address, monkeypatch)
    answer.update(status=200, body=body.replace(b"%s", b"</EnumerationResults>"), type="application/xml")
    with pytest.raises(EncordStorageError, match="no listing"):
        list(stored_objects("abfs://azure@media/"))


def test_azure_names_what_xml_cannot_hold(answering, monkeypatch):
    answer, address = answering
    azure_at(address, monkeypatch)
    properties = b"<Properties><Content-Length>5</Content-Length><AccessTier>Archive</AccessTier></Properties>"
    blob = b'<Blob><Name Encoded="true">in%2Fone%01%25.mp4</Name>' + properties + b"</Blob>"
    page = b"\xef\xbb\xbf<EnumerationResults><Blobs>" + blob + b"</Blobs><NextMarker/></EnumerationResults>"
    answer.update(status=200, body=page, type="application/xml")
    [found] = stored_objects("abfs://azure@media/")
    url = f"{address}/devstoreaccount1/media/in/one%01%25.mp4"
    assert found == (url, "media", "in/one\x01%.mp4", 5, None, None, "Archive", None)


def test_a_store_that_does_not_answer_may_answer_later(monkeypatch):
    s3_at(f"http://127.0.0.1:{buckets.free_port()}", monkeypatch, login="x", password="x")
    with pytest.raises(EncordStorageError, match="a later retry can pass"):
        list(stored_objects("s3://aws@bucket/in/"))


def test_without_credentials_a_public_bucket_is_read_and_told_of(answering, monkeypatch, caplog):
    answer, address = answering
    s3_at(address, monkeypatch)
    entry = b"<Contents><Key>a%2Bb+c</Key><Size>3</Size></Contents>"
    for encoding, key in (b"<EncodingType>url</EncodingType>", "a+b c"), (b"", "a%2Bb+c"):
        page = b'<ListBucketResult xmlns="urn:any"><IsTruncated>false</IsTruncated>%s%s</ListBucketResult>'
        answer.update(status=200, body=page % (encoding, entry))
        [found] = stored_objects("s3://aws@bucket/")
        assert (found.key, found.size, found.modified, found.etag, found.storage_class) == (key, 3, None, None, None)
        assert "Authorization" not in answer["headers"]
    assert "S3 is asked without credentials" in caplog.text


def test_an_extra_that_is_not_installed_is_named(monkeypatch):
    modules = {"s3": "airflow.providers.amazon.aws.hooks.s3", "gcs": "airflow.providers.google.cloud.hooks.gcs"}
    modules["azure"] = "airflow.providers.microsoft.azure.hooks.wasb"
    monkeypatch.setitem(__import__("sys").modules, "azure.core.exceptions", None)
    for (extra, module), url in zip(modules.items(), ("s3://b/", "gs://b/", "abfs://b/"), strict=True):
        monkeypatch.setitem(__import__("sys").modules, module, None)
        with pytest.raises(EncordInputError, match=rf"pip install 'airflow-provider-encord\[{extra}\]'"):
            list(stored_objects(url))


# Addresses


@pytest.mark.parametrize(
    ("url", "given", "expected"),
    [
        ("s3://b/in/?#", "c", ("s3", "c", "b", "in/?#", None)),
        ("s3://own@b/in", "c", ("s3", "own", "b", "in", None)),
        ("gs://own@b", None, ("gs", "own", "b", "", None)),
        ("abfs://own@media/in/", "c", ("az", "own", "media", "in/", None)),
        ("az://media/in/", "c", ("az", "c", "media", "in/", None)),
        (
            "abfss://media@acct.dfs.core.windows.net/in/",
            "c",
            ("az", "c", "media", "in/", "acct.blob.core.windows.net"),
        ),
        (
            "https://own@acct.blob.core.windows.net/media/in%20it/",
            "c",
            ("az", "own", "media", "in it/", "acct.blob.core.windows.net"),
        ),
        ("https://example.com/media/", None, ("https", None, "example.com", "media/", None)),
        (
            "HTTPS://Acct.blob.core.windows.net:443/media/in/",
            None,
            ("az", None, "media", "in/", "acct.blob.core.windows.net"),
        ),
        (
            "wasbs://media@acct.blob.core.windows.net/in/",
            "c",
            ("az", "c", "media", "in/", "acct.blob.core.windows.net"),
        ),
        ("S3://own@b/in", None, ("s3", "own", "b", "in", None)),
    ],
)
def test_addresses_are_taken_apart(url, given, expected):
    assert tuple(located(url, given)) == expected


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/devstoreaccount1/media/in/", "nowhere://a/b"])
def test_a_scheme_that_nobody_knows_is_refused(url):
    with pytest.raises(EncordInputError, match=rf"no file system for '{url.partition(':')[0]}://' is installed"):
        list(stored_objects(url))


def test_a_scheme_may_be_in_upper_case(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x")
    [found] = stored_objects(f"FILE://{tmp_path}")
    assert found.url == f"file://{tmp_path}/a.mp4"


def test_a_url_without_a_bucket_is_refused():
    with pytest.raises(EncordInputError, match="names no bucket"):
        list(stored_objects("s3:///key"))


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"x")
    with pytest.raises(EncordInputError, match="is a file"):
        list(stored_objects(str(tmp_path / "a.mp4")))


@pytest.mark.parametrize("often", [700, 50_000, 0])
def test_garbage_is_looked_for_less_often_only_while_a_listing_goes_on(tmp_path, often):
    for name in "ab":
        (tmp_path / name).write_bytes(b"x")
    before = gc.get_threshold()
    try:
        gc.set_threshold(often, *before[1:])
        for leave in (lambda listed: list(listed), lambda listed: listed.close()):
            listed = stored_objects(str(tmp_path))
            next(listed)
            assert gc.get_threshold()[0] == (often and max(often, 20_000))
            leave(listed)
            assert gc.get_threshold() == (often, *before[1:])
        with pytest.raises(EncordMachineError):
            list(stored_objects(str(tmp_path / "missing")))
        assert gc.get_threshold()[0] == often
    finally:
        gc.set_threshold(*before)
