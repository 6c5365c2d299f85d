"""Uploads of many files against a storage that misbehaves."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qs

import pytest

from airflow_provider_encord._client.errors import ApiError, ErrorKind
from airflow_provider_encord._client.resources import upload_urls
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._client.transport.network import CHUNK_BYTES, Timeouts
from airflow_provider_encord._client.transport.uploader import FileOutcome, Progress, Uploader
from airflow_provider_encord._storage.files import find_files
from loopback import Loopback, Received, Reply
from vectors import Clock, account

WORKERS = 4


class Storage:
    """Hands out signed URLs and takes PUTs; ``put`` may answer otherwise."""

    def __init__(self, loopback: Loopback) -> None:
        self.loopback = loopback
        self.put: Callable[[Received, int], Reply] = lambda received, number: Reply()
        self.upload_headers: dict[str, str] = {}
        self.batches: list[int] = []
        self.most_waiting = 0
        self._handed_out = self._puts = 0
        self._used: set[str] = set()
        loopback.respond = self.respond

    def respond(self, received: Received) -> Reply:
        with self.loopback.lock:
            if received.method == "PUT":
                self._puts += 1
                self._used.add(received.path)
                number = self._puts
            else:
                return self._hand_out(int(parse_qs(received.query)["count"][0]))
        return self.put(received, number)

    def _hand_out(self, count: int) -> Reply:
        self.batches.append(count)
        numbers = range(self._handed_out, self._handed_out + count)
        self._handed_out += count
        self.most_waiting = max(self.most_waiting, self._handed_out - len(self._used))
        url = f"{self.loopback.url}/bucket"
        urls = [
            {
                "objectKey": f"key-{at}",
                "signedUrl": f"{url}/{at}?sig=topsecret%2F{at}",
                "uploadHeaders": self.upload_headers,
            }
            for at in numbers
        ]
        return Reply(body=json.dumps({"results": urls}).encode())

    @property
    def puts(self) -> list[Received]:
        return [received for received in self.loopback.received if received.method == "PUT"]


@pytest.fixture
def storage(loopback: Loopback) -> Storage:
    return Storage(loopback)


class File:
    """A file of a test's making."""

    def __init__(self, name: str, content: bytes, size: int | None = None) -> None:
        self.name, self.content, self.size = name, content, len(content) if size is None else size

    is_local, stream = False, None

    def open(self) -> AbstractContextManager[BinaryIO]:
        return io.BytesIO(self.content)


def upload(
    storage: Storage,
    files: list[Any],
    *,
    clock: Clock | None = None,
    content_type: Callable[[str], str | None] = lambda name: "image/jpeg",
    stall: float = 60.0,
    max_workers: int = WORKERS,
    done: Callable[[int, str], None] = lambda index, object_key: None,
) -> list[FileOutcome]:
    clock = clock or Clock()

    async def run() -> list[FileOutcome]:
        who = account(storage.loopback.url, clock, conn_id="mine")
        async with AsyncTransport(who, timeouts=Timeouts(stall=stall), sleep=clock.sleep_async) as transport:
            ask = lambda names: upload_urls.get_presigned_urls(len(names), "image")  # noqa: E731
            return await Uploader(transport, ask, content_type, max_workers=max_workers).run(files, done)

    return asyncio.run(run())


def some(count: int) -> list[File]:
    return [File(f"{at}.jpg", f"content {at}".encode()) for at in range(count)]


def test_order_is_kept_and_every_byte_arrives(storage: Storage) -> None:
    files = some(50)
    outcomes = upload(storage, files)
    assert [outcome.name for outcome in outcomes] == [file.name for file in files]
    assert not [outcome for outcome in outcomes if outcome.error]
    arrived = {f"key-{put.path.rpartition('/')[2]}": put.body for put in storage.puts}
    assert [arrived[outcome.object_key or ""] for outcome in outcomes] == [file.content for file in files]


def test_each_file_is_told_of_once_it_is_in_storage(storage: Storage) -> None:
    told: list[tuple[int, str, int]] = []
    storage.put = lambda received, number: Reply(403) if received.body == b"content 3" else Reply()
    outcomes = upload(storage, some(20), done=lambda index, key: told.append((index, key, len(storage.puts))))
    assert sorted((index, key) for index, key, _ in told) == [
        (at, outcome.object_key) for at, outcome in enumerate(outcomes) if at != 3
    ]
    arrived = [f"key-{put.path.rpartition('/')[2]}" for put in storage.puts]
    assert all(key in arrived[:seen] for _, key, seen in told), "not before"
    assert told[0][2] < 20, "not only at the end"


