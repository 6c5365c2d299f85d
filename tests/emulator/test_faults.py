"""Misbehaviour on demand, the request log and the control API."""

import json
import re

import pytest
import requests

from airflow_provider_encord.emulator import LocalEncord, ManualClock
from airflow_provider_encord.emulator.request_log import Entry
from airflow_provider_encord.emulator.server import State


def lists(raw):
    return raw.v2("GET", "/v2/public/datasets/list")


def test_answer_of_choice(encord, raw):
    encord.fault("list_datasets", status=429, headers={"Retry-After": "7"}, body={"message": "slow down"}, times=2)
    for _ in range(2):
        answer = lists(raw)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
        assert answer.json() == {"message": "slow down"}
    assert lists(raw).status_code == 200
    assert [entry["status"] for entry in encord.requests("list_datasets")] == [429, 429, 200]
    assert encord.requests("list_datasets")[0]["fault"] == "status"


def test_skip_and_conditions(encord, raw):
    encord.fault("list_datasets", status=503, skip=1)
    encord.fault(path="/v2/public/user", method="get", status=500, body="oops", times=None)
    assert [lists(raw).status_code for _ in range(3)] == [200, 503, 200]
    answers = [raw.v2("GET", "/v2/public/user/bearer-token") for _ in range(3)]
    assert [(answer.status_code, answer.text) for answer in answers] == [(500, "oops")] * 3
    encord.clear_faults()
    assert raw.v2("GET", "/v2/public/user/bearer-token").status_code == 200


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_cut_connection(encord, raw, when, made):
    encord.fault("create_dataset", drop=when)
    with pytest.raises(requests.ConnectionError):
        raw.create_dataset()
    assert encord.state()["datasets"] == made
    (entry,) = encord.requests("create_dataset")
    assert (entry["status"], entry["fault"]) == (None, "drop")


def test_legacy_operations_have_names(encord, raw):
    dataset = raw.create_dataset()
    encord.fault("upload_job_poll", status=200, body={"status": 400, "response": ["RATE_LIMIT_ERROR"]})
    assert raw.result("dataset", "GET", dataset=dataset)
    assert raw.refusal("datasetdatalongpolling", "GET", dataset, {}, dataset=dataset) == "RATE_LIMIT_ERROR"


def test_fault_of_storage(encord, raw, media):
    encord.fault("storage_put", status=503, body="<Error><Code>SlowDown</Code></Error>")
    with pytest.raises(AssertionError, match="SlowDown"):
        raw.upload((media / "a.png").read_bytes())
    encord.fault("storage_put", drop="before")
    with pytest.raises(requests.ConnectionError):
        raw.upload((media / "a.png").read_bytes())
    assert raw.upload((media / "a.png").read_bytes())


