"""The small example DAGs, each executed once (the bucket's twice) on the installed Airflow.

What Encord holds, what it was asked, and how each task ended. `encord_ingest` has a file of its own.
"""

import json
import re
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import pytest

from airflow_provider_encord.hooks.encord import EncordHook

DAGS = Path(__file__).parents[2] / "example_dags"
DONE = "success"

pytestmark = pytest.mark.system


def kinds(rows):
    return Counter(row.data_type for row in rows)


@pytest.fixture(scope="module")
def bucket_url(demo):
    return f"s3://{demo.BUCKET}/{demo.PREFIX}"


@pytest.fixture
def hook(demo, theatre, monkeypatch):
    name = "AIRFLOW_CONN_ENCORD_DEFAULT"
    monkeypatch.setenv(name, demo.airflow_environment(theatre.stage)[name])
    return EncordHook()


@pytest.fixture(scope="module")
def uploads(theatre):
    for number in (1, 2):
        scan = theatre.stage.media_folder / f"scan-{number}.dcm"
        scan.write_bytes(bytes(128) + b"DICM" + bytes([number]) * 64)
    return theatre.run("encord_uploads", dataset="uploads", media=theatre.stage.media_folder.as_uri())


def test_check_connection(theatre):
    run = theatre.run("encord_check_connection")
    assert set(run.states.values()) == {DONE}
    assert theatre.stage.encord_url in run.returned("check_connection")
    assert run.requests == ["get_current_user"]


def test_check_connection_with_a_new_key(theatre):
    run = theatre.run("encord_check_connection", next_connection="encord_default")
    assert set(run.states.values()) == {DONE}
    assert run.requests == ["get_current_user"] * 2
    assert "Save the new key in 'encord_default', then remove the old one in Encord." in run.log


def test_datasets(theatre):
    run = theatre.run("encord_datasets", family="weather", name="fog")
    assert set(run.states.values()) == {DONE}
    assert run.xcoms["create_dataset", "created"] is True
    assert run.xcoms["list_datasets", "dataset_hashes"] == [run.returned("create_dataset")]
    assert run.returned("report") == ["weather-fog"]
    assert run.count("create_dataset") == 1


def test_uploads(uploads):
    assert set(uploads.states.values()) == {DONE}
    expected = {"upload_videos": 2, "upload_images": 4, "create_image_group": 1, "create_dicom_series": 1}
    assert {task: uploads.returned(task)["added"] for task in expected} == expected
    assert uploads.returned("upload_images")["without_metadata"] == 0
    assert uploads.count("upload_job_start") == 4
    assert uploads.deferrals == 0  # the jobs end while a worker still waits


def test_re_encode(theatre, uploads):
    with theatre.jobs_that_take(8):  # longer than a worker waits
        run = theatre.run("encord_re_encode", dataset="uploads")
    assert set(run.states.values()) == {DONE}
    result = run.returned("re_encode")
    assert sorted(result["re_encoded"]) == sorted(uploads.xcoms["upload_videos", "data_hashes"])
    assert result["ignored"] == []
    assert run.deferrals == 1


def test_link_items(theatre, uploads):
    run = theatre.run("encord_link_items", source="uploads", review="review")
    assert set(run.states.values()) == {DONE}
    assert run.returned("link_videos")["linked"] == 2
    assert kinds(theatre.rows("review")) == {"VIDEO": 2}


def test_wait_for_rows(theatre, uploads):
    run = theatre.run("encord_wait_for_rows", dataset="uploads", title_like="local-%")
    assert set(run.states.values()) == {DONE}
    assert run.returned("wait_for_videos")["counts"] == {"found": 2}
    assert set(run.requests) == {"list_datasets", "list_data_rows"}


