"""Five DAGs that upload from disk and from a bucket, and register what a listing of the bucket and a manifest say."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import dag

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.operators.folders import EncordCreateFolderOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.uploads import EncordUploadImageOperator, EncordUploadVideoOperator
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator

WORKLOAD: dict[str, Any] = json.loads(Path(os.environ["CHAOS_WORKLOAD"]).read_text())
UPLOADS = [f"s3://encord-demo/uploads/{Path(path).name}" for path in WORKLOAD["images"]]


def ingest() -> None:
    """Wire the tasks."""
    dataset_hash: Any = EncordCreateDatasetOperator(
        task_id="create_dataset", title="{{ run_id }}", if_exists="skip"
    ).output
    folder_uuid: Any = EncordCreateFolderOperator(task_id="create_folder", name="{{ run_id }}", if_exists="skip").output

    EncordUploadVideoOperator(
        task_id="upload_from_disk", dataset_hash=dataset_hash, file_paths=WORKLOAD["videos"], max_workers=1
    )
    EncordUploadImageOperator(
        task_id="upload_from_bucket",
        dataset_hash=dataset_hash,
        file_paths=UPLOADS,
        source_conn_id="aws_default",
        max_workers=2,
        deferrable=True,
        defer_after=0,
    )
    EncordAddPrivateDataOperator(
        task_id="register",
        dataset_hash=dataset_hash,
        integration="AWS",
        manifest=WORKLOAD["manifest"],
        max_items_per_job=3,
        deferrable=True,
    )
    BucketToEncordOperator(
        task_id="transfer",
        folder_uuid=folder_uuid,
        integration="AWS",
        prefix=WORKLOAD["prefix"],
        source_conn_id="aws_default",
        max_items_per_job=2,
        deferrable=True,
        defer_after=0,
    )
    EncordUploadImageOperator(
        task_id="upload_to_folder",
        folder_uuid=folder_uuid,
        file_paths=UPLOADS,
        source_conn_id="aws_default",
        max_workers=2,
    )


for number in range(1, 6):
    dag(
        dag_id=f"ingest_{number}",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        default_args={"retries": 50, "retry_delay": timedelta(seconds=1), "retry_exponential_backoff": False},
    )(ingest)()
