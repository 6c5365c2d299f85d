"""Encord's own client does everything the dataset tutorial shows."""

import datetime
import uuid

import pytest
import requests

encord_package = pytest.importorskip("encord")

from encord.exceptions import (  # noqa: E402
    AuthenticationError,
    AuthorisationError,
    EncordException,
    InvalidArgumentsError,
    ResourceExistsError,
    ResourceNotFoundError,
    SshKeyNotFound,
)
from encord.http.utils import CloudUploadSettings  # noqa: E402
from encord.orm.dataset import (  # noqa: E402
    DataLinkDuplicatesBehavior,
    DatasetAccessSettings,
    ImagesDataFetchOptions,
    LongPollingStatus,
    StorageLocation,
)

from airflow_provider_encord.emulator import LocalEncord, ManualClock  # noqa: E402


@pytest.fixture
def dataset(official):
    created = official.create_dataset("Example Title", StorageLocation.CORD_STORAGE, "Example description")
    return official.get_dataset(created.dataset_hash)


def titles(listing):
    return [entry["dataset"].title for entry in listing]


def test_create_and_get(official):
    created = official.create_dataset("Ünïcode 数据", StorageLocation.CORD_STORAGE, "with words")
    dataset = official.get_dataset(created.dataset_hash)
    assert (dataset.title, dataset.description, dataset.data_rows) == ("Ünïcode 数据", "with words", [])
    assert dataset.storage_location == StorageLocation.CORD_STORAGE
    assert dataset.backing_folder_uuid == created.backing_folder_uuid


def test_list_with_each_filter(official_client):
    clock = ManualClock()
    with LocalEncord(clock=clock) as local:
        official = official_client(local)
        start = datetime.datetime.fromtimestamp(clock.time(), datetime.UTC)
        for title, description in (("Training 1", "first"), ("Training 2", "second"), ("Validation", "100% sure")):
            official.create_dataset(title, StorageLocation.CORD_STORAGE, description)
            clock.advance(60)
        minute = datetime.timedelta(seconds=60)
        middle = start + 0.5 * minute
        for filters, expected in (
            ({}, ["Training 1", "Training 2", "Validation"]),
            ({"title_eq": "Training 2"}, ["Training 2"]),
            ({"title_eq": "training 2"}, []),
            ({"title_like": "Training%"}, ["Training 1", "Training 2"]),
            ({"title_like": "training%"}, []),
            ({"title_like": "Training _"}, ["Training 1", "Training 2"]),
            ({"title_like": "Training \\_"}, []),
            ({"desc_like": "100\\% %"}, ["Validation"]),
            ({"desc_eq": "first"}, ["Training 1"]),
            ({"desc_like": "%con%"}, ["Training 2"]),
            ({"created_before": middle}, ["Training 1"]),
            ({"created_after": middle}, ["Training 2", "Validation"]),
            ({"created_after": middle, "created_before": middle + minute}, ["Training 2"]),
            ({"edited_before": str(middle)}, ["Training 1"]),
            ({"edited_after": middle, "title_like": "V%"}, ["Validation"]),
        ):
            assert titles(official.get_datasets(**filters)) == expected, filters
        other = official_client(local, local.new_user())
        assert titles(other.get_datasets()) == []
        everyone = other.get_datasets(include_org_access=True)
        assert len(everyone) == 3
        assert {entry["user_role"] for entry in everyone} == {None}


def test_edited_when_data_changes(official_client, media):
    clock = ManualClock()
    with LocalEncord(clock=clock) as local:
        official = official_client(local)
        dataset = official.get_dataset(official.create_dataset("t", StorageLocation.CORD_STORAGE).dataset_hash)
        clock.advance(100)
        after = datetime.datetime.fromtimestamp(clock.time() - 1, datetime.UTC)
        assert official.get_datasets(edited_after=after) == []
        dataset.upload_image(media / "a.png")
        assert len(official.get_datasets(edited_after=after)) == 1


def test_upload_video(dataset, media):
    video = dataset.upload_video(str(media / "clip.mp4"))
    assert video["title"] == "clip.mp4"
    (row,) = dataset.list_data_rows()
    assert (row.uid, row.title, row.data_type.name) == (video["data_hash"], "clip.mp4", "VIDEO")
    assert (row.width, row.height, row.frames_per_second, row.duration) == (64, 48, 25, 1)
    assert row.file_size == (media / "clip.mp4").stat().st_size
    assert row.file_type == "video/mp4"
    assert row.storage_location == StorageLocation.CORD_STORAGE
    dataset.refetch_data()
    assert [entry.uid for entry in dataset.data_rows] == [row.uid]


