"""Secrets planted wherever a user or a server can put one: no log, no table and no file shows them afterwards."""

import json
import secrets
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from airflow_provider_encord.hooks.encord import EncordHook

pytestmark = pytest.mark.system

ENDINGS = {
    "control": "success",
    "register_to_fail": "failed",
    "register": "success",
    "upload": "failed",
    "by_hook": "success",
    "transfer": "success",
    "poke": "failed",
    "defer": "failed",
    "list_rows": "failed",
    "list_datasets": "failed",
    "delete": "failed",
    "re_encode": "failed",
    "bearer": "failed",
    "api_key": "failed",
    "no_key_file": "failed",
}
KEY_FILE = "/no/such/folder/encord_ed25519"
S3_LOG = b"127.0.0.1 - -"
"""So the lines of the local S3 begin, which is asked for the objects of the manifest."""
OPENLINEAGE = Path(sys.prefix) / "openlineage"
"""Airflow's OpenLineage provider, which `make test` puts there; its events are one more place to look."""
BROKEN = ("list_data_rows", "list_datasets", "delete_data", "re_encode_start")


@pytest.fixture(scope="module")
def planted():
    """A secret for each place."""
    places = ("manifest", "job_error", "server_text", "login_echo", "bearer", "api_key", "passphrase", "redirect")
    return {place: f"{place}-{secrets.token_hex(12)}" for place in places}


