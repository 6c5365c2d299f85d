"""Ingest with an outlet: registers new objects and tells Airflow that the dataset has grown.

The event starts `encord_asset_review`. If nothing is new, there is no event, and nothing starts. Put the hash of a
dataset of yours into the environment variable `ENCORD_EXAMPLE_DATASET`, or below.

Needs the extra `s3`, the connection `encord_default`, a connection of the bucket, and an `integration` in Encord that
may read it.

Airflow 2.11 and later.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

try:
    from airflow.sdk import Param, dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag
    from airflow.models.param import Param

from airflow_provider_encord.assets import create_asset
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator

DATASET_HASH = os.environ.get("ENCORD_EXAMPLE_DATASET", "00000000-0000-0000-0000-000000000000")


@dag(
    description="Register what is new, and tell Airflow that the dataset has grown",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    max_active_runs=1,
    tags=["encord", "example"],
    params={
        "prefix": Param("s3://my-bucket/incoming/", type="string", description="Where new objects arrive"),
        "connection": Param("aws_default", type="string", description="Airflow connection of the bucket"),
        "integration": Param("AWS", type="string", description="Title of the cloud integration in Encord"),
    },
)
def encord_asset_ingest() -> None:
    # [START howto_asset_outlet]
    dataset = create_asset(dataset_hash=DATASET_HASH, host="https://api.encord.com")

    BucketToEncordOperator(
        task_id="register_new",
        dataset_hash=DATASET_HASH,
        integration="{{ params.integration }}",
        prefix="{{ params.prefix }}",
        source_conn_id="{{ params.connection }}",
        outlets=[dataset],
    )
    # [END howto_asset_outlet]


encord_asset_ingest()
