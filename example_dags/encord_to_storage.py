"""Encord to a bucket or disk: the files of a folder's items, and a manifest of them.

A folder with nothing in it is skipped. Needs the connection `encord_default`, and for a bucket on S3 the extra `s3`
and a connection of the bucket.

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

from airflow_provider_encord.operators.folders import EncordCreateFolderOperator
from airflow_provider_encord.transfers.encord_to_storage import EncordToStorageOperator


@dag(
    description="Copy the files of a folder to a bucket or to disk",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "folder": Param("documents", type="string", description="Name of the storage folder"),
        "destination": Param(
            "s3://my-bucket/copies/",
            type="string",
            description="Where the files go",
            examples=["s3://my-bucket/copies/", "gs://my-bucket/copies/", "file:///data/copies/"],
        ),
        "connection": Param("aws_default", type="string", description="Airflow connection of the bucket"),
    },
)
def encord_to_storage() -> None:
    create_folder = EncordCreateFolderOperator(task_id="create_folder", name="{{ params.folder }}", if_exists="skip")
    folder: Any = create_folder.output

    # [START howto_transfer_encord_to_storage]
    EncordToStorageOperator(
        task_id="copy_items",
        folder_uuid=folder,
        destination="{{ params.destination }}",
        destination_conn_id="{{ params.connection }}",
        item_types=["video", "image"],
    )
    # [END howto_transfer_encord_to_storage]


encord_to_storage()
