"""A dataset and a folder per run, filled in all ways that start jobs, and a dataset that links what the folder holds.

CHAOS_WORKLOAD names the file that says with what.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

try:
    from airflow.sdk import dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.operators.folders import EncordCreateFolderOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.operators.uploads import (
    EncordCreateImageGroupOperator,
    EncordUploadFilesOperator,
    EncordUploadImageOperator,
    EncordUploadVideoOperator,
)
from airflow_provider_encord.sensors.encord import EncordReEncodeSensor
from airflow_provider_encord.transfers.s3_to_encord import S3ToEncordOperator

WORKLOAD: dict[str, Any] = json.loads(Path(os.environ["CHAOS_WORKLOAD"]).read_text())


@dag(
    dag_id="chaos",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=100,
    default_args={"retries": 50, "retry_delay": timedelta(seconds=1), "retry_exponential_backoff": False},
)
def chaos() -> None:
    """Wire the tasks."""
    create_dataset = EncordCreateDatasetOperator(task_id="create_dataset", title="{{ run_id }}", if_exists="skip")
    dataset_hash: Any = create_dataset.output

    EncordUploadImageOperator(
        task_id="upload_images", dataset_hash=dataset_hash, file_paths=WORKLOAD["images"], deferrable=True
    )
    upload_videos = EncordUploadVideoOperator(
        task_id="upload_videos",
        dataset_hash=dataset_hash,
        file_paths=WORKLOAD["videos"],
        max_workers=1,
        poll_interval=1,
        deferrable=False,
    )
    EncordUploadImageOperator.partial(task_id="upload_mapped", dataset_hash=dataset_hash, deferrable=True).expand(
        file_paths=WORKLOAD["mapped"]
    )
    EncordCreateImageGroupOperator(
        task_id="create_image_group",
        dataset_hash=dataset_hash,
        file_paths=WORKLOAD["group"],
        title="group",
        create_video=False,
        deferrable=True,
    )
    EncordAddPrivateDataOperator(
        task_id="register",
        dataset_hash=dataset_hash,
        integration="AWS",
        manifest=WORKLOAD["manifest"],
        max_items_per_job=3,
        deferrable=True,
    )
    S3ToEncordOperator(
        task_id="transfer",
        dataset_hash=dataset_hash,
        integration="AWS",
        prefix=WORKLOAD["prefix"],
        max_items_per_job=2,
        deferrable=True,
    )
    re_encode = EncordReEncodeDataOperator(
        task_id="re_encode",
        dataset_hash=dataset_hash,
        data_hashes=upload_videos.output["data_hashes"],
        wait_for_completion=False,
    )
    EncordReEncodeSensor(
        task_id="wait_for_re_encode",
        dataset_hash=dataset_hash,
        job_id=re_encode.output["job_id"],
        poke_interval=2,
        timeout=3600,
        deferrable=True,
    )
    fill_folder()


def fill_folder() -> None:
    """Wire the tasks that fill a folder."""
    create_folder = EncordCreateFolderOperator(task_id="create_folder", name="{{ run_id }}", if_exists="skip")
    folder_uuid: Any = create_folder.output
    linked = EncordCreateDatasetOperator(
        task_id="create_linked_dataset",
        title="{{ run_id }} linked",
        create_backing_folder=False,
        if_exists="skip",
    )
    both: Any = {"folder_uuid": folder_uuid, "dataset_hash": linked.output}

    EncordUploadImageOperator(
        task_id="upload_and_link", file_paths=WORKLOAD["images"], max_items_per_job=3, deferrable=True, **both
    )
    EncordUploadFilesOperator(
        task_id="upload_notes",
        kind="plainText",
        folder_uuid=folder_uuid,
        file_paths=WORKLOAD["notes"],
        max_workers=1,
        poll_interval=1,
        deferrable=False,
    )
    EncordCreateImageGroupOperator(
        task_id="create_image_group_in_folder",
        folder_uuid=folder_uuid,
        file_paths=WORKLOAD["group"],
        title="group",
        create_video=False,
        deferrable=True,
    )
    EncordAddPrivateDataOperator(
        task_id="register_and_link",
        integration="AWS",
        manifest=WORKLOAD["manifest"],
        max_items_per_job=3,
        deferrable=True,
        **both,
    )
    S3ToEncordOperator(
        task_id="transfer_to_folder",
        folder_uuid=folder_uuid,
        integration="AWS",
        prefix=WORKLOAD["prefix"],
        max_items_per_job=2,
        poll_interval=1,
        deferrable=False,
    )


chaos()