def test_upload_image_and_read_it_back(dataset, media):
    image = dataset.upload_image(media / "e.jpg", title="my image")
    (row,) = dataset.list_data_rows()
    assert (row.title, row.width, row.height, row.file_type) == ("my image", 32, 16, "image/jpeg")
    assert row.file_link == image["file_link"]
    row.refetch_data(signed_url=True, client_metadata=True)
    assert requests.get(row.signed_url, timeout=10).content == (media / "e.jpg").read_bytes()
    assert row.client_metadata == {}


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["b.png", "a.png", "e.jpg"], [["b.png", "a.png", "e.jpg"]]),
        (["b.png", "c.png", "a.png"], [["b.png", "a.png"], ["c.png"]]),
        (["c.png", "d.png", "b.png", "a.png"], [["c.png"], ["d.png"], ["b.png", "a.png"]]),
    ],
    ids=["one size", "two sizes", "three sizes"],
)
def test_image_group_is_split_by_size(dataset, media, names, groups):
    made = dataset.create_image_group([media / name for name in names], title="group")
    expected = ["group"] if len(groups) == 1 else [f"group-{number}" for number in range(1, len(groups) + 1)]
    assert [group["title"] for group in made] == expected
    rows = dataset.list_data_rows()
    assert [row.uid for row in rows] == [group["data_hash"] for group in made]
    for row, files in zip(rows, groups, strict=True):
        row.refetch_data(images_data_fetch_options=ImagesDataFetchOptions(fetch_signed_urls=True))
        assert [image.title for image in row.images_data] == files
        assert {(image.width, image.height) for image in row.images_data} == {(row.width, row.height)}
        assert row.is_image_sequence
        assert requests.get(row.images_data[0].signed_url, timeout=10).content == (media / files[0]).read_bytes()


def test_image_group_without_video_is_one(dataset, media):
    (group,) = dataset.create_image_group([media / name for name in ("c.png", "a.png", "d.png")], create_video=False)
    assert group["title"].startswith("image-group-")
    (row,) = dataset.list_data_rows()
    assert (row.width, row.height, row.is_image_sequence) == (None, None, False)
    row.refetch_data(images_data_fetch_options=ImagesDataFetchOptions())
    assert [image.title for image in row.images_data] == ["c.png", "a.png", "d.png"]


def test_dicom_series(dataset, media):
    series = dataset.create_dicom_series([media / "2.dcm", media / "1.dcm"], title="series 1")
    (row,) = dataset.list_data_rows()
    assert (row.uid, row.title, row.data_type.name, row.file_link) == (series["data_hash"], "series 1", "DICOM", None)


def test_not_what_it_is_called(dataset, media, tmp_path):
    (tmp_path / "text.png").write_bytes((media / "note.txt").read_bytes())
    with pytest.raises(EncordException, match=r"note\.txt: the file cannot be read as a video"):
        dataset.upload_video(media / "note.txt")
    with pytest.raises(EncordException, match=r"no video|cannot be read as a video"):
        dataset.upload_video(media / "a.png")
    with pytest.raises(EncordException, match="cannot be read as an image"):
        dataset.upload_image(tmp_path / "text.png")
    with pytest.raises(EncordException, match="DICM"):
        dataset.create_dicom_series([media / "note.txt"])
    assert dataset.list_data_rows() == []


def test_empty_file_is_refused_by_storage(dataset, tmp_path):
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(EncordException, match="501"):
        dataset.upload_video(tmp_path / "empty.mp4", cloud_upload_settings=CloudUploadSettings(max_retries=1))


def test_data_rows_with_each_filter(official_client, media):
    clock = ManualClock()
    with LocalEncord(clock=clock) as local:
        official = official_client(local)
        created = official.create_dataset("t", StorageLocation.CORD_STORAGE)
        dataset = official.get_dataset(created.dataset_hash)
        start = datetime.datetime.fromtimestamp(clock.time(), datetime.UTC)
        dataset.upload_video(media / "clip.mp4")
        clock.advance(60)
        image = dataset.upload_image(media / "a.png")
        middle = start + datetime.timedelta(seconds=30)
        for filters, expected in (
            ({}, ["clip.mp4", "a.png"]),
            ({"title_eq": "a.png"}, ["a.png"]),
            ({"title_like": "clip%"}, ["clip.mp4"]),
            ({"created_before": middle}, ["clip.mp4"]),
            ({"created_after": middle.isoformat()}, ["a.png"]),
            ({"data_types": [encord_package.constants.enums.DataType.IMAGE]}, ["a.png"]),
            ({"data_hashes": [image["data_hash"], str(uuid.uuid4())]}, ["a.png"]),
            ({"data_hashes": []}, []),
            ({"title_eq": "a.png", "title_like": "clip%"}, []),
        ):
            assert [row.title for row in dataset.list_data_rows(**filters)] == expected, filters


