"""Files of any kind: documents go into a storage folder, and from there into a dataset."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

try:
    from airflow.sdk import Param, dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.models.param import Param

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.operators.folders import EncordCreateFolderOperator
from airflow_provider_encord.operators.uploads import EncordUploadFilesOperator


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "name": Param("documents", type="string", description="Name of the folder, and title of the dataset"),
        "documents": Param("file:///data/documents", type="string", description="Folder with *.pdf"),
    },
)
def encord_documents() -> None:
    """Wire the tasks."""
    create_folder = EncordCreateFolderOperator(task_id="create_folder", name="{{ params.name }}", if_exists="skip")
    create_dataset = EncordCreateDatasetOperator(
        task_id="create_dataset", title="{{ params.name }}", create_backing_folder=False, if_exists="skip"
    )
    folder: Any = create_folder.output
    dataset_hash: Any = create_dataset.output

    @task
    def find_documents(params: dict[str, Any]) -> list[str]:
        """List the files to upload, sorted by name."""
        from airflow_provider_encord._storage.listing import list_objects

        return [stored.url for stored in list_objects(params["documents"], pattern="*.pdf")]

    documents: Any = find_documents()

    # [START howto_operator_encord_upload_files]
    EncordUploadFilesOperator(
        task_id="upload_documents",
        kind="pdf",
        folder_uuid=folder,
        dataset_hash=dataset_hash,
        file_paths=documents,
    )
    # [END howto_operator_encord_upload_files]


encord_documents()
