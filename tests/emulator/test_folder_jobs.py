"""Registration into folders, by Encord's own client and by hand: every kind, cancelling, placeholders."""

import threading
import wave

import pytest
import requests

pytest.importorskip("encord")

from encord.exceptions import EncordException, InvalidArgumentsError
from encord.orm.dataset import LongPollingStatus, StorageLocation
from encord.orm.storage import (
    DataUploadImageGroupFromItems,
    DataUploadItems,
    DataUploadNifti,
    DataUploadPDF,
    DataUploadScene,
    DataUploadText,
)

from airflow_provider_encord.emulator import LocalEncord, ManualClock

NIFTI = (348).to_bytes(4, "little") + bytes(344)


@pytest.fixture
def folder(official):
    return official.create_storage_folder("incoming")


@pytest.fixture
def files(media, tmp_path):
    """One file of each kind besides those that are media."""
    for name, content in {
        "brain.nii": NIFTI,
        "paper.pdf": b"%PDF-1.7",
        "cloud.pcd": b"# .PCD",
        "series.csv": b"time,value\n0,1\n",
        "note.txt": b"words",
    }.items():
        (tmp_path / name).write_bytes(content)
    with wave.open(str(tmp_path / "tone.wav"), "wb") as tone:
        tone.setparams((1, 2, 8000, 0, "NONE", ""))
        tone.writeframes(bytes(1600))
    return tmp_path


def upload(kind, folder, media, files):
    match kind:
        case "image":
            return folder.upload_image(media / "a.png", client_metadata={"a": 1})
        case "video":
            return folder.upload_video(media / "clip.mp4")
        case "dicomSeries":
            return folder.create_dicom_series([media / "1.dcm", media / "2.dcm"], "series")
        case "imageGroup":
            return folder.create_image_group([media / "a.png", media / "b.png"], "group")
        case "imageSequence":
            return folder.create_image_sequence([media / "a.png", media / "b.png"], "sequence")
        case "nifti":
            return folder.upload_nifti(files / "brain.nii")
        case "plainText":
            return folder.upload_text(files / "note.txt")
        case "pdf":
            return folder.upload_pdf(files / "paper.pdf")
        case "audio":
            return folder.upload_audio(files / "tone.wav")
        case "scene":
            return folder.upload_scene_file(files / "cloud.pcd")
        case "timeseries":
            return folder.upload_time_series(files / "series.csv")
    raise AssertionError(kind)


KINDS = [
    "image",
    "video",
    "dicomSeries",
    "imageGroup",
    "imageSequence",
    "nifti",
    "plainText",
    "pdf",
    "scene",
    "timeseries",
    "audio",
]


@pytest.mark.parametrize("kind", KINDS)
def test_upload_of_every_kind(kind, encord, official, folder, media, files):
    name = upload(kind, folder, media, files)
    (item,) = folder.list_items()
    assert (item.uuid, item.item_type.value) == (name, kind)
    assert encord.state()["items"] == {str(folder.uuid): 1}
    assert encord.state()["placeholders"] == 0
    dataset = official.get_dataset(official.create_dataset("t", StorageLocation.CORD_STORAGE).dataset_hash)
    (row,) = dataset.link_items([name])
    assert row.backing_item_uuid == name


def test_the_id_is_known_before_the_upload(encord, folder, media):
    name = folder.upload_image(media / "a.png")
    (sent,) = encord.requests("folder_upload_urls")
    assert sent["status"] == 200
    (item,) = folder.list_items()
    assert item.uuid == name
    assert requests.get(item.get_signed_url(), timeout=10).content == (media / "a.png").read_bytes()


# -- cancelling ----------------------------------------------------------------------------------------------------


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def slow(clock):
    with LocalEncord(clock=clock, job_seconds=30) as local:
        yield local


@pytest.fixture
def slow_folder(slow, official_client):
    return official_client(slow).create_storage_folder("slow")


def start(folder, integration, count=4, **options):
    images = [{"objectUrl": f"gs://bucket/{number}.png"} for number in range(count)]
    return folder.add_private_data_to_folder_start(integration, {"images": images}, **options)


def counts(answer):
    return tuple(getattr(answer, f"units_{state}_count") for state in ("pending", "done", "error", "cancelled"))


