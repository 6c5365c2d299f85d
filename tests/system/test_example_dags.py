"""The nightly ingest on the installed Airflow, against the local Encord and a local S3: what `make demo` shows."""

import pytest

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def run(demo, theatre):
    """One run of the demo's DAG."""
    return theatre.watch(demo.DAG_ID, lambda: demo.run_dag(theatre.stage))


def test_every_task_succeeds_and_encord_holds_the_data(demo, theatre, run):
    found = {title: rows for title, rows in demo.datasets(theatre.stage).items() if title.startswith("ingest-")}
    assert demo.problems(run.states, found) == []


def test_the_waiting_is_deferred(run):
    assert run.deferrals >= 2


def test_no_key_reaches_the_log(theatre, run):
    lines = [line for line in theatre.stage.private_key.splitlines() if not line.startswith("-----")]
    assert lines
    assert not [line for line in lines if line in run.log]
    assert "X-Amz-Signature" not in run.log
