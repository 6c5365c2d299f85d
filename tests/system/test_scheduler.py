"""What takes a real scheduler: a DAG that starts from another one's asset, and the ticks of a timetable."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from unittest.mock import ANY

import boto3
import pytest

from airflow_provider_encord.hooks.encord import EncordHook

AIRFLOW = version("apache-airflow")
IS_2 = AIRFLOW.startswith("2.")
EXAMPLES = Path(__file__).parents[2] / "example_dags"
OURS = Path(__file__).parent / "dags"
INGEST, REVIEW, SILENT, TICKS = "encord_asset_ingest", "encord_asset_review", "silent", "every_tick"
DAGS = [EXAMPLES / f"{INGEST}.py", EXAMPLES / f"{REVIEW}.py", OURS / f"{SILENT}.py", OURS / f"{TICKS}.py"]
PATIENCE = 300
UNTIL_LAST_TICK = 40
"""Seconds; about as long as the other runs take."""
RUNS = f"SELECT dag_id, run_id, state FROM dag_run WHERE dag_id IN ('{INGEST}', '{REVIEW}', '{SILENT}', '{TICKS}')"
TASKS = f"SELECT dag_id, run_id, state FROM task_instance WHERE dag_id IN ('{INGEST}', '{REVIEW}', '{SILENT}')"

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(AIRFLOW not in ("2.11.2", "3.3.2"), reason="the oldest and the newest Airflow show it"),
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def service(environment, log, *command):
    """One of Airflow's services."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # nothing here is worth the time that they take to end
            process.wait()


@pytest.fixture(scope="module")
def hook(demo, theatre):
    with pytest.MonkeyPatch.context() as patch:
        name = "AIRFLOW_CONN_ENCORD_DEFAULT"
        patch.setenv(name, demo.airflow_environment(theatre.stage)[name])
        yield EncordHook()


@pytest.fixture(scope="module")
def dataset(hook):
    return hook.create_dataset("assets").dataset_hash


@pytest.fixture(scope="module")
def ticks(demo, theatre, hook):
    """An object that was written between the last two ticks of three."""
    keys = {"aws_access_key_id": "demo", "aws_secret_access_key": "demo"}
    store = boto3.client("s3", endpoint_url=theatre.stage.s3_url, region_name="us-east-1", **keys)
    video = next(key for key in theatre.stage.objects if key.endswith(".mp4"))
    store.copy_object(Bucket=demo.BUCKET, Key="ticks/new.mp4", CopySource=f"{demo.BUCKET}/{video}")
    return {
        "LAST_TICK": str(time.time() + UNTIL_LAST_TICK),
        "TICKS_DATASET": hook.create_dataset("ticks").dataset_hash,
        "TICKS_PREFIX": f"s3://{demo.BUCKET}/ticks/",
    }