def test_client_metadata_is_kept(dataset, encord):
    metadata = {"site": "A", "nested": {"n": None, "list": [1, 2.5]}}
    files = {"videos": [{"objectUrl": "https://bucket.example/v.mp4", "clientMetadata": metadata}]}
    dataset.add_private_data_to_dataset(encord.integrations["GCP"], files)
    assert dataset.list_data_rows()[0].client_metadata is None
    dataset.set_access_settings(DatasetAccessSettings(fetch_client_metadata=True))
    assert dict(dataset.list_data_rows()[0].client_metadata) == metadata


def test_private_data(dataset, encord):
    added = dataset.add_private_data_to_dataset(
        encord.integrations["AWS"],
        {
            "videos": [
                {
                    "objectUrl": "s3://bucket/folder/v1.mp4",
                    "videoMetadata": {"fps": 25.0, "duration": 12.5, "width": 1920, "height": 1080, "file_size": 7},
                }
            ],
            "images": [{"objectUrl": "https://bucket.s3.amazonaws.com/my%20images/i1.jpg"}],
            "image_groups": [
                {"title": "g", "createVideo": False, "objectUrl_1": "s3://b/a", "objectUrl_0": "s3://b/z"}
            ],
            "dicom_series": [{"title": "s", "objectUrl_0": "s3://b/1.dcm"}],
            "audio": [{"objectUrl": "s3://b/a.mp3", "title": "sound"}],
            "skip_duplicate_urls": True,
        },
    )
    assert [info.title for info in added.dataset_data_list] == ["folder/v1.mp4", "my images/i1.jpg", "g", "s", "sound"]
    rows = dataset.list_data_rows()
    assert [row.data_type.name for row in rows] == ["VIDEO", "IMAGE", "IMG_GROUP", "DICOM", "AUDIO"]
    assert (rows[0].width, rows[0].height, rows[0].duration, rows[0].file_size) == (1920, 1080, 12.5, 7)
    assert (rows[0].storage_location, rows[0].file_type) == (StorageLocation.AWS, "video/mp4")
    rows[2].refetch_data(images_data_fetch_options=ImagesDataFetchOptions())
    assert [image.file_link for image in rows[2].images_data] == ["s3://b/z", "s3://b/a"]


def test_private_data_in_s3(official_client, media, s3):
    endpoint, bucket = s3
    for name in ("clip.mp4", "a.png", "b.png", "c.png", "note.txt"):
        bucket.upload_file(str(media / name), "bucket", f"in here/{name}")
    with LocalEncord(s3_endpoint=endpoint) as local:
        official = official_client(local)
        dataset = official.get_dataset(official.create_dataset("t", StorageLocation.AWS).dataset_hash)
        files = {
            "videos": [
                {"objectUrl": "https://bucket.s3.eu-west-1.amazonaws.com/in%20here/clip.mp4"},
                {"objectUrl": "https://s3.eu-west-1.amazonaws.com/bucket/in%20here/note.txt"},
            ],
            "images": [
                {"objectUrl": f"{endpoint}/bucket/in%20here/a.png"},
                {"objectUrl": "s3://bucket/missing.png"},
                {"objectUrl": "https://elsewhere.example/a.png"},
            ],
            "image_groups": [
                {
                    "title": "g",
                    "createVideo": True,
                    "objectUrl_0": "https://bucket.s3.amazonaws.com/in%20here/b.png",
                    "objectUrl_1": "https://bucket.s3.amazonaws.com/in%20here/c.png",
                }
            ],
        }
        integration = local.integrations["AWS"]
        with pytest.raises(EncordException, match="does not exist"):
            dataset.add_private_data_to_dataset(integration, files)
        assert dataset.list_data_rows() == []

        job = dataset.add_private_data_to_dataset_start(integration, files, ignore_errors=True)
        result = dataset.add_private_data_to_dataset_get_result(job)
        assert result.status == LongPollingStatus.DONE
        assert (result.units_done_count, result.units_error_count, result.units_pending_count) == (3, 3, 0)
        errors = {error.object_urls[0].rpartition("/")[2]: error.error for error in result.data_unit_errors}
        assert "cannot be read as a video" in errors["note.txt"]
        assert "does not exist" in errors["missing.png"]
        assert "not the URL of an S3 object" in errors["a.png"]
        titles = ["in here/clip.mp4", "bucket/in here/a.png", "g-1", "g-2"]
        assert [entry.title for entry in result.data_hashes_with_titles] == titles
        video, image, *_ = dataset.list_data_rows()
        assert (video.width, video.height, video.frames_per_second) == (64, 48, 25)
        assert (image.width, image.height, image.file_type) == (32, 16, "image/png")
        image.refetch_data(signed_url=True)
        assert requests.get(image.signed_url, timeout=10).content == (media / "a.png").read_bytes()


