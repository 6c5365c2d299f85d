"""Registration jobs in time: waiting, ending, and ending badly."""

import pytest

from airflow_provider_encord.emulator import LocalEncord, ManualClock

URLS = [f"gs://bucket/{number}.png" for number in range(4)]


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def slow(clock):
    with LocalEncord(clock=clock, job_seconds=30) as local:
        yield local


@pytest.fixture
def raw(slow, raw_client):
    return raw_client(slow)


@pytest.fixture
def dataset(raw):
    return raw.create_dataset()


@pytest.fixture
def start(slow, raw, dataset):
    def start(ignore_errors=False, **files):
        files = files or {"images": [{"objectUrl": url} for url in URLS]}
        payload = {"files": files, "integrationId": slow.integrations["GCP"], "ignoreErrors": ignore_errors}
        return raw.start(dataset, payload)

    return start


def counts(answer):
    return tuple(answer[f"units_{state}_count"] for state in ("pending", "done", "error", "cancelled"))


def test_pending_until_due(raw, dataset, start, clock):
    job = start()
    first = raw.poll(dataset, job, 0)
    assert (first["status"], counts(first), first["data_hashes_with_titles"]) == ("PENDING", (4, 0, 0, 0), [])
    assert raw.rows(dataset) == []
    clock.advance(30)
    last = raw.poll(dataset, job, 0)
    assert (last["status"], counts(last), last["errors"], last["data_unit_errors"]) == ("DONE", (0, 4, 0, 0), [], [])
    assert [row["data_hash"] for row in raw.rows(dataset)] == [
        entry["data_hash"] for entry in last["data_hashes_with_titles"]
    ]
    assert raw.poll(dataset, job, 60) == last


def test_long_poll_answers_as_soon_as_the_job_is_over(raw, dataset, start, clock, in_background):
    job = start()
    clock.wait_for_sleepers(1)
    answer = in_background(raw.poll, dataset, job, 60)
    clock.wait_for_sleepers(2)
    clock.advance(30)
    assert answer.result(10)["status"] == "DONE"


def test_long_poll_gives_up_in_time(raw, dataset, start, clock, in_background):
    job = start()
    clock.wait_for_sleepers(1)
    answer = in_background(raw.poll, dataset, job, 10)
    clock.wait_for_sleepers(2)
    clock.advance(10)
    assert answer.result(10)["status"] == "PENDING"


def test_other_requests_go_on_during_a_long_poll(raw, raw_client, slow, dataset, start, clock, in_background):
    job = start()
    answers = [in_background(raw_client(slow).poll, dataset, job, 60) for _ in range(8)]
    clock.wait_for_sleepers(9)
    assert raw.rows(dataset) == []
    slow.force_job(job, status="DONE")
    assert {answer.result(10)["status"] for answer in answers} == {"DONE"}


@pytest.mark.parametrize("ignore_errors", [False, True])
def test_failing_units(slow, raw, dataset, start, clock, ignore_errors):
    job = start(ignore_errors)
    slow.force_job(job, fail_units=[1, URLS[3]], error="no access")
    assert raw.poll(dataset, job, 0)["status"] == "PENDING"
    clock.advance(30)
    answer = raw.poll(dataset, job, 0)
    assert [error["object_urls"] for error in answer["data_unit_errors"]] == [[URLS[1]], [URLS[3]]]
    assert {error["error"] for error in answer["data_unit_errors"]} == {"no access"}
    assert set(answer["data_unit_errors"][0]) == {"object_urls", "error", "subtask_uuid", "action_description"}
    assert answer["errors"] == ["no access"]
    if ignore_errors:
        assert (answer["status"], counts(answer)) == ("DONE", (0, 2, 2, 0))
        assert [row["file_link"] for row in raw.rows(dataset)] == [URLS[0], URLS[2]]
    else:
        assert (answer["status"], counts(answer)) == ("ERROR", (0, 0, 2, 2))
        assert raw.rows(dataset) == []