def test_what_is_sent_again_counts_once(storage: Storage) -> None:
    seen: list[int] = []
    # The first tries are refused: after the whole body, and then by no answer at all.
    storage.put = lambda received, number: [Reply(503), Reply(cut=0), Reply(403)][number - 1] if number < 4 else Reply()
    clock = Clock()

    async def run() -> None:
        async with AsyncTransport(account(storage.loopback.url, clock), sleep=clock.sleep_async) as transport:
            uploader = Uploader(
                transport,
                lambda names: upload_urls.get_presigned_urls(len(names), "image"),
                lambda name: None,
                report=lambda progress: seen.append(progress.bytes_sent),
                report_seconds=0,
            )
            await uploader.run(files)

    files = some(5)
    asyncio.run(run())
    assert max(seen) == seen[-1] == sum(file.size for file in files)


def test_a_small_file_is_read_at_once_and_every_file_is_closed(storage: Storage) -> None:
    handles: list[Handle] = []

    class Handle(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1) -> bytes:
            self.reads += bool(got := super().read(size))
            return got

    class Counted(File):
        def open(self) -> AbstractContextManager[BinaryIO]:
            handles.append(Handle(self.content))
            return handles[-1]

    upload(storage, [Counted("a.jpg", b"x" * 200_000), Counted("b.mp4", b"x" * 9 * CHUNK_BYTES)])
    assert sorted(handle.reads for handle in handles) == [1, 3], "blocks are large where files are few"
    assert all(handle.closed for handle in handles)


def test_a_small_local_file_is_read_anew_for_another_try(storage: Storage) -> None:
    opened: list[str] = []

    class Local(File):
        is_local, stream = True, None

        def open(self) -> AbstractContextManager[BinaryIO]:
            opened.append(self.name)
            return super().open()

    storage.put = lambda received, number: Reply(503) if number == 1 else Reply()
    files = [Local("a.jpg", b"first"), Local("b.jpg", b"second")]
    outcomes = upload(storage, files, max_workers=1)
    assert not [outcome for outcome in outcomes if outcome.error]
    assert [put.body for put in storage.puts] == [b"first", b"first", b"second"]
    assert opened == ["a.jpg", "b.jpg", "a.jpg"]


def test_urls_are_asked_for_just_ahead(storage: Storage) -> None:
    upload(storage, some(50))
    assert sum(storage.batches) == 50
    assert max(storage.batches) <= 2 * WORKERS
    assert storage.most_waiting <= 3 * WORKERS, "those in flight and one batch"


