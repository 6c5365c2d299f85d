"""Each example, triggered on a real Airflow as its dialog does: with its default params, and unpaused by the way.

Green, or red where it needs data of the user's: then the first error in the log tells what to do. Not part of
`make test`, which runs the same examples with data by `airflow dags test`, but of `make examples`.
"""

import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
import requests

from airflow_provider_encord.hooks.encord import EncordHook
from tests.browser.whole_airflow import api_servers
from tests.chaos.airflow_services import Service, free_port

NO_BUCKET = "there is no bucket 'my-bucket' (asked with connection 'aws_default')"
RED = {
    "encord_any_bucket": ("register_new", "pip install 'airflow-provider-encord[gcs]'"),
    "encord_asset_ingest": ("register_new", "Check the id"),
    "encord_bucket": ("register_new", NO_BUCKET),
    "encord_bucket_to_folder": ("register_new", NO_BUCKET),
    "encord_documents": ("find_documents", "Trigger again with another `documents`"),
    "encord_ingest": ("find_media", "Trigger again with another `media`"),
    "encord_private_data": ("check_manifest", "s3://aws_default@my-bucket/manifest.json"),
    "encord_sync_folder": ("sync", "Check the folder's remote URL, and that its integration may read it"),
    "encord_update_items": ("update_items", "s3://aws_default@my-bucket/metadata.csv"),
    "encord_uploads": ("find_media", "Trigger again with another `media`"),
    "encord_watched_ingest": ("register_new", NO_BUCKET),
}
"""What needs data of the user's: the task that says so, and how."""
WAITS = "encord_wait_for_rows"


class Airflow:
    """A whole Airflow, asked as the web page asks it."""

    def __init__(self, port, services):
        self.services = services
        self.url = f"http://127.0.0.1:{port}"
        self.session = requests.Session()
        self.session.trust_env = False

    def wait_for(self, what, ready, patience=600.0):
        until = time.monotonic() + patience
        while not (found := ready()):
            assert time.monotonic() < until, f"{what} was not there after {patience:.0f} s"
            for service in self.services:
                assert service.runs, f"{service.name} ended; see {service.log}"
            time.sleep(0.3)
        return found

    def log_in(self):
        with suppress(requests.RequestException):
            answer = self.session.get(f"{self.url}/auth/token", timeout=30)
            if answer.ok:
                self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
                return True
        return False

    def ask(self, path, method="GET", **options):
        answer = self.session.request(method, f"{self.url}/api/v2/{path}", timeout=60, **options)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def dags(self):
        return {dag["dag_id"] for dag in self.ask("dags", params={"limit": 100, "exclude_stale": "false"})["dags"]}

    def trigger(self, dag_id, logical_date, **conf):
        """Send what the dialog sends."""
        params = self.ask(f"dags/{dag_id}/details")["params"]
        self.ask(f"dags/{dag_id}", "PATCH", json={"is_paused": False})
        whole = {name: param["value"] for name, param in params.items()} | conf
        body = {"conf": whole, "logical_date": logical_date, "data_interval_start": None, "data_interval_end": None}
        return self.ask(f"dags/{dag_id}/dagRuns", "POST", json=body)["dag_run_id"]

    def runs(self):
        return self.ask("dags/~/dagRuns", params={"limit": 100})["dag_runs"]

    def states(self, dag_id):
        return [run["state"] for run in self.runs() if run["dag_id"] == dag_id]

    def ended(self, dag_id, run_id):
        return self.ask(f"dags/{dag_id}/dagRuns/{run_id}")["state"] in ("success", "failed")

    def tasks(self, dag_id, run_id):
        found = self.ask(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in found}

    def result(self, dag_id, run_id, task_id):
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self.ask(path)["value"]

    def log(self, dag_id, run_id, task_id):
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/1"
        content = self.ask(path, params={"full_content": "true"}, headers={"Accept": "application/json"})["content"]
        return [line for line in content if isinstance(line, dict)]

    def first_error(self, dag_id, run_id, task_id):
        line = next(line for line in self.log(dag_id, run_id, task_id) if line.get("level") in ("error", "critical"))
        return " ".join([line["event"], *(error["exc_value"] for error in line.get("error_detail") or ())])


