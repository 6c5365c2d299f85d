"""Storage folders, items, their jobs and syncs: odd answers are read or refused, and each ending is judged."""

import json
from typing import Any

import pytest

from airflow_provider_encord._client import fields
from airflow_provider_encord._client.jobs import (
    FolderSyncWatch,
    FolderUploadJobWatch,
    ItemReEncodeWatch,
    ReEncodeWatch,
    State,
    UploadJobWatch,
)
from airflow_provider_encord._client.parameters import BadParameter
from airflow_provider_encord._client.resources import (
    data_items,
    folder_jobs,
    folder_sync,
    folders,
    items,
    upload_urls,
    users,
)
from vectors import DATASET, FOLDER, INTEGRATION, ITEM, JOB

ITEM_2 = ITEM[:-1] + "2"
SIGNED = "https://bucket.test/a.mp4?X-Amz-Signature=tell-nobody"


# -- answers -------------------------------------------------------------------------------------------------------


def test_of_an_item_that_the_caller_may_not_see_there_is_only_the_id() -> None:
    item = items.read_item({"uuid": ITEM})
    assert (item.uuid, item.name, item.item_type, item.client_metadata) == (ITEM, "", "", None)
    assert (item.is_tombstone, item.is_placeholder, item.file_size) == (False, False, None)


def test_unknown_kinds_and_fields_are_taken_and_odd_values_are_none() -> None:
    odd = {"uuid": ITEM, "itemType": "hologram", "storageLocation": "moon", "isTombstone": True, "isPlaceholder": 1}
    odd |= {"width": "4", "fps": float("nan"), "frameCount": 10**30, "createdAt": "yesterday", "newField": {"a": 1}}
    item = items.read_item(odd)
    assert (item.item_type, item.storage_location, item.is_tombstone) == ("hologram", "moon", True)
    assert (item.is_placeholder, item.width, item.fps, item.frame_count, item.created_at) == (False, *[None] * 4)
    folder = folders.read_folder({"uuid": FOLDER, "folderType": "cloudLinked", "pathToRoot": None, "x": []})
    assert (folder.folder_type, folder.path_to_root, folder.remote_url) == ("cloudLinked", (), None)


@pytest.mark.parametrize(
    ("text", "metadata"),
    [
        (None, None),
        ("", None),
        ("null", None),
        ("{}", {}),
        ({"a": 1}, {"a": 1}),
        (
            '{"a": 1.50, "n": 123456789012345678901234567890, "x": NaN}',
            {"a": 1.5, "n": int("1234567890" * 3), "x": None},
        ),
    ],
)
def test_client_metadata_is_an_object(text: Any, metadata: Any) -> None:
    assert items.read_item({"uuid": ITEM, "clientMetadata": text}).client_metadata == metadata


@pytest.mark.parametrize("text", ["[]", "7", "{", "[" * 100_000, 7, ["a"]], ids=lambda text: repr(text)[:9])
def test_client_metadata_that_cannot_be_merged_is_not_taken_for_none(text: Any) -> None:
    with pytest.raises(fields.Unreadable, match="client_metadata"):
        items.read_item({"uuid": ITEM, "clientMetadata": text})


def test_a_signed_url_is_shown_nowhere() -> None:
    item = items.read_item({"uuid": ITEM, "signedUrl": SIGNED, "url": SIGNED})
    assert item.signed_url == SIGNED
    job = items.read_item_re_encoding({"status": "done", "result": [{"signed_url": SIGNED}]})
    assert "tell-nobody" not in f"{item.to_dict()} {job!r} {job.to_dict()}"
    assert "signed_url" not in item.to_dict()
    url = upload_urls.read_presigned_url({"itemUuid": ITEM, "objectKey": "k", "signedUrl": SIGNED})
    assert "tell-nobody" not in f"{url!r} {url.to_dict()}"


def test_bulk_answers_are_put_into_the_order_asked_for_and_gaps_are_left_out() -> None:
    call = items.get_items([ITEM, ITEM_2, ITEM])
    found = call.read({"results": [{"uuid": ITEM_2}, {"uuid": ITEM}]})
    assert [item.uuid for item in found] == [ITEM, ITEM_2, ITEM]
    assert [item.uuid for item in call.read({"results": [{"uuid": ITEM_2}]})] == [ITEM_2]


@pytest.mark.parametrize(
    "call", [folders.list_folders(page_token="a"), items.list_items(FOLDER, page_token="a")], ids=["folders", "items"]
)
def test_a_page_that_leads_to_itself_is_unreadable(call: Any) -> None:
    assert call.read({"results": [], "nextPageToken": "b"}).next_page_token == "b"
    assert call.read({"results": []}).next_page_token is None
    with pytest.raises(fields.Unreadable, match="the same again"):
        call.read({"results": [], "nextPageToken": "a"})


