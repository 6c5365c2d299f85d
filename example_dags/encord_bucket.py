"""Bucket to Encord: register new objects below an S3 prefix; if there are none, start no job and skip the rest.

Needs the extra `s3`, the connection `encord_default`, a connection of the bucket, and an `integration` in Encord that
may read it.

Airflow 2.11 and later.
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
    description="Register what is new in an S3 bucket",
    doc_md=__doc__,
    schedule=None,  # "@hourly" once it runs well
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["encord", "example"],
    params={
        "dataset": Param("bucket", type="string", description="Title of the dataset"),
        "prefix": Param("s3://my-bucket/incoming/", type="string", description="Where new objects arrive"),
        "connection": Param("aws_default", type="string", description="Airflow connection of the bucket"),
        "integration": Param("AWS", type="string", description="Title of the cloud integration in Encord"),
    },
)
def encord_bucket() -> None:
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
        aws_conn_id="{{ params.connection }}",
        group_images=True,
        deferrable=True,
    )
    # [END howto_transfer_s3_to_encord]
    result: Any = register_new.output

    @task
    def announce(result: dict[str, Any]) -> str:
        """Inform the annotators; skipped if nothing was new."""
        news = f"{result['added']} new items in dataset {result['dataset_hash']}"
        print(news)
        return news

    announce(result)


encord_bucket()
