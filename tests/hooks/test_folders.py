"""The hook's verbs of folders and items: batches, merging, lazy pages, uploads with known items; over a stub."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_encord._client.jobs import FolderSyncWatch, FolderUploadJobWatch
from airflow_provider_encord._storage.files import find_files
from airflow_provider_encord.exceptions import (
    EncordInputError,
    EncordJobCancelledError,
    EncordJobError,
    EncordNotFoundError,
    EncordTimeoutError,
)
from airflow_provider_encord.hooks._verbs import Ask, Step, Wait
from airflow_provider_encord.hooks.asynchronous import AsyncEncord
from airflow_provider_encord.hooks.encord import EncordHook
from loopback import Loopback, Received, Reply
from replay_hook import replay_hook
from vectors import FOLDER, INTEGRATION, ITEM, JOB, Clock

UUIDS = [f"{at:08x}-0000-4000-8000-000000000000" for at in range(2500)]


class StubHook(EncordHook):
    """Answers calls by a function of their path and body, and keeps what was asked."""

    def __init__(self, answer: Callable[[str, Any], Any]) -> None:
        super().__init__()
        self.asked: list[tuple[str, Any]] = []
        self._answer = answer

    def _perform(self, step: Step) -> Any:
        call = step.watch.poll(0) if isinstance(step, Wait) else step.call
        assert isinstance(step, Ask | Wait)
        self.asked.append((call.path, call.body or dict(call.query)))
        read = call.read(self._answer(*self.asked[-1]))
        return step.watch.judge(read) if isinstance(step, Wait) else read


# -- pages ---------------------------------------------------------------------------------------------------------


def pages(count: int, size: int = 2) -> Callable[[str, Any], Any]:
    def answer(path: str, query: Any) -> Any:
        at = int(query["pageToken"] or 0)
        results = [{"uuid": UUIDS[(at * size + each) % len(UUIDS)], "name": "x" * 500} for each in range(size)]
        return {"results": results, "nextPageToken": str(at + 1) if at + 1 < count else None}

    return answer


def test_a_page_is_asked_for_when_the_one_before_is_used_up() -> None:
    hook = StubHook(pages(3))
    found = hook.iter_items(FOLDER)
    assert hook.asked == []
    assert [item.uuid for item in islice(found, 2)] == UUIDS[:2]
    assert len(hook.asked) == 1
    assert [item.uuid for item in found] == UUIDS[2:6]
    assert [query["pageToken"] for _, query in hook.asked] == [None, "1", "2"]
    assert [item.uuid for item in StubHook(pages(3)).list_items(FOLDER)] == UUIDS[:6]
    assert [folder.uuid for folder in StubHook(pages(2)).list_folders(FOLDER)] == UUIDS[:4]


def test_the_async_form_asks_as_lazily() -> None:
    class Stub(AsyncEncord):
        async def _perform(self, step: Step) -> Any:
            return self.hook._perform(step)

    async def story() -> None:
        encord = Stub(hook := StubHook(pages(3)))
        found = encord.iter_items(FOLDER)
        assert (await anext(found)).uuid == UUIDS[0]
        assert len(hook.asked) == 1
        assert [item.uuid async for item in found] == UUIDS[1:6]
        assert len(await encord.list_items(FOLDER)) == 6

    asyncio.run(story())


def peak_of(listing: Callable[[EncordHook], Iterable[Any]], count: int) -> int:
    hook = StubHook(pages(count, 50))
    hook._perform = lambda step: step.call.read(pages(count, 50)("", dict(step.call.query)))  # type: ignore
    tracemalloc.start()
    try:
        assert sum(1 for _ in listing(hook)) == 50 * count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_million_items_need_no_more_memory_than_a_few() -> None:
    one_by_one: Callable[[EncordHook], Iterable[Any]] = lambda hook: hook.iter_items(FOLDER)  # noqa: E731
    peak_of(one_by_one, 2)
    few, many = peak_of(one_by_one, 3), peak_of(one_by_one, 30)
    assert many < few * 1.5
    assert peak_of(lambda hook: hook.list_items(FOLDER), 30) > few * 5, "the measure can tell"


def test_errors_within_pages_reach_who_iterates() -> None:
    def answer(path: str, query: Any) -> Any:
        if query["pageToken"]:
            raise EncordNotFoundError("gone")
        return {"results": [{"uuid": ITEM}], "nextPageToken": "1"}

    found = StubHook(answer).iter_items(FOLDER)
    assert next(found).uuid == ITEM
    with pytest.raises(EncordNotFoundError, match="gone"):
        next(found)
    with pytest.raises(EncordNotFoundError, match="gone"):
        StubHook(answer).list_items(FOLDER)
    with pytest.raises(EncordInputError, match="folder_uuid must be a UUID"):
        next(StubHook(answer).iter_items("x"))


# -- many items ----------------------------------------------------------------------------------------------------


def of_items(known: dict[str, Any]) -> Callable[[str, Any], Any]:
    """Answer for items with this client metadata."""

    def answer(path: str, body: Any) -> Any:
        wanted = body.get("itemUuids") or body.get("itemPatches") or ()
        return {
            "results": [{"uuid": uuid, "clientMetadata": json.dumps(known[uuid])} for uuid in wanted if uuid in known]
        }

    return answer


def test_many_items_are_got_and_changed_in_batches() -> None:
    hook = StubHook(of_items({uuid: {} for uuid in UUIDS}))
    assert [item.uuid for item in hook.get_items(UUIDS)] == UUIDS
    assert [len(body["itemUuids"]) for _, body in hook.asked] == [1000, 1000, 500]
    hook.asked.clear()
    assert len(hook.update_items({uuid: {"name": "n"} for uuid in UUIDS})) == 2500
    assert [(path, len(body["itemPatches"])) for path, body in hook.asked] == [
        ("storage/items/patch-bulk", count) for count in (1000, 1000, 500)
    ]
    hook.asked.clear()
    hook.move_items(FOLDER, UUIDS, FOLDER)
    hook.delete_items(FOLDER, UUIDS)
    assert [len(body.get("itemUuids") or body["childUuids"]) for _, body in hook.asked] == [1000, 1000, 500] * 2
    for nothing in (hook.get_items([]), hook.update_items({}), hook.update_items({ITEM: {}})):
        assert nothing == []
    assert len(hook.asked) == 6


def test_metadata_is_merged_into_what_is_there() -> None:
    first, second, third = UUIDS[:3]
    hook = StubHook(of_items({first: {"site": "A", "keep": [1]}, second: {}, third: {"x": 1}}))
    hook.update_items(
        {
            first.upper(): {"client_metadata": {"site": "B"}},
            second: {"client_metadata": {"new": None}, "name": "n"},
            third: {"description": "d"},
        }
    )
    (read, asked), (_, changed) = hook.asked
    assert (read, asked["itemUuids"]) == ("storage/items/get-bulk", [first, second])
    assert changed["itemPatches"] == {
        first: {"clientMetadata": {"site": "B", "keep": [1]}},
        second: {"name": "n", "clientMetadata": {"new": None}},
        third: {"description": "d"},
    }
    hook.asked.clear()
    hook.update_items({first: {"client_metadata": {"site": "B"}}}, merge_metadata=False)
    assert [body for _, body in hook.asked] == [{"itemPatches": {first: {"clientMetadata": {"site": "B"}}}}]


def test_what_cannot_be_read_is_not_overwritten() -> None:
    hook = StubHook(of_items({UUIDS[0]: {}}))
    with pytest.raises(EncordNotFoundError, match=UUIDS[1]):
        hook.update_items({uuid: {"client_metadata": {"a": 1}} for uuid in UUIDS[:2]})
    assert [path for path, _ in hook.asked] == ["storage/items/get-bulk"]
    with pytest.raises(EncordInputError, match="not sent"):
        hook.update_items({ITEM: {"title": "no such field"}})
    with pytest.raises(EncordInputError, match="item_uuid must be a UUID"):
        hook.update_items({ITEM: {"name": "n"}, "x": {"name": "n"}})
    assert len(hook.asked) == 1


def test_metadata_of_a_folder_is_merged_too() -> None:
    hook = StubHook(lambda path, body: {"uuid": FOLDER, "clientMetadata": '{"a": 1, "b": 2}'})
    hook.update_folder(FOLDER, client_metadata={"b": 3})
    hook.update_folder(FOLDER, "name")
    hook.update_folder(FOLDER, client_metadata={}, merge_metadata=False)
    bodies = [body for _, body in hook.asked if body]
    assert bodies == [{"clientMetadata": {"a": 1, "b": 3}}, {"name": "name"}, {"clientMetadata": {}}]


def test_a_cloud_synced_folder_takes_the_title_of_an_integration() -> None:
    def answer(path: str, body: Any) -> Any:
        return {"result": [{"integrationUuid": INTEGRATION, "title": "AWS"}], "uuid": FOLDER}

    hook = StubHook(answer)
    hook.__dict__["settings"] = type("Settings", (), {"credentials": type("Key", (), {"dataset_only": False})})
    hook.create_folder("f", integration="AWS", remote_url="s3://b/p/")
    assert hook.asked[-1][1]["cloudSyncedFolderParams"] == {"integrationUuid": INTEGRATION, "remoteUrl": "s3://b/p/"}


# -- jobs ----------------------------------------------------------------------------------------------------------


def of_job(**job: Any) -> Callable[[str, Any], Any]:
    return lambda path, body: job if JOB in path else JOB


@pytest.mark.parametrize(
    ("status", "ignore", "error"),
    [
        ("DONE", False, None),
        ("ERROR", True, EncordJobError),
        ("CANCELLED", True, EncordJobCancelledError),
    ],
)
def test_private_data_is_waited_for(status: str, ignore: bool, error: type[Exception] | None) -> None:
    hook = StubHook(of_job(status=status, itemsWithNames=[{"itemUuid": ITEM, "name": "a"}]))
    add = lambda: hook.add_private_data_to_folder(FOLDER, INTEGRATION, {"videos": []}, ignore)  # noqa: E731
    if error:
        with pytest.raises(error, match=f"Folder {FOLDER}: upload job {JOB} is {status}"):
            add()
    else:
        assert [(item.item_uuid, item.name) for item in add()] == [(ITEM, "a")]
    path, body = hook.asked[0]
    assert path == f"storage/folders/{FOLDER}/data-upload-jobs"
    assert body == {
        "externalFiles": {"videos": [], "skip_duplicate_urls": True},
        "integrationHash": INTEGRATION,
        "ignoreErrors": ignore,
    }


def test_a_sync_with_failed_files_is_returned_and_a_failed_one_is_not() -> None:
    assert StubHook(of_job(status="done", uploadJobsUnitsError=2)).sync_folder(FOLDER).failed == 2
    with pytest.raises(EncordJobError, match=f"Folder {FOLDER}: sync {JOB} is ERROR"):
        StubHook(of_job(status="error")).sync_folder(FOLDER)


def test_a_cancelled_job_tells_how_many_are_not_added() -> None:
    hook = StubHook(lambda path, body: {"unitsCancelledCount": 7})
    assert hook.cancel_folder_upload_job(FOLDER, JOB) == 7


@pytest.mark.parametrize(
    ("watch", "words"),
    [
        (FolderUploadJobWatch(FOLDER, JOB), "until somebody cancels it"),
        (FolderSyncWatch(FOLDER, JOB), "offers no way to cancel it"),
    ],
)
def test_a_wait_that_ends_says_whether_the_job_can_be_cancelled(
    watch: Any, words: str, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback.respond = lambda received: Reply(body=b'{"status": "pending"}')
    hook = replay_hook(monkeypatch, loopback.url, Clock())
    with pytest.raises(EncordTimeoutError, match=f"in folder {FOLDER}, .*{words}"):
        hook.wait(watch, deadline=1)


# -- uploads -------------------------------------------------------------------------------------------------------


class Storage:
    """A folder that files are put into; it refuses the first ``expired`` URLs of each file."""

    def __init__(self, loopback: Loopback, expired: int = 0) -> None:
        self._url, self._expired = loopback.url, expired
        self.events: list[tuple[str, Any]] = []
        self.handed_out = 0
        loopback.respond = self.respond

    def respond(self, received: Received) -> Reply:
        if received.method == "PUT":
            self.events.append(("put", received.path))
            return Reply(403 if len([each for each in self.events if each[0] == "put"]) <= self._expired else 200)
        if received.path.endswith("/upload-signed-urls"):
            urls = []
            for _ in range(json.loads(received.body)["count"]):
                key = f"k{self.handed_out}"
                url = {"itemUuid": UUIDS[self.handed_out], "objectKey": key, "signedUrl": f"{self._url}/{key}?sig=s"}
                urls.append(url)
                self.handed_out += 1
            return Reply(body=json.dumps({"results": urls}).encode())
        self.events.append(("job", json.loads(received.body) if received.body else None))
        done = {"status": "DONE", "itemsWithNames": [{"itemUuid": UUIDS[0], "name": "a"}], "unitsDoneCount": 1}
        return Reply(body=json.dumps(done if JOB in received.path else JOB).encode())


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(b"not really an image")
    return path


@pytest.mark.parametrize("expired", [0, 1])
def test_the_item_of_a_file_is_known_before_its_bytes_are_sent(
    expired: int, image: Path, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(loopback, expired)
    hook = replay_hook(monkeypatch, loopback.url, Clock())
    (outcome,) = hook.put_files(
        find_files([image]),
        "image",
        folder_uuid=FOLDER,
        assigned=lambda *told: storage.events.append(("assigned", told)),
        uploaded=lambda *told: storage.events.append(("uploaded", told)),
    )
    expected: list[tuple[str, Any]] = []
    for at in range(expired + 1):
        expected += [("assigned", (0, f"k{at}", UUIDS[at])), ("put", f"/k{at}")]
    assert storage.events == [*expected, ("uploaded", (0, f"k{expired}"))]
    assert (outcome.object_key, outcome.item_uuid) == (f"k{expired}", UUIDS[expired])


def test_files_are_registered_as_the_items_that_wait_for_them(
    image: Path, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(loopback)
    hook = replay_hook(monkeypatch, loopback.url, Clock())
    (item,) = hook.upload_files_to_folder(FOLDER, "image", image, client_metadata={"site": "A"})
    assert item.item_uuid == UUIDS[0]
    (registered,) = storage.events[1][1]["dataItems"]["images"]
    assert registered == {
        "objectUrl": "k0",
        "title": "a.png",
        "clientMetadata": {"site": "A"},
        "externalFileType": "IMAGE",
        "placeholderItemUuid": UUIDS[0],
    }
    assert hook.upload_files_to_folder(FOLDER, "image", []) == []


@pytest.mark.parametrize(("item_type", "folder"), [("hologram", FOLDER), ("audio", None), ("image", "x")])
def test_what_cannot_be_uploaded_is_refused_at_once(item_type: str, folder: str | None, image: Path) -> None:
    with pytest.raises(EncordInputError, match="must be"):
        StubHook(pages(1)).put_files(find_files([image]), item_type, folder_uuid=folder)