def test_cancel_before_anything_was_added(slow, slow_folder, clock):
    job = start(slow_folder, slow.integrations["GCP"])
    pending = slow_folder.add_private_data_to_folder_get_result(job, timeout_seconds=0)
    assert (pending.status, counts(pending)) == (LongPollingStatus.PENDING, (4, 0, 0, 0))
    assert slow_folder.add_data_to_folder_job_cancel(job).units_cancelled_count == 4
    clock.advance(60)
    result = slow_folder.add_private_data_to_folder_get_result(job)
    assert (result.status, counts(result)) == (LongPollingStatus.CANCELLED, (0, 0, 0, 4))
    assert slow.state()["jobs"] == {str(job): "CANCELLED"}
    assert list(slow_folder.list_items()) == result.items_with_names == []


def test_cancel_halfway_keeps_what_was_added(slow, slow_folder):
    slow.force_job(status="PENDING", done_units=1)
    job = start(slow_folder, slow.integrations["GCP"])
    halfway = slow_folder.add_private_data_to_folder_get_result(job, timeout_seconds=0)
    assert (halfway.status, counts(halfway)) == (LongPollingStatus.PENDING, (3, 1, 0, 0))
    assert slow_folder.add_data_to_folder_job_cancel(job).units_cancelled_count == 3
    result = slow_folder.add_private_data_to_folder_get_result(job)
    assert (result.status, counts(result)) == (LongPollingStatus.CANCELLED, (0, 1, 0, 3))
    (item,) = slow_folder.list_items()
    assert [entry.item_uuid for entry in result.items_with_names] == [item.uuid]


def test_cancel_of_a_job_that_is_over_changes_nothing(encord, folder):
    job = start(folder, encord.integrations["GCP"])
    assert folder.add_data_to_folder_job_cancel(job).units_cancelled_count == 0
    assert folder.add_private_data_to_folder_get_result(job).status == LongPollingStatus.DONE
    assert len(list(folder.list_items())) == 4


def test_a_cancelled_job_ends_a_long_poll(slow, slow_folder, clock, in_background):
    job = start(slow_folder, slow.integrations["GCP"])
    answer = in_background(slow_folder.add_private_data_to_folder_get_result, job)
    clock.wait_for_sleepers(2)
    slow_folder.add_data_to_folder_job_cancel(job)
    assert answer.result(10).status == LongPollingStatus.CANCELLED


def test_cancel_while_units_are_being_added(encord, folder, monkeypatch):
    work = encord._emulator.jobs._work
    check, cancel, checks, added, go_on = work._check, work.cancel, [], threading.Event(), threading.Event()

    def check_slowly(job):
        checks.append(job)
        if len(checks) == 5:  # three batches have been looked at, and one was added
            added.set()
            go_on.wait(10)
        check(job)

    def cancel_and_go_on(job):
        cancel(job)
        go_on.set()

    monkeypatch.setattr(work, "_check", check_slowly)
    monkeypatch.setattr(work, "cancel", cancel_and_go_on)
    job = start(folder, encord.integrations["GCP"], 2500)
    assert added.wait(10)
    running = folder.add_private_data_to_folder_get_result(job, timeout_seconds=0)
    assert (running.status, counts(running), running.items_with_names) == (
        *(LongPollingStatus.PENDING, (1500, 1000, 0, 0)),
        [],
    )
    assert folder.add_data_to_folder_job_cancel(job).units_cancelled_count == 1500
    result = folder.add_private_data_to_folder_get_result(job)
    assert (result.status, counts(result)) == (LongPollingStatus.CANCELLED, (0, 1000, 0, 1500))
    assert len(result.items_with_names) == encord.state()["items"][str(folder.uuid)] == 1000


def test_a_cancelled_job_stays_so_after_a_restart(tmp_path, official_client):
    with LocalEncord(state_dir=tmp_path, job_seconds=1000) as first:
        folder = official_client(first).create_storage_folder("f")
        cancelled, other = start(folder, first.integrations["GCP"]), start(folder, first.integrations["GCP"], 2)
        first.force_job(str(other), status="PENDING", done_units=1)
        folder.add_data_to_folder_job_cancel(cancelled)
    with LocalEncord(state_dir=tmp_path) as second:
        assert second.state()["jobs"] == {str(cancelled): "CANCELLED", str(other): "PENDING"}
        assert second.force_job(str(other), status="DONE")["unitsDoneCount"] == 2
        assert second.state()["items"] == {str(folder.uuid): 2}


# -- private data --------------------------------------------------------------------------------------------------


def add(folder, integration, files, **options):
    job = folder.add_private_data_to_folder_start(integration, files, **options)
    return folder.add_private_data_to_folder_get_result(job)