def test_large_file_arrives_whole(storage: Storage, tmp_path: Path) -> None:
    content = bytes(range(256)) * (3 * CHUNK_BYTES // 256) + b"the rest"
    (tmp_path / "large.mp4").write_bytes(content)
    (outcome,) = upload(storage, find_files(tmp_path / "large.mp4"))
    assert outcome.error is None
    (put,) = storage.puts
    assert hashlib.sha256(put.body).digest() == hashlib.sha256(content).digest()
    assert put.headers["content-length"] == str(len(content))


def test_a_put_carries_nothing_of_encord(storage: Storage) -> None:
    upload(storage, some(1))
    (put,) = storage.puts
    assert (put.path, put.query) == ("/bucket/0", "sig=topsecret%2F0"), "the signed URL is sent as it came"
    allowed = {"host", "accept", "accept-encoding", "user-agent", "content-length", "content-type", "cache-control"}
    assert put.headers.keys() <= allowed
    assert put.headers["cache-control"] == "max-age=86400"
    assert "encord" not in json.dumps(put.headers).lower()


def test_no_content_type_without_a_guess(storage: Storage) -> None:
    upload(storage, some(1), content_type=lambda name: None)
    assert "content-type" not in storage.puts[0].headers


def test_upload_headers_replace_ours_in_any_case(storage: Storage) -> None:
    storage.upload_headers = {"content-TYPE": "x/y", "CACHE-control": "no-store", "x-ms-blob-type": "BlockBlob"}
    upload(storage, some(1))
    (put,) = storage.puts
    assert (put.headers["content-type"], put.headers["cache-control"]) == ("x/y", "no-store")
    assert put.headers["x-ms-blob-type"] == "BlockBlob"


def test_a_netrc_file_adds_no_login(storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password tell-nobody\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    upload(storage, some(1))
    assert "authorization" not in storage.puts[0].headers


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_2xx_is_fine(status: int, storage: Storage) -> None:
    storage.put = lambda received, number: Reply(status)
    (outcome,) = upload(storage, some(1))
    assert outcome.object_key == "key-0"


def test_an_expired_url_is_replaced_once(storage: Storage) -> None:
    storage.put = lambda received, number: Reply(403 if number == 1 else 200)
    (outcome,) = upload(storage, some(1))
    assert outcome.object_key == "key-1"
    assert storage.batches == [1, 1]


def test_an_expired_url_of_a_large_file_is_replaced_though_storage_hangs_up_early(storage: Storage) -> None:
    # Storage answers before it has read the file, and closes.
    storage.loopback.refuse_body = lambda path: path == "/bucket/0"
    storage.put = lambda received, number: Reply(403 if received.path == "/bucket/0" else 200)
    (outcome,) = upload(storage, [File("large.mp4", b"x" * 20 * CHUNK_BYTES)])
    assert outcome.error is None
    assert outcome.object_key == "key-1"


def test_a_refused_file_fails_alone(storage: Storage) -> None:
    storage.put = lambda received, number: Reply(403, b"<Error/>") if received.body == b"content 3" else Reply()
    outcomes = upload(storage, some(8))
    assert [at for at, outcome in enumerate(outcomes) if outcome.error] == [3]
    error = outcomes[3].error
    assert error is not None
    assert (error.kind, error.http_status) == (ErrorKind.STORAGE, 403)
    assert f"'3.jpg' (9 bytes) at {storage.loopback.url} (connection 'mine') failed" in str(error)
    assert "topsecret" not in f"{error} {error!r} {vars(error)}"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [(Reply(500), "server"), (Reply(503), "server"), (Reply(429), "rate_limited"), (Reply(cut=0), "network")],
)
def test_what_passes_is_tried_again_and_then_given_up(reply: Reply, kind: str, storage: Storage) -> None:
    clock = Clock()
    storage.put = lambda received, number: reply if number < 3 else Reply()
    assert upload(storage, some(1), clock=clock)[0].object_key == "key-0"
    assert len(storage.puts) == 3
    # The HTTP library itself repeats a PUT at once when a kept connection turns out to be closed.
    assert clock.sleeps == ([1.0] if kind == "network" else [1.0, 2.0])
    storage.put = lambda received, number: reply
    (outcome,) = upload(storage, some(1))
    assert outcome.error is not None
    assert outcome.error.kind.value == kind


def test_retry_after_of_storage_is_honoured_and_capped(storage: Storage) -> None:
    clock = Clock()
    storage.put = lambda received, number: [
        Reply(503, headers={"Retry-After": "9"}),
        Reply(429, headers={"Retry-After": "86400"}),
        Reply(),
    ][number - 1]
    upload(storage, some(1), clock=clock)
    assert clock.sleeps == [9.0, 60.0]


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 411])
def test_what_does_not_pass_is_not_tried_again(status: int, storage: Storage) -> None:
    storage.put = lambda received, number: Reply(status, headers={"Location": f"{storage.loopback.url}/elsewhere"})
    (outcome,) = upload(storage, some(1))
    assert outcome.error is not None
    assert outcome.error.http_status == status
    assert [put.path for put in storage.puts] == ["/bucket/0"]


def test_a_stalled_put_fails_only_its_file(storage: Storage) -> None:
    released = threading.Event()

    def put(received: Received, number: int) -> Reply:
        if received.body == b"content 2":
            released.wait(30)
        return Reply()

    storage.put = put
    try:
        outcomes = upload(storage, some(6), stall=0.2)
    finally:
        released.set()
    assert [at for at, outcome in enumerate(outcomes) if outcome.error] == [2]
    assert "no progress for 0.2 s" in str(outcomes[2].error)


FILES = {
    "shrank": File("f.mp4", b"short", size=100),
    "shrank to nothing": File("f.mp4", b"", size=100),
    "grew": File("f.mp4", b"x" * 101, size=100),
    "grew by blocks": File("f.mp4", b"x" * (3 * CHUNK_BYTES), size=2 * CHUNK_BYTES),
}


@pytest.mark.parametrize("change", FILES)
def test_a_file_that_changes_while_it_is_read_is_reported(change: str, storage: Storage) -> None:
    clock = Clock()
    (outcome,) = upload(storage, [FILES[change]], clock=clock)
    assert outcome.error is not None
    assert outcome.error.kind is ErrorKind.STORAGE
    assert "changed while it was read" in str(outcome.error)
    assert not clock.sleeps, "another try would read the same"


