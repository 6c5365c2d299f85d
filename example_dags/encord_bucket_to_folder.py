"""Bucket to folder to dataset: register what is new in a storage folder, then link what no dataset holds yet.

With nothing new, no job is started and the rest is skipped.

Needs the extra `s3`, the connection `encord_default`, a connection of the bucket, and an `integration` in Encord that
may read it.

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

from airflow_provider_encord.operators.data_rows import EncordLinkItemsOperator
from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.operators.folders import EncordCreateFolderOperator
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator


@dag(
    description="Register what is new in a folder, and link it into a dataset",
    doc_md=__doc__,
    schedule=None,  # "@hourly" once it runs well
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["encord", "example"],
    params={
        "name": Param("incoming", type="string", description="Name of the folder, and title of the dataset"),
        "prefix": Param("s3://my-bucket/incoming/", type="string", description="Where new objects arrive"),
        "connection": Param("aws_default", type="string", description="Airflow connection of the bucket"),
        "integration": Param("AWS", type="string", description="Title of the cloud integration in Encord"),
    },
)
def encord_bucket_to_folder() -> None:
    # [START howto_operator_encord_create_folder]
    create_folder = EncordCreateFolderOperator(
        task_id="create_folder",
        name="{{ params.name }}",
        description="Everything that came in",
        if_exists="skip",
    )
    # [END howto_operator_encord_create_folder]
    folder: Any = create_folder.output

    register_new = BucketToEncordOperator(
        task_id="register_new",
        folder_uuid=folder,
        integration="{{ params.integration }}",
        prefix="{{ params.prefix }}",
        source_conn_id="{{ params.connection }}",
        on_empty="skip",
        deferrable=True,
    )
    create_dataset = EncordCreateDatasetOperator(
        task_id="create_dataset", title="{{ params.name }}", create_backing_folder=False, if_exists="skip"
    )
    dataset_hash: Any = create_dataset.output

    # [START howto_operator_encord_link_folder]
    link_new = EncordLinkItemsOperator(
        task_id="link_new",
        dataset_hash=dataset_hash,
        folder_uuid=folder,
        item_types=["video", "image"],
    )
    # [END howto_operator_encord_link_folder]
    register_new >> link_new


encord_bucket_to_folder()
