"""The example DAG on the installed Airflow, against the local Encord and a local S3: what `make demo` shows."""

import importlib.util
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "example_dags" / "demo.py"

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def demo():
    spec = importlib.util.spec_from_file_location("encord_demo", DEMO)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(demo, tmp_path_factory):
    """One run of the demo: the stage, the state of each task, the rows of each dataset, the log."""
    folder = tmp_path_factory.mktemp("demo")
    log_file = folder / "demo.log"
    with log_file.open("w") as log, demo.staged(log, folder) as stage:
        try:
            demo.prepare_airflow(stage)
            demo.run_dag(stage)
        except demo.DemoFailed as error:
            excerpt = "\n".join(demo.notable(log_file.read_text().splitlines()))
            pytest.fail(f"{error}\n{excerpt}", pytrace=False)
        yield stage, demo.task_states(stage), demo.datasets(stage), log_file.read_text()


def test_every_task_succeeds_and_encord_holds_the_data(demo, run):
    _, states, found, _ = run
    assert demo.problems(states, found) == []


def test_the_waiting_is_deferred(run):
    *_, log = run
    assert log.count("running trigger in line") >= 2


def test_no_key_reaches_the_log(run):
    stage, *_, log = run
    lines = [line for line in stage.private_key.splitlines() if not line.startswith("-----")]
    assert lines
    assert not [line for line in lines if line in log]
    assert "X-Amz-Signature" not in log