@pytest.fixture(scope="module")
def airflow(theatre, tmp_path_factory):
    logs, port, execution_port = tmp_path_factory.mktemp("services"), free_port(), free_port()
    environment = theatre.demo.airflow_environment(theatre.stage)
    own = {
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "3",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{execution_port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": "/dev/null",
        # A scheduler that finds SQLite locked for 5 s, the usual patience, ends.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{theatre.stage.home}/airflow.db?timeout=60",
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # machines may be busy
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
    }
    commands = api_servers(port, execution_port) | {
        "dag-processor": ["dag-processor"],
        "scheduler": ["scheduler", "--skip-serve-logs"],
        "triggerer": ["triggerer", "--skip-serve-logs"],
    }
    services = [Service(name, command, environment | own, logs / f"{name}.log") for name, command in commands.items()]
    try:
        for service in services:
            service.start()
        running = Airflow(port, services)
        running.wait_for("the API server", running.log_in)
        wanted = {path.stem for path in theatre.demo.DAGS.glob("encord_*.py")}
        running.wait_for("the DAGs", lambda: running.dags() >= wanted)
        yield running
    finally:
        for service in services:
            service.kill()


@pytest.fixture(scope="module")
def runs(airflow):
    """The run of each example, ended but for the one that waits."""
    now = datetime.now(UTC).isoformat()
    runs = {dag_id: airflow.trigger(dag_id, now) for dag_id in sorted(airflow.dags())}
    for dag_id in runs.keys() - {WAITS}:
        airflow.wait_for(f"the end of {dag_id}", lambda: airflow.ended(dag_id, runs[dag_id]))  # noqa: B023
    return runs


@pytest.fixture
def hook(theatre, monkeypatch):
    name = "AIRFLOW_CONN_ENCORD_DEFAULT"
    monkeypatch.setenv(name, theatre.demo.airflow_environment(theatre.stage)[name])
    return EncordHook()


def test_no_example_has_an_import_error(airflow):
    assert airflow.ask("importErrors")["import_errors"] == []


def test_each_says_what_it_is_and_what_its_params_are(airflow):
    for dag_id in sorted(airflow.dags()):
        dag = airflow.ask(f"dags/{dag_id}/details")
        assert dag["description"], dag_id
        assert "Airflow 2.11 and later" in dag["doc_md"] or "Airflow 3.1 and later" in dag["doc_md"], dag_id
        assert [name for name, param in dag["params"].items() if not param["description"]] == [], dag_id


def test_each_is_green_or_names_the_cure(airflow, runs):
    wrong = {}
    for dag_id, run_id in runs.items():
        tasks = airflow.tasks(dag_id, run_id)
        failed = sorted(task_id for task_id, task in tasks.items() if task["state"] == "failed")
        if dag_id not in RED:
            if failed:
                wrong[dag_id] = [airflow.log(dag_id, run_id, task) for task in failed]
            continue
        task_id, cure = RED[dag_id]
        if task_id not in failed or cure not in (told := airflow.first_error(dag_id, run_id, task_id)):
            wrong[dag_id] = (failed, told)
    assert wrong == {}


def test_unpausing_starts_no_second_run(airflow, runs):
    assert {dag_id: len(airflow.states(dag_id)) for dag_id in runs} == dict.fromkeys(runs, 1)


def test_a_run_without_logical_date_fills_the_dataset_of_the_day(airflow, runs, theatre):
    media = {"media": theatre.stage.media_folder.as_uri(), "bucket_prefix": f"s3://{theatre.demo.BUCKET}/incoming/"}
    run_id = airflow.trigger("encord_ingest", None, **media)
    airflow.wait_for("the end of the ingest", lambda: airflow.ended("encord_ingest", run_id))
    assert {task["state"] for task in airflow.tasks("encord_ingest", run_id).values()} == {"success"}
    (title,) = (title for title, rows in theatre.demo.rows_by_title(theatre.stage).items() if len(rows) == 7)
    assert title == f"ingest-{datetime.now(UTC).date().isoformat()}"
    assert f"Dataset {airflow.result('encord_ingest', run_id, 'create_dataset')} holds" in str(
        airflow.log("encord_ingest", run_id, "report")
    )


def test_the_wait_ends_and_a_deletion_is_asked_for(airflow, runs, theatre, hook):
    (dataset,) = hook.get_datasets(title_eq="uploads")
    for number in (1, 2):
        file = theatre.stage.media_folder / f"local-{number}.mp4"
        hook.upload_video(dataset.dataset_hash, file, title=f"test-{number}")
    run_id = airflow.trigger("encord_approve_deletion", None)
    answer = f"dags/encord_approve_deletion/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
    tasks = lambda: airflow.tasks("encord_approve_deletion", run_id)  # noqa: E731
    airflow.wait_for("the question", lambda: tasks()["approve"]["state"] in ("deferred", "awaiting_input"))
    asked = airflow.ask(answer)
    assert asked["subject"] == "Delete 2 items of uploads?"
    assert "- test-1: destroyed" in asked["body"]
    # The sensor asks once a minute, so that somebody who waits for it has seen both videos by the time they go.
    airflow.wait_for("the end of the wait", lambda: airflow.ended(WAITS, runs[WAITS]))
    assert {task["state"] for task in airflow.tasks(WAITS, runs[WAITS]).values()} == {"success"}
    airflow.ask(answer, "PATCH", json={"chosen_options": ["Approve"], "params_input": {}})
    airflow.wait_for("the end of the deletion", lambda: airflow.ended("encord_approve_deletion", run_id))
    assert {task["state"] for task in tasks().values()} == {"success"}
    assert list(hook.list_data_rows(dataset.dataset_hash)) == []
