"""Encord to a bucket or disk: the files of a folder's items, and a manifest of them.

For a bucket on S3, needs the extra ``s3`` and a connection to it.
"""

from __future__ import annotations

from datetime import UTC, datetime

try:
    from airflow.sdk import Param, dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag
    from airflow.models.param import Param

from airflow_provider_encord.transfers.encord_to_storage import EncordToStorageOperator


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "folder": Param(type="string", description="UUID of the storage folder"),
        "destination": Param("s3://my-bucket/copies/", type="string", description="Where the files go"),
    },
)
def encord_to_storage() -> None:
    """Wire the task."""
    # [START howto_transfer_encord_to_storage]
    EncordToStorageOperator(
        task_id="copy_items",
        folder_uuid="{{ params.folder }}",
        destination="{{ params.destination }}",
        destination_conn_id="aws_default",
        item_types=["video", "image"],
    )
    # [END howto_transfer_encord_to_storage]


encord_to_storage()
