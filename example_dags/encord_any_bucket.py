"""Any bucket to Encord: like `encord_bucket`, for GCS, Azure and all else that Airflow's object storage can read.

Needs the extra of the store (`gcs`, `azure`, `s3`), the connection `encord_default`, a connection of the store, and
an `integration` in Encord that may read the bucket.

Airflow 2.11 and later.
"""

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
    description="Register what is new in a bucket on GCS, Azure or elsewhere",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "dataset": Param("any bucket", type="string", description="Title of the dataset"),
        "prefix": Param(
            "gs://my-bucket/incoming/",
            type="string",
            description="Where new objects arrive",
            examples=[
                "gs://my-bucket/incoming/",
                "abfs://my-container/incoming/",
                "https://account.blob.core.windows.net/my-container/incoming/",
                "s3://my-bucket/incoming/",
            ],
        ),
        "connection": Param(
            "google_cloud_default",
            type="string",
            description="Airflow connection of the store",
            examples=["google_cloud_default", "wasb_default", "aws_default"],
        ),
        "integration": Param(
            "GCP",
            type="string",
            description="Title of the cloud integration in Encord",
            examples=["GCP", "Azure", "AWS"],
        ),
    },
)
def encord_any_bucket() -> None:
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
