"""Storage items, by Encord's own client, and by hand where it can't go."""

import json
import uuid

import pytest
import requests

pytest.importorskip("encord")

from encord.exceptions import InvalidArgumentsError, ResourceNotFoundError
from encord.http.bundle import Bundle
from encord.orm.dataset import StorageLocation
from encord.orm.storage import DataGroupCustom, DataGroupGrid, FoldersSortBy, JobStatus, StorageItemType
from encord.utilities.storage.cloud_data_migration import update_storage_item_cloud_info

from airflow_provider_encord.emulator import LocalEncord, ManualClock

ITEMS = "/v2/public/storage/items"


@pytest.fixture
def folder(official):
    return official.create_storage_folder("f")


@pytest.fixture
def dataset(official):
    return official.get_dataset(official.create_dataset("t", StorageLocation.CORD_STORAGE).dataset_hash)


def register(encord, folder, **files):
    job = folder.add_private_data_to_folder_start(encord.integrations["GCP"], files)
    return [entry.item_uuid for entry in folder.add_private_data_to_folder_get_result(job).items_with_names]


@pytest.fixture
def three(encord, folder):
    """Items of a folder by their names."""
    files = {
        "images": [{"objectUrl": f"gs://b/{name}.png", "title": name, "clientMetadata": {"is": name}} for name in "ca"],
        "videos": [{"objectUrl": "gs://b/b.mp4", "title": "B", "videoMetadata": {"fps": 10, "duration": 2}}],
    }
    register(encord, folder, **files)
    return {item.name: item for item in folder.list_items()}


def names(items):
    return [item.name for item in items]


@pytest.mark.filterwarnings("ignore:find_storage_items is deprecated")
def test_list_with_each_filter(encord, official, folder, dataset, three):
    below = folder.create_subfolder("below")
    register(encord, below, audio=[{"objectUrl": "gs://b/d.mp3", "title": "d"}])
    dataset.link_items([three["a"].uuid])
    for filters, expected in (
        ({}, ["B", "a", "c"]),
        ({"desc": True}, ["c", "a", "B"]),
        ({"order": FoldersSortBy.CREATED_AT, "search": "b"}, ["B"]),
        ({"search": "A"}, ["a"]),
        ({"is_in_dataset": True}, ["a"]),
        ({"is_in_dataset": False}, ["B", "c"]),
        ({"item_types": [StorageItemType.VIDEO, StorageItemType.AUDIO]}, ["B"]),
    ):
        for page_size in (1, 2, 100):
            assert names(folder.list_items(**filters, page_size=page_size)) == expected, filters
    kinds = [StorageItemType.VIDEO, StorageItemType.AUDIO, StorageItemType.IMAGE]
    assert names(folder.find_items(item_types=kinds, page_size=1)) == ["B", "a", "c", "d"]
    assert names(folder.find_items(item_types=kinds, is_in_dataset=False, desc=True)) == ["d", "c", "B"]
    assert names(official.find_storage_items(search="d")) == ["d"]
    assert names(official.find_storage_items(item_types=[StorageItemType.IMAGE], page_size=1)) == ["a", "c"]


def test_a_page_begins_after_the_last_item_shown(folder, raw, three):
    path = f"/v2/public/storage/folders/{folder.uuid}/items?pageSize=1&pageToken="
    first = raw.v2("GET", path.partition("&")[0]).json()
    folder.delete_storage_items([three["B"].uuid])
    second = raw.v2("GET", f"{path}{first['nextPageToken']}").json()
    assert [item["name"] for item in first["results"] + second["results"]] == ["B", "a"]


def test_metadata_in_a_list(folder, three):
    assert {item.name: item.client_metadata for item in folder.list_items()} == {
        "a": {"is": "a"},
        "c": {"is": "c"},
        "B": {},
    }
    assert [item.client_metadata for item in folder.list_items(search="a", include_client_metadata=False)] == [{}]
    resolved = folder.list_items(search="a", include_client_metadata=True, resolve_client_metadata_locally=True)
    assert [item.client_metadata for item in resolved] == [{"is": "a"}]


def test_what_an_item_tells(encord, official, three):
    item = official.get_storage_item(three["B"].uuid)
    assert (item.item_type, item.url, item.fps, item.duration) == (StorageItemType.VIDEO, "gs://b/b.mp4", 10, 2)
    assert (item.frame_count, item.storage_location.value, item.backed_data_units_count) == (20, "gcp", 0)
    assert str(item.integration_hash) == encord.integrations["GCP"]
    with pytest.raises(ResourceNotFoundError):
        official.get_storage_item(uuid.uuid4())


def test_a_signed_url_can_be_read_as_long_as_it_lives(official_client, media):
    clock = ManualClock()
    with LocalEncord(clock=clock, url_lifetime=100) as local:
        official = official_client(local)
        folder = official.create_storage_folder("f")
        name = folder.upload_image(media / "a.png")
        assert official.get_storage_item(name)._orm_item.signed_url is None
        url = official.get_storage_item(name, sign_url=True).get_signed_url()
        assert requests.get(url, timeout=10).content == (media / "a.png").read_bytes()
        clock.advance(101)
        assert requests.get(url, timeout=10).status_code == 403


