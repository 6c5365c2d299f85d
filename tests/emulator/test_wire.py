"""What goes over the wire, by hand: credentials, older forms of requests, and refusals."""

import json
import uuid

import pytest

from airflow_provider_encord.emulator import LocalEncord, ManualClock

SCOPES = ["dataset.read", "dataset.write"]
DATA_ITEMS = {"skipDuplicateUrls": False, "upsertMetadata": False}


def v2_error(answer):
    return answer.status_code, answer.json().get("message", answer.json().get("detail"))


@pytest.fixture
def dataset(raw):
    return raw.create_dataset()


# Credentials of the legacy API


def test_unknown_key_has_the_form_encord_gives_it(encord, raw_client):
    with LocalEncord() as elsewhere:
        stranger = raw_client(encord, elsewhere.private_key)
        answer = stranger.post(stranger.envelope("dataset", "GET"), dataset=str(uuid.uuid4()))
    assert answer.status_code == 400
    assert answer.json()["response"] == ["SSH_KEY_NOT_FOUND_ERROR"]
    assert answer.json()["status"] == 400
    assert isinstance(answer.json()["payload"], str)


def test_legacy_signature_covers_the_body(raw, dataset):
    body = raw.envelope("dataset", "GET")
    signature = raw.sign(body)
    assert raw.post(body, dataset=dataset, authorization=signature).json()["status"] == 200
    for authorization in (
        raw.sign(body + b" "),
        signature.upper(),
        signature[:-2],
        f"Bearer {signature}",
        signature.replace(":", " "),
        "nonsense",
    ):
        answer = raw.post(body, dataset=dataset, authorization=authorization)
        assert (answer.status_code, answer.json()["response"]) == (200, ["AUTHENTICATION_ERROR"]), authorization
    unsigned = raw.session.post(f"{raw.url}/public", data=body, headers={"ResourceID": dataset}, timeout=10)
    assert unsigned.json()["response"] == ["AUTHENTICATION_ERROR"]


def test_signature_has_no_second_hash(raw, dataset):
    body = raw.envelope("dataset", "GET")
    plain = f"{raw.user}:{raw.key.sign(body).hex()}"
    assert raw.post(body, dataset=dataset, authorization=plain).json()["response"] == ["AUTHENTICATION_ERROR"]


# Credentials of v2


def test_v2_signature_is_checked_in_every_part(raw):
    target = "/v2/public/datasets/list?titleEq=a+b%25&includeOrgAccess=False"
    good = raw.v2_headers("GET", target)
    assert raw.v2("GET", target, headers=good).status_code == 200
    assert raw.v2("GET", target.replace("+", "%20"), headers=good).status_code == 401
    assert raw.v2("GET", target.replace("a", "A"), headers=good).status_code in (401, 404)
    for headers in (
        {},
        {**good, "Signature": ""},
        {**good, "Signature-Input": good["Signature-Input"].replace("ed25519", "rsa-v1_5-sha256")},
        {**good, "Signature-Input": good["Signature-Input"].replace("encord-sig=", "sig=")},
        {**good, "Signature-Input": good["Signature-Input"].replace('"content-digest"', '"content-length"')},
        {**good, "Content-Digest": raw.v2_headers("GET", target, b"x")["Content-Digest"]},
        {name: value for name, value in good.items() if name != "Content-Digest"},
        raw.v2_headers("POST", target),
        {"Authorization": raw.sign(b"")},
        {"Authorization": "Bearer nonsense"},
    ):
        status, message = v2_error(raw.v2("GET", target, headers=headers))
        assert status == 401, headers
        assert isinstance(message, str)


def test_v2_body_must_be_the_signed_one(raw):
    headers = raw.v2_headers("POST", "/v2/public/datasets", json.dumps({"title": "a"}).encode())
    assert raw.v2("POST", "/v2/public/datasets", {"title": "b"}, headers).status_code == 401
    assert raw.v2("POST", "/v2/public/datasets", {"title": "a"}, headers).status_code == 200


