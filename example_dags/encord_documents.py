"""Files of any kind: documents go into a storage folder, and from there into a dataset.

Needs the connection `encord_default`, and `documents`, a folder with `*.pdf` that the workers see.

Airflow 2.11 and later.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

try:
    from airflow.sdk import ObjectStoragePath, Param, dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.io.path import ObjectStoragePath
    from airflow.models.param import Param

from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.operators.folders import EncordCreateFolderOperator
from airflow_provider_encord.operators.uploads import EncordUploadFilesOperator


@dag(
    description="Upload documents into a folder and a dataset",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "name": Param("documents", type="string", description="Name of the folder, and title of the dataset"),
        "documents": Param(
            "file:///data/documents",
            type="string",
            description="Folder with *.pdf: file:///data/documents, s3://aws_default@my-bucket/documents",
        ),
    },
)
def encord_documents() -> None:
    create_folder = EncordCreateFolderOperator(task_id="create_folder", name="{{ params.name }}", if_exists="skip")
    create_dataset = EncordCreateDatasetOperator(
        task_id="create_dataset", title="{{ params.name }}", create_backing_folder=False, if_exists="skip"
    )
    folder: Any = create_folder.output
    dataset_hash: Any = create_dataset.output

    @task
    def find_documents(params: dict[str, Any]) -> list[str]:
        """List the files to upload, sorted by name."""
        folder = ObjectStoragePath(params["documents"])
        if not folder.is_dir():
            raise EncordInputError(f"This worker finds no folder {folder}. Trigger again with another `documents`.")
        return sorted(str(path) for path in folder.glob("*.pdf"))

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
