"""The nightly ingest on the installed Airflow, against the local Encord and a local S3: what `make demo` shows."""

import pytest

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def run(demo, theatre):
    """One run of the demo's DAG, with jobs that take longer than a worker waits."""
    with theatre.jobs_that_take(8):
        return theatre.watch(demo.DAG_ID, lambda: demo.run_dag(theatre.stage))


def test_every_task_succeeds_and_encord_holds_the_data(demo, theatre, run):
    found = {title: rows for title, rows in demo.rows_by_title(theatre.stage).items() if title.startswith("ingest-")}
    assert demo.problems(run.states, found) == []


def test_the_waiting_is_deferred(run):
    assert run.deferrals >= 2


def test_no_secret_is_left_anywhere(theatre, run):
    """Neither in what Airflow logs at debug level, nor in its database (XComs, rendered fields, trigger rows)."""
    key = theatre.stage.private_key
    secrets = [line.encode() for line in key.read_text().splitlines() if not line.startswith("-----")]
    secrets += [b"signature=", b"X-Amz-Signature"]
    files = [path for path in theatre.folder.rglob("*") if path.is_file() and path != key]
    assert theatre.stage.home / "airflow.db" in files
    assert len(run.log) > 100_000, "not at debug level?"
    assert [(path.name, secret) for path in files for secret in secrets if secret in path.read_bytes()] == []