@pytest.mark.parametrize(("age", "status"), [(0, 200), (30, 200), (299, 200), (301, 401), (-299, 200), (-301, 401)])
def test_v2_signature_grows_old(raw_client, age, status):
    with LocalEncord(signature_time=lambda: 1_000_000) as local:
        raw = raw_client(local)
        target = "/v2/public/user/bearer-token"
        headers = raw.v2_headers("GET", target, created=1_000_000 - age)
        assert raw.v2("GET", target, headers=headers).status_code == status


def test_bearer_token_serves_both_generations(raw, dataset):
    token = raw.v2("GET", "/v2/public/user/bearer-token").json()["token"]
    bearer = f"Bearer {token}"
    listed = raw.v2("GET", "/v2/public/datasets/list", headers={"Authorization": bearer}).json()["result"]
    assert [entry["datasetUuid"] for entry in listed] == [dataset]
    assert raw.result("dataset", "GET", dataset=dataset, authorization=bearer)["dataset_hash"] == dataset


# Dataset API keys, as Encord's client 0.1.145 uses them


@pytest.fixture
def api_key(raw, dataset):
    def make(scopes=SCOPES, title="Full Access API Key"):
        return raw.result("datasetapikey", "POST", None, {"dataset_hash": dataset, "title": title, "scopes": scopes})

    return make


def test_api_key_is_made_and_listed(raw, dataset, api_key):
    assert raw.result("datasetapikey", "GET", None, {"dataset_hash": dataset}) == []
    first, second = api_key(), api_key(["dataset.read"], "read only")
    assert set(first) == {"resource_hash", "api_key", "title", "key_hash", "scopes"}
    assert (first["resource_hash"], first["scopes"], first["title"]) == (dataset, SCOPES, "Full Access API Key")
    assert raw.result("datasetapikey", "GET", None, {"dataset_hash": dataset}) == [first, second]


def test_api_key_belongs_to_a_dataset_of_ones_own(encord, raw_client, dataset):
    stranger = raw_client(encord, encord.new_user())
    payload = {"dataset_hash": dataset, "title": "x", "scopes": SCOPES}
    assert stranger.refusal("datasetapikey", "POST", None, payload) == "AUTHORISATION_ERROR"
    payload["dataset_hash"] = str(uuid.uuid4())
    assert stranger.refusal("datasetapikey", "POST", None, payload) == "RESOURCE_NOT_FOUND_ERROR"
    payload["scopes"] = ["project.read"]


def test_api_key_works_alone(raw, dataset, api_key, media):
    key = api_key()["api_key"]

    def ask(query_type, method, uid=None, payload=None):
        body = raw.envelope(query_type, method, uid, payload)
        headers = {"Authorization": key, "ResourceID": dataset, "Content-Type": "application/json"}
        return raw.session.post(f"{raw.url}/public", data=body, headers=headers, timeout=10).json()["response"]

    assert ask("apikeymeta", "GET") == {"title": "Full Access API Key", "resource_type": "dataset"}
    assert ask("dataset", "GET", None, {"dataset_access_settings": {"fetch_client_metadata": False}})["data_rows"] == []
    assert [set(entry) for entry in ask("cloudintegration", "GET")] == [{"id", "title"}] * 3
    url = ask("signedvideourl", "GET", "sample.mp4")
    assert set(url) == {"signed_url", "data_hash", "title", "file_link"}
    headers = {"Content-Type": "application/octet-stream"}
    content = (media / "clip.mp4").read_bytes()
    assert raw.session.put(url["signed_url"], data=content, headers=headers, timeout=10).status_code == 200
    videos = [{"objectUrl": url["file_link"], "title": url["title"], "clientMetadata": {}, "externalFileType": "VIDEO"}]
    start = {"dataItems": {"videos": videos, **DATA_ITEMS}, "ignoreErrors": False}
    job = ask("datasetdatalongpolling", "POST", dataset, start)["process_hash"]
    done = ask("datasetdatalongpolling", "GET", dataset, {"process_hash": job, "timeout_seconds": 10})
    assert done["status"] == "DONE"
    (row,) = ask("datarows", "GET", None, {})
    assert (row["data_title"], row["data_hash"]) == ("sample.mp4", done["data_hashes_with_titles"][0]["data_hash"])
    task = ask("reencodevideotask", "PUT", None, {"data_hash": [row["data_hash"]]})
    assert ask("reencodevideotask", "GET", task)["status"] == "DONE"
    assert ask("video", "DELETE", [row["data_hash"]]) is None
    assert ask("datarows", "GET", None, {}) == []


