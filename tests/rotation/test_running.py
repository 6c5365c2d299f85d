"""A task that runs, and a key that is changed meanwhile."""

import pytest

from airflow_provider_encord._airflow.outcome import uploaded
from airflow_provider_encord._client.jobs import State, UploadJobWatch
from airflow_provider_encord._client.resources import data_items
from airflow_provider_encord._storage.files import find_files
from airflow_provider_encord.exceptions import (
    EncordAuthenticationError,
    EncordConnectionLookupError,
    EncordPermissionError,
)
from airflow_provider_encord.hooks import encord as hooks

FILES = 300
MANIFEST = {"videos": [{"objectUrl": "s3://bucket/a.mp4"}]}


@pytest.fixture
def dataset(hook, encord):
    made = hook.create_dataset("rotation").dataset_hash
    encord.clear_requests()
    return made


def test_an_upload_goes_on_with_the_new_key(hook, dataset, keys, encord, lookups, tmp_path):
    for number in range(FILES):
        (tmp_path / f"{number:03}.dcm").write_bytes(bytes(128) + b"DICM" + number.to_bytes(2, "big"))
    files = find_files(sorted(str(path) for path in tmp_path.iterdir()))
    done = []

    def put(index, object_key):
        done.append(index)
        if len(done) == FILES // 3:
            keys.rotate()

    before = len(lookups)
    outcomes = hook.put_files(files, "dicomFile", max_workers=8, uploaded=put)
    job = hook.start_upload_job(dataset, data_items=data_items.dicom_series(uploaded(outcomes)))
    verdict = hook.wait(UploadJobWatch(dataset, job))
    assert (verdict.state, len(done)) == (State.DONE, FILES)
    assert sum(each["status"] == 200 for each in encord.requests("upload_job_start")) == 1
    assert encord.requests("create_dataset") == []
    assert len(lookups[before:]) == 1


CALLS = {
    "a read": lambda hook, dataset: hook.get_dataset(dataset),
    "rows, one by one": lambda hook, dataset: list(hook.iter_data_rows(dataset)),
    "a start": lambda hook, dataset: hook.re_encode_data(dataset, ["00000000-0000-0000-0000-00000000000c"]),
    "a deletion": lambda hook, dataset: hook.delete_data(dataset, ["00000000-0000-0000-0000-00000000000c"]),
    "a dataset": lambda hook, dataset: hook.create_dataset("another"),
    "integrations": lambda hook, dataset: hook.get_cloud_integrations(),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@every_call
def test_each_call_is_sent_again_once_with_the_new_key(call, hook, dataset, keys, encord, lookups):
    keys.rotate()
    before = len(lookups)
    call(hook, dataset)
    assert [each["status"] == 200 for each in encord.requests()] == [False, True]
    hook.get_dataset(dataset)
    assert len(encord.requests()) == 3, "the next call begins with the new key"
    assert len(lookups[before:]) == 1


@every_call
def test_an_unchanged_connection_fails_after_one_request(call, hook, dataset, keys, encord, lookups):
    keys.revoke_old()
    before = len(lookups)
    with pytest.raises(EncordAuthenticationError):
        call(hook, dataset)
    assert len(encord.requests()) == 1
    assert len(lookups[before:]) == 1


def test_polls_and_waits_go_on_with_the_same_job(hook, dataset, keys, encord):
    encord.force_job(status="PENDING")
    job = hook.add_private_data_to_dataset_start(dataset, encord.integrations["AWS"], MANIFEST)
    watch = UploadJobWatch(dataset, job)
    keys.rotate()
    assert not hook.look(watch).ended
    keys.rotate_back()
    encord.force_job(job, status="DONE")
    assert hook.wait(watch).ended
    assert len(encord.requests("upload_job_start")) == 1


def test_new_secrets_are_masked_before_they_are_used(hook, dataset, keys, encord, monkeypatch):
    masked = []
    monkeypatch.setattr(hooks, "mask_secrets", lambda secrets: masked.append((secrets, len(encord.requests()))))
    keys.rotate()
    hook.get_dataset(dataset)
    ((secrets, requests),) = masked
    assert keys.private_key.strip() in secrets
    assert requests == 1, "the refused one"


def test_a_key_file_that_was_replaced_is_read_again(dataset, keys, encord, tmp_path):
    file = tmp_path / "key"
    file.write_text(encord.private_key)
    keys.save(ssh_private_key=str(file))
    hook = hooks.EncordHook()
    hook.get_dataset(dataset)
    encord.add_key(keys.public_key, same_user_as=encord.public_key)
    file.write_text(keys.private_key)
    keys.revoke_old()
    assert hook.get_dataset(dataset).dataset_hash == dataset


@pytest.mark.parametrize("broken", ["deleted", "unusable"])
def test_a_connection_that_cannot_be_read_is_named_and_can_be_retried(broken, hook, dataset, keys, monkeypatch):
    monkeypatch.setattr(hook._transport, "_sleep", lambda seconds: None)
    keys.revoke_old()
    if broken == "deleted":
        monkeypatch.delenv("AIRFLOW_CONN_ENCORD_DEFAULT")
    else:
        keys.save(ssh_private_key="********")
    with pytest.raises(EncordConnectionLookupError) as caught:
        hook.get_dataset(dataset)
    assert "'encord_default'" in str(caught.value)
    assert caught.value.http_status in (400, 401)


def test_another_user_without_rights_is_told_so(hook, dataset, keys):
    keys.save_other_user()
    keys.revoke_old()
    with pytest.raises(EncordPermissionError):
        hook.get_dataset(dataset)


def test_a_connection_that_changes_to_and_fro_is_asked_with_each_key_once(hook, dataset, keys, encord, lookups):
    look_up = hook.get_connection
    texts = [encord.private_key, keys.private_key]

    def flapping(conn_id):
        texts.reverse()
        keys.save(ssh_private_key=texts[0])
        return look_up(conn_id)

    hook.get_connection = flapping
    keys.revoke_old()
    with pytest.raises(EncordAuthenticationError):
        hook.get_dataset(dataset)
    assert len(encord.requests()) == 2
