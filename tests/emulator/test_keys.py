"""Keys that are added and revoked while it runs."""

import pytest
import requests

from airflow_provider_encord.emulator import LocalEncord
from airflow_provider_encord.emulator.auth import generate_key


def v2(raw):
    return raw.v2("GET", "/v2/public/datasets/list")


def assert_unknown(raw):
    answer = v2(raw)
    assert answer.status_code == 401
    assert "not known" in answer.json()["message"]
    answer = raw.post(raw.envelope("datasetwithuserrole", "GET", None, {}))
    assert (answer.status_code, answer.json()["response"]) == (400, ["SSH_KEY_NOT_FOUND_ERROR"])


def test_a_revoked_key_is_answered_as_an_unknown_one(encord, raw, raw_client):
    assert v2(raw).status_code == 200
    encord.revoke_key(encord.public_key)
    assert_unknown(raw)
    assert_unknown(raw_client(encord, generate_key()[0]))
    encord.add_key(encord.public_key)
    assert v2(raw).status_code == 200


def test_a_new_key_acts_as_the_same_user(encord, raw, raw_client, media):
    dataset, upload = raw.create_dataset(), raw.upload((media / "a.png").read_bytes())
    job = raw.start(dataset, {"dataItems": {"images": [{"objectUrl": upload}]}})
    private, public = generate_key()
    encord.add_key(public, same_user_as=encord.public_key)
    encord.revoke_key(encord.public_key)
    new = raw_client(encord, private)
    assert new.poll(dataset, job)["status"] == "DONE"
    done = new.add(dataset, {"dataItems": {"images": [{"objectUrl": upload}]}})
    assert done["units_done_count"] == 1
    third, public = generate_key()
    encord.add_key(public, same_user_as=encord.public_key)
    assert raw_client(encord, third).rows(dataset) == new.rows(dataset)
    assert_unknown(raw)


def test_a_token_works_as_long_as_its_user_has_a_key(encord, raw):
    headers = {"Authorization": f"Bearer {raw.v2('GET', '/v2/public/user/bearer-token').json()['token']}"}
    _, public = generate_key()
    encord.add_key(public, same_user_as=encord.public_key)
    encord.revoke_key(encord.public_key)
    assert raw.v2("GET", "/v2/public/datasets/list", headers=headers).status_code == 200
    encord.revoke_key(public)
    assert raw.v2("GET", "/v2/public/datasets/list", headers=headers).status_code == 401


def test_a_key_without_an_owner_is_another_user(encord, raw, raw_client):
    dataset = raw.create_dataset()
    private, public = generate_key()
    encord.add_key(public)
    assert raw_client(encord, private).refusal("dataset", "GET", dataset=dataset) == "AUTHORISATION_ERROR"


def test_control_api(encord, raw):
    def change(body):
        answer = requests.post(f"{encord.url}/_emulator/keys", json=body, timeout=10)
        return answer.status_code, answer.json()

    _, public = generate_key()
    assert change({"add": public, "same_user_as": encord.public_key}) == (200, {"user": encord.public_key})
    assert change({"revoke": encord.public_key}) == (200, {"user": encord.public_key})
    assert v2(raw).status_code == 401
    assert change({"add": encord.public_key}) == (200, {"user": encord.public_key})
    assert v2(raw).status_code == 200
    unknown = "0" * 64
    assert change({"revoke": unknown}) == (404, {"message": f"there is no key {unknown}"})
    assert change({"add": public, "same_user_as": unknown})[0] == 404
    for wrong in ({}, {"add": public, "revoke": public}, {"remove": public}, {"add": 1}, {"add": public[:-1]}):
        assert change(wrong)[0] == 400, wrong


def test_what_was_added_and_revoked_outlives_a_restart(tmp_path, raw_client):
    private, public = generate_key()
    with LocalEncord(state_dir=tmp_path) as first:
        dataset = raw_client(first).create_dataset()
        first.add_key(public, same_user_as=first.public_key)
        first.revoke_key(first.public_key)
    with LocalEncord(state_dir=tmp_path) as second:
        assert raw_client(second, private).rows(dataset) == []
        assert_unknown(raw_client(second, first.private_key))


def test_wrong_keys_are_refused(encord):
    for wrong in ("", "g" * 64, "A" * 64, None):
        with pytest.raises(ValueError, match="64 hex digits"):
            encord.add_key(wrong)
    with pytest.raises(LookupError, match="there is no key"):
        encord.revoke_key("0" * 64)