def test_bulk_get_keeps_the_order(encord, official, raw, three):
    wanted = [three[name].uuid for name in "caB"]
    assert [item.uuid for item in official.get_storage_items(wanted)] == wanted
    missing = uuid.uuid4()
    with pytest.raises(ResourceNotFoundError):
        official.get_storage_items([*wanted, missing])
    body = {"itemUuids": [str(missing), str(wanted[0])], "requireAll": False}
    assert [item["uuid"] for item in raw.v2("POST", f"{ITEMS}/get-bulk", body).json()["results"]] == [str(wanted[0])]
    encord.settings(bulk_requires_all=False)
    assert len(official.get_storage_items([*wanted, missing])) == 3
    many = {"itemUuids": [str(missing)] * 1001}
    assert raw.v2("POST", f"{ITEMS}/get-bulk", many).status_code == 422


def test_children_of_an_upload(encord, official, folder, media):
    group = official.get_storage_item(folder.create_image_group([media / "b.png", media / "a.png"], "g"))
    children = list(group.get_child_items(get_signed_urls=True))
    assert [(child.name, child.item_type) for child in children] == [
        ("b.png", StorageItemType.IMAGE),
        ("a.png", StorageItemType.IMAGE),
    ]
    assert requests.get(children[0].get_signed_url(), timeout=10).content == (media / "b.png").read_bytes()
    summary = children[0].get_summary()
    assert [entry.uuid for entry in summary.accessible_group_items] == [group.uuid]
    assert names(folder.list_items()) == ["g"]
    encord.settings(list_frames=True)
    assert names(folder.list_items()) == ["a.png", "b.png", "g"]
    group.delete(remove_unused_frames=False)
    assert names(folder.list_items()) == ["a.png", "b.png"]


def test_where_an_item_is_used(folder, dataset, three):
    (row,) = dataset.link_items([three["a"].uuid])
    summary = three["a"].get_summary()
    (used,) = summary.accessible_datasets
    assert (summary.used_in_datasets, used.dataset_hash, used.title) == (1, dataset.dataset_hash, "t")
    assert [str(name) for name in used.data_hashes] == [row.uid]
    three["a"].refetch_data()
    assert three["a"].backed_data_units_count == 1


def test_change(encord, official, three):
    item = three["a"]
    item.update(name="new", description="d", client_metadata={"b": 1})
    again = official.get_storage_item(item.uuid)
    assert (again.name, again._orm_item.description, again.client_metadata) == ("new", "d", {"b": 1})
    encord.settings(metadata_patch="merge")
    with Bundle() as bundle:
        for each in three.values():
            each.update(client_metadata={"all": True}, bundle=bundle)
    assert len(encord.requests("update_items")) == 1
    assert official.get_storage_item(item.uuid).client_metadata == {"b": 1, "all": True}
    assert official.get_storage_item(three["B"].uuid).client_metadata == {"all": True}


def test_bulk_change_is_all_or_nothing(official, raw, three):
    patches = {str(three["a"].uuid): {"name": "new"}, str(uuid.uuid4()): {"name": "lost"}}
    assert raw.v2("PATCH", f"{ITEMS}/patch-bulk", {"itemPatches": patches}).status_code == 404
    text = {str(three["a"].uuid): {"clientMetadata": json.dumps({})}}
    assert raw.v2("PATCH", f"{ITEMS}/patch-bulk", {"itemPatches": text}).status_code == 422
    assert official.get_storage_item(three["a"].uuid).name == "a"


def test_delete_removes_rows_and_bytes(encord, official, folder, dataset, media):
    kept, gone = folder.upload_image(media / "a.png"), folder.upload_image(media / "b.png")
    series = folder.create_dicom_series([media / "1.dcm", media / "2.dcm"], "s")
    dataset.link_items([kept, gone, series])
    assert encord.state()["objects"] == 4
    folder.delete_storage_items([gone, series])
    assert [row.backing_item_uuid for row in dataset.list_data_rows()] == [kept]
    assert encord.state()["objects"] == 1
    with pytest.raises(ResourceNotFoundError):
        official.create_storage_folder("other").delete_storage_items([kept])
    # What came into a folder by itself stays there when a dataset lets go of it.
    dataset.delete_data([row.uid for row in dataset.list_data_rows()])
    assert [item.uuid for item in folder.list_items()] == [kept]


def test_move(official, folder, three):
    target = official.create_storage_folder("target")
    folder.move_items_to_folder(target, [three["a"], three["B"].uuid])
    three["c"].move_to_folder(target)
    assert (names(folder.list_items()), names(target.list_items())) == ([], ["B", "a", "c"])
    with pytest.raises(ResourceNotFoundError):
        folder.move_items_to_folder(target, [three["a"]])