def test_manifest(encord, folder):
    files = {
        "videos": [{"objectUrl": "s3://b/v.mp4", "clientMetadata": {"a": 1}}],
        "image_groups": [{"title": "g", "objectUrl_0": "s3://b/0.png", "objectUrl_1": "s3://b/1.png"}],
        "dicom_series": [{"title": "s", "objectUrl_0": "s3://b/0.dcm"}],
        "audio": [{"objectUrl": "s3://b/a.mp3"}],
    }
    result = add(folder, encord.integrations["AWS"], files)
    assert (result.status, counts(result)) == (LongPollingStatus.DONE, (0, 4, 0, 0))
    items = {item.uuid: item for item in folder.list_items()}
    assert [items[entry.item_uuid].item_type.value for entry in result.items_with_names] == [
        *("video", "imageGroup", "dicomSeries", "audio"),
    ]
    video, group, *_ = (items[entry.item_uuid] for entry in result.items_with_names)
    assert (video.url, video.client_metadata, video.storage_location.value) == ("s3://b/v.mp4", {"a": 1}, "s3")
    assert str(video.integration_hash) == encord.integrations["AWS"]
    assert [child.url for child in group.get_child_items()] == ["s3://b/0.png", "s3://b/1.png"]


def test_structured_items_go_together_with_an_integration(encord, folder):
    items = DataUploadItems(
        nifti=[DataUploadNifti(object_url="s3://b/brain.nii.gz")],
        text=[DataUploadText(object_url="s3://b/page.html")],
        pdf=[DataUploadPDF(object_url="s3://b/paper.pdf")],
        scenes=[DataUploadScene(title="street", scene={"streams": []})],
    )
    result = add(folder, encord.integrations["AWS"], items)
    assert counts(result) == (0, 4, 0, 0)
    assert sorted(item.item_type.value for item in folder.list_items()) == ["nifti", "pdf", "plainText", "scene"]


def test_groups_of_stored_images(encord, folder):
    images = add(folder, encord.integrations["GCP"], {"images": [{"objectUrl": f"gs://b/{n}.png"} for n in range(2)]})
    names = [entry.item_uuid for entry in images.items_with_names]
    group = DataUploadImageGroupFromItems(image_items=names, title="g", create_video=False)
    (made,) = add(folder, None, DataUploadItems(image_groups_from_items=[group])).items_with_names
    items = {item.uuid: item for item in folder.list_items()}
    assert len(items) == 3
    assert [child.uuid for child in items[made.item_uuid].get_child_items()] == names
    assert items[names[0]].get_summary().frame_in_groups == 1


def test_failures(encord, folder):
    encord.force_job(fail_units=["gs://b/1.png"], error="out of luck")
    files = {"images": [{"objectUrl": f"gs://b/{number}.png"} for number in range(3)]}
    result = add(folder, encord.integrations["GCP"], files, ignore_errors=True)
    assert (result.status, counts(result), result.errors) == (LongPollingStatus.DONE, (0, 2, 1, 0), ["out of luck"])
    assert [error.object_urls for error in result.unit_errors] == [["gs://b/1.png"]]
    encord.force_job(fail_units=[0])
    result = add(folder, encord.integrations["GCP"], files)
    assert (result.status, counts(result), result.items_with_names) == (LongPollingStatus.ERROR, (0, 0, 1, 2), [])
    assert len(list(folder.list_items())) == 2


def test_duplicates_are_skipped_within_the_folder(encord, official, folder):
    files = {"images": [{"objectUrl": "gs://b/1.png"}], "skip_duplicate_urls": True}
    other = official.create_storage_folder("other")
    for target, expected in ((folder, 1), (folder, 0), (other, 1)):
        result = add(target, encord.integrations["GCP"], files)
        assert (len(result.items_with_names), counts(result)) == (expected, (0, 1, 0, 0))
    assert [len(list(each.list_items())) for each in (folder, other)] == [1, 1]


def test_what_is_added_to_a_mirrors_folder_is_added_to_the_dataset(encord, official):
    created = official.create_dataset("mirror", StorageLocation.CORD_STORAGE)
    folder = official.get_storage_folder(created.backing_folder_uuid)
    (made,) = add(folder, encord.integrations["GCP"], {"images": [{"objectUrl": "gs://b/1.png"}]}).items_with_names
    assert [row.backing_item_uuid for row in official.get_dataset(created.dataset_hash).list_data_rows()] == [
        made.item_uuid
    ]