def test_white_space_and_bad_metadata_are_unit_errors(slow, raw, dataset, start, clock):
    videos = [
        {"objectUrl": "gs://b/a b.mp4"},
        {"objectUrl": "gs://b/c.mp4", "videoMetadata": {"fps": "many"}},
        {"objectUrl": "gs://b/d.mp4"},
    ]
    job = start(True, videos=videos)
    clock.advance(30)
    answer = raw.poll(dataset, job, 0)
    assert counts(answer) == (0, 1, 2, 0)
    assert ["white space" in answer["errors"][0], "wrong type" in answer["errors"][1]] == [True, True]


@pytest.mark.parametrize(
    ("status", "expected"),
    [("CANCELLED", (0, 0, 0, 4)), ("ERROR", (0, 0, 4, 0)), ("DONE", (0, 4, 0, 0))],
)
def test_forced_endings(slow, raw, dataset, start, clock, status, expected):
    job = start()
    answer = slow.force_job(job, status=status, error="as ordered")
    assert answer == raw.poll(dataset, job, 60)
    assert (answer["status"], counts(answer)) == (status, expected)
    assert answer["errors"] == (["as ordered"] if status == "ERROR" else [])
    assert len(raw.rows(dataset)) == expected[1]
    clock.advance(60)
    assert raw.poll(dataset, job, 0) == answer


@pytest.mark.parametrize("status", ["PENDING", "LINKING"])
def test_job_can_be_held(slow, raw, dataset, start, clock, status):
    job = start()
    slow.force_job(job, status=status)
    clock.advance(1000)
    answer = raw.poll(dataset, job, 0)
    assert (answer["status"], counts(answer)) == (status, (4, 0, 0, 0))
    assert slow.force_job(job, status="DONE")["status"] == "DONE"
    assert len(raw.rows(dataset)) == 4


def test_held_job_can_be_let_go(slow, raw, dataset, start, clock):
    job = start()
    slow.force_job(job, status="PENDING")
    clock.advance(1000)
    answer = slow.force_job(job, fail_units=[0])
    assert (answer["status"], counts(answer)) == ("ERROR", (0, 0, 1, 3))
    assert raw.poll(dataset, job, 60) == answer


def test_order_for_the_next_job(slow, raw, dataset, start, clock):
    slow.force_job(status="MYSTERY")
    held = start()
    slow.force_job("next", fail_units=[0])
    failing, fine = start(), start()
    clock.advance(30)
    assert [raw.poll(dataset, job, 0)["status"] for job in (held, failing, fine)] == ["MYSTERY", "ERROR", "DONE"]


def test_done_job_can_change_its_status(slow, raw, dataset, start, clock):
    job = start()
    clock.advance(30)
    assert raw.poll(dataset, job, 0)["status"] == "DONE"
    assert slow.force_job(job, status="CANCELLED")["status"] == "CANCELLED"
    assert len(raw.rows(dataset)) == 4


def test_many_units_with_duplicates(raw_client):
    count = 4_000
    with LocalEncord() as local:
        raw = raw_client(local)
        dataset = raw.create_dataset()
        images = [{"objectUrl": f"gs://b/{number}.png"} for number in range(count)]
        payload = {
            "files": {"images": [*images, images[0]], "skip_duplicate_urls": True},
            "integrationId": local.integrations["GCP"],
        }
        first = raw.add(dataset, payload)
        assert counts(first) == (0, count + 1, 0, 0)
        assert len({entry["data_hash"] for entry in first["data_hashes_with_titles"]}) == count
        second = raw.add(dataset, payload)
        assert (counts(second), second["data_hashes_with_titles"]) == ((0, count + 1, 0, 0), [])
        hashes = [entry["data_hash"] for entry in first["data_hashes_with_titles"]]
        raw.result("video", "DELETE", hashes, dataset=dataset)
        assert local.state()["rows"] == {dataset: 0}


