"""A folder that Encord syncs with a bucket: sync it now, then link what is new into a dataset.

Needs the connection `encord_default`, and an `integration` in Encord that may read the bucket. Airflow itself does
not read it.

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
from airflow_provider_encord.operators.folders import EncordCreateFolderOperator, EncordSyncFolderOperator


@dag(
    description="Sync a folder with its bucket, and link what is new",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "name": Param("synced", type="string", description="Name of the folder, and title of the dataset"),
        "remote_url": Param("s3://my-bucket/incoming/", type="string", description="What the folder is synced with"),
        "integration": Param("AWS", type="string", description="Title of the cloud integration in Encord"),
    },
)
def encord_sync_folder() -> None:
    create_folder = EncordCreateFolderOperator(
        task_id="create_folder",
        name="{{ params.name }}",
        integration="{{ params.integration }}",
        remote_url="{{ params.remote_url }}",
        if_exists="skip",
    )
    folder: Any = create_folder.output

    # [START howto_operator_encord_sync_folder]
    sync = EncordSyncFolderOperator(
        task_id="sync",
        folder_uuid=folder,
        max_failed_items=0.01,
        deferrable=True,
    )
    # [END howto_operator_encord_sync_folder]
    synced: Any = sync.output
    create_dataset = EncordCreateDatasetOperator(
        task_id="create_dataset", title="{{ params.name }}", create_backing_folder=False, if_exists="skip"
    )
    dataset_hash: Any = create_dataset.output
    EncordLinkItemsOperator(task_id="link_new", dataset_hash=dataset_hash, folder_uuid=synced)


encord_sync_folder()
