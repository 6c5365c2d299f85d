"""The command: its ready line, its end, and what it remembers."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from airflow_provider_encord.emulator import LocalEncord
from airflow_provider_encord.emulator.__main__ import main
from airflow_provider_encord.emulator.auth import generate_key


class Process:
    def __init__(self, *options):
        command = [sys.executable, "-m", "airflow_provider_encord.emulator", *map(str, options)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.first_words = self.process.stderr.readline()
        self.ready = json.loads(self.process.stdout.readline())
        self.url = self.ready["url"]

    @property
    def private_key(self):
        return Path(self.ready["private_key_path"]).read_text(encoding="utf-8")

    def end(self, number):
        self.process.send_signal(number)
        code = self.process.wait(20)
        rest = self.process.stdout.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return code, rest


@pytest.fixture
def run():
    running = []

    def start(*options):
        running.append(Process(*options))
        return running[-1]

    yield start
    for started in running:
        if started.process.poll() is None:
            started.end(signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ready_line_and_clean_end(run, raw_client, number):
    emulator = run()
    assert set(emulator.ready) == {"url", "private_key_path", "integrations"}
    assert emulator.url.startswith("http://127.0.0.1:")
    assert emulator.first_words == f"encord-emulator: listening on {emulator.url.removeprefix('http://')}\n"
    key_file = Path(emulator.ready["private_key_path"])
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert raw_client(emulator).create_dataset()
    assert emulator.end(number) == (0, "")
    assert not key_file.exists()


def test_each_public_key_is_a_user(run, raw_client, tmp_path):
    keys = []
    for name in ("a", "b"):
        text, user = generate_key()
        public = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(user))
        line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        (tmp_path / f"{name}.pub").write_bytes(line + b" someone@somewhere\n")
        keys.append(text)
    emulator = run("--public-key", tmp_path / "a.pub", "--public-key", tmp_path / "b.pub")
    assert "private_key_path" not in emulator.ready
    first, second = (raw_client(emulator, key) for key in keys)
    dataset = first.create_dataset()
    assert second.refusal("dataset", "GET", dataset=dataset) == "AUTHORISATION_ERROR"


def test_wrong_options(tmp_path, capsys):
    rsa_key = rsa.generate_private_key(65537, 2048).public_key()
    (tmp_path / "rsa.pub").write_bytes(rsa_key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    (tmp_path / "junk.pub").write_text("junk")
    for options, message in (
        (["--public-key", str(tmp_path / "rsa.pub")], "not an Ed25519 key"),
        (["--public-key", str(tmp_path / "junk.pub")], "not an OpenSSH public key"),
        (["--public-key", str(tmp_path / "none.pub")], "No such file"),
        (["--job-seconds", "-1"], "invalid"),
        (["--url-lifetime", "soon"], "invalid"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(options)
        assert stop.value.code == 2
        assert message in capsys.readouterr().err


def test_missing_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "botocore.config", None)
    with pytest.raises(SystemExit):
        main(["--s3-endpoint", "http://127.0.0.1:1"])
    assert "airflow-provider-encord[emulator]" in capsys.readouterr().err


def test_taken_port(run, capsys):
    port = run().url.rpartition(":")[2]
    assert main(["--port", port]) == 1
    assert "encord-emulator: " in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_everything_answered_outlives_the_process(run, raw_client, tmp_path, media, number):
    first = run("--state-dir", tmp_path, "--job-seconds", 1000)
    assert str(tmp_path) in first.ready["private_key_path"]
    raw = raw_client(first)
    dataset = raw.create_dataset()
    token = raw.v2("GET", "/v2/public/user/bearer-token").json()["token"]
    key = raw.upload((media / "a.png").read_bytes())
    made = raw.result(
        "datasetapikey", "POST", None, {"dataset_hash": dataset, "title": "k", "scopes": ["dataset.read"]}
    )
    waiting = raw.start(dataset, {"dataItems": {"images": [{"objectUrl": key, "title": "later"}]}})
    set_to = raw.session.post(f"{first.url}/_emulator/settings", json={"job_seconds": 0}, timeout=10)
    assert set_to.status_code == 200
    done = raw.add(dataset, {"dataItems": {"images": [{"objectUrl": key, "title": "now"}]}})
    task = raw.result("reencodevideotask", "PUT", None, {"data_hash": []}, dataset=dataset)
    before = raw.rows(dataset)
    code, _ = first.end(number)
    assert code == (0 if number == signal.SIGTERM else -signal.SIGKILL)

    second = run("--state-dir", tmp_path)
    raw = raw_client(second)
    assert raw.rows(dataset) == before
    assert raw.v2("GET", "/v2/public/user/bearer-token").json()["token"] == token
    assert raw.result("dataset", "GET", dataset=dataset, authorization=made["api_key"])["title"] == "raw"
    assert raw.poll(dataset, waiting, 0)["status"] == "PENDING"
    raw.session.post(f"{second.url}/_emulator/jobs/{waiting}", json={"status": "DONE"}, timeout=10)
    assert raw.poll(dataset, waiting, 10)["units_done_count"] == 1
    assert [row["data_title"] for row in raw.rows(dataset)] == ["now", "later"]
    hashes = [entry["data_hash"] for entry in done["data_hashes_with_titles"]]
    assert hashes == [before[0]["data_hash"]]
    details = {"additional_data": {"signed_url": True}}
    url = raw.result("datarow", "GET", hashes[0], details, dataset=dataset)["signed_url"]
    assert raw.session.get(url, timeout=10).content == (media / "a.png").read_bytes()
    assert raw.result("reencodevideotask", "GET", task, dataset=dataset)["status"] == "DONE"


def test_a_job_goes_on_after_a_restart_where_it_was(tmp_path, raw_client):
    videos = [{"objectUrl": f"gs://b/{number}.mp4"} for number in range(3)]
    with LocalEncord(state_dir=tmp_path, job_seconds=1000) as first:
        raw = raw_client(first)
        dataset = raw.create_dataset()
        job = raw.start(dataset, {"files": {"videos": videos}, "integrationId": first.integrations["GCP"]})
        first.force_job(job, status="HELD", done_units=2)
        assert len(raw.rows(dataset)) == 2
    with LocalEncord(state_dir=tmp_path) as second:
        assert second.state()["rows"] == {dataset: 2}
        assert second.state()["jobs"] == {job: "HELD"}
        assert second.force_job(job, status="DONE")["units_done_count"] == 3
        assert second.state()["rows"] == {dataset: 3}


def test_any_setting_can_be_given(run, raw_client):
    emulator = run("--setting", "current_user=false", "--setting", "second_sync=join")
    assert raw_client(emulator).v2("GET", "/v2/public/user/current").status_code == 404
    settings = requests.get(f"{emulator.url}/_emulator/settings", timeout=10).json()
    assert (settings["second_sync"], settings["current_user"]) == ("join", False)


@pytest.mark.parametrize("setting", ["second_sync", "second_sync=both", "color=red"])
def test_a_setting_that_makes_no_sense(setting):
    with pytest.raises(SystemExit):
        main(["--setting", setting])


def test_failure_to_start_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError), LocalEncord(state_dir=tmp_path / "file"):
        pass
