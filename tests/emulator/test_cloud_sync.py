"""Folders that are synced with a bucket, by Encord's own client."""

import uuid

import pytest

pytest.importorskip("encord")

from encord.exceptions import InvalidArgumentsError, ResourceExistsError
from encord.orm.storage import (
    CloudSyncedFolderParams,
    SidecarMatcherSuffix,
    StorageFolderType,
)
from encord.orm.storage import SyncPrivateDataWithCloudSyncedFolderStatus as Status

from airflow_provider_encord.emulator import LocalEncord, ManualClock


class Place:
    """A folder in a bucket, and the storage folder that is synced with it."""

    def __init__(self, local, official, client, form="s3://bucket/{}/"):
        self.local, self.official, self.client = local, official, client
        self.prefix = f"in here {uuid.uuid4()}"
        params = CloudSyncedFolderParams(
            integration_uuid=uuid.UUID(local.integrations["AWS"]), remote_url=form.format(self.prefix)
        )
        self.folder = official.create_storage_folder("synced", cloud_synced_folder_params=params)

    def put(self, *names, body=b"x"):
        for name in names:
            self.client.put_object(Bucket="bucket", Key=f"{self.prefix}/{name}", Body=body)

    def remove(self, name):
        self.client.delete_object(Bucket="bucket", Key=f"{self.prefix}/{name}")

    def sync(self):
        job = self.folder.sync_private_data_with_cloud_synced_folder_start()
        return self.folder.sync_private_data_with_cloud_synced_folder_get_result(job)

    def items(self):
        """Kind of each item by the end of its name."""
        items = list(self.folder.list_items())
        return {
            item.name.rpartition("/")[2]: "gone" if item._orm_item.is_tombstone else item.item_type.value
            for item in items
        }


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def local(s3, clock):
    with LocalEncord(s3_endpoint=s3[0], clock=clock) as local:
        yield local


@pytest.fixture
def place(local, official_client, s3):
    return Place(local, official_client(local), s3[1])


def test_what_a_synced_folder_tells(place, local):
    folder = place.official.get_storage_folder(place.folder.uuid)
    assert (folder.folder_type, folder.is_cloud_synced) == (StorageFolderType.CLOUD_LINKED, True)
    assert folder.remote_url == f"s3://bucket/{place.prefix}/"
    assert str(folder.integration_hash) == local.integrations["AWS"]


def test_new_vanished_and_returned_objects(place, local):
    place.put("a.png", "below/b.mp4", "c.pdf", "d.txt", "e.html", "f.mp3", "g.zip", "h.dcm", "none")
    result = place.sync()
    assert (result.status, result.scan_pages_processing_done, result.upload_jobs_units_done) == (Status.DONE, 1, 6)
    kinds = {"a.png": "image", "b.mp4": "video", "c.pdf": "pdf", "d.txt": "plainText", "e.html": "plainText"}
    assert place.items() == {**kinds, "f.mp3": "audio"}
    first = {item.name: item.uuid for item in place.folder.list_items()}
    place.remove("a.png")
    place.put("i.png")
    assert place.sync().upload_jobs_units_done == 6
    assert place.items() == {**kinds, "a.png": "gone", "f.mp3": "audio", "i.png": "image"}
    assert place.folder.get_summary().tombstones == local.state()["tombstones"] == 1
    assert local.state()["items"] == {str(place.folder.uuid): 6}
    place.put("a.png")
    place.sync()
    assert place.items()["a.png"] == "image"
    assert {item.name: item.uuid for item in place.folder.list_items()}.items() >= first.items()
    assert set(local.state()["syncs"].values()) == {"done"}


def test_page_by_page(place, local):
    place.put(*(f"{number}.png" for number in range(5)))
    local.settings(scan_page_size=2)
    result = place.sync()
    assert (result.scan_pages_processing_done, result.upload_jobs_done, result.upload_jobs_units_done) == (3, 3, 5)
    assert len(place.items()) == 5


def test_an_item_can_be_read(place, media):
    import requests

    place.put("a #1.png", body=(media / "a.png").read_bytes())
    place.sync()
    (item,) = place.folder.list_items(get_signed_urls=True)
    assert item.url == f"s3://bucket/{place.prefix}/a #1.png"
    assert requests.get(item.get_signed_url(), timeout=10).content == (media / "a.png").read_bytes()


def test_a_bucket_by_its_web_address(local, official_client, s3):
    endpoint, client = s3
    place = Place(local, official_client(local), client, form=f"{endpoint}/bucket/{{}}/")
    place.put("a.png")
    assert place.sync().upload_jobs_units_done == 1
    (item,) = place.folder.list_items()
    assert item.url == f"{endpoint}/bucket/{place.prefix.replace(' ', '%20')}/a.png"