def test_big_private_jobs_read_no_files(official_client, media, s3):
    endpoint, bucket = s3
    bucket.upload_file(str(media / "a.png"), "bucket", "many.png", {"ContentType": "image/png"})
    with LocalEncord(s3_endpoint=endpoint) as local:
        official = official_client(local)
        dataset = official.get_dataset(official.create_dataset("t", StorageLocation.AWS).dataset_hash)
        images = [{"objectUrl": "s3://bucket/many.png"} for _ in range(51)]
        stated = {"objectUrl": "s3://bucket/never-looked-at.png", "imageMetadata": {"width": 3, "height": 4}}
        missing = {"objectUrl": "s3://bucket/missing.png"}
        files = {"images": [*images, stated, missing]}
        job = dataset.add_private_data_to_dataset_start(local.integrations["AWS"], files, ignore_errors=True)
        result = dataset.add_private_data_to_dataset_get_result(job)
        assert (result.units_done_count, result.units_error_count) == (52, 1)
        *rows, last = dataset.list_data_rows()
        size = (media / "a.png").stat().st_size
        assert {(row.width, row.file_size, row.file_type) for row in rows} == {(None, size, "image/png")}
        assert (last.width, last.height) == (3, 4)


def test_duplicates_are_skipped_only_on_demand(dataset, encord):
    integration = encord.integrations["AWS"]
    urls = {
        "images": [{"objectUrl": "s3://b/1.png"}, {"objectUrl": "s3://b/2.png"}],
        "image_groups": [{"title": "g", "objectUrl_0": "s3://b/1.png", "objectUrl_1": "s3://b/2.png"}],
    }

    def add(**flags):
        job = dataset.add_private_data_to_dataset_start(integration, {**urls, **flags})
        result = dataset.add_private_data_to_dataset_get_result(job)
        assert result.units_done_count == 3
        return len(result.data_hashes_with_titles), len(dataset.list_data_rows())

    assert add(skip_duplicate_urls=True) == (3, 3)
    assert add(skip_duplicate_urls=True) == (0, 3)
    assert add() == (3, 6)


def test_delete_ignores_what_is_not_there(official, dataset, media, encord):
    other = official.get_dataset(official.create_dataset("other", StorageLocation.CORD_STORAGE).dataset_hash)
    foreign = other.upload_image(media / "a.png")["data_hash"]
    kept, gone = (dataset.upload_image(media / name)["data_hash"] for name in ("a.png", "b.png"))
    assert encord.state()["objects"] == 3
    dataset.delete_data([gone, foreign, str(uuid.uuid4())])
    assert [row.uid for row in dataset.list_data_rows()] == [kept]
    assert [row.uid for row in other.list_data_rows()] == [foreign]
    assert encord.state()["objects"] == 2
    dataset.delete_data(kept)
    assert dataset.list_data_rows() == []


def test_re_encode(official_client, media):
    clock = ManualClock()
    with LocalEncord(clock=clock, re_encode_seconds=30) as local:
        official = official_client(local)
        dataset, other = (
            official.get_dataset(official.create_dataset(title, StorageLocation.CORD_STORAGE).dataset_hash)
            for title in ("one", "two")
        )
        video = dataset.upload_video(media / "clip.mp4")["data_hash"]
        foreign = other.upload_video(media / "clip.mp4")["data_hash"]
        image = dataset.upload_image(media / "a.png")["data_hash"]
        dataset.add_private_data_to_dataset(local.integrations["GCP"], {"videos": [{"objectUrl": "gs://b/v.mp4"}]})
        private = dataset.list_data_rows(title_eq="v.mp4")[0].uid
        task = dataset.re_encode_data([video, foreign, image, private])
        assert isinstance(task, int)
        status = dataset.re_encode_data_status(task)
        assert (status.status, status.result) == ("SUBMITTED", None)
        clock.advance(30)
        status = dataset.re_encode_data_status(task)
        assert status.status == "DONE"
        assert [entry.data_hash for entry in status.result] == [video, private]
        assert [entry.signed_url is None for entry in status.result] == [False, True]
        assert status.result[1].bucket_path == "gs://b/v.mp4"
        assert requests.get(status.result[0].signed_url, timeout=10).status_code == 200
        local.force_task(task, status="ERROR")
        assert dataset.re_encode_data_status(task).status == "ERROR"
        with pytest.raises(ResourceNotFoundError):
            other.re_encode_data_status(task)