def test_any_answer(encord, raw):
    page = "<html>sign in, ä</html>"
    encord.fault("list_datasets", status=200, headers={"content-type": "text/html", "Server": "proxy"}, body=page)
    answer = lists(raw)
    assert (answer.headers["Content-Type"], answer.headers["Server"]) == ("text/html", "proxy")
    assert answer.content == page.encode()
    encord.fault("list_datasets", status=502, body=b"\x1f\x8b\xff")
    answer = lists(raw)
    assert (answer.status_code, answer.content) == (502, b"\x1f\x8b\xff")
    assert answer.headers["Content-Type"].startswith("text/plain")
    encord.fault("list_datasets", status=302, headers={"Location": "/login"})
    assert raw.session.get(f"{raw.url}/v2/public/datasets/list", allow_redirects=False, timeout=10).status_code == 302
    encord.fault("list_datasets", status=200, body={"result": "\ud800"})
    answer = lists(raw)
    assert (answer.headers["Content-Type"], answer.text) == ("application/json; charset=utf-8", '{"result": "\\ud800"}')


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            {"operation": "upload_video", "status": 500},
            "unknown operation 'upload_video'; .* create_dataset, .*storage_put",
        ),
        ({"operation": "Create_dataset", "status": 500}, "unknown operation"),
        ({"operation": "unknown", "status": 500}, "unknown operation 'unknown'"),
        ({"operation": ["create_dataset"], "status": 500}, "unknown operation"),
        ({"state": 500}, "unknown field of an action 'state'; there are: .*status"),
        ({"operations": "create_dataset", "status": 500}, "'operations'; there are: .*status"),
        ({"method": "GTE", "status": 500}, "unknown method 'GTE'; there are: DELETE"),
        ({"path": "v2/public", "status": 500}, "begin with a slash"),
        ({"path": "/_emulator/state", "status": 500}, "not the control API"),
        ({"status": True}, "status must be a whole number"),
        ({"status": 99}, "status must be a whole number"),
        ({"status": 500.0}, "status must be a whole number"),
        ({"status": 500, "times": True}, "times .* must be a whole number"),
        ({"status": 500, "times": 0}, "times .* must be a whole number"),
        ({"status": 500, "skip": -1}, "skip must be a whole number"),
        ({"status": 500, "skip": False}, "skip must be a whole number"),
        ({"delay": float("nan")}, "delay must be a number"),
        ({"delay": -1}, "delay must be a number"),
        ({"hang": True}, "hang must be a number"),
        ({"hang": float("inf")}, "hang must be a number"),
        ({"hang": 10**400}, "hang must be a number"),
        ({"drop": "soon"}, "drop must be 'before' or 'after', not 'soon'"),
        ({}, "an action needs one of"),
        ({"body": "x", "delay": 1}, "need a status"),
        ({"headers": {}, "drop": "after"}, "need a status"),
        ({"status": 500, "drop": "before"}, "only one of status, drop and hang, not status and drop"),
        ({"status": 500, "headers": {"A": 1}}, "object of strings"),
        ({"status": 500, "headers": {"A\n": "x"}}, "is no header"),
        ({"status": 500, "headers": {"A": "x\r\nB: y"}}, "is no header"),
        ({"status": 500, "body": object()}, "neither as text nor as JSON"),
        ({"status": 500, "body": "\ud800"}, "neither as text nor as JSON"),
    ],
)
def test_a_rule_that_could_not_do_what_it_says_is_refused(encord, rule, message):
    with pytest.raises(ValueError, match=message):
        encord.fault(**rule)
    answer = requests.get(f"{encord.url}/_emulator/faults", timeout=10)
    assert answer.json() == {"faults": []}


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("faults", {"operation": "upload_video", "action": {"status": 500}}, "there are: .*create_dataset"),
        ("faults", {"action": {"status": 500}, "color": "red"}, "'color'; there are: action, method, operation"),
        ("faults", {"action": {"status": 500}, "id": 1}, "'id'; there are"),
        ("faults", {"action": {"state": 500}}, "'state'; there are: body, delay"),
        ("faults", {"action": None}, "needs an action"),
        ("settings", {"job_second": 1}, "'job_second'; there are: .*job_seconds"),
        ("settings", {"job_seconds": True}, "job_seconds must be a number"),
        ("settings", {"job_seconds": float("nan")}, "job_seconds must be a number"),
        ("settings", {"url_lifetime": None}, "url_lifetime must be a number"),
        ("settings", {"upload_headers": {"a b": "x"}}, "is no header"),
        ("jobs/next", {"state": "DONE"}, "'state'; there are: done_units, error, fail_units, status"),
        ("jobs/next", {"fail_units": [True]}, "fail_units must be a list"),
        ("jobs/next", {"status": ""}, "must be strings"),
        ("jobs/00000000-0000-0000-0000-000000000000", {}, "no registration job '00000000-.*process_hash"),
        ("tasks/99", {}, "no re-encode task '99'"),
    ],
)
def test_control_names_what_it_knows(encord, path, body, message):
    answer = requests.post(f"{encord.url}/_emulator/{path}", data=json.dumps(body),
                           headers={"Content-Type": "application/json"}, timeout=10)  # fmt: skip
    assert answer.status_code == (404 if message.startswith("no ") else 400)
    assert re.search(message, answer.json()["message"])


def test_the_log_of_an_operation_that_does_not_exist(encord, raw):
    raw.session.get(f"{raw.url}/nowhere", timeout=10)
    assert len(encord.requests("unknown")) == 1
    with pytest.raises(ValueError, match=r"unknown operation 'upload_video'; there are: .*upload_job_start"):
        encord.requests("upload_video")
    for query in ("operation=upload_video", "operatoin=create_dataset"):
        answer = requests.get(f"{encord.url}/_emulator/requests?{query}", timeout=10)
        assert (answer.status_code, "there are" in answer.json()["message"]) == (400, True)


def test_silence_and_delay(raw_client, in_background):
    clock = ManualClock()
    with LocalEncord(clock=clock) as local:
        raw = raw_client(local)
        local.fault("create_dataset", hang=60)
        silent = in_background(raw.create_dataset)
        clock.wait_for_sleepers()
        clock.advance(60)
        with pytest.raises(requests.ConnectionError):
            silent.result(10)
        assert local.state()["datasets"] == 0
        local.fault("create_dataset", delay=5)
        delayed = in_background(raw.create_dataset)
        clock.wait_for_sleepers()
        assert not delayed.done()
        clock.advance(5)
        assert delayed.result(10)


