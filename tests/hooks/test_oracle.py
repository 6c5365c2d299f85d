"""Encord's own client and our hook do the same with random arguments; what they send must be the same to the byte."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import pytest
from encord import EncordUserClient
from encord.constants.enums import DataType
from encord.http.bundle import Bundle
from encord.http.constants import RequestsSettings
from encord.http.v2 import request_signer
from encord.orm.dataset import DataLinkDuplicatesBehavior, DatasetAccessSettings, StorageLocation
from encord.orm.storage import CloudSyncedFolderParams, FoldersSortBy, StorageItemType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopback import Loopback, Received, Reply, serve
from replay_hook import ReplayHook, replay_hook
from vectors import CREATED, DATASET, FOLDER, ITEM, JOB, KEY, TRACE, Clock

ROW = {"data_hash": "h", "data_title": "t", "data_type": "VIDEO", "created_at": "2025-03-01 10:00:00"}
ROW |= {"last_edited_at": "2025-03-01 10:00:00", "storage_location": 0}
ROW |= dict.fromkeys(("width", "height", "file_link", "file_size", "file_type", "frames_per_second", "duration"))
LEGACY_ANSWERS = {
    ("dataset", "GET"): {
        "dataset_hash": DATASET,
        "title": "t",
        "description": "",
        "dataset_type": "CORD_STORAGE",
        "backing_folder_uuid": None,
        "data_rows": [],
    },
    ("datarows", "GET"): [],
    ("datasetlinkitems", "POST"): [ROW],
    ("video", "DELETE"): None,
    ("reencodevideotask", "PUT"): 1337,
    ("reencodevideotask", "GET"): {"status": "SUBMITTED", "result": None},
    ("datasetdatalongpolling", "POST"): {"process_hash": JOB},
    ("datasetdatalongpolling", "GET"): {
        "status": "DONE",
        "data_hashes_with_titles": [{"data_hash": "h", "title": "t", "backing_item_uuid": DATASET}],
        "errors": [],
        "data_unit_errors": [],
        "units_pending_count": 0,
        "units_done_count": 1,
        "units_error_count": 0,
        "units_cancelled_count": 0,
    },
}
FOLDER_ANSWER = {"uuid": FOLDER, "parent": None, "name": "f", "description": "", "clientMetadata": None, "owner": "o"}
FOLDER_ANSWER |= {"createdAt": "2025-03-01T10:00:00Z", "lastEditedAt": "2025-03-01T10:00:00Z", "userRole": "admin"}
FOLDER_ANSWER |= {"syncedDatasetHash": None, "pathToRoot": []}
ITEM_ANSWER = {
    "uuid": ITEM,
    "parent": FOLDER,
    "itemType": "imageGroup",
    "name": "i",
    "clientMetadata": "{}",
    "owner": "o",
}
ITEM_ANSWER |= {"createdAt": "2025-03-01T10:00:00Z", "lastEditedAt": "2025-03-01T10:00:00Z", "backedDataUnitsCount": 0}
ITEM_ANSWER |= {"storageLocation": "encord", "signedUrl": "https://x.test/"}
ITEM_ANSWER |= dict.fromkeys(("integrationHash", "url", "fileSize", "mimeType", "duration", "fps", "height", "width"))
ITEM_ANSWER |= dict.fromkeys(("dicomInstanceUid", "dicomStudyUid", "dicomSeriesUid", "frameCount", "audioSampleRate"))
ITEM_ANSWER |= dict.fromkeys(("audioBitDepth", "audioCodec", "audioNumChannels"))
STORAGE_ANSWERS: dict[str, Any] = {
    r"folders/[^/]+/folders|folders|search/folders|folders/[^/]+/items|items/patch-bulk|.*/child-items": {
        "results": []
    },
    r"items/get-bulk": {"results": [ITEM_ANSWER]},
    r"folders/[^/]+": FOLDER_ANSWER,
    r"items/[^/]+": ITEM_ANSWER,
    r"folders/move|folders/[^/]+/items/(move|delete)": {},
    r"folders/[^/]+/(data-upload-jobs|cloud-synced-folder-syncs)|items/reencode": JOB,
    r"folders/[^/]+/data-upload-jobs/[^/]+/cancel": {"unitsCancelledCount": 1},
    r"items/reencode/[^/]+": {"status": "done", "result": None},
    r"folders/[^/]+/items/[^/]+/summary": {
        "frameInGroups": 0,
        "accessibleGroupItems": [],
        "usedInDatasets": 0,
        "accessibleDatasets": [],
    },
}
V2_ANSWERS = {
    "/v2/public/datasets": {"datasetUuid": DATASET, "backingFolderUuid": None},
    "/v2/public/datasets/list": {"result": []},
    "/v2/public/cloud-integrations": {"result": []},
    "/v2/public/user/bearer-token": {"token": "t"},
}


def answer(url: str) -> Callable[[Received], Reply]:
    """Give the least that both sides accept as success."""

    def respond(received: Received) -> Reply:
        if received.method == "PUT":
            return Reply()
        if received.path == "/public":
            asked = json.loads(received.body)
            response = LEGACY_ANSWERS[asked["query_type"], asked["query_method"]]
            return Reply(body=json.dumps({"status": 200, "response": response}).encode())
        if received.path == "/v2/public/presigned-urls":
            count = int(parse_qs(received.query)["count"][0])
            urls = [
                {
                    "itemUuid": DATASET,
                    "objectKey": f"k/{at}",
                    "signedUrl": f"{url}/put/{at:03}?sig=%2Fs{at}%3D",
                    "uploadHeaders": {},
                }
                for at in range(count)
            ]
            return Reply(body=json.dumps({"results": urls}).encode())
        return Reply(body=json.dumps(_v2_answer(received)).encode())

    return respond


def _v2_answer(received: Received) -> Any:
    path = received.path.removeprefix("/v2/public/storage/")
    if path == received.path:
        return V2_ANSWERS[received.path]
    if (received.method, path) == ("POST", "folders"):
        return FOLDER_ANSWER
    exact = {"items/reencode": JOB, "items/get-bulk": {"results": [ITEM_ANSWER]}, "items/patch-bulk": {"results": []}}
    if path in exact:
        return exact[path]
    return next(found for form, found in STORAGE_ANSWERS.items() if re.fullmatch(form, path))


class _FrozenDatetime(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime.fromtimestamp(CREATED, tz)


@dataclass
class Both:
    """The two sides, and what they sent."""

    loopback: Loopback
    user: Any
    dataset: Any
    hook: ReplayHook
    folder: Path

    def compare(self, theirs: Callable[[], Any], ours: Callable[[], Any]) -> list[Received]:
        """Run both and compare all they sent; return it, for more checks."""
        sent = []
        for side in (theirs, ours):
            self.loopback.received.clear()
            side()
            # PUTs run in parallel, so they are ordered by their path.
            sent.append(sorted(self.loopback.received, key=lambda each: ((each.method == "PUT") and each.path) or ""))
        official, mine = ([self._seen(each) for each in side] for side in sent)
        assert official, "nothing was sent"
        assert mine == official
        return sent[1]

    @staticmethod
    def _seen(received: Received) -> dict[str, Any]:
        ignored = {"user-agent", "accept-encoding", "connection", "host"}
        if received.path != "/public":
            ignored |= {"accept"}
        headers = {name: value for name, value in received.headers.items() if name not in ignored}
        return {
            "request": (received.method, received.path, received.query),
            "body": received.body,
            "headers": headers,
        }


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with serve() as loopback, pytest.MonkeyPatch.context() as monkeypatch:
        loopback.respond = answer(loopback.url)
        monkeypatch.setattr(request_signer, "datetime", _FrozenDatetime)
        user = EncordUserClient.create_with_ssh_private_key(
            KEY,
            domain=loopback.url,
            requests_settings=RequestsSettings(trace_id_provider=lambda: f"{TRACE}/1;o=1"),
        )
        hook = replay_hook(monkeypatch, loopback.url, Clock())
        yield Both(loopback, user, user.get_dataset(DATASET), hook, tmp_path_factory.mktemp("files"))


def test_the_oracle_can_fail(both: Both) -> None:
    with pytest.raises(AssertionError):
        both.compare(lambda: both.user.get_datasets(title_eq="a"), lambda: both.hook.get_datasets(title_eq="b"))
    with pytest.raises(AssertionError, match="nothing was sent"):
        both.compare(lambda: None, lambda: None)


few = settings(max_examples=settings.default.max_examples // 4, suppress_health_check=[HealthCheck.too_slow])
texts = st.text(max_size=30)
maybe_text = st.none() | texts
hashes = st.lists(st.uuids().map(str), min_size=1, max_size=5)
zones = st.sampled_from([UTC]) | st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.none() | zones | st.timezones())


def _spell(moment: datetime, form: str) -> str:
    return {
        "iso": moment.isoformat(),
        "blank": moment.isoformat(" "),
        "date": moment.date().isoformat(),
        "seconds": moment.strftime("%Y-%m-%d %H:%M:%S"),
        "minutes": moment.strftime("%Y-%m-%dT%H:%M"),
        "zulu": moment.replace(tzinfo=None).isoformat() + "Z",
        "milliseconds": moment.isoformat(timespec="milliseconds"),
    }[form]


forms = st.sampled_from(["iso", "blank", "date", "seconds", "minutes", "zulu", "milliseconds"])
whole_minutes = st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.none() | zones)
whens = st.none() | moments | st.builds(_spell, whole_minutes, forms)


@few
@given(texts, maybe_text, st.sampled_from(list(StorageLocation)), st.booleans())
def test_create_dataset(both: Both, title: str, description: str | None, where: StorageLocation, folder: bool) -> None:
    arguments = (title, where, description, folder)
    both.compare(lambda: both.user.create_dataset(*arguments), lambda: both.hook.create_dataset(*arguments))


FILTERS = {
    "title_eq": maybe_text,
    "title_like": maybe_text,
    "desc_eq": maybe_text,
    "desc_like": maybe_text,
    "created_before": whens,
    "created_after": whens,
    "edited_before": whens,
    "edited_after": whens,
    "include_org_access": st.booleans(),
}


@few
@given(st.fixed_dictionaries({}, optional=FILTERS))
def test_get_datasets(both: Both, filters: dict) -> None:
    both.compare(lambda: both.user.get_datasets(**filters), lambda: both.hook.get_datasets(**filters))


@few
@given(st.uuids().map(str), st.booleans(), st.booleans())
def test_get_dataset(both: Both, dataset: str, metadata: bool, rows: bool) -> None:
    access = DatasetAccessSettings(fetch_client_metadata=metadata)
    both.compare(
        lambda: both.user.get_dataset(dataset, access, rows),
        lambda: both.hook.get_dataset(dataset, fetch_client_metadata=metadata, include_data_rows=rows),
    )


ROW_FILTERS = {
    "title_eq": maybe_text,
    "title_like": maybe_text,
    "created_before": whens,
    "created_after": whens,
    "data_types": st.none() | st.lists(st.sampled_from(list(DataType)), max_size=4),
    "data_hashes": st.none() | st.lists(st.uuids().map(str), max_size=4),
}


@few
@given(st.fixed_dictionaries({}, optional=ROW_FILTERS))
def test_list_data_rows(both: Both, filters: dict) -> None:
    both.compare(lambda: both.dataset.list_data_rows(**filters), lambda: both.hook.list_data_rows(DATASET, **filters))


@few
@given(
    st.none() | st.lists(st.uuids() | st.uuids().map(str), max_size=3),
    st.none() | st.lists(texts, max_size=3),
    st.booleans(),
)
def test_get_cloud_integrations(both: Both, ids: list | None, titles: list | None, everyone: bool) -> None:
    both.compare(
        lambda: both.user.get_cloud_integrations(ids, titles, everyone),
        lambda: both.hook.get_cloud_integrations(ids, titles, everyone),
    )


def test_get_bearer_token(both: Both) -> None:
    both.compare(both.user.get_bearer_token, both.hook.get_bearer_token)


@few
@given(st.lists(st.uuids(), min_size=1, max_size=5), st.sampled_from(list(DataLinkDuplicatesBehavior)))
def test_link_items(both: Both, items: list[UUID], behavior: DataLinkDuplicatesBehavior) -> None:
    both.compare(
        lambda: both.dataset.link_items(items, behavior), lambda: both.hook.link_items(DATASET, items, behavior)
    )


@few
@given(hashes | st.uuids().map(str))
def test_delete_data(both: Both, which: list[str] | str) -> None:
    both.compare(lambda: both.dataset.delete_data(which), lambda: both.hook.delete_data(DATASET, which))


@few
@given(hashes)
def test_re_encode_data(both: Both, which: list[str]) -> None:
    both.compare(lambda: both.dataset.re_encode_data(which), lambda: both.hook.re_encode_data(DATASET, which))


@few
@given(st.integers(1, 2**53) | st.uuids().map(str))
def test_re_encode_data_status(both: Both, task: int | str) -> None:
    both.compare(
        lambda: both.dataset.re_encode_data_status(task), lambda: both.hook.re_encode_data_status(DATASET, task)
    )


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
manifests = st.dictionaries(texts, values, max_size=4)
folders = st.none() | st.uuids()


@few
@given(manifests, st.uuids().map(str), st.booleans(), folders, st.booleans())
def test_add_private_data_start(
    both: Both, files: dict, integration: str, ignore: bool, folder: UUID | None, skip: bool
) -> None:
    """On purpose, we skip duplicates unless told otherwise: theirs is given the flag that ours adds."""
    theirs = {"skip_duplicate_urls": True, **files} if skip else files
    options = {} if skip else {"skip_duplicate_urls": False}
    both.compare(
        lambda: both.dataset.add_private_data_to_dataset_start(integration, theirs, ignore, folder=folder),
        lambda: both.hook.add_private_data_to_dataset_start(
            DATASET, integration, files, ignore, folder=folder, **options
        ),
    )


@few
@given(manifests, st.sampled_from(["text", "path", "path as text"]))
def test_add_private_data_from_text_or_file(both: Both, files: dict, form: str) -> None:
    path = both.folder / "a manifest.json"
    path.write_text(json.dumps(files))
    source = {"text": json.dumps(files), "path": path, "path as text": str(path)}[form]
    sent = both.compare(
        lambda: both.dataset.add_private_data_to_dataset(DATASET, source),
        lambda: both.hook.add_private_data_to_dataset(DATASET, DATASET, source, skip_duplicate_urls=False),
    )
    assert (b'"fileName": "a manifest.json"' in sent[0].body) is (form != "text")


characters = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/")
suffixes = st.sampled_from(["", ".jpg", ".jpeg", ".PNG", ".png", ".webp", ".tif", ".mp4", ".dcm", ".unknown"])
names = st.builds(lambda stem, suffix: f"x{stem}{suffix}", st.text(characters, max_size=20), suffixes)
contents = st.binary(min_size=1, max_size=3000)


def write(folder: Path, files: list[tuple[str, bytes]]) -> list[Path]:
    for name, content in files:
        (folder / name).write_bytes(content)
    return [folder / name for name, _ in files]


def assert_put(sent: list[Received], files: list[tuple[str, bytes]]) -> None:
    puts = [each for each in sent if each.method == "PUT"]
    last = dict(files)  # the same name twice is the same file
    assert [each.body for each in puts] == [last[name] for name, _ in files]
    assert not [name for each in puts for name in each.headers if re.match("authorization|x-cloud|resource", name)]


@few
@given(st.sampled_from(["upload_video", "upload_image"]), names, contents, maybe_text, folders)
def test_upload_of_one_file(
    both: Both, verb: str, name: str, content: bytes, title: str | None, folder: UUID | None
) -> None:
    (path,) = write(both.folder, [(name, content)])
    sent = both.compare(
        lambda: getattr(both.dataset, verb)(path, title=title, folder=folder),
        lambda: getattr(both.hook, verb)(DATASET, str(path), title, folder),
    )
    assert_put(sent, [(name, content)])


@few
@given(st.lists(st.tuples(names, contents), min_size=1, max_size=5), maybe_text, st.booleans(), folders)
def test_create_image_group(both: Both, files: list, title: str | None, video: bool, folder: UUID | None) -> None:
    paths = write(both.folder, files)
    sent = both.compare(
        lambda: both.dataset.create_image_group(paths, title=title, create_video=video, folder=folder),
        lambda: both.hook.create_image_group(DATASET, iter(paths), title, create_video=video, folder=folder),
    )
    assert_put(sent, files)


@few
@given(st.lists(st.tuples(names, contents), min_size=1, max_size=5), maybe_text, folders)
def test_create_dicom_series(both: Both, files: list, title: str | None, folder: UUID | None) -> None:
    paths = write(both.folder, files)
    sent = both.compare(
        lambda: both.dataset.create_dicom_series(paths, title=title, folder=folder),
        lambda: both.hook.create_dicom_series(DATASET, paths, title, folder),
    )
    assert_put(sent, files)


# -- storage folders ------------------------------------------------------------------------------------------------

orders = st.sampled_from(list(FoldersSortBy))
page_sizes = st.integers(1, 1000)
objects = st.dictionaries(texts, values, max_size=4)
FOLDER_FILTERS = {
    "search": maybe_text,
    "dataset_synced": st.none() | st.booleans(),
    "order": orders,
    "desc": st.booleans(),
    "page_size": page_sizes,
}


def names_of(filters: dict) -> dict:
    """Ours are plain texts, and of each page as much as their default."""
    given = {"page_size": 100} | filters
    if "order" in given:
        given["order"] = given["order"].value
    return given


@pytest.fixture(scope="module")
def stored(both: Both) -> Any:
    """Their folder object."""
    return both.user.get_storage_folder(FOLDER)


@few
@given(st.fixed_dictionaries({}, optional=FOLDER_FILTERS | {"org_access": st.none() | st.booleans()}), st.booleans())
def test_list_folders(both: Both, filters: dict, everywhere: bool) -> None:
    ours = names_of(filters)
    if "org_access" in ours:
        ours["include_org_access"] = ours.pop("org_access")
    theirs = both.user.find_storage_folders if everywhere else both.user.list_storage_folders
    both.compare(lambda: list(theirs(**filters)), lambda: list(both.hook.iter_folders(recursive=everywhere, **ours)))


@few
@given(st.fixed_dictionaries({}, optional=FOLDER_FILTERS), st.booleans())
def test_list_subfolders(both: Both, stored: Any, filters: dict, deep: bool) -> None:
    theirs = stored.find_subfolders if deep else stored.list_subfolders
    both.compare(
        lambda: list(theirs(**filters)),
        lambda: list(both.hook.iter_folders(FOLDER, recursive=deep, **names_of(filters))),
    )


@few
@given(texts, maybe_text, st.none() | objects, folders, st.none() | st.tuples(st.uuids(), texts))
def test_create_folder(
    both: Both, name: str, description: str | None, metadata: dict | None, parent: UUID | None, synced: Any
) -> None:
    place = None if synced is None else CloudSyncedFolderParams(integration_uuid=synced[0], remote_url=synced[1])
    ours = {} if synced is None else {"integration": synced[0], "remote_url": synced[1]}
    both.compare(
        lambda: both.user.create_storage_folder(name, description, metadata, parent, place),
        lambda: both.hook.create_folder(name, description, metadata, parent, **ours),
    )


@few
@given(maybe_text, maybe_text, objects)
def test_update_folder(both: Both, stored: Any, name: str | None, description: str | None, metadata: dict) -> None:
    both.compare(
        lambda: stored.update(name, description, metadata),
        lambda: both.hook.update_folder(FOLDER, name, description, metadata, merge_metadata=False),
    )


def test_a_folder_as_a_whole(both: Both, stored: Any) -> None:
    both.compare(lambda: both.user.get_storage_folder(FOLDER), lambda: both.hook.get_folder(FOLDER))
    both.compare(stored.delete, lambda: both.hook.delete_folder(FOLDER))


@pytest.mark.parametrize("target", [UUID(ITEM), None])
def test_move_folders(both: Both, stored: Any, target: UUID | None) -> None:
    both.compare(
        lambda: stored.move_to_folder(target),
        lambda: (both.hook.move_folders([FOLDER], target), both.hook.get_folder(FOLDER)),
    )


ITEM_FILTERS = {
    "search": maybe_text,
    "is_in_dataset": st.none() | st.booleans(),
    "item_types": st.none() | st.lists(st.sampled_from(list(StorageItemType)), max_size=4),
    "order": orders,
    "desc": st.booleans(),
    "page_size": page_sizes,
    "include_client_metadata": st.booleans(),
    "get_signed_urls": st.booleans(),
}


@few
@given(st.fixed_dictionaries({}, optional=ITEM_FILTERS))
def test_list_items(both: Both, stored: Any, filters: dict) -> None:
    ours = names_of(filters)
    if "get_signed_urls" in ours:
        ours["sign_urls"] = ours.pop("get_signed_urls")
    both.compare(lambda: list(stored.list_items(**filters)), lambda: list(both.hook.iter_items(FOLDER, **ours)))


@few
@given(st.lists(st.uuids(), min_size=1, max_size=5), st.booleans())
def test_get_items(both: Both, which: list[UUID], sign: bool) -> None:
    both.compare(lambda: both.user.get_storage_items(which, sign), lambda: both.hook.get_items(which, sign_urls=sign))
    both.compare(
        lambda: both.user.get_storage_item(which[0], sign), lambda: both.hook.get_item(which[0], sign_url=sign)
    )


@pytest.mark.parametrize("sign", [True, False])
def test_what_an_item_is_made_of_and_used_by(both: Both, sign: bool) -> None:
    item = both.user.get_storage_item(ITEM)
    both.compare(lambda: item.get_child_items(sign), lambda: both.hook.list_child_items(FOLDER, ITEM, sign_urls=sign))
    both.compare(item.get_summary, lambda: both.hook.get_item_summary(FOLDER, ITEM))


patches = st.fixed_dictionaries({}, optional={"name": texts, "description": texts, "client_metadata": objects}).filter(
    bool
)


@few
@given(patches)
def test_update_items(both: Both, patch: dict) -> None:
    def theirs() -> None:
        item = both.user.get_storage_item(ITEM)
        both.loopback.received.clear()
        with Bundle() as bundle:
            item.update(**patch, bundle=bundle)

    both.compare(theirs, lambda: both.hook.update_items({ITEM: patch}, merge_metadata=False))


@few
@given(st.lists(st.uuids(), min_size=1, max_size=5), st.uuids(), st.booleans())
def test_move_and_delete_items(both: Both, stored: Any, which: list[UUID], target: UUID, flag: bool) -> None:
    both.compare(
        lambda: stored.move_items_to_folder(target, which, flag),
        lambda: both.hook.move_items(FOLDER, which, target, allow_mirror_dataset_changes=flag),
    )
    both.compare(
        lambda: stored.delete_storage_items(which, flag),
        lambda: both.hook.delete_items(FOLDER, which, remove_unused_frames=flag),
    )


@few
@given(st.lists(st.uuids(), min_size=1, max_size=5), texts, st.booleans(), st.uuids())
def test_re_encode_items(both: Both, stored: Any, which: list[UUID], title: str, force: bool, job: UUID) -> None:
    both.compare(
        lambda: stored.re_encode_videos(which, title, force),
        lambda: both.hook.re_encode_items(which, title, force_full_re_encoding=force),
    )
    both.compare(lambda: stored.get_re_encoding_status(job), lambda: both.hook.get_item_re_encoding(job))


@few
@given(manifests, st.uuids().map(str), st.booleans(), st.booleans())
def test_add_private_data_to_a_folder(
    both: Both, stored: Any, files: dict, integration: str, ignore: bool, skip: bool
) -> None:
    theirs = {"skip_duplicate_urls": True, **files} if skip else files
    options = {} if skip else {"skip_duplicate_urls": False}
    both.compare(
        lambda: stored.add_private_data_to_folder_start(integration, theirs, ignore),
        lambda: both.hook.add_private_data_to_folder_start(FOLDER, integration, files, ignore, **options),
    )


@few
@given(st.uuids())
def test_cancel_and_sync(both: Both, stored: Any, job: UUID) -> None:
    both.compare(
        lambda: stored.add_data_to_folder_job_cancel(job), lambda: both.hook.cancel_folder_upload_job(FOLDER, job)
    )
    both.compare(stored.sync_private_data_with_cloud_synced_folder_start, lambda: both.hook.start_folder_sync(FOLDER))


def test_the_answers_are_read_alike(both: Both) -> None:
    theirs, ours = both.user.get_dataset(DATASET), both.hook.get_dataset(DATASET)
    assert (ours.title, ours.dataset_hash) == (theirs.title, theirs.dataset_hash)
    assert SimpleNamespace(**vars(both.hook.re_encode_data_status(DATASET, 1))).status == "SUBMITTED"