@pytest.fixture(scope="module")
def run(demo, theatre, planted, tmp_path_factory):
    """Run the DAG once among faults; return the states, the log and the control text."""
    props = tmp_path_factory.mktemp("props")
    signed = f"s3://{demo.BUCKET}/{demo.PREFIX}cloud-1.mp4?X-Goog-Signature={planted['manifest']}"
    (props / "manifest.json").write_text(json.dumps({"videos": [{"objectUrl": signed}]}))
    usual = demo.airflow_environment
    encord = json.loads(usual(theatre.stage)["AIRFLOW_CONN_ENCORD_DEFAULT"])
    extra = {
        "BEARER": {"token": planted["bearer"]},
        "API_KEY": {"api_key": planted["api_key"], "dataset_hash": "d"},
    }
    own = {
        f"AIRFLOW_CONN_ENCORD_{name}": json.dumps({**encord, "extra": {**each, "passphrase": planted["passphrase"]}})
        for name, each in extra.items()
    }
    own |= {"AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "dags")}
    own |= {"LEAK_MANIFEST": str(props / "manifest.json")}
    if OPENLINEAGE.is_dir():
        transport = {"type": "file", "log_file_path": str(theatre.folder / "lineage.jsonl"), "append": True}
        own |= {"PYTHONPATH": str(OPENLINEAGE), "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport)}
    said = (
        f"see https://storage.test/x?X-Goog-Signature={planted['server_text']} "
        f"or gs://b/k?sig={planted['server_text']}, "
        f"sent was Authorization: Bearer {planted['login_echo']}"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", json.dumps(encord))
        hook = EncordHook()
        dataset = hook.create_dataset("leaks").dataset_hash
        error = f"cannot read https://bucket.test/x.mp4?X-Goog-Signature={planted['job_error']}"
        theatre.control("POST", "jobs/next", status="ERROR", error=error)
        job = hook.start_upload_job(
            dataset, files={"videos": [{"objectUrl": signed}]}, integration_id=hook.find_cloud_integration("AWS")
        )
        theatre.control("POST", f"jobs/{job}", status="ERROR", error=error)
        theatre.control("POST", "jobs/next", status="ERROR", error=error)  # for the first that the DAG starts
        for operation in BROKEN:
            action = {"status": 400, "body": {"status": 400, "response": ["INVALID_ARGUMENTS_ERROR"], "payload": said}}
            theatre.control("POST", "faults", operation=operation, times=None, action=action)
        elsewhere = f"https://elsewhere.test/?token={planted['redirect']}"
        action = {"status": 307, "headers": {"Location": elsewhere}, "body": said}
        theatre.control("POST", "faults", operation="storage_put", times=None, action=action)
        control = f"control-{secrets.token_hex(12)}"
        conf = {
            "dataset_hash": dataset,
            "folder_uuid": hook.create_folder("leaks").uuid,
            "prefix": f"s3://aws_default@{demo.BUCKET}/{demo.PREFIX}",
            "job": job,
            "image": str(theatre.stage.media_folder / "local-1.jpg"),
            "details": str(theatre.folder / "details.jsonl"),
            "control": control,
        }
        patch.setattr(demo, "airflow_environment", lambda stage: usual(stage) | own)
        log = theatre.folder / "leaks.log"
        whole, theatre.stage.log = theatre.stage.log, log.open("w")
        try:
            if demo.version("apache-airflow").startswith("3.0."):
                demo.airflow(theatre.stage, "dags", "reserialize")
            no_key = json.dumps({"conn_type": "encord", "host": encord["host"], "extra": {"ssh_key_file": KEY_FILE}})
            demo.airflow(theatre.stage, "connections", "add", "encord_no_key_file", "--conn-json", no_key)
            with suppress(demo.DemoFailed):  # most of it is to fail
                demo.airflow(theatre.stage, "dags", "test", "leaks", "2026-04-01", "--conf", json.dumps(conf))
        finally:
            theatre.stage.log.close()
            theatre.stage.log = whole
            theatre.control("DELETE", "faults")
            theatre.control("POST", "jobs/next")
    with closing(sqlite3.connect(theatre.stage.home / "airflow.db")) as database:
        states = dict(database.execute("SELECT task_id, state FROM task_instance WHERE dag_id = 'leaks'"))
    return states, log, control, conf


@pytest.fixture(scope="module")
def sinks(theatre, run):
    """All files that Airflow, the tasks and the local Encord wrote; but not what Encord keeps of the data itself."""
    kept = {theatre.folder / "encord" / "encord.sqlite3", theatre.stage.private_key}
    files = [path for path in theatre.folder.rglob("*") if path.is_file()]
    return {
        path: path.read_bytes()
        for path in files
        if not any(path.name.startswith(each.name) for each in kept) and "objects" not in path.parts
    }


def test_the_tasks_end_as_meant(run):
    states, log, *_ = run
    assert states == ENDINGS
    assert log.stat().st_size > 100_000, "not at debug level?"


def test_what_is_leaked_on_purpose_is_found(theatre, run, sinks):
    _, log, control, _ = run
    found = {path for path, content in sinks.items() if control.encode() in content}
    assert log in found
    # The last pages of the database can be in its write-ahead log, `airflow.db-wal`.
    assert [path for path in found if path.parent == theatre.stage.home and path.name.startswith("airflow.db")]
    assert theatre.folder / "encord" / "requests.jsonl" in sinks
    assert theatre.folder / "details.jsonl" in sinks


@pytest.mark.parametrize(
    "place", ["manifest", "job_error", "server_text", "login_echo", "bearer", "api_key", "passphrase", "redirect"]
)
def test_no_sink_shows_it(place, planted, sinks):
    secret = planted[place].encode()
    # Airflow itself prints a connection's extra in `dags test`, of any provider: see docs/security.md.
    allowed = b"MaskSecret" if place in ("bearer", "api_key", "passphrase") else None
    lines = [
        (path.name, line[:300])
        for path, content in sinks.items()
        if secret in content
        for line in content.splitlines()
        if secret in line and not (allowed and allowed in line) and not line.startswith(S3_LOG)
    ]
    assert lines == []


def test_the_path_of_a_missing_key_file_is_told(run):
    """Airflow masks the value of each extra whose name it holds for a secret's; this one's it must not."""
    _, log, *_ = run
    text = log.read_text()
    said = [line[at:] for line in text.splitlines() if (at := line.find("the key file")) >= 0]
    told = f"the key file '{KEY_FILE}' cannot be read on this machine (No such file or directory; host "
    # Some releases of Airflow print the traceback a second time, in a box that breaks its lines.
    assert [line for line in said if line.startswith(told) and f"path '{KEY_FILE}'" in line]
    assert "the key file '***" not in text


def test_no_signed_url_of_an_upload_is_shown(sinks):
    assert [path.name for path, content in sinks.items() if b"signature=" in content.replace(b"-Signature=", b"")] == []


@pytest.fixture(scope="module")
def lineage(theatre, run):
    """Where each task read and wrote, as the OpenLineage provider tells it when the task has ended."""
    if not OPENLINEAGE.is_dir():
        pytest.skip(f"the OpenLineage provider is not in {OPENLINEAGE}: `make test` puts it there")
    told = {}
    for line in (theatre.folder / "lineage.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["eventType"] in ("COMPLETE", "FAIL"):
            task = event["job"]["name"].rpartition(".")[2]
            told[task] = [[(each["namespace"], each["name"]) for each in event[side]] for side in ("inputs", "outputs")]
    return told


def test_lineage_leads_from_the_prefix_or_folder_to_encord(demo, theatre, run, lineage):
    conf = run[-1]
    encord = theatre.stage.encord_url.replace("http", "encord")
    bucket = (f"s3://{demo.BUCKET}", demo.PREFIX.strip("/"))
    media = ("file", str(theatre.stage.media_folder))
    dataset, folder = (encord, f"datasets/{conf['dataset_hash']}"), (encord, f"folders/{conf['folder_uuid']}")
    assert lineage["transfer"] == [[bucket], [folder]]
    assert lineage["upload"] == [[media], [dataset]]
    assert lineage["register"] == [[], [dataset]]
    assert folder in lineage["by_hook"][1], "which comes before the transfer"