def test_link_items(official, dataset, media):
    other = official.get_dataset(official.create_dataset("other", StorageLocation.CORD_STORAGE).dataset_hash)
    dataset.upload_image(media / "a.png")
    item = dataset.list_data_rows()[0].backing_item_uuid
    (row,) = other.link_items([item])
    assert (row.title, row.backing_item_uuid) == ("a.png", item)
    assert other.link_items([item], DataLinkDuplicatesBehavior.SKIP) == []
    with pytest.raises(ResourceExistsError):
        other.link_items([item], DataLinkDuplicatesBehavior.FAIL)
    assert len(other.link_items([item], DataLinkDuplicatesBehavior.DUPLICATE)) == 1
    assert len(other.list_data_rows()) == 2
    with pytest.raises(ResourceNotFoundError):
        other.link_items([uuid.uuid4()])
    # The bytes stay as long as any dataset shows the item.
    dataset.delete_data([entry.uid for entry in dataset.list_data_rows()])
    row.refetch_data(signed_url=True)
    assert requests.get(row.signed_url, timeout=10).status_code == 200


def test_cloud_integrations(official, encord):
    found = official.get_cloud_integrations()
    assert [entry.title for entry in found] == ["AWS", "GCP", "Azure"]
    assert {entry.title: entry.id for entry in found} == encord.integrations
    (only,) = official.get_cloud_integrations(filter_integration_titles=["AWS", "none"])
    assert only.title == "AWS"
    aws, gcp, _ = (entry.id for entry in found)
    assert [entry.id for entry in official.get_cloud_integrations(filter_integration_uuids=[gcp])] == [gcp]
    assert official.get_cloud_integrations([aws], ["GCP"]) == []


def test_bearer_token(official, encord):
    token = official.get_bearer_token()
    with_token = encord_package.EncordUserClient.create_with_bearer_token(token, domain=encord.url)
    created = with_token.create_dataset("by token", StorageLocation.CORD_STORAGE)
    assert official.get_dataset(created.dataset_hash).title == "by token"
    assert with_token.get_dataset(created.dataset_hash).title == "by token"


def test_folders(official, dataset, media):
    created = official.create_dataset("no mirror", StorageLocation.CORD_STORAGE, create_backing_folder=False)
    assert created.backing_folder_uuid is None
    plain = official.get_dataset(created.dataset_hash)
    folder = official.create_storage_folder("incoming", description="d", client_metadata={"a": 1})
    below = official.create_storage_folder("below", parent_folder=folder)
    assert official.get_storage_folder(folder.uuid).name == "incoming"
    assert {entry.name for entry in official.list_storage_folders(page_size=1)} == {"incoming", "Example Title"}
    assert [entry.name for entry in official.list_storage_folders(search="INC")] == ["incoming"]
    assert [entry.uuid for entry in folder.list_subfolders()] == [below.uuid]
    with pytest.raises(InvalidArgumentsError, match="folderUuid must name one"):
        plain.upload_video(media / "clip.mp4")
    with pytest.raises(InvalidArgumentsError, match="leave out folderUuid"):
        dataset.upload_video(media / "clip.mp4", folder=folder.uuid)
    with pytest.raises(ResourceNotFoundError):
        plain.upload_video(media / "clip.mp4", folder=uuid.uuid4())
    plain.upload_video(media / "clip.mp4", folder=folder.uuid)
    assert len(plain.list_data_rows()) == 1


def test_strangers(official, official_client, encord, dataset):
    stranger = official_client(encord, encord.new_user())
    with pytest.raises(AuthorisationError):
        stranger.get_dataset(dataset.dataset_hash)
    with pytest.raises(ResourceNotFoundError):
        official.get_dataset(str(uuid.uuid4()))
    with pytest.raises(InvalidArgumentsError):
        official.get_dataset("no-uuid")
    with LocalEncord() as elsewhere:
        unknown = official_client(encord, elsewhere.private_key)
        with pytest.raises(AuthenticationError):
            unknown.get_datasets()
        with pytest.raises(SshKeyNotFound):
            unknown.get_dataset(dataset.dataset_hash)
