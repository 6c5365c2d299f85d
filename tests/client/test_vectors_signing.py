"""Every signature that Encord's client made is made by ours too, also over requests that we do not send."""

import base64
import hashlib
import json

import pytest

from airflow_provider_encord._client.auth import KeyProblem, load_private_key
from airflow_provider_encord._client.exchange import exchange
from airflow_provider_encord._client.fields import read_list
from airflow_provider_encord._client.resources.datasets import read_dataset_info
from airflow_provider_encord._client.resources.users import get_bearer_token
from call_cases import KEY_CASES
from vectors import (
    CREATED,
    DATASET,
    KEY,
    PASSPHRASE,
    TOKEN,
    VECTORS,
    Clock,
    account,
    credentials,
)

API_REQUESTS = {
    f"{name}-{at}": (vector, request)
    for name, vector in VECTORS.items()
    for at, request in enumerate(vector["requests"])
    if request["base"] == "http://encord.test"
}
V2 = ("Content-Digest", "Signature-Input", "Signature")


@pytest.mark.parametrize("case", API_REQUESTS)
def test_authentication_headers(case: str) -> None:
    vector, request = API_REQUESTS[case]
    headers, body = request["headers"], (request["body"] or "").encode()
    who = credentials(vector["auth"])
    if request["path"].startswith("/v2/"):
        target = request["path"] + (f"?{request['query']}" if request["query"] else "")
        created = CREATED - 30 if vector["sdk_version"] == "0.1.145" else CREATED
        ours = who.v2_headers(request["method"], target, body, created)
        assert ours == {name: headers[name] for name in (*V2, "Authorization") if name in headers}
    else:
        assert who.legacy_headers(body) == {"Authorization": headers["Authorization"]}
        dataset = headers["ResourceID"] or None
        assert who.resource_headers(dataset) == {
            name: headers[name] for name in ("ResourceType", "ResourceID") if name in headers
        }


def test_a_changed_request_has_another_signature() -> None:
    who = credentials("ssh")
    usual = who.v2_headers("GET", "/v2/public/datasets/list", b"", CREATED)["Signature"]
    others = [
        who.v2_headers("POST", "/v2/public/datasets/list", b"", CREATED),
        who.v2_headers("GET", "/v2/public/datasets/list?a=1", b"", CREATED),
        who.v2_headers("GET", "/v2/public/datasets/list", b"x", CREATED),
        who.v2_headers("GET", "/v2/public/datasets/list", b"", CREATED + 1),
    ]
    assert len({usual, *(other["Signature"] for other in others)}) == 5
    assert who.legacy_headers(b"a") != who.legacy_headers(b"b")


def test_signatures_verify_with_the_public_key() -> None:
    key = load_private_key(KEY)
    body = b'{"a": 1}'
    signature = bytes.fromhex(credentials("ssh").legacy_headers(body)["Authorization"].split(":")[1])
    key.public_key().verify(signature, hashlib.sha256(body).digest())
    v2 = credentials("ssh").v2_headers("PUT", "/x", body, CREATED)
    base = f'"@method": PUT\n"@request-target": /x\n"content-digest": {v2["Content-Digest"]}\n"@signature-params": '
    base += v2["Signature-Input"].removeprefix("encord-sig=")
    key.public_key().verify(base64.b64decode(v2["Signature"].removeprefix("encord-sig=:").rstrip(":")), base.encode())


@pytest.mark.parametrize("name", KEY_CASES)
def test_unusable_key_is_named_without_its_text(name: str) -> None:
    text, passphrase, mistake = KEY_CASES[name]
    assert not VECTORS[name]["requests"]
    assert "raised" in VECTORS[name]["result"]
    with pytest.raises(KeyProblem, match=mistake) as caught:
        load_private_key(text, passphrase)
    assert not [line for line in text.splitlines()[1:-1] if line in str(caught.value)]


def test_apikey_auth_bearer_token_is_refused_without_a_request() -> None:
    assert len(VECTORS["apikey_auth_bearer_token"]["requests"]) == 1  # the key's kind, which we do not ask for
    steps = exchange(get_bearer_token(), account("http://unused.test", Clock(), "api_key"))
    with pytest.raises(KeyProblem, match="no dataset API key"):
        next(steps)


def answer_of(name: str, at: int = -1) -> dict:
    return json.loads(VECTORS[name]["responses"][at]["body"])["response"]


def test_older_list_of_datasets_is_read() -> None:
    (dataset,) = read_list(answer_of("old145_list_datasets"), lambda each: read_dataset_info(each["dataset"]), "it")
    assert (dataset.dataset_hash, dataset.title) == (DATASET, "Validation 1")


@pytest.mark.parametrize("name", ["old145_create_dataset", "old145_create_dataset_minimal"])
def test_older_answer_to_create_dataset_is_read(name: str) -> None:
    from airflow_provider_encord._client.resources.datasets import create_dataset

    dataset = create_dataset("Example Title").read(answer_of(name))
    theirs = VECTORS[name]["result"]["returned"]
    assert (dataset.dataset_hash, dataset.backing_folder_uuid) == (
        theirs["dataset_hash"],
        theirs["backing_folder_uuid"],
    )


@pytest.mark.parametrize("name", ["old145_upload_video", "old145_create_image_group", "old145_create_dicom_series"])
def test_older_poll_answer_is_read(name: str) -> None:
    from airflow_provider_encord._client.resources.registration import read_upload_job

    theirs = VECTORS[name]["result"]["returned"]
    items = read_upload_job(answer_of(name)).items
    expected = theirs if isinstance(theirs, list) else [theirs]
    assert [(item.data_hash, item.title) for item in items] == [(each["data_hash"], each["title"]) for each in expected]


def test_secrets_of_the_vectors_are_not_shown() -> None:
    shown = repr([credentials("ssh"), credentials("bearer"), credentials("api_key"), account("x", Clock(), "bearer")])
    assert TOKEN not in shown
    assert "test-only" not in shown
    assert not [line for line in KEY.splitlines() if line in shown]
    assert PASSPHRASE not in shown