def test_stop_does_not_wait_for_silence(raw_client, in_background):
    clock = ManualClock()
    with LocalEncord(clock=clock) as local:
        local.fault("create_dataset", hang=1e9)
        silent = in_background(raw_client(local).create_dataset)
        clock.wait_for_sleepers()
    with pytest.raises(requests.ConnectionError):
        silent.result(10)


def test_rate_limit(raw_client):
    clock = ManualClock(1000.5)
    with LocalEncord(clock=clock, rate_limit=2) as local:
        raw = raw_client(local)
        answers = [lists(raw) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].headers["Retry-After"] == "1"
        clock.advance(1)
        assert lists(raw).status_code == 200


def test_control_api(encord, raw):
    control = f"{encord.url}/_emulator"

    def ask(method, path, body=None):
        answer = requests.request(method, f"{control}/{path}", json=body, timeout=10)
        return answer.status_code, answer.json()

    rule = {"operation": "list_datasets", "skip": 1, "action": {"status": 503}}
    assert ask("POST", "faults", rule)[0] == 200
    assert ask("GET", "faults")[1]["faults"][0]["operation"] == "list_datasets"
    assert [lists(raw).status_code for _ in range(2)] == [200, 503]
    assert ask("GET", "faults")[1] == {"faults": []}
    ask("POST", "faults", rule)
    assert ask("DELETE", "faults") == (200, {})
    assert [entry["status"] for entry in ask("GET", "requests?operation=list_datasets")[1]["requests"]] == [200, 503]
    assert ask("DELETE", "requests") == (200, {})
    assert ask("GET", "requests")[1] == {"requests": []}

    assert ask("POST", "settings", {"job_seconds": 1000})[1]["job_seconds"] == 1000
    assert ask("GET", "settings")[1]["job_seconds"] == 1000
    dataset = raw.create_dataset()
    files = {"videos": [{"objectUrl": "gs://b/v.mp4"}]}
    job = raw.start(dataset, {"files": files, "integrationId": encord.integrations["GCP"]})
    assert raw.poll(dataset, job, 0)["status"] == "PENDING"
    assert ask("POST", f"jobs/{job}", {"status": "DONE"})[1]["status"] == "DONE"
    (row,) = raw.rows(dataset)
    ask("POST", "tasks/next", {"status": "QUEUED"})
    task = raw.result("reencodevideotask", "PUT", None, {"data_hash": row["data_hash"]}, dataset=dataset)
    assert raw.result("reencodevideotask", "GET", task, dataset=dataset)["status"] == "QUEUED"
    assert ask("POST", f"tasks/{task}", {"status": "DONE"})[1]["status"] == "DONE"
    state = ask("GET", "state")[1]
    assert (state["datasets"], state["rows"], state["jobs"]) == (1, {dataset: 1}, {job: "DONE"})

    for method, path, body, status in (
        ("POST", "faults", {}, 400),
        ("POST", "faults", {"action": {"status": "x"}}, 400),
        ("POST", "faults", {"action": {"drop": "soon"}}, 400),
        ("POST", "faults", {"action": {"status": 500}, "times": 0}, 400),
        ("POST", "faults", {"action": {"status": 500}, "color": "red"}, 400),
        ("POST", "faults", [], 400),
        ("POST", "settings", {"job_seconds": -1}, 400),
        ("POST", "settings", {"nonsense": 1}, 400),
        ("POST", "jobs/nothing", {"status": "DONE"}, 404),
        ("POST", f"jobs/{job}", {"state": "DONE"}, 400),
        ("POST", "tasks/99", {"status": "DONE"}, 404),
        ("GET", "nothing", None, 404),
    ):
        assert ask(method, path, body)[0] == status, (path, body)


def test_request_log_tells_what_happened(encord, raw):
    dataset = raw.create_dataset()
    trace = "0123456789abcdef0123456789abcdef"
    payload = {"files": {"videos": [{"objectUrl": "gs://b/v.mp4"}]}, "integrationId": encord.integrations["GCP"]}
    body = raw.envelope("datasetdatalongpolling", "POST", dataset, payload)
    headers = {"X-Cloud-Trace-Context": f"{trace}/1;o=1", "User-Agent": "airflow-provider-encord/0.1.0"}
    job = raw.post(body, dataset=dataset, headers=headers).json()["response"]["process_hash"]
    (entry,) = encord.requests("upload_job_start")
    moment = entry.pop("time")
    assert moment > 0
    assert entry == {
        "operation": "upload_job_start",
        "method": "POST",
        "path": "/public",
        "query": [],
        "status": 200,
        "dataset": dataset,
        "user": raw.user[:8],
        "trace_id": trace,
        "user_agent": "airflow-provider-encord/0.1.0",
        "jobs": [job],
    }
    encord.clear_requests()
    assert encord.requests() == []


