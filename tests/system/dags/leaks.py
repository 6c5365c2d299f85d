"""Tasks into which secrets are planted, most of which fail; what they get is read at run time, not written here."""

import os
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

try:
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task

from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.operators.data_rows import EncordListDataRowsOperator
from airflow_provider_encord.operators.datasets import EncordDeleteDataOperator, EncordListDatasetsOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.operators.uploads import EncordUploadImageOperator
from airflow_provider_encord.sensors.encord import EncordUploadJobSensor
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator

UNKNOWN = "8f2e1c5a-0b1c-4d2e-9f3a-5b6c7d8e9f00"


def manifest():
    """Return a manifest whose URLs are signed, as JSON text."""
    return Path(os.environ["LEAK_MANIFEST"]).read_text()


@task
def control(text):
    """Leak on purpose, into the log and an XCom."""
    print(text)
    return text


@task(trigger_rule="all_done")
def by_hook(folder_uuid):
    """Register by the hook, which shows in the lineage of any task."""
    EncordHook().add_private_data_to_folder(folder_uuid, "AWS", manifest(), ignore_errors=True)


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params=dict.fromkeys(("dataset_hash", "folder_uuid", "prefix", "job", "image", "control", "details"), ""),
    user_defined_macros={"manifest": manifest},
)
def leaks():
    """One after the other, whatever becomes of them."""
    where = {"dataset_hash": "{{ params.dataset_hash }}", "trigger_rule": "all_done"}
    register = {**where, "integration": "AWS", "manifest": "{{ manifest() }}", "max_failed_items": 9}
    tasks = [
        EncordAddPrivateDataOperator(task_id="register_to_fail", **register),
        EncordAddPrivateDataOperator(
            task_id="register", deferrable=True, details_path="{{ params.details }}", **register
        ),
        EncordUploadImageOperator(task_id="upload", file_paths="{{ params.image }}", **where),
        by_hook("{{ params.folder_uuid }}"),
        BucketToEncordOperator(
            task_id="transfer",
            folder_uuid="{{ params.folder_uuid }}",
            integration="AWS",
            prefix="{{ params.prefix }}",
            trigger_rule="all_done",
        ),
        EncordUploadJobSensor(task_id="poke", job_ids="{{ params.job }}", **where),
        EncordUploadJobSensor(task_id="defer", job_ids="{{ params.job }}", deferrable=True, **where),
        EncordListDataRowsOperator(task_id="list_rows", **where),
        EncordListDatasetsOperator(task_id="list_datasets", trigger_rule="all_done"),
        EncordDeleteDataOperator(task_id="delete", data_hashes=[UNKNOWN], **where),
        EncordReEncodeDataOperator(task_id="re_encode", data_hashes=[UNKNOWN], deferrable=True, **where),
        EncordListDatasetsOperator(task_id="bearer", encord_conn_id="encord_bearer", trigger_rule="all_done"),
        EncordUploadJobSensor(
            task_id="api_key", encord_conn_id="encord_api_key", job_ids=UNKNOWN, deferrable=True, **where
        ),
        EncordListDatasetsOperator(task_id="no_key_file", encord_conn_id="encord_no_key_file", trigger_rule="all_done"),
    ]
    control("{{ params.control }}") >> tasks[0]
    for before, after in pairwise(tasks):
        before >> after


leaks()