def test_api_key_has_bounds(raw, dataset, api_key):
    read_only = api_key(["dataset.read"], "read only")["api_key"]
    write_only = api_key(["dataset.write"], "write only")["api_key"]
    with_read = {"dataset": dataset, "authorization": read_only}
    assert raw.result("dataset", "GET", **with_read)["dataset_hash"] == dataset
    assert raw.refusal("video", "DELETE", [str(uuid.uuid4())], **with_read) == "OPERATION_NOT_ALLOWED"
    assert raw.refusal("dataset", "GET", dataset=dataset, authorization=write_only) == "OPERATION_NOT_ALLOWED"
    other = raw.create_dataset()
    assert raw.refusal("dataset", "GET", dataset=other, authorization=read_only) == "AUTHENTICATION_ERROR"
    assert raw.refusal("dataset", "GET", dataset=dataset, authorization="made up") == "AUTHENTICATION_ERROR"
    assert raw.refusal("cloudintegration", "GET", authorization=read_only) == "AUTHENTICATION_ERROR"
    answer = raw.v2("GET", "/v2/public/datasets/list", headers={"Authorization": read_only, "ResourceID": dataset})
    assert answer.status_code == 401
    assert raw.refusal("apikeymeta", "GET", dataset=dataset) == "INVALID_ARGUMENTS_ERROR"


# Older forms


def test_old_create_and_list_datasets(raw_client):
    clock = ManualClock(1_700_000_000)
    with LocalEncord(clock=clock) as local:
        raw = raw_client(local)
        payload = {"title": "Validation 1", "type": 1, "create_backing_folder": True, "description": "Example"}
        created = raw.result("dataset", "POST", None, payload)
        assert set(created) == {"title", "type", "dataset_hash", "user_hash", "backing_folder_uuid"}
        assert (created["title"], created["type"]) == ("Validation 1", 1)
        assert raw.result("dataset", "GET", dataset=created["dataset_hash"])["dataset_type"] == "AWS_S3"
        raw.create_dataset(title="Other")

        def found(**filters):
            payload = {"filter": filters, "enable_storage_api": True}
            return raw.result("datasetwithuserrole", "GET", None, payload)

        (entry,) = found(title_like="Validation%", created_before="2025-01-31T00:00:00")
        assert entry["user_role"] == 0
        assert entry["dataset"] == {
            "dataset_hash": created["dataset_hash"],
            "user_hash": created["user_hash"],
            "title": "Validation 1",
            "description": "Example",
            "type": 1,
            "created_at": "2023-11-14 22:13:20",
            "last_edited_at": "2023-11-14 22:13:20",
            "backing_folder_uuid": created["backing_folder_uuid"],
        }
        assert len(found()) == 2
        assert found(desc_eq="none") == []
        assert raw.refusal("datasetwithuserrole", "GET", None, {"filter": {"created_after": "x"}}) == (
            "INVALID_DATE_FORMAT_ERROR"
        )
        assert raw.result("dataset", "POST", None, {"title": "t", "type": 0, "create_backing_folder": False})[
            "backing_folder_uuid"
        ] is None  # fmt: skip
        assert raw.refusal("dataset", "POST", None, {"title": "t", "type": 9}) == "INVALID_ARGUMENTS_ERROR"