def test_private_data(theatre, bucket_url, tmp_path):
    manifest = tmp_path / "manifest.json"
    entries = {
        "videos": [{"objectUrl": f"{bucket_url}cloud-1.mp4"}],
        "images": [{"objectUrl": f"{bucket_url}{name}"} for name in ("cloud-1.jpg", "cloud-2.jpg", "nobody.jpg")],
    }
    manifest.write_text(json.dumps(entries))
    with theatre.jobs_that_take(10):  # long enough for the sensor to come before the end, on a busy machine too
        run = theatre.run(
            "encord_private_data",
            manifest=str(manifest),
            video=f"{bucket_url}cloud-2.mp4",
            details=str(tmp_path / "details.jsonl"),
        )
    assert set(run.states.values()) == {DONE}
    assert run.returned("check_manifest") == {
        "dataset_hash": run.returned("create_dataset"),
        "folder_uuid": None,
        "dry_run": True,
        "items": 4,
        "jobs": 1,
    }
    result = run.returned("register_manifest")
    assert {name: result[name] for name in ("added", "failed", "skipped")} == {"added": 3, "failed": 1, "skipped": 0}
    details = [json.loads(line) for line in (tmp_path / "details.jsonl").read_text().splitlines()]
    assert Counter(line["outcome"] for line in details) == {"added": 3, "failed": 1}
    assert run.returned("start_job")["status"] == "STARTED"
    assert run.returned("wait_for_job")["status"] == "done"
    assert run.returned("wait_for_job")["job_ids"] == run.returned("start_job")["job_ids"]
    assert run.count("upload_job_start") == 2
    assert run.deferrals == 1
    assert kinds(theatre.rows("private data")) == {"VIDEO": 2, "IMAGE": 2}


def test_bucket_registers_what_is_new_and_skips_its_tail_when_nothing_is(theatre, bucket_url):
    with theatre.jobs_that_take(8):  # longer than a worker waits
        first = theatre.run("encord_bucket", prefix=bucket_url)
    assert set(first.states.values()) == {DONE}
    assert first.returned("register_new")["added"] == 3
    assert first.count("upload_job_start") == 1
    assert first.deferrals == 1
    second = theatre.run("encord_bucket", prefix=bucket_url)
    assert second.states == {"create_dataset": DONE, "register_new": "skipped", "announce": "skipped"}
    assert second.count("upload_job_start") == 0
    assert kinds(theatre.rows("bucket")) == {"VIDEO": 2, "IMG_GROUP": 1}


@pytest.mark.skipif(
    not version("apache-airflow").startswith(("2.", "3.0.")), reason="`airflow dags test` cannot read deadlines"
)
def test_watched_ingest(theatre, bucket_url):
    run = theatre.run("encord_watched_ingest", dataset="watched", prefix=bucket_url)
    assert set(run.states.values()) == {DONE}
    assert kinds(theatre.rows("watched")) == {"VIDEO": 2, "IMAGE": 2}


def test_any_bucket(theatre, bucket_url):
    run = theatre.run("encord_any_bucket", prefix=bucket_url, connection="aws_default", integration="AWS")
    assert set(run.states.values()) == {DONE}
    assert run.returned("register_new")["added"] == 2
    assert kinds(theatre.rows("any bucket")) == {"VIDEO": 2}


def test_clean_up(theatre, bucket_url, hook):
    dataset = hook.create_dataset("to clean").dataset_hash
    with theatre.jobs_that_take(0):
        for name in ("local-1.jpg", "local-2.jpg"):
            hook.upload_image(dataset, theatre.stage.media_folder / name, title=f"test-{name}")
        manifest = {
            "videos": [{"objectUrl": f"{bucket_url}cloud-1.mp4", "title": f"{word}-1"} for word in ("test", "keep")],
            "skip_duplicate_urls": False,
        }
        hook.add_private_data_to_dataset(dataset, hook.find_cloud_integration("AWS"), manifest)
    run = theatre.run("encord_clean_up", dataset="to clean", title_like="test-%")
    assert set(run.states.values()) == {DONE}
    assert run.returned("list_rows")["count"] == 3
    counts = {"destroyed": 2, "unlinked": 1}
    assert {"dry_run": True, "deleted": 0, **counts}.items() <= run.returned("preview").items()
    assert {"dry_run": False, "deleted": 3, **counts}.items() <= run.returned("delete").items()
    assert run.count("delete_data") == 1
    assert [row.data_title for row in theatre.rows("to clean")] == ["keep-1"]


def test_no_example_is_left_out():
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("*.py"))
    dags = {path.stem for path in DAGS.glob("encord_*.py")} - {"encord_ingest"}
    assert {name for name in dags if f'"{name}"' not in text} == set()


def test_regions_are_whole_and_their_names_unique():
    names = [
        match
        for path in DAGS.glob("*.py")
        for match in re.findall(r"# \[START (\w+)\]\n.*?# \[END \1\]", path.read_text(), re.DOTALL)
    ]
    marks = sum(path.read_text().count("# [START") + path.read_text().count("# [END") for path in DAGS.glob("*.py"))
    assert len(names) == len(set(names)) == marks / 2
