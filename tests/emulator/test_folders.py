"""Storage folders, by Encord's own client, and by hand where it can't go."""

import uuid

import pytest

pytest.importorskip("encord")

from encord.exceptions import (
    AuthorisationError,
    InvalidArgumentsError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from encord.http.bundle import Bundle
from encord.orm.dataset import StorageLocation
from encord.orm.storage import FoldersSortBy, StorageFolderType, StorageUserRole

from airflow_provider_encord.emulator import LocalEncord, ManualClock

FOLDERS = "/v2/public/storage/folders"


@pytest.fixture
def tree(official):
    """a > b > c, and d beside."""
    a = official.create_storage_folder("a", description="first", client_metadata={"x": 1})
    b = official.create_storage_folder("b", parent_folder=a)
    return {"a": a, "b": b, "c": b.create_subfolder("c"), "d": official.create_storage_folder("d")}


def names(folders):
    return [folder.name for folder in folders]


def test_create_and_get(official, tree):
    a = official.get_storage_folder(tree["a"].uuid)
    assert (a.name, a.description, a.client_metadata, a.parent_uuid) == ("a", "first", {"x": 1}, None)
    assert (a.folder_type, a.integration_hash, a.remote_url) == (StorageFolderType.GENERIC, None, None)
    c = official.get_storage_folder(tree["c"].uuid)
    assert [step.name for step in c.path_to_root] == ["c", "b", "a"]
    assert c.parent.uuid == tree["b"].uuid
    with pytest.raises(ResourceNotFoundError):
        official.get_storage_folder(uuid.uuid4())
    with pytest.raises(ResourceNotFoundError):
        official.create_storage_folder("lost", parent_folder=uuid.uuid4())


def test_lists(official, tree):
    assert names(official.list_storage_folders(page_size=1)) == ["a", "d"]
    assert names(official.list_storage_folders(desc=True)) == ["d", "a"]
    assert names(tree["a"].list_subfolders()) == ["b"]
    assert names(tree["a"].find_subfolders()) == ["b", "c"]
    assert names(official.find_storage_folders(page_size=1)) == ["a", "b", "c", "d"]
    assert names(official.find_storage_folders(search="C")) == ["c"]
    mirror = official.create_dataset("mirror", StorageLocation.CORD_STORAGE)
    assert names(official.find_storage_folders(dataset_synced=True)) == ["mirror"]
    assert "mirror" not in names(official.find_storage_folders(dataset_synced=False))
    assert official.get_storage_folder(mirror.backing_folder_uuid).uuid == mirror.backing_folder_uuid


def test_order_by_age(official_client):
    clock = ManualClock()
    with LocalEncord(clock=clock) as local:
        official = official_client(local)
        for name in ("b", "c", "a"):
            official.create_storage_folder(name)
            clock.advance(1)
        order = FoldersSortBy.CREATED_AT
        assert names(official.list_storage_folders(order=order, page_size=2)) == ["b", "c", "a"]
        assert names(official.list_storage_folders(order=order, desc=True, page_size=2)) == ["a", "c", "b"]


def test_change(official_client):
    clock = ManualClock()
    with LocalEncord(clock=clock) as local:
        official = official_client(local)
        folder, other = (
            official.create_storage_folder(name, client_metadata={"a": 1, "b": 1}) for name in ("one", "two")
        )
        clock.advance(60)
        folder.update(name="uno", description="d", client_metadata={"b": 2})
        again = official.get_storage_folder(folder.uuid)
        assert (again.name, again.description, again.client_metadata) == ("uno", "d", {"b": 2})
        assert (again._orm_folder.last_edited_at - again._orm_folder.created_at).total_seconds() == 60
        local.settings(metadata_patch="merge")
        with Bundle() as bundle:
            folder.update(client_metadata={"c": 3}, bundle=bundle)
            other.update(client_metadata={"c": 3}, bundle=bundle)
        assert len(local.requests("update_folders")) == 1
        assert official.get_storage_folder(folder.uuid).client_metadata == {"b": 2, "c": 3}
        assert official.get_storage_folder(other.uuid).client_metadata == {"a": 1, "b": 1, "c": 3}


def test_bulk_change_is_all_or_nothing(official, raw, tree):
    patches = {str(tree["a"].uuid): {"name": "new"}, str(uuid.uuid4()): {"name": "lost"}}
    assert raw.v2("PATCH", f"{FOLDERS}/patch-bulk", {"folderPatches": patches}).status_code == 404
    assert official.get_storage_folder(tree["a"].uuid).name == "a"
    many = {str(uuid.uuid4()): {} for _ in range(1001)}
    assert raw.v2("PATCH", f"{FOLDERS}/patch-bulk", {"folderPatches": many}).status_code == 422


def test_move(official, tree):
    tree["d"].move_to_folder(tree["c"])
    assert [step.name for step in tree["d"].path_to_root] == ["d", "c", "b", "a"]
    with pytest.raises(InvalidArgumentsError, match="below itself"):
        tree["a"].move_to_folder(tree["d"])
    tree["b"].move_to_folder(None)
    assert names(official.list_storage_folders()) == ["a", "b"]


def test_delete(encord, official, tree, media):
    tree["d"].delete()
    with pytest.raises(ResourceNotFoundError):
        official.get_storage_folder(tree["d"].uuid)
    with pytest.raises(ResourceExistsError, match="not empty"):
        tree["b"].delete()
    tree["c"].upload_image(media / "a.png")
    with pytest.raises(ResourceExistsError, match="not empty"):
        tree["c"].delete()
    encord.settings(delete_full_folders=True)
    tree["b"].delete()
    state = encord.state()
    assert (state["items"], state["objects"]) == ({str(tree["a"].uuid): 0}, 0)
    mirror = official.create_dataset("mirror", StorageLocation.CORD_STORAGE).backing_folder_uuid
    with pytest.raises(InvalidArgumentsError, match="mirror"):
        official.get_storage_folder(mirror).delete()


def test_summary(official, tree, media):
    folder = tree["b"]
    folder.upload_image(media / "a.png")
    folder.create_image_group([media / "a.png", media / "b.png"])
    summary = folder.get_summary()
    assert (summary.folders, summary.images, summary.image_groups, summary.videos) == (1, 3, 1, 0)
    assert (summary.tombstones, summary.upload_jobs) == (0, 0)
    assert summary.total_size > 0


def test_groups_of_users(tree):
    folder, group = tree["a"], uuid.uuid4()
    folder.add_group([group, uuid.uuid4()], StorageUserRole.USER)
    folder.add_group(group, StorageUserRole.ADMIN)
    assert {entry.group_hash: entry.user_role for entry in folder.list_groups()}[group] == StorageUserRole.ADMIN
    folder.remove_group(group)
    assert group not in {entry.group_hash for entry in folder.list_groups()}


def test_strangers(encord, official_client, tree):
    stranger = official_client(encord, encord.new_user())
    with pytest.raises(AuthorisationError):
        stranger.get_storage_folder(tree["a"].uuid)
    assert list(stranger.find_storage_folders()) == []
    assert len(list(stranger.find_storage_folders(org_access=True))) == 4


@pytest.mark.parametrize(
    ("query", "name"),
    [("pageToken=xyz", "pageToken"), ("order=size", "order"), ("pageSize=1001", "pageSize"), ("desc=1", "desc")],
)
def test_queries_that_make_no_sense(raw, query, name):
    answer = raw.v2("GET", f"{FOLDERS}?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", name]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "n", "clientMetadata": {"a": 1}},
        {"name": "n", "clientMetadata": "[1]"},
        {"name": "n", "parent": "x"},
        {"name": "n", "cloudSyncedFolderParams": {"integrationUuid": "x", "remoteUrl": "s3://b/"}},
    ],
)
def test_folders_that_make_no_sense(raw, body):
    assert raw.v2("POST", FOLDERS, body).status_code == 422


def test_current_user(encord, raw):
    answer = raw.v2("GET", "/v2/public/user/current").json()
    assert set(answer) == {"userEmail", "userHash"}
    encord.settings(current_user=False)
    assert raw.v2("GET", "/v2/public/user/current").status_code == 404


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"metadata_patch": "both"}, "there are: merge, replace"),
        ({"list_frames": 1}, "list_frames must be true or false"),
        ({"scan_page_size": 0}, "scan_page_size must be a whole number"),
    ],
)
def test_settings_that_make_no_sense(encord, values, message):
    with pytest.raises(ValueError, match=message):
        encord.settings(**values)
