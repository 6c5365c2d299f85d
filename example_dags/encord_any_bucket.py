"""Any bucket to Encord: like ``encord_bucket``, for GCS, Azure and all else that Airflow's object storage can read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

try:
    from airflow.sdk import Param, dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag
    from airflow.models.param import Param

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "dataset": Param("any bucket", type="string", description="Title of the dataset"),
        "prefix": Param("gs://my-bucket/incoming/", type="string", description="Where new objects arrive"),
        "connection": Param("google_cloud_default", type="string", description="Airflow connection of the store"),
        "integration": Param("GCP", type="string", description="Title of the cloud integration in Encord"),
    },
)
def encord_any_bucket() -> None:
    """Wire the tasks."""
    create_dataset = EncordCreateDatasetOperator(
        task_id="create_dataset", title="{{ params.dataset }}", if_exists="skip"
    )
    dataset_hash: Any = create_dataset.output

    # [START howto_transfer_bucket_to_encord]
    BucketToEncordOperator(
        task_id="register_new",
        dataset_hash=dataset_hash,
        integration="{{ params.integration }}",
        prefix="{{ params.prefix }}",
        source_conn_id="{{ params.connection }}",
        pattern="**/*.mp4",
        client_metadata={"source": "{{ params.prefix }}"},
    )
    # [END howto_transfer_bucket_to_encord]


encord_any_bucket()
