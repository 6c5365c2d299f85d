"""The tally finds what is planted, so its zeros mean something."""

import json
import time

import pytest

from airflow_provider_encord._client.jobs import UploadJobWatch
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


def count(folder, datasets=("run",), lasts=True):
    return tally.count(folder / "encord.sqlite3", datasets, UPLOADED, REGISTERED, lasts=lasts)


def titles(findings):
    return [(each.dataset, each.title) for each in findings]


def test_nothing_is_found_where_all_is_there_once(encord, tmp_path):
    fill(encord, "run", "a.jpg", "b.jpg", "c.jpg")
    found = count(tmp_path)
    assert (found.expected, found.present, found.duplicated, found.lost, found.jobs) == (3, 3, [], [], 1)


def test_a_lost_item_is_named(encord, tmp_path):
    fill(encord, "run", "a.jpg", "c.jpg")
    found = count(tmp_path)
    assert titles(found.lost) == [("run", "b.jpg")]
    assert (found.expected, found.present) == (3, 2)


def test_a_dataset_that_is_not_there_loses_all_its_items(encord, tmp_path):
    fill(encord, "run", "a.jpg", "b.jpg", "c.jpg")
    assert len(count(tmp_path, ("run", "other")).lost) == 3


@pytest.mark.parametrize("lasts", [True, False])
def test_a_duplicate_is_named_with_its_jobs(encord, tmp_path, lasts):
    fill(encord, "run", "a.jpg", "b.jpg", "c.jpg")
    fill(encord, "run", "b.jpg")
    found = count(tmp_path, lasts=lasts)
    assert titles(found.outside) == [("run", "b.jpg")]
    assert len(found.outside[0].known) == 2
    assert found.jobs == 2


def test_before_airflow_remembers_an_upload_may_be_there_twice(encord, tmp_path):
    fill(encord, "run", "a.jpg", "b.jpg", "c.jpg")
    fill(encord, "run", "a.jpg")
    assert titles(count(tmp_path, lasts=False).duplicated) == [("run", "a.jpg")]
    assert count(tmp_path, lasts=False).outside == []
    assert titles(count(tmp_path, lasts=True).outside) == [("run", "a.jpg")]


def test_an_item_that_nobody_expects_counts_as_a_duplicate(encord, tmp_path):
    fill(encord, "run", "a.jpg", "b.jpg", "c.jpg", "stray.jpg")
    assert titles(count(tmp_path, lasts=False).outside) == [("run", "stray.jpg")]


def test_a_second_dataset_of_the_title_counts_as_a_duplicate(encord, tmp_path):
    fill(encord, "run", "a.jpg", "b.jpg", "c.jpg")
    EncordHook().create_dataset("run")
    assert titles(count(tmp_path, lasts=False).outside) == [("run", "(the dataset itself)")]
