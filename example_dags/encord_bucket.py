"""Bucket to Encord: register new objects below an S3 prefix; if there are none, start no job and skip the rest.

Needs the extra ``s3`` and the connections ``encord_default`` and ``aws_default``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

try:
    from airflow.sdk import Param, dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.models.param import Param

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.transfers.s3_to_encord import S3ToEncordOperator


@dag(
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["encord", "example"],
    params={
        "dataset": Param("bucket", type="string", description="Title of the dataset"),
        "prefix": Param("s3://my-bucket/incoming/", type="string", description="Where new objects arrive"),
        "integration": Param("AWS", type="string", description="Title of the cloud integration in Encord"),
    },
)
def encord_bucket() -> None:
    """Wire the tasks."""
    create_dataset = EncordCreateDatasetOperator(
        task_id="create_dataset", title="{{ params.dataset }}", if_exists="skip"
    )
    dataset_hash: Any = create_dataset.output

    # [START howto_transfer_s3_to_encord]
    register_new = S3ToEncordOperator(
        task_id="register_new",
        dataset_hash=dataset_hash,
        integration="{{ params.integration }}",
        prefix="{{ params.prefix }}",
        aws_conn_id="aws_default",
        group_images=True,
        deferrable=True,
    )
    # [END howto_transfer_s3_to_encord]
    result: Any = register_new.output

    @task
    def announce(result: dict[str, Any]) -> str:
        """Inform the annotators; skipped if nothing was new."""
        return f"{result['added']} new items in dataset {result['dataset_hash']}"

    announce(result)


encord_bucket()