@pytest.mark.parametrize(
    "call",
    [
        folder_jobs.start_folder_upload_job(FOLDER, files={}),
        folder_sync.start_folder_sync(FOLDER),
        items.re_encode_items([ITEM], "t"),
    ],
    ids=["upload", "sync", "re-encode"],
)
@pytest.mark.parametrize("answer", [None, 7, "", "70b0/../x", {"uuid": JOB}, [JOB], "x" * 36], ids=repr)
def test_a_job_id_is_a_uuid_or_unreadable(call: Any, answer: Any) -> None:
    assert call.read(JOB.upper()) == JOB
    assert not call.repeatable
    with pytest.raises(fields.Unreadable, match="UUID"):
        call.read(answer)


def test_an_upload_url_of_a_folder_names_its_item() -> None:
    call = upload_urls.get_folder_upload_urls(FOLDER, 1, "image", frames_subfolder_name="f")
    assert call.body == {"itemType": "image", "count": 1, "framesSubfolderName": "f"}
    url = {"objectKey": "k", "signedUrl": "https://x.test/"}
    assert call.read({"results": [url | {"itemUuid": ITEM}]})[0].item_uuid == ITEM
    for missing in (url, url | {"itemUuid": "a/b"}):
        with pytest.raises(fields.Unreadable, match="id of its item"):
            call.read({"results": [missing]})


def test_the_current_user() -> None:
    assert users.get_current_user().read({"userEmail": "a@b.test"}).user_email == "a@b.test"
    with pytest.raises(fields.Unreadable):
        users.get_current_user().read({})


# -- arguments -----------------------------------------------------------------------------------------------------

BAD_ARGUMENTS = {
    "folder no UUID": lambda: folders.get_folder("../x"),
    "item no UUID": lambda: items.get_item("x?y"),
    "job no UUID": lambda: folder_jobs.get_folder_upload_job(FOLDER, "x/cancel"),
    "job of a sync no UUID": lambda: folder_sync.get_folder_sync(FOLDER, ""),
    "a text for a list": lambda: items.get_items(ITEM),
    "no item": lambda: items.delete_items(FOLDER, []),
    "too many items": lambda: items.get_items([ITEM] * 1001),
    "too many patches": lambda: items.update_items({f"{at:032x}": {} for at in range(1001)}),
    "a page too large": lambda: items.list_items(FOLDER, page_size=1001),
    "a page too small": lambda: folders.list_folders(page_size=0),
    "a page of a truth": lambda: folders.list_folders(page_size=True),
    "one kind for a list": lambda: items.list_items(FOLDER, item_types="video"),
    "a place without integration": lambda: folders.create_folder("f", remote_url="s3://b/"),
    "an integration without place": lambda: folders.create_folder("f", integration_id=INTEGRATION),
    "metadata that is no JSON": lambda: folders.create_folder("f", client_metadata={"a": {1}}),
    "metadata that JSON cannot say": lambda: folders.create_folder("f", client_metadata={"a": float("inf")}),
    "an unknown kind of file": lambda: data_items.single_files("hologram", []),
}


@pytest.mark.parametrize("mistake", BAD_ARGUMENTS)
def test_bad_arguments_are_refused_before_any_request(mistake: str) -> None:
    with pytest.raises(BadParameter):
        BAD_ARGUMENTS[mistake]()


def test_only_starts_and_new_folders_are_not_sent_twice() -> None:
    assert not folders.create_folder("f").repeatable
    patches = {ITEM: items.item_patch(name="n")}
    for call in (
        folder_jobs.cancel_folder_upload_job(FOLDER, JOB),
        items.update_items(patches),
        items.get_items([ITEM]),
        folders.delete_folder(FOLDER),
    ):
        assert call.repeatable


def test_files_of_a_folder_name_the_items_that_wait_for_them() -> None:
    files = [("k1", "a", ITEM), ("k2", "b", ITEM_2)]
    (one, two) = data_items.single_files("nifti", files)["nifti"]
    assert (one["placeholderItemUuid"], two["placeholderItemUuid"]) == (ITEM, ITEM_2)
    assert "placeholderItemUuid" not in data_items.single_files("timeseries", files)["timeSeries"][0]
    assert "placeholderItemUuid" not in json.dumps(data_items.images([("k", "t")]))


