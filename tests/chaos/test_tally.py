"""The tally finds what is planted, so its zeros mean something."""

import json
import time

import pytest

from airflow_provider_encord._client.jobs import FolderUploadJobWatch, UploadJobWatch
from airflow_provider_encord._storage.files import find_files
from airflow_provider_encord.emulator import LocalEncord
from airflow_provider_encord.hooks.encord import EncordHook
from tests.chaos import tally

UPLOADED, REGISTERED = ["a.jpg"], ["b.jpg", "c.jpg"]


@pytest.fixture
def encord(tmp_path, monkeypatch):
    with LocalEncord(state_dir=tmp_path) as encord:
        extra = {"ssh_private_key": encord.private_key}
        connection = json.dumps({"conn_type": "encord", "host": encord.url, "extra": extra})
        monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", connection)
        yield encord


def fill(encord, dataset, *titles, skip=False):
    hook = EncordHook()
    files = {"images": [{"objectUrl": f"s3://bucket/{time.time_ns()}/{title}", "title": title} for title in titles]}
    found = list(hook.get_datasets(title_eq=dataset)) or [hook.create_dataset(dataset)]
    job = hook.start_upload_job(found[0].dataset_hash, files=files, integration_id=encord.integrations["AWS"])
    assert hook.wait(UploadJobWatch(found[0].dataset_hash, job)).state == "done"


def fill_folder(encord, name, *titles):
    hook = EncordHook()
    files = {"images": [{"objectUrl": f"s3://bucket/{time.time_ns()}/{title}", "title": title} for title in titles]}
    found = [each for each in hook.iter_folders(dataset_synced=False) if each.name == name]
    folder = (found or [hook.create_folder(name)])[0].uuid
    job = hook.start_folder_upload_job(folder, files=files, integration_id=encord.integrations["AWS"])
    assert hook.wait(FolderUploadJobWatch(folder, job)).state == "done"
    return folder


def count(folder, names=("run",), kind="dataset", lasts=True):
    places = [tally.Place(kind, name, UPLOADED, REGISTERED) for name in names]
    return tally.count(folder / "encord.sqlite3", places, lasts=lasts)


def titles(findings):
    return [(each.place, each.title) for each in findings]


def test_nothing_is_found_where_all_is_there_once(encord, tmp_path):
    fill(encord, "run", "a.jpg", "b.jpg", "c.jpg")
    found = count(tmp_path)
    assert (found.expected, found.present, found.duplicated, found.lost, found.jobs) == (3, 3, [], [], 1)


def test_a_lost_item_is_named(encord, tmp_path):
    fill(encord, "run", "a.jpg", "c.jpg")
    found = count(tmp_path)
    assert titles(found.lost) == [("dataset run", "b.jpg")]
    assert (found.expected, found.present) == (3, 2)


def test_a_dataset_that_is_not_there_loses_all_its_items(encord, tmp_path):
    fill(encord, "run", "a.jpg", "b.jpg", "c.jpg")
    assert len(count(tmp_path, ("run", "other")).lost) == 3


@pytest.mark.parametrize("lasts", [True, False])
def test_a_duplicate_is_named_with_its_jobs(encord, tmp_path, lasts):
    fill(encord, "run", "a.jpg", "b.jpg", "c.jpg")
    fill(encord, "run", "b.jpg")
    found = count(tmp_path, lasts=lasts)
    assert titles(found.outside) == [("dataset run", "b.jpg")]
    assert len(found.outside[0].known) == 2
    assert found.jobs == 2


def test_before_airflow_remembers_an_upload_may_be_there_twice(encord, tmp_path):
    fill(encord, "run", "a.jpg", "b.jpg", "c.jpg")
    fill(encord, "run", "a.jpg")
    assert titles(count(tmp_path, lasts=False).duplicated) == [("dataset run", "a.jpg")]
    assert count(tmp_path, lasts=False).outside == []
    assert titles(count(tmp_path, lasts=True).outside) == [("dataset run", "a.jpg")]


def test_an_item_that_nobody_expects_counts_as_a_duplicate(encord, tmp_path):
    fill(encord, "run", "a.jpg", "b.jpg", "c.jpg", "stray.jpg")
    assert titles(count(tmp_path, lasts=False).outside) == [("dataset run", "stray.jpg")]


def test_a_second_dataset_of_the_title_counts_as_a_duplicate(encord, tmp_path):
    fill(encord, "run", "a.jpg", "b.jpg", "c.jpg")
    EncordHook().create_dataset("run")
    assert titles(count(tmp_path, lasts=False).outside) == [("dataset run", "(the dataset itself)")]


def test_a_folder_is_counted_apart_from_those_of_datasets(encord, tmp_path):
    fill(encord, "run", "a.jpg", "b.jpg", "c.jpg")
    assert len(count(tmp_path, kind="folder").lost) == 3
    fill_folder(encord, "run", "a.jpg", "b.jpg", "c.jpg")
    places = [tally.Place(kind, "run", UPLOADED, REGISTERED) for kind in ("dataset", "folder")]
    found = tally.count(tmp_path / "encord.sqlite3", places, lasts=True)
    assert (found.expected, found.present, found.duplicated, found.lost) == (6, 6, [], [])
    assert (found.jobs, found.folder_jobs, found.cancelled_jobs) == (1, 1, 0)


def test_in_a_folder_a_lost_item_and_a_duplicate_are_named(encord, tmp_path):
    fill_folder(encord, "run", "a.jpg", "b.jpg")
    fill_folder(encord, "run", "b.jpg", "stray.jpg")
    found = count(tmp_path, kind="folder")
    assert titles(found.lost) == [("folder run", "c.jpg")]
    assert titles(found.outside) == [("folder run", "b.jpg"), ("folder run", "stray.jpg")]


def test_a_second_folder_of_the_name_and_one_that_nobody_expects_count_as_duplicates(encord, tmp_path):
    fill_folder(encord, "run", "a.jpg", "b.jpg", "c.jpg")
    fill_folder(encord, "stray", "a.jpg")
    EncordHook().create_folder("run")
    found = count(tmp_path, kind="folder")
    assert titles(found.outside) == [("folder run", "(the folder itself)"), ("folder stray", "a.jpg")]


def test_placeholders_are_no_items_and_cancelled_jobs_are_counted(encord, tmp_path):
    folder = fill_folder(encord, "run", "a.jpg", "b.jpg", "c.jpg")
    hook = EncordHook()
    image = tmp_path / "never registered.jpg"
    image.write_bytes(b"image")
    hook.put_files(find_files([str(image)]), "image", folder_uuid=folder)
    encord.settings(job_seconds=3600)
    files = {"images": [{"objectUrl": "s3://bucket/cancelled.jpg"}]}
    job = hook.start_folder_upload_job(folder, files=files, integration_id=encord.integrations["AWS"])
    hook.cancel_folder_upload_job(folder, job)
    found = count(tmp_path, kind="folder")
    assert (found.duplicated, found.placeholders, found.cancelled_jobs, found.folder_jobs) == ([], 1, 1, 2)