def test_changed_content(place, clock):
    place.put("a.png")
    place.sync()
    clock.advance(60)
    place.put("a.png", body=b"longer")
    place.sync()
    (item,) = place.folder.list_items()
    assert (item.file_size, (item.last_edited_at - item.created_at).total_seconds()) == (6, 60)
    clock.advance(60)
    place.sync()
    (again,) = place.folder.list_items()
    assert again.last_edited_at == item.last_edited_at


def test_a_second_sync_while_one_runs(place, local, clock, in_background):
    place.put("a.png")
    local.settings(sync_seconds=30)
    job = place.folder.sync_private_data_with_cloud_synced_folder_start()
    with pytest.raises(ResourceExistsError):
        place.folder.sync_private_data_with_cloud_synced_folder_start()
    local.settings(second_sync="join")
    assert place.folder.sync_private_data_with_cloud_synced_folder_start() == job
    assert local.state()["syncs"] == {str(job): "pending"}
    clock.wait_for_sleepers(1)
    answer = in_background(place.folder.sync_private_data_with_cloud_synced_folder_get_result, job)
    clock.wait_for_sleepers(2)
    assert place.items() == {}
    clock.advance(30)
    assert answer.result(10).status == Status.DONE
    assert place.folder.sync_private_data_with_cloud_synced_folder_start() != job


def test_how_a_sync_ends_can_be_ordered(place, local):
    place.put("a.png", "b.png")
    local.force_job(fail_units=[f"s3://bucket/{place.prefix}/a.png"])
    result = place.sync()
    assert (result.status, result.upload_jobs_units_done, result.upload_jobs_units_error) == (Status.DONE, 1, 1)
    assert place.items() == {"b.png": "image"}
    for status in ("ERROR", "CANCELLED"):
        local.force_job(status=status)
        assert place.sync().status.value == status.lower()
    local.force_job(status="HELD")
    job = place.folder.sync_private_data_with_cloud_synced_folder_start()
    assert local.force_job(str(job), status="DONE")["status"] == "done"


def test_a_bucket_that_cannot_be_read(local, official_client, s3):
    place = Place(local, official_client(local), s3[1], form="s3://missing/{}/")
    result = place.sync()
    assert (result.status, result.scan_pages_processing_error) == (Status.ERROR, 1)
    with LocalEncord() as blind:
        assert Place(blind, official_client(blind), s3[1]).sync().status == Status.ERROR


def test_only_synced_folders_can_be_synced(place):
    plain = place.official.create_storage_folder("plain")
    with pytest.raises(InvalidArgumentsError, match="not synced"):
        plain.sync_private_data_with_cloud_synced_folder_start()
    with pytest.raises(InvalidArgumentsError, match="no sync"):
        place.folder.sync_private_data_with_cloud_synced_folder_get_result(uuid.uuid4())


def test_an_interrupted_sync_begins_again(tmp_path, official_client, s3):
    with LocalEncord(state_dir=tmp_path, s3_endpoint=s3[0], sync_seconds=1000) as first:
        place = Place(first, official_client(first), s3[1])
        place.put("a.png")
        job = place.folder.sync_private_data_with_cloud_synced_folder_start()
    with LocalEncord(state_dir=tmp_path, s3_endpoint=s3[0]) as second:
        assert second.force_job(str(job), status="DONE")["status"] == "done"
        assert second.state()["items"] == {str(place.folder.uuid): 1}


def test_metadata_beside_the_data(place):
    place.put("a.png", "b.png")
    place.put("a.png.metadata.json", body=b'{"taken": "today"}')
    place.put("b.png.metadata.json", body=b"no JSON")
    assert place.folder.get_folder_config().metadata_ingestion is None
    place.folder.enable_metadata_ingestion(SidecarMatcherSuffix())
    assert place.folder.get_folder_config().metadata_ingestion.matcher.suffix == ".metadata.json"
    result = place.sync()
    assert (result.status, place.items()) == (Status.DONE, {"a.png": "image", "b.png": "image"})
    assert [item.client_metadata for item in place.folder.list_items()] == [{"taken": "today"}, {}]


def test_unknown_settings_of_a_folder_are_kept(raw_client, place, local):
    raw = raw_client(local)
    path = f"/v2/public/storage/folders/{place.folder.uuid}/folder-config"
    assert raw.v2("POST", path, {"index": {"on": True}}).status_code == 200
    place.folder.enable_metadata_ingestion(paused=True)
    config = raw.v2("GET", path).json()
    assert config["index"] == {"on": True}
    assert config["metadataIngestion"]["paused"] is True