# -- endings -------------------------------------------------------------------------------------------------------

UPLOAD, SYNC = FolderUploadJobWatch(FOLDER, JOB), FolderSyncWatch(FOLDER, JOB)
RE_ENCODING = ItemReEncodeWatch(JOB)


def judged(watch: Any, **answer: Any) -> Any:
    return watch.judge(watch.poll(0).read(answer))


@pytest.mark.parametrize(
    ("watch", "answer", "state"),
    [
        (UPLOAD, {"status": "PENDING", "unitsErrorCount": 1}, State.PENDING),
        (UPLOAD, {"status": "pending"}, State.PENDING),
        (UPLOAD, {"status": "DONE", "unitsDoneCount": 2}, State.DONE),
        (UPLOAD, {"status": "done", "unitsErrorCount": 1}, State.PARTIAL),
        (UPLOAD, {"status": "DONE", "unitErrors": [{"error": "e"}]}, State.PARTIAL),
        (UPLOAD, {"status": "ERROR"}, State.FAILED),
        (UPLOAD, {"status": "CANCELLED", "unitsDoneCount": 1}, State.CANCELLED),
        (SYNC, {"status": "pending", "uploadJobsUnitsError": 1}, State.PENDING),
        (SYNC, {"status": "DONE"}, State.DONE),
        (SYNC, {"status": "done", "uploadJobsUnitsError": 1}, State.PARTIAL),
        (SYNC, {"status": "done", "uploadJobsError": 1}, State.PARTIAL),
        (SYNC, {"status": "done", "scanPagesProcessingError": 1}, State.PARTIAL),
        (SYNC, {"status": "error"}, State.FAILED),
        (SYNC, {"status": "cancelled"}, State.CANCELLED),
        (RE_ENCODING, {"status": "submitted", "result": None}, State.PENDING),
        (RE_ENCODING, {"status": "DONE", "result": []}, State.DONE),
        (RE_ENCODING, {"status": "error", "result": {}}, State.FAILED),
    ],
)
def test_each_status_in_either_case(watch: Any, answer: dict[str, Any], state: State) -> None:
    verdict = judged(watch, **answer)
    assert (verdict.state, verdict.known) == (state, True)


@pytest.mark.parametrize("watch", [UPLOAD, SYNC, RE_ENCODING])
def test_an_unknown_status_is_pending(watch: Any) -> None:
    verdict = judged(watch, status="melting")
    assert (verdict.state, verdict.known, verdict.status) == (State.PENDING, False, "MELTING")


def test_messages_tell_what_failed() -> None:
    errors = [{"objectUrls": ["s3://b/k"], "error": "no access"}]
    verdict = judged(UPLOAD, status="DONE", unitsDoneCount=1, unitsErrorCount=1, unitErrors=errors)
    assert verdict.message == f"upload job {JOB} is DONE (1 done, 1 failed): s3://b/k: no access"
    assert verdict.counts == {"done": 1, "failed": 1, "pending": 0, "cancelled": 0}
    counts = {"uploadJobsUnitsDone": 5, "uploadJobsUnitsError": 2, "scanPagesProcessingError": 1, "uploadJobsError": 3}
    assert judged(SYNC, status="done", **counts).message == (
        f"sync {JOB} is DONE (5 done, 2 failed, 1 pages of the listing failed, 3 upload jobs failed)"
    )


def test_polls_are_held_no_longer_than_a_minute() -> None:
    for watch, held in ((UPLOAD, 60), (SYNC, 60), (RE_ENCODING, 0)):
        assert watch.poll(3600).held_seconds == held
        assert watch.server_holds is bool(held)


def test_only_a_job_of_a_folder_can_be_cancelled() -> None:
    call = UPLOAD.cancel()
    assert call is not None
    assert (call.method, call.path) == ("POST", f"storage/folders/{FOLDER}/data-upload-jobs/{JOB}/cancel")
    assert call.read({"unitsCancelledCount": 2}) == 2
    for watch in (SYNC, RE_ENCODING, UploadJobWatch(DATASET, JOB), ReEncodeWatch(DATASET, 1)):
        assert watch.cancel() is None


def test_each_says_where_it_works() -> None:
    assert (UPLOAD.place, UPLOAD.dataset_hash) == (f"folder {FOLDER}", None)
    assert (SYNC.place, RE_ENCODING.place) == (f"folder {FOLDER}", "Encord's storage")
    assert (UploadJobWatch(DATASET, JOB).place, UploadJobWatch(DATASET, JOB).dataset_hash) == (
        f"dataset {DATASET}",
        DATASET,
    )
