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
from encord.http.constants import RequestsSettings
from encord.http.v2 import request_signer
from encord.orm.dataset import DataLinkDuplicatesBehavior, DatasetAccessSettings, StorageLocation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopback import Loopback, Received, Reply, serve
from replay_hook import ReplayHook, replay_hook
from vectors import CREATED, DATASET, JOB, KEY, TRACE, Clock

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
        return Reply(body=json.dumps(V2_ANSWERS[received.path]).encode())

    return respond


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


def test_the_answers_are_read_alike(both: Both) -> None:
    theirs, ours = both.user.get_dataset(DATASET), both.hook.get_dataset(DATASET)
    assert (ours.title, ours.dataset_hash) == (theirs.title, theirs.dataset_hash)
    assert SimpleNamespace(**vars(both.hook.re_encode_data_status(DATASET, 1))).status == "SUBMITTED"
