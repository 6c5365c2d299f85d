"""The folder of the state: private, and nobody else's files are touched."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from airflow_provider_encord.emulator import LocalEncord
from airflow_provider_encord.emulator.__main__ import main
from airflow_provider_encord.emulator.state_directory import MARKER

STRAY = "0f9d7e4e-4ab0-4d43-8f32-6b1a5f0e8c11"


def modes(folder):
    return {path.relative_to(folder): stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}


@pytest.fixture(params=[0o000, 0o022, 0o377])
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_everything_in_it_is_its_owners_alone(tmp_path, umask, raw_client, media):
    folder = tmp_path / "state"
    with LocalEncord(state_dir=folder) as local:
        raw_client(local).upload((media / "a.png").read_bytes())
        found = modes(folder)
    assert len(found) >= 5
    for path, mode in found.items():
        assert mode == (0o700 if (folder / path).is_dir() else 0o600), path


def test_a_folder_of_before_becomes_private(tmp_path):
    with LocalEncord(state_dir=tmp_path):
        pass
    for path in [tmp_path, *tmp_path.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    with LocalEncord(state_dir=tmp_path):
        assert modes(tmp_path)[(tmp_path / "encord.sqlite3").relative_to(tmp_path)] == 0o600
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["objects/photo.jpg", f"objects/{STRAY}", "notes.txt", "encord.sqlite3"])
def test_a_folder_of_someone_else_is_refused_and_left_alone(tmp_path, name, capsys):
    mine = tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_bytes(b"precious")
    tmp_path.chmod(0o755)
    before = modes(tmp_path)
    with pytest.raises(ValueError, match=f"holds {name.partition('/')[0]}"), LocalEncord(state_dir=tmp_path):
        pass
    with pytest.raises(SystemExit):
        main(["--state-dir", str(tmp_path)])
    assert "not a state folder" in capsys.readouterr().err
    assert mine.read_bytes() == b"precious"
    assert modes(tmp_path) == before


def test_strays_are_swept_away_and_foreign_files_stay(tmp_path):
    with LocalEncord(state_dir=tmp_path):
        pass
    objects = tmp_path / "objects"
    for name in (STRAY, f"{STRAY}.0123abcd.part", "photo.jpg", "half.part", f"{STRAY}.jpg", f"{STRAY}\n"):
        (objects / name).write_bytes(b"x")
    (objects / "album").mkdir()
    (objects / STRAY.replace("1", "2")).mkdir()
    with LocalEncord(state_dir=tmp_path):
        left = {path.name for path in objects.iterdir()}
    assert left == {"photo.jpg", "half.part", f"{STRAY}.jpg", f"{STRAY}\n", "album", STRAY.replace("1", "2")}


def test_the_marker_makes_a_folder_ours(tmp_path):
    (tmp_path / MARKER).touch()
    (tmp_path / "notes.txt").write_text("mine")
    with LocalEncord(state_dir=tmp_path):
        assert (tmp_path / "notes.txt").read_text() == "mine"


OLD = Path(__file__).parents[1] / "data" / "emulator_state_before_folders.sql"
"""A dataset with an image, a group and a video, a re-encode task, and a job that was interrupted while adding rows."""


def test_what_an_older_version_kept_is_taken_over(tmp_path, raw_client):
    local = LocalEncord(state_dir=tmp_path)
    (tmp_path / MARKER).touch()
    with closing(sqlite3.connect(tmp_path / "encord.sqlite3")) as database, database:
        database.executescript(OLD.read_text(encoding="utf-8").replace("USER", local.public_key))
    with local:
        raw = raw_client(local)
        (dataset,) = local.state()["rows"]
        titles = ["1.png", "g", "v.mp4"]
        assert [row["data_title"] for row in raw.rows(dataset)] == titles
        *over, interrupted = local.state()["jobs"]
        assert [len(raw.poll(dataset, job)["data_hashes_with_titles"]) for job in over] == [2, 1]
        assert local.force_job(interrupted, status="DONE")["units_done_count"] == 1
        assert [row["data_title"] for row in raw.rows(dataset)] == [*titles, "w.mp4"]
        assert raw.result("reencodevideotask", "GET", 1, dataset=dataset)["status"] == "DONE"
        (folder,) = local.state()["items"]
        path = f"/v2/public/storage/folders/{folder}/items"
        items = {item["name"]: item for item in raw.v2("GET", path).json()["results"]}
        assert items.keys() == {*titles, "w.mp4"}
        children = raw.v2("GET", f"{path}/{items['g']['uuid']}/child-items").json()["results"]
        assert [child["url"] for child in children] == ["gs://b/2.png", "gs://b/3.png"]
    with LocalEncord(state_dir=tmp_path) as again:
        assert again.state()["rows"] == {dataset: 4}


def test_what_a_newer_version_kept_is_refused(tmp_path):
    with LocalEncord(state_dir=tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "encord.sqlite3")) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(ValueError, match="version 99"), LocalEncord(state_dir=tmp_path):
        pass
