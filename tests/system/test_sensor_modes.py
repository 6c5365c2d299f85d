"""What becomes of a sensor's task in each mode, on the installed Airflow: with that of the matrix, on each of them."""

import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from airflow_provider_encord.hooks.encord import EncordHook

pytestmark = pytest.mark.system

MODES = ["poke", "reschedule", "deferrable"]
ENDINGS = {
    "done": "success",
    "time_over_soft": "skipped",
    "time_over_hard": "failed",
    "job_failed_soft": "failed",
    "job_missing_soft": "failed",
    "key_refused_soft": "failed",
}


@pytest.fixture(scope="module")
def jobs(demo, theatre):
    """A dataset with a job for each ending."""
    with pytest.MonkeyPatch.context() as patch:
        name = "AIRFLOW_CONN_ENCORD_DEFAULT"
        patch.setenv(name, demo.airflow_environment(theatre.stage)[name])
        hook = EncordHook()
        dataset = hook.create_dataset("sensor modes").dataset_hash
        manifest = {"videos": [{"objectUrl": f"s3://{demo.BUCKET}/{demo.PREFIX}cloud-1.mp4"}]}
        integration = hook.find_cloud_integration("AWS")
        started = {}
        for name, status in {"done": "DONE", "pending": "PENDING", "failed": "ERROR"}.items():
            theatre.control("POST", "jobs/next", status=status)
            started[name] = hook.start_upload_job(dataset, files=manifest, integration_id=integration)
            theatre.control("POST", f"jobs/{started[name]}", status=status)
    return {"dataset_hash": dataset, **started}


@pytest.fixture(scope="module")
def states(demo, theatre, jobs, tmp_path_factory):
    """Run the DAG once and return the states of its tasks."""
    stranger, _ = demo.make_key(tmp_path_factory.mktemp("stranger"))
    connection = {
        "conn_type": "encord",
        "host": theatre.stage.encord_url,
        "extra": {"ssh_key_file": str(stranger)},
    }
    usual = demo.airflow_environment
    own = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "dags"),
        "AIRFLOW_CONN_ENCORD_STRANGER": json.dumps(connection),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "airflow_environment", lambda stage: usual(stage) | own)
        if demo.version("apache-airflow").startswith("3.0."):
            demo.airflow(theatre.stage, "dags", "reserialize")
        with suppress(demo.DemoFailed):  # some tasks are to fail, and so does the run
            demo.airflow(theatre.stage, "dags", "test", "sensor_modes", "2026-03-01", "--conf", json.dumps(jobs))
    with closing(sqlite3.connect(theatre.stage.home / "airflow.db")) as database:
        found = database.execute(
            "SELECT task_id, map_index, state FROM task_instance WHERE dag_id = 'sensor_modes'"
        ).fetchall()
    return {(task, index): state for task, index, state in found}


@pytest.fixture
def can_reschedule(demo, mode):
    """Skip what the inline runs of one Airflow cannot do."""
    if mode == "reschedule" and demo.version("apache-airflow").startswith("3.0."):
        pytest.skip("`dags test` of Airflow 3.0 gives a rescheduled sensor its start as text, and it fails on that")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", [case for case in ENDINGS if not case.startswith("time_over")])
def test_the_task_ends_alike_in_each_mode(mode, case, states):
    assert states[f"{mode}-{case}", -1] == ENDINGS[case]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", [case for case in ENDINGS if case.startswith("time_over")])
@pytest.mark.usefixtures("can_reschedule")
def test_its_own_time_ends_it_alike_in_each_mode(mode, case, states):
    assert states[f"{mode}-{case}", -1] == ENDINGS[case]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.usefixtures("can_reschedule")
def test_the_time_of_a_mapped_task_is_its_own(mode, states):
    assert (states[f"{mode}-mapped", 0], states[f"{mode}-mapped", 1]) == ("skipped", "success")