def test_bodies_are_logged_on_demand(raw_client, tmp_path, media):
    with LocalEncord(keep_bodies=True, state_dir=tmp_path) as local:
        raw = raw_client(local)
        dataset = raw.create_dataset(title="Mine")
        (entry,) = local.requests("create_dataset")
        assert entry["request_body"] == {"title": "Mine", "createBackingFolder": True}
        assert entry["response_body"]["datasetUuid"] == dataset
        raw.v2("GET", "/v2/public/user/bearer-token")
        raw.result("datasetapikey", "POST", None, {"dataset_hash": dataset, "title": "k", "scopes": ["dataset.read"]})
        signed = "https://b.example/v.mp4?X-Amz-Signature=SECRET#SECRET"
        raw.legacy("datasetdatalongpolling", "POST", dataset, {"files": {"videos": [{"objectUrl": signed}]},
                   "integrationId": local.integrations["AWS"]}, dataset=dataset)  # fmt: skip
        raw.upload((media / "a.png").read_bytes())
        local.fault("list_datasets", status=502, body="<a href='http://p.example/?t=SECRET'>sign in</a>")
        lists(raw)
        local.fault("list_datasets", drop="before")
        with pytest.raises(requests.ConnectionError):
            lists(raw)
        entries = local.requests()
        on_disk = (tmp_path / "requests.jsonl").read_text(encoding="utf-8")
    assert [entry["response_body"] for entry in entries if entry["operation"] == "list_datasets"] == [
        "<a href='http://p.example/?***'>sign in</a>",
        None,
    ]
    (start,) = [entry["request_body"] for entry in entries if entry["operation"] == "upload_job_start"]
    assert start["values"]["payload"]["files"] == {"videos": [{"objectUrl": "https://b.example/v.mp4?***"}]}
    (token,) = [entry["response_body"] for entry in entries if entry["operation"] == "get_bearer_token"]
    assert token == {"token": "***"}
    assert not re.search("SECRET|signature=|api_key.: .[^*]", json.dumps(entries))
    assert "_body" not in on_disk
    assert not any("request_body" in entry for entry in entries if entry["operation"] == "storage_put")


def test_request_log_has_no_secret(tmp_path, raw_client, media):
    with LocalEncord(state_dir=tmp_path) as local:
        raw = raw_client(local)
        dataset = raw.create_dataset()
        token = raw.v2("GET", "/v2/public/user/bearer-token").json()["token"]
        raw.v2("GET", "/v2/public/datasets/list?titleEq=SECRET-title", headers={"Authorization": f"Bearer {token}"})
        made = raw.result(
            "datasetapikey", "POST", None, {"dataset_hash": dataset, "title": "k", "scopes": ["dataset.read"]}
        )
        raw.result("dataset", "GET", dataset=dataset, authorization=made["api_key"])
        raw.post(b"{}", dataset="SECRET-resource", authorization="SECRET-key")
        key = raw.upload((media / "a.png").read_bytes())
        raw.add(dataset, {"dataItems": {"images": [{"objectUrl": key, "title": "SECRET-image"}]}})
        (row,) = raw.rows(dataset)
        details = {"additional_data": {"signed_url": True}}
        url = raw.result("datarow", "GET", row["data_hash"], details, dataset=dataset)["signed_url"]
        assert raw.session.get(url, timeout=10).status_code == 200
        raw.v2("GET", "/v2/public/nowhere?signature=SECRET&trace=SECRET", headers={"X-Cloud-Trace-Context": "SECRET"})
        logged = json.dumps(local.requests())
        on_disk = (tmp_path / "requests.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line) for line in on_disk.splitlines()] == json.loads(logged)
    for text in (logged, on_disk):
        for secret in ("SECRET", token, made["api_key"], "Bearer", "signature=", "encord-sig", raw.user):
            assert secret not in text, secret
        assert not re.search(r"[0-9a-f]{64}", text)
        assert "BEGIN OPENSSH" not in text


def test_the_shapes_are_those_that_are_documented(encord, raw):
    dataset = raw.create_dataset()
    raw.result("video", "DELETE", [], dataset=dataset)
    raw.refusal("video", "DELETE", None, dataset=dataset)
    assert set(encord.state()) == set(State.__annotations__)
    entries = encord.requests()
    assert all(set(entry) <= set(Entry.__annotations__) for entry in entries)
    assert [entry.get("removed", entry.get("refused")) for entry in entries] == [None, 0, "INVALID_ARGUMENTS_ERROR"]
