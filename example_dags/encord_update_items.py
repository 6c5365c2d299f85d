"""Client metadata of the items of a folder, from a CSV file whose first column is the item's name."""

from __future__ import annotations

from datetime import UTC, datetime

try:
    from airflow.sdk import Param, dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag
    from airflow.models.param import Param

from airflow_provider_encord.operators.folders import EncordUpdateItemsOperator


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "folder": Param(type="string", description="UUID of the storage folder"),
        "file": Param("s3://my-bucket/metadata.csv", type="string", description="CSV file with columns name and score"),
    },
)
def encord_update_items() -> None:
    """Wire the task."""
    # [START howto_operator_encord_update_items]
    EncordUpdateItemsOperator(
        task_id="update_items",
        metadata_path="{{ params.file }}",
        file_format="csv",
        item_column="name",
        item_column_holds="name",
        folder_uuid="{{ params.folder }}",
        column_types={"score": "number"},
        ignore_if_missing=True,
    )
    # [END howto_operator_encord_update_items]


encord_update_items()
