"""A task that defers, with its connection in Airflow's database, where the form puts it."""

import json

import pytest

pytestmark = pytest.mark.system

NAME = "AIRFLOW_CONN_ENCORD_DEFAULT"


@pytest.fixture
def connection_in_database(demo, theatre, monkeypatch):
    usual = demo.airflow_environment
    connection = json.loads(usual(theatre.stage)[NAME])
    without = {name: value for name, value in usual(theatre.stage).items() if name != NAME}
    monkeypatch.setattr(demo, "airflow_environment", lambda stage: without)
    demo.airflow(theatre.stage, "connections", "add", "encord_default", "--conn-json", json.dumps(connection))
    yield
    demo.airflow(theatre.stage, "connections", "delete", "encord_default")


@pytest.mark.usefixtures("connection_in_database")
def test_a_deferred_wait_finds_it(demo, theatre, tmp_path):
    video = f"s3://{demo.BUCKET}/{demo.PREFIX}cloud-1.mp4"
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"videos": [{"objectUrl": video}]}))
    with theatre.jobs_that_take(10):  # long enough for the sensor to defer, on a busy machine too
        run = theatre.run(
            "encord_private_data",
            in_own_process=True,
            dataset="in the database",
            manifest=str(manifest),
            video=video,
            details=str(tmp_path / "details.jsonl"),
        )
    assert run.deferrals == 1
    assert run.states["wait_for_job"] == "success"