def test_private_data_in_s3(official_client, media, s3):
    endpoint, bucket = s3
    bucket.upload_file(str(media / "a.png"), "bucket", "folder/a.png")
    with LocalEncord(s3_endpoint=endpoint) as local:
        folder = official_client(local).create_storage_folder("f")
        files = {"images": [{"objectUrl": "s3://bucket/folder/a.png"}, {"objectUrl": "s3://bucket/missing.png"}]}
        with pytest.raises(EncordException, match="does not exist"):
            folder._add_data(local.integrations["AWS"], files)
        result = add(folder, local.integrations["AWS"], files, ignore_errors=True)
        assert counts(result) == (0, 1, 1, 0)
        (item,) = folder.list_items(get_signed_urls=True)
        assert (item.width, item.height) == (32, 16)
        assert requests.get(item.get_signed_url(), timeout=10).content == (media / "a.png").read_bytes()


def test_a_start_that_makes_no_sense_is_refused(encord, folder):
    with pytest.raises(InvalidArgumentsError, match="integration"):
        folder.add_private_data_to_folder_start(None, {"images": [{"objectUrl": "gs://b/1.png"}]})
    with pytest.raises(InvalidArgumentsError, match="nothing to add"):
        folder.add_private_data_to_folder_start(encord.integrations["GCP"], {"images": []})


# -- placeholders --------------------------------------------------------------------------------------------------


class Uploads:
    """Uploads images into a folder step by step."""

    def __init__(self, raw, media):
        self.raw = raw
        self.image = (media / "a.png").read_bytes()
        self.folder = self.make_folder()

    def make_folder(self):
        return self.raw.v2("POST", "/v2/public/storage/folders", {"name": "f"}).json()["uuid"]

    def path(self, rest=""):
        return f"/v2/public/storage/folders/{self.folder}/{rest}"

    def ticket(self):
        answer = self.raw.v2("POST", self.path("upload-signed-urls"), {"itemType": "image", "count": 1})
        return answer.json()["results"][0]

    def put(self, ticket):
        sent = self.raw.session.put(ticket["signedUrl"], self.image, headers={"Content-Type": "image/png"}, timeout=10)
        assert sent.status_code == 200

    def start(self, *tickets, title="a"):
        images = [{"objectUrl": "x", "placeholderItemUuid": each["itemUuid"], "title": title} for each in tickets]
        return self.raw.v2("POST", self.path("data-upload-jobs"), {"dataItems": {"images": images}}).json()

    def poll(self, job):
        return self.raw.v2("GET", self.path(f"data-upload-jobs/{job}?timeoutSeconds=604800")).json()

    def items(self):
        return {
            item["uuid"]: item["isPlaceholder"] for item in self.raw.v2("GET", self.path("items")).json()["results"]
        }


@pytest.fixture
def uploads(raw, media):
    return Uploads(raw, media)


@pytest.mark.parametrize(("since", "seen"), [("url", [1, 1, 1]), ("upload", [0, 1, 1]), ("job", [0, 0, 1])])
def test_a_placeholder_is_an_item_from_a_moment_on(encord, uploads, since, seen):
    encord.settings(placeholders_from=since, job_seconds=1000)
    ticket = uploads.ticket()
    placeholder = {ticket["itemUuid"]: True}
    found = [uploads.items()]
    uploads.put(ticket)
    found.append(uploads.items())
    job = uploads.start(ticket)
    found.append(uploads.items())
    assert found == [placeholder if there else {} for there in seen]
    assert (encord.state()["placeholders"], encord.state()["items"]) == (1, {uploads.folder: 0})
    encord.force_job(job, status="DONE")
    assert uploads.items() == {ticket["itemUuid"]: False}


@pytest.mark.parametrize("since", ["url", "job"])
def test_a_placeholder_is_filled_once(encord, uploads, since):
    encord.settings(placeholders_from=since)
    ticket = uploads.ticket()
    uploads.put(ticket)
    answers = [uploads.poll(uploads.start(ticket, title=title)) for title in ("first", "second")]
    for answer in answers:
        assert answer["status"] == "DONE"
        assert answer["itemsWithNames"] == [{"itemUuid": ticket["itemUuid"], "name": "first"}]
    assert uploads.items() == {ticket["itemUuid"]: False}
    encord.settings(filled_placeholder="error")
    third = uploads.poll(uploads.start(ticket))
    assert (third["status"], third["itemsWithNames"]) == ("ERROR", [])
    assert "filled before" in third["errors"][0]


def test_a_placeholder_named_twice_in_a_job_is_one_item(uploads):
    ticket = uploads.ticket()
    uploads.put(ticket)
    answer = uploads.poll(uploads.start(ticket, ticket))
    assert (answer["status"], answer["unitsDoneCount"]) == ("DONE", 2)
    assert uploads.items() == {ticket["itemUuid"]: False}