def test_old_upload_urls(raw, dataset, media):
    (image,) = raw.result("signedimagesurl", "GET", ["zebra.png"], dataset=dataset)
    (dicom,) = raw.result("signeddicomsurl", "GET", ["b.dcm"], dataset=dataset)
    for ticket, name, kind in ((image, "a.png", "image/png"), (dicom, "1.dcm", "application/dicom")):
        content = (media / name).read_bytes()
        answer = raw.session.put(ticket["signed_url"], data=content, headers={"Content-Type": kind}, timeout=10)
        assert answer.status_code == 200
    group = {
        "images": [{"url": image["file_link"], "title": "zebra.png"}],
        "createVideo": True,
        "clusterByResolution": True,
    }
    series = {"dicomFiles": [{"url": dicom["file_link"], "title": "b.dcm"}], "title": "series 1"}
    done = raw.add(dataset, {"dataItems": {"imageGroups": [group], "dicomSeries": [series]}, "ignoreErrors": False})
    assert done["units_done_count"] == 2
    assert [row["data_type"] for row in raw.rows(dataset)] == ["IMG_GROUP", "DICOM"]


def test_group_may_ask_not_to_be_split(raw, dataset, media):
    keys = [raw.upload((media / name).read_bytes()) for name in ("a.png", "c.png")]
    group = {"title": "g", "images": [{"url": key} for key in keys], "createVideo": True, "clusterByResolution": False}
    raw.add(dataset, {"dataItems": {"imageGroups": [group]}})
    assert [row["data_title"] for row in raw.rows(dataset)] == ["g"]


# Refusals


def test_envelopes_that_make_no_sense(raw, dataset):
    for body in (b"", b"[]", b"{}", b"not json", b'{"query_type": "dataset", "query_method": "GET"}', b"\xff\xfe"):
        assert raw.post(body, dataset=dataset).json()["response"] == ["INVALID_ARGUMENTS_ERROR"], body
    assert raw.refusal("nonsense", "GET", dataset=dataset) == "INVALID_ARGUMENTS_ERROR"
    assert raw.refusal("dataset", "DELETE", dataset=dataset) == "METHOD_NOT_ALLOWED_ERROR"
    assert raw.refusal("datarows", "GET", None, [], dataset=dataset) == "INVALID_ARGUMENTS_ERROR"
    assert raw.refusal("datarows", "GET", None, {"data_hashes": "x"}, dataset=dataset) == "INVALID_ARGUMENTS_ERROR"
    assert raw.refusal("datarows", "GET", None, {"title_eq": 1}, dataset=dataset) == "INVALID_ARGUMENTS_ERROR"
    assert raw.refusal("datarows", "GET", None, {"created_before": "1"}, dataset=dataset) == "INVALID_DATE_FORMAT_ERROR"
    assert raw.refusal("datarow", "GET", "x", {}, dataset=dataset) == "RESOURCE_NOT_FOUND_ERROR"
    assert raw.refusal("video", "DELETE", None, dataset=dataset) == "INVALID_ARGUMENTS_ERROR"
    assert raw.refusal("dataset", "GET", dataset=dataset, headers={"ResourceType": "project"}) == (
        "INVALID_ARGUMENTS_ERROR"
    )
    assert raw.refusal("dataset", "POST", None, {"title": "\ud800", "type": 0}) == "INVALID_ARGUMENTS_ERROR"
    assert raw.result("reencodevideotask", "GET", 999, dataset=dataset) is None
    assert raw.refusal("reencodevideotask", "GET", 2**70, dataset=dataset) == "INVALID_ARGUMENTS_ERROR"
    assert raw.session.get(f"{raw.url}/public", timeout=10).status_code == 405