def test_a_file_that_is_rewritten_in_the_same_size_is_reported(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"before")

    class Rewritten(File):
        def open(self) -> AbstractContextManager[BinaryIO]:
            handle = path.open("rb")
            read = handle.read

            def rewrite(size: int = -1) -> bytes:
                os.utime(path, ns=(1, 1))
                return read(size)

            handle.read = rewrite  # type: ignore[method-assign]
            return handle

    (outcome,) = upload(storage, [Rewritten("a.jpg", b"before")])
    assert "changed while it was read" in str(outcome.error)


def test_a_fresh_url_that_is_refused_fails_its_file_alone(storage: Storage) -> None:
    storage.put = lambda received, number: Reply(403) if received.body == b"content 1" else Reply()
    hand_out = storage._hand_out
    storage._hand_out = lambda count: Reply(403, b"{}") if count == 1 else hand_out(count)  # type: ignore[method-assign]
    outcomes = upload(storage, some(4))
    assert [outcome.error is None for outcome in outcomes] == [True, False, True, True]


def test_a_file_that_vanishes_is_reported(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("a")
    files = find_files(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").unlink()
    clock = Clock()
    (outcome,) = upload(storage, files, clock=clock)
    assert outcome.error is not None
    assert "could not be read (FileNotFoundError" in str(outcome.error)
    assert not clock.sleeps


def test_a_file_that_cannot_be_read_is_reported(storage: Storage) -> None:
    class Broken(File):
        def open(self) -> AbstractContextManager[BinaryIO]:
            class Handle(io.BytesIO):
                def read(self, size: int | None = -1) -> bytes:
                    raise OSError(5, "Input/output error")

            return Handle()

    outcomes = upload(storage, [Broken("bad.jpg", b"xx"), *some(2)])
    assert [bool(outcome.error) for outcome in outcomes] == [True, False, False]
    assert "could not be read (OSError" in str(outcomes[0].error)


def test_no_urls_end_it_all(loopback: Loopback) -> None:
    storage = Storage(loopback)
    loopback.respond = lambda received: Reply(403, b'{"message": "no"}')
    with pytest.raises(ApiError) as caught:
        upload(storage, some(20))
    assert caught.value.kind is ErrorKind.PERMISSION


def test_fewer_urls_than_asked_for_are_refused(loopback: Loopback) -> None:
    storage = Storage(loopback)
    loopback.respond = lambda received: Reply(body=b'{"results": []}')
    with pytest.raises(ApiError, match="came"):
        upload(storage, some(3))


def test_the_same_file_twice_is_sent_twice(storage: Storage) -> None:
    (file,) = some(1)
    outcomes = upload(storage, [file, file])
    assert sorted(outcome.object_key or "" for outcome in outcomes) == ["key-0", "key-1"]


@pytest.mark.parametrize(
    "name", ["a b.jpg", "50%.jpg", "#1.jpg", "a?b.jpg", "Größe 東京.jpg", "-rf.jpg", "a&b=c.jpg", "'q'\".jpg"]
)
def test_odd_names_are_taken_from_paths_and_generators(name: str, storage: Storage, tmp_path: Path) -> None:
    (tmp_path / name).write_text(name)
    files = find_files(path for path in [tmp_path / name, str(tmp_path / name)])
    outcomes = upload(storage, files)
    assert [(outcome.name, outcome.error) for outcome in outcomes] == [(name, None)] * 2
    assert Counter(put.text for put in storage.puts) == {name: 2}


def test_no_signed_query_is_logged(storage: Storage, caplog: pytest.LogCaptureFixture) -> None:
    storage.put = lambda received, number: [Reply(503), Reply(cut=0), Reply(403), Reply(500)][min(number - 1, 3)]
    with caplog.at_level(logging.DEBUG):
        upload(storage, some(1))
    assert "Uploading it again" in caplog.text
    assert "topsecret" not in caplog.text


@pytest.mark.parametrize(
    ("sent", "shown"), [(400, "200 B/s"), (4_400, "2.2 kB/s"), (9_999_998, "5 MB/s"), (2_000_000_000, "1 GB/s")]
)
def test_a_rate_has_the_unit_that_fits(sent: int, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 2.0)
    assert shown in str(Progress(files=3, bytes=sent, bytes_sent=sent, started=0.0))


@pytest.mark.parametrize(("size", "shown"), [(400, "50 files/s, 20 kB/s"), (2_000_000, "100 MB/s")])
def test_small_files_are_counted_a_second(size: int, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 2.0)
    told = str(Progress(files=100, bytes=100 * size, files_done=100, bytes_sent=100 * size, started=0.0))
    assert f" bytes, {shown}, 0 failed" in told