def test_a_group_is_made_once_of_its_placeholders(raw, uploads):
    tickets = [uploads.ticket() for _ in range(2)]
    for ticket in tickets:
        uploads.put(ticket)
    images = [{"url": each["objectKey"], "placeholderItemUuid": each["itemUuid"], "title": "i"} for each in tickets]
    body = {"dataItems": {"imageGroups": [{"title": "g", "images": images, "createVideo": False}]}}
    answers = [uploads.poll(raw.v2("POST", uploads.path("data-upload-jobs"), body).json()) for _ in range(2)]
    ((group,),) = {tuple(entry["itemUuid"] for entry in answer["itemsWithNames"]) for answer in answers}
    assert uploads.items() == {group: False}


def test_placeholders_that_cannot_be_filled(encord, uploads):
    empty, elsewhere, mine = uploads.ticket(), uploads.ticket(), uploads.folder
    uploads.put(elsewhere)
    assert "nothing has been uploaded" in uploads.poll(uploads.start(empty))["errors"][0]
    uploads.folder = uploads.make_folder()
    assert "in this folder" in uploads.poll(uploads.start(elsewhere))["errors"][0]
    uploads.folder = mine
    assert uploads.items() == {empty["itemUuid"]: True, elsewhere["itemUuid"]: True}
    assert encord.state()["placeholders"] == 2


def test_a_placeholder_is_linked_to_no_dataset_and_signed_nowhere(raw, uploads):
    ticket = uploads.ticket()
    item = raw.v2("GET", f"/v2/public/storage/items/{ticket['itemUuid']}?signUrl=True").json()
    assert (item["isPlaceholder"], item["signedUrl"]) == (True, None)
    dataset = raw.create_dataset()
    payload = {"item_uuids": [ticket["itemUuid"]], "duplicates_behavior": "SKIP"}
    refused = raw.refusal("datasetlinkitems", "POST", dataset, payload, dataset=dataset)
    assert refused == "INVALID_ARGUMENTS_ERROR"


# -- on the wire ---------------------------------------------------------------------------------------------------


def test_statuses_are_in_upper_case_and_the_file_name_comes_back(encord, raw, uploads):
    body = {
        "externalFiles": {"images": [{"objectUrl": "gs://b/1.png"}]},
        "integrationHash": encord.integrations["GCP"],
        "fileName": "manifest.json",
    }
    encord.settings(job_seconds=1000)
    job = raw.v2("POST", uploads.path("data-upload-jobs"), body).json()
    answer = raw.v2("GET", uploads.path(f"data-upload-jobs/{job}?timeoutSeconds=0")).json()
    assert (answer["status"], answer["fileName"]) == ("PENDING", "manifest.json")
    assert answer.keys() >= {"itemsWithNames", "errors", "unitErrors", "unitsPendingCount", "unitsCancelledCount"}
    (entry,) = encord.requests("folder_job_start")
    assert entry["jobs"] == [job]


def test_a_job_belongs_to_its_folder(encord, raw, raw_client, uploads):
    ticket = uploads.ticket()
    uploads.put(ticket)
    job, own = uploads.start(ticket), uploads.folder
    uploads.folder = uploads.make_folder()
    assert "message" in uploads.poll(job)
    assert raw.v2("POST", uploads.path(f"data-upload-jobs/{job}/cancel")).status_code == 404
    uploads.folder, uploads.raw = own, raw_client(encord, encord.new_user())
    assert uploads.raw.v2("GET", uploads.path(f"data-upload-jobs/{job}")).status_code == 403


@pytest.mark.parametrize("body", [{"itemType": "smell", "count": 1}, {"itemType": "image", "count": 0}, {}])
def test_upload_urls_that_make_no_sense(raw, uploads, body):
    assert raw.v2("POST", uploads.path("upload-signed-urls"), body).status_code == 422


def test_faults_are_for_these_operations_too(encord, raw, uploads):
    encord.fault("folder_job_cancel", drop="after")
    encord.settings(job_seconds=1000)
    ticket = uploads.ticket()
    uploads.put(ticket)
    job = uploads.start(ticket)
    with pytest.raises(requests.ConnectionError):
        raw.v2("POST", uploads.path(f"data-upload-jobs/{job}/cancel"))
    assert encord.state()["jobs"] == {job: "CANCELLED"}
    assert uploads.items() == {ticket["itemUuid"]: True}