@pytest.fixture(scope="module")
def environment(demo, theatre, dataset, ticks, tmp_path_factory):
    """An Airflow with these DAGs alone, and a database of its own: a scheduler also works on what others left there."""
    home = tmp_path_factory.mktemp("home")
    dags = tmp_path_factory.mktemp("dags")
    for path in DAGS:
        shutil.copy(path, dags)
    port = free_port()
    settings = {
        "core__dags_folder": str(dags),
        "core__dags_are_paused_at_creation": "False",
        "core__executor": "SequentialExecutor" if IS_2 else "LocalExecutor",
        "core__execution_api_server_url": f"http://127.0.0.1:{port}/execution/",
        "core__parallelism": "2",
        # A scheduler that finds SQLite locked for 5 s, the usual patience, ends.
        "database__sql_alchemy_conn": f"sqlite:///{home}/airflow.db?timeout=60",
        "api__port": str(port),
        "api_auth__jwt_secret": "a secret of this test " * 3,
        "scheduler__scheduler_idle_sleep_time": "0.2",
        "logging__logging_level": "INFO",
    }
    own = {f"AIRFLOW__{name.upper()}": value for name, value in settings.items()}
    own["AIRFLOW_HOME"] = str(home)
    own["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # Airflow 2 runs tasks by its command
    return demo.airflow_environment(theatre.stage) | own | ticks | {"ENCORD_EXAMPLE_DATASET": dataset}


@pytest.fixture(scope="module")
def airflow(demo, theatre, commands_in, environment, tmp_path_factory):
    """The ingest triggered twice, of which the second run finds nothing new; the database once all runs have ended."""
    logs = tmp_path_factory.mktemp("logs")
    commands = commands_in(environment)
    order = partial(commands.run, str(logs / "commands.log"))
    conf = json.dumps({"prefix": f"s3://{demo.BUCKET}/{demo.PREFIX}"})
    with ExitStack() as services:
        services.callback(commands.stop)
        order("db", "migrate")
        database = services.enter_context(closing(sqlite3.connect(Path(environment["AIRFLOW_HOME"], "airflow.db"))))
        if not IS_2:
            port = environment["AIRFLOW__API__PORT"]
            command = ("api-server", "--host", "127.0.0.1", "--port", port, "--workers", "1", "--apps", "execution")
            services.enter_context(service(environment, logs / "api-server.log", *command))
        order("dags", "reserialize")
        for dag_id, run_id in ((INGEST, "first"), (INGEST, "second"), (SILENT, "only")):
            order("dags", "trigger", dag_id, "--run-id", run_id, "--conf", conf, "--no-replace-microseconds")
        scheduler = logs / "scheduler.log"
        services.enter_context(service(environment, scheduler, "scheduler", "--skip-serve-logs"))
        until = time.monotonic() + PATIENCE
        while not all_ended(database):
            if time.monotonic() > until:
                pytest.fail(f"{ask(database, RUNS)} after {PATIENCE} s\n{scheduler.read_text()[-4000:]}", pytrace=False)
            time.sleep(0.2)
        yield database


def ask(database, query):
    return database.execute(query).fetchall()


def all_ended(database):
    states = ask(database, RUNS)
    return len(states) == 7 and all(state in ("success", "failed") for *_, state in states)


def test_the_second_dag_runs_once_and_reads_what_was_added(airflow, dataset):
    """The second run of the first one has skipped its task: it found nothing new."""
    assert sorted(ask(airflow, TASKS)) == [
        (INGEST, "first", "success"),
        (INGEST, "second", "skipped"),
        (REVIEW, ANY, "success"),
        (SILENT, "only", "success"),
    ]
    ((said,),) = ask(airflow, f"SELECT value FROM xcom WHERE dag_id = '{REVIEW}' AND key = 'return_value'")
    assert json.loads(said) == f"4 new items in dataset {dataset}, by 1 tasks"


def test_the_only_event_tells_what_was_added(airflow, dataset):
    """Neither the task that was skipped nor the one that succeeded with nothing added has one."""
    table = "dataset" if IS_2 else "asset"
    query = f"SELECT uri, {table}_event.extra FROM {table}_event JOIN {table} ON {table}.id = {table}_event.{table}_id"
    ((uri, extra),) = ask(airflow, query)
    assert uri == f"encord://api.encord.com/datasets/{dataset}"
    told = json.loads(extra)
    assert len(told.pop("job_ids")) == 1
    assert datetime.fromisoformat(told.pop("until")) < datetime.now(UTC)
    assert told == {"dataset_hash": dataset, "added": 4, "failed": 0}


def test_on_a_timetable_without_intervals_a_run_takes_what_came_since_the_tick_before(airflow, hook, ticks):
    """Also at runs that catch up, since the tick before comes from the timetable and not from the runs that were."""
    query = f"SELECT state FROM task_instance WHERE dag_id = '{TICKS}' ORDER BY run_id"
    assert [state for (state,) in ask(airflow, query)] == ["skipped", "skipped", "success"]
    assert [row.data_title for row in hook.iter_data_rows(ticks["TICKS_DATASET"])] == ["ticks/new.mp4"]