def test_every_kind_of_structured_item(raw, slow, dataset, clock):
    base = {"clientMetadata": {"a": None}}
    items = {
        "videos": [
            {
                "objectUrl": "gs://b/v.mp4",
                "title": "v",
                "videoMetadata": {
                    "fps": 25.0,
                    "duration": 1.5,
                    "width": 3,
                    "height": 4,
                    "fileSize": 5,
                    "mimeType": "video/x",
                },
                **base,
            }
        ],
        "imageGroups": [{"images": [{"url": "gs://b/1.jpg"}, {"url": "gs://b/2.jpg", "title": "two"}], "title": "g"}],
        "dicomSeries": [{"dicomFiles": [{"url": "gs://b/1.dcm"}], "title": "s"}],
        "images": [{"objectUrl": "gs://b/i.jpg", "imageMetadata": {"fileSize": 1, "height": 2, "width": 3}}],
        "imageGroupsFromItems": [],
        "audio": [{"objectUrl": "gs://b/a.mp3", "audioMetadata": {"duration": 1.0, "fileSize": 2}}],
        "timeSeries": [{"objectUrl": "gs://b/t.csv"}],
        "nifti": [{"objectUrl": "gs://b/n.nii"}],
        "text": [{"objectUrl": "gs://b/t.txt"}],
        "pdf": [{"objectUrl": "gs://b/p.pdf", "pdfMetadata": {"fileSize": 1, "numPages": 2}}],
        "scenes": [{"title": "scene", "scene": {"x": 1}}],
        "skipDuplicateUrls": True,
        "upsertMetadata": True,
    }
    payload = {"dataItems": items, "integrationId": slow.integrations["GCP"], "ignoreErrors": True}
    job = raw.start(dataset, payload)
    clock.advance(30)
    assert raw.poll(dataset, job, 0)["units_done_count"] == 10
    rows = raw.result(
        "datarows", "GET", None, {"dataset_access_settings": {"fetch_client_metadata": True}}, dataset=dataset
    )
    kinds = "VIDEO IMG_GROUP DICOM IMAGE AUDIO TIME_SERIES NIFTI PLAIN_TEXT PDF SCENE"
    assert [row["data_type"] for row in rows] == kinds.split()
    video, *_ = rows
    assert (video["frames_per_second"], video["duration"], video["file_type"]) == (25.0, 1.5, "video/x")
    assert video["client_metadata"] == {"a": None}
    items["videos"][0]["clientMetadata"] = {"b": 1}
    job = raw.start(dataset, payload)
    clock.advance(30)
    again = raw.poll(dataset, job, 0)
    assert again["data_hashes_with_titles"] == []
    details = {"additional_data": {"client_metadata": True}}
    assert raw.result("datarow", "GET", video["data_hash"], details, dataset=dataset)["client_metadata"] == {"b": 1}
    image = rows[3]["backing_item_uuid"]
    group = {"imageItems": [image], "title": "again", "createVideo": False}
    job = raw.start(dataset, {"dataItems": {"imageGroupsFromItems": [group]}})
    clock.advance(30)
    assert raw.poll(dataset, job, 0)["data_hashes_with_titles"][0]["title"] == "again"


def test_folder_shared_by_two_datasets(raw, slow, clock):
    folder = raw.v2("POST", "/v2/public/storage/folders", {"name": "shared"}).json()["uuid"]
    datasets = [raw.create_dataset(createBackingFolder=False) for _ in range(2)]
    found = []
    for dataset in datasets:
        payload = {
            "files": {"images": [{"objectUrl": "gs://b/1.png"}], "skip_duplicate_urls": True},
            "integrationId": slow.integrations["GCP"],
            "folderUuid": folder,
        }
        job = raw.start(dataset, payload)
        clock.advance(30)
        found.extend(raw.poll(dataset, job, 0)["data_hashes_with_titles"])
    assert len(found) == 2
    assert found[0]["backing_item_uuid"] == found[1]["backing_item_uuid"]