def test_jobs_that_are_refused_at_once(raw, dataset, encord):
    def refused(payload, uid=dataset):
        return raw.refusal("datasetdatalongpolling", "POST", uid, payload, dataset=dataset)

    aws = encord.integrations["AWS"]
    videos = {"videos": [{"objectUrl": "s3://b/v.mp4"}]}
    for payload in (
        {},
        {"dataItems": {}, "ignoreErrors": False},
        {"files": {}, "integrationId": aws},
        {"files": videos},
        {"files": videos, "dataItems": videos, "integrationId": aws},
        {"files": [], "integrationId": aws},
        {"files": {"clips": []}, "integrationId": aws},
        {"files": {"videos": {}}, "integrationId": aws},
        {"files": {"videos": ["s3://b/v.mp4"]}, "integrationId": aws},
        {"files": {"videos": [{"url": "s3://b/v.mp4"}]}, "integrationId": aws},
        {"files": {"videos": [{"objectUrl": "s3://b/" + "v" * 16_384}]}, "integrationId": aws},
        {"files": {"image_groups": [{"title": "g"}]}, "integrationId": aws},
        {"files": {"image_groups": [{"objectUrl_0": "s3://b/a.png"}]}, "integrationId": aws},
        {"files": videos, "integrationId": "no uuid"},
        {"files": videos, "integrationId": aws, "folderUuid": "no uuid"},
    ):
        assert refused(payload) == "INVALID_ARGUMENTS_ERROR", payload
    assert refused({"files": videos, "integrationId": str(uuid.uuid4())}) == "RESOURCE_NOT_FOUND_ERROR"
    assert refused({"files": videos, "integrationId": aws}, str(uuid.uuid4())) == "INVALID_ARGUMENTS_ERROR"
    assert encord.state()["jobs"] == {}
    poll = {"process_hash": str(uuid.uuid4()), "timeout_seconds": 0}
    assert raw.refusal("datasetdatalongpolling", "GET", dataset, poll, dataset=dataset) == "RESOURCE_NOT_FOUND_ERROR"


def test_v2_refusals(raw):
    for target, status in (
        ("presigned-urls?count=0&uploadItemType=video", 422),
        ("presigned-urls?count=201&uploadItemType=video", 422),
        ("presigned-urls?uploadItemType=video", 422),
        ("presigned-urls?count=1&uploadItemType=film", 422),
        ("datasets/list?createdBefore=yesterday", 422),
        ("datasets/list?includeOrgAccess=maybe", 422),
        ("cloud-integrations?filterIntegrationUuids=x", 422),
        (f"storage/folders/{uuid.uuid4()}", 404),
        ("nowhere", 404),
    ):
        assert raw.v2("GET", f"/v2/public/{target}").status_code == status, target
    for body in ({}, {"title": ""}, {"title": 1}, {"title": "t", "createBackingFolder": "yes"}, []):
        answer = raw.v2("POST", "/v2/public/datasets", body)
        assert answer.status_code == 422
        assert {"loc", "msg", "type"} == set(answer.json()["detail"][0])
    assert raw.v2("POST", "/v2/public/datasets", {"title": "\udfff"}).status_code == 400
    assert raw.v2("DELETE", "/v2/public/datasets").status_code == 405
    assert len(raw.v2("GET", "/v2/public/presigned-urls?count=200&uploadItemType=video").json()["results"]) == 200


def test_uuids_in_capitals_are_the_same(raw, dataset):
    assert raw.result("dataset", "GET", dataset=dataset.upper())["dataset_hash"] == dataset


def test_trace_id_comes_back(raw, dataset):
    trace = "0123456789abcdef0123456789abcdef/1;o=1"
    body = raw.envelope("dataset", "GET")
    answer = raw.post(body, dataset=dataset, headers={"X-Cloud-Trace-Context": trace})
    assert answer.headers["X-Cloud-Trace-Context"] == trace