def test_mirror_datasets_follow_their_folders(official, dataset, folder, three):
    mirror = official.get_storage_folder(dataset.backing_folder_uuid)
    folder.move_items_to_folder(mirror, [three["a"]])
    assert [row.title for row in dataset.list_data_rows()] == ["a"]
    with pytest.raises(InvalidArgumentsError, match="mirror"):
        mirror.move_items_to_folder(folder, [three["a"].uuid])
    mirror.move_items_to_folder(folder, [three["a"].uuid], allow_mirror_dataset_changes=True)
    assert dataset.list_data_rows() == []


def test_migrate_storage(encord, official, three):
    aws = encord.integrations["AWS"]
    update_storage_item_cloud_info(official, three["a"].uuid, "s3://c/a.png", aws, encord.integrations["GCP"])
    update_storage_item_cloud_info(official, "gs://b/c.png", "gs://c/c.png")
    moved, renamed = (official.get_storage_item(three[name].uuid) for name in "ac")
    assert (moved.url, moved.storage_location.value, str(moved.integration_hash)) == ("s3://c/a.png", "s3", aws)
    assert (renamed.url, renamed.storage_location.value) == ("gs://c/c.png", "gcp")
    with pytest.raises(ResourceNotFoundError):
        update_storage_item_cloud_info(official, "gs://b/none.png", "gs://c/none.png")
    update_storage_item_cloud_info(official, "gs://b/none.png", "gs://c/none.png", skip_missing=True)


def test_data_groups(official, folder, dataset, three):
    a, b = three["a"].uuid, three["B"].uuid
    custom = DataGroupCustom(
        name="both", layout_contents={"left": a, "right": b}, layout={"type": "data_unit", "key": "left"}
    )
    made = folder.create_data_groups([custom, DataGroupGrid(layout_contents=[b], client_metadata={"x": 1}), [a, b]])
    first, second, third = official.get_storage_items(made)
    assert {item.item_type for item in (first, second, third)} == {StorageItemType.GROUP}
    assert (first.name, second.client_metadata) == ("both", {"x": 1})
    assert [child.uuid for child in third.get_child_items()] == [a, b]
    layout = first.get_summary().data_group
    assert {key: child.uuid for key, child in layout.layout_contents.items()} == {"left": a, "right": b}
    with pytest.raises(InvalidArgumentsError, match="1 to 12"):
        folder.create_data_group(DataGroupGrid(layout_contents=[a] * 13))
    with pytest.raises(ResourceNotFoundError):
        folder.create_data_group([uuid.uuid4()])
    (row,) = dataset.link_items([first.uuid])
    assert row.data_type.name == "GROUP"


def test_re_encode(official_client, media):
    clock = ManualClock()
    with LocalEncord(clock=clock, re_encode_seconds=30) as local:
        folder = official_client(local).create_storage_folder("f")
        video, image = folder.upload_video(media / "clip.mp4"), folder.upload_image(media / "a.png")
        task = folder.re_encode_videos([video, image], "again", force_full_reencoding=True)
        status = folder.get_re_encoding_status(task)
        assert (status.status, status.result) == (JobStatus.SUBMITTED, None)
        clock.advance(30)
        status = folder.get_re_encoding_status(task)
        assert (status.status, [entry["itemUuid"] for entry in status.result]) == (JobStatus.DONE, [str(video)])
        local.force_task(str(task), status="ERROR")
        assert folder.get_re_encoding_status(task).status == JobStatus.ERROR
        with pytest.raises(InvalidArgumentsError, match="video"):
            folder.re_encode_videos([image], "again", force_full_reencoding=False)


@pytest.mark.parametrize("query", ["", "&desc=True", "&isRecursive=True", "&isRecursive=True&isInDataset=False"])
@pytest.mark.parametrize("order", ["name", "createdAt"])
def test_a_page_is_read_along_an_index(encord, raw, folder, three, monkeypatch, order, query):
    """Nothing is sorted and nothing is skipped, so that the last page of a million items costs what the first does."""
    store = encord._emulator._store
    read, asked = store.all, []
    monkeypatch.setattr(store, "all", lambda sql, values=(): asked.append((sql, values)) or read(sql, values))
    path, token = f"/v2/public/storage/folders/{folder.uuid}/items?pageSize=1&order={order}{query}", ""
    seen = []
    while True:
        page = raw.v2("GET", path + token).json()
        seen += [item["name"] for item in page["results"]]
        if page["nextPageToken"] is None:
            break
        token = f"&pageToken={page['nextPageToken']}"
    assert len(set(seen)) == len(seen) == 3
    plans = [[row["detail"] for row in read(f"EXPLAIN QUERY PLAN {sql}", values)] for sql, values in asked]
    listings = [plan for plan in plans if any("SEARCH items USING INDEX items_" in step for step in plan)]
    assert len(listings) == 3
    assert not [step for plan in listings for step in plan if "USE TEMP B-TREE FOR" in step and "ORDER" in step]
    after = "folder=?" if "Recursive" not in query else "owner=?"
    assert all(any(f"{after} AND (" in step for step in plan) for plan in listings[1:]), listings
