"""Every ending of a registration job, partial failures, and reports that stay small."""

import json

import pytest

from airflow_provider_encord._airflow.outcome import RegistrationOutcome
from airflow_provider_encord._client.jobs import UploadJobWatch
from airflow_provider_encord._client.resources.registration import UploadJob
from airflow_provider_encord.exceptions import (
    EncordInputError,
    EncordJobCancelledError,
    EncordJobError,
    EncordTimeoutError,
)
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator

XCOM_BYTES = 48 * 1024


@pytest.fixture
def register(context, dataset):
    def run(files, **arguments):
        arguments = {"integration": "AWS", "poll_interval": 0.01, **arguments}
        return EncordAddPrivateDataOperator(task_id="task", dataset_hash=dataset, manifest=files, **arguments).execute(
            context
        )

    return run


@pytest.mark.parametrize("form", ["dict", "text", "path", "url"])
def test_the_manifest_in_each_form(form, register, manifest, tmp_path, encord):
    (tmp_path / "m.json").write_text(json.dumps(manifest(2)))
    forms = {
        "dict": manifest(2),
        "text": json.dumps(manifest(2)),
        "path": str(tmp_path / "m.json"),
        "url": (tmp_path / "m.json").as_uri(),
    }
    assert register(forms[form])["added"] == 2


@pytest.mark.parametrize(
    ("fail", "arguments", "passes"),
    [
        (0, {}, True),
        (1, {}, False),
        (1, {"max_failed_items": 1}, True),
        (2, {"max_failed_items": 1}, False),
        (1, {"max_failed_items": 0.25}, True),
        (2, {"max_failed_items": 0.25}, False),
        (1, {"max_failed_items": 0.24}, False),
        (4, {"max_failed_items": 4}, True),
        (1, {"ignore_errors": True}, False),
    ],
    ids=str,
)
def test_partial_failures(fail, arguments, passes, register, manifest, encord, xcoms, tmp_path):
    encord.force_job(fail_units=[f"s3://bucket/{number}.mp4" for number in range(fail)], error="no such object")
    details = tmp_path / "details.jsonl"
    if not passes:
        with pytest.raises(EncordJobError, match="no such object"):
            register(manifest(4), **arguments, details_path=str(details))
        return
    done = register(manifest(4), **arguments, details_path=str(details))
    assert (done["added"], done["failed"], len(xcoms["data_hashes"])) == (4 - fail, fail, 4 - fail)
    lines = [json.loads(line) for line in details.read_text().splitlines()]
    added = [line for line in lines if line["outcome"] == "added"]
    assert [line["data_hash"] for line in added] == xcoms["data_hashes"]
    assert len(lines) == 4
    failed = [url for line in lines if line["outcome"] == "failed" for url in line["urls"]]
    assert failed == [f"s3://bucket/{number}.mp4" for number in range(fail)]
    assert {line["job_id"] for line in lines} == set(done["job_ids"])


@pytest.mark.parametrize(
    ("status", "error"), [("CANCELLED", EncordJobCancelledError), ("ERROR", EncordJobError)], ids=str
)
def test_bad_endings(status, error, register, manifest, encord, context):
    encord.force_job(status=status)
    with pytest.raises(error, match=status) as caught:
        register(manifest(2))
    assert type(caught.value) is error
    assert context["task_state_store"]["encord_jobs"]["job_ids"] == []


@pytest.mark.parametrize("status", ["PENDING", "SOMETHING_NEW"])
def test_what_is_not_over_ends_with_the_time(status, register, manifest, encord, caplog):
    encord.force_job(status=status)
    with pytest.raises(EncordTimeoutError, match="goes on"):
        register(manifest(2), timeout=0.001)


def test_duplicates_are_skipped_and_counted(register, manifest, hook, dataset):
    assert register(manifest(2))["added"] == 2
    done = register(manifest(3))
    assert (done["added"], done["skipped"]) == (1, 2)
    assert len(hook.list_data_rows(dataset)) == 3


@pytest.mark.parametrize(
    ("flags", "arguments"), [({"skip_duplicate_urls": False}, {}), ({}, {"skip_duplicate_urls": False})]
)
def test_duplicates_are_added_if_that_is_wanted(flags, arguments, register, manifest):
    assert register(manifest(1), **arguments)["added"] == 1
    assert register(manifest(1, **flags), **arguments)["added"] == 1


def test_a_big_job_leaves_small_xcoms_and_the_whole_list_in_a_file(register, manifest, xcoms, tmp_path):
    details = tmp_path / "details.jsonl"
    done = register(manifest(3000), details_path=str(details))
    reference = {"count": 3000, "details_path": str(details), "details_conn_id": None}
    assert (done["added"], done["items"], xcoms["data_hashes"]) == (3000, None, reference)
    assert max(len(json.dumps(value)) for value in [done, *xcoms.values()]) < XCOM_BYTES
    assert len(details.read_text().splitlines()) == 3000


def test_many_long_errors_leave_small_xcoms(register, manifest, encord, xcoms):
    encord.force_job(fail_units=list(range(500)), error="x" * 5000)
    done = register(manifest(500), max_failed_items=500)
    assert done["failed"] == 500
    assert max(len(json.dumps(value)) for value in [done, *xcoms.values()]) < XCOM_BYTES


def test_without_waiting(register, manifest, xcoms, asked, context):
    done = register(manifest(1), wait_for_completion=False)
    assert (done["status"], done["job_ids"]) == ("STARTED", xcoms["job_ids"])
    assert asked()[-1] == "upload_job_start"
    assert register(manifest(1), wait_for_completion=False)["job_ids"] == done["job_ids"]
    assert asked().count("upload_job_start") == 1


def test_a_plan_starts_nothing(register, manifest, asked):
    assert register(manifest(5), dry_run=True)["items"] == 5
    assert "upload_job_start" not in asked()


@pytest.mark.parametrize("count", [0, 2])
def test_an_integration_that_is_not_one(count, register, manifest, hook, encord, asked):
    same = [{"id": f"00000000-0000-0000-0000-00000000000{n}", "title": "Mine"} for n in range(count)]
    encord.fault("get_cloud_integrations", status=200, body={"result": same})
    with pytest.raises(EncordInputError, match=rf"{count or 'none'} ha(s|ve).* 'Mine'"):
        register(manifest(1), integration="Mine")
    assert "upload_job_start" not in asked()


def test_an_integration_by_id_is_not_looked_up(register, manifest, encord, asked):
    assert register(manifest(1), integration=encord.integrations["GCP"])["added"] == 1
    assert "get_cloud_integrations" not in asked()


def test_an_error_of_the_whole_job_is_a_failure(dataset):
    job = UploadJob(status="DONE", done=1, errors=("the folder is full",))
    verdict = UploadJobWatch(dataset, "job").judge(job)
    outcome = RegistrationOutcome()
    list(outcome.add("job", verdict, []))
    with pytest.raises(EncordJobError, match="the folder is full"):
        outcome.require_good_end(dataset, None, 0)


def test_an_error_tells_where_it_happened_and_is_logged_first(register, manifest, encord, dataset, caplog):
    encord.force_job(status="ERROR")
    with pytest.raises(EncordJobError) as caught:
        register(manifest(2))
    error = caught.value
    assert (error.conn_id, error.host, error.dataset_hash) == ("encord_default", encord.url, dataset)
    assert len(error.job_ids) == 1
