"""Client metadata of the items of a folder, from a CSV file with a column `name`, which names the item, and `score`.

Needs the connection `encord_default`, and for a file on S3 the extra `s3` and a connection of the bucket.

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

from airflow_provider_encord.operators.folders import EncordCreateFolderOperator, EncordUpdateItemsOperator


@dag(
    description="Client metadata of a folder's items, from a CSV file",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "folder": Param("documents", type="string", description="Name of the storage folder"),
        "file": Param(
            "s3://aws_default@my-bucket/metadata.csv",
            type="string",
            description="CSV file with columns name and score; before the @, the Airflow connection of the bucket",
        ),
    },
)
def encord_update_items() -> None:
    create_folder = EncordCreateFolderOperator(task_id="create_folder", name="{{ params.folder }}", if_exists="skip")
    folder: Any = create_folder.output

    # [START howto_operator_encord_update_items]
    EncordUpdateItemsOperator(
        task_id="update_items",
        metadata_path="{{ params.file }}",
        file_format="csv",
        item_column="name",
        item_column_holds="name",
        folder_uuid=folder,
        column_types={"score": "number"},
        ignore_if_missing=True,
    )
    # [END howto_operator_encord_update_items]


encord_update_items()
