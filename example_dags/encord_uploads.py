"""Uploads: videos, single images, an image group and a DICOM series, straight from where the files are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

try:
    from airflow.sdk import Param, dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.models.param import Param

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.operators.uploads import (
    EncordCreateDicomSeriesOperator,
    EncordCreateImageGroupOperator,
    EncordUploadImageOperator,
    EncordUploadVideoOperator,
)


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "dataset": Param("uploads", type="string", description="Title of the dataset"),
        "media": Param("file:///data/media", type="string", description="Folder with *.mp4, *.jpg and *.dcm"),
    },
)
def encord_uploads() -> None:
    """Wire the tasks."""
    create_dataset = EncordCreateDatasetOperator(
        task_id="create_dataset", title="{{ params.dataset }}", if_exists="skip"
    )
    dataset_hash: Any = create_dataset.output

    @task(multiple_outputs=True)
    def find_media(params: dict[str, Any]) -> dict[str, list[str]]:
        """List the files to upload, sorted by name."""
        from airflow_provider_encord._storage.listing import list_objects

        return {
            extension: [stored.url for stored in list_objects(params["media"], pattern=f"*.{extension}")]
            for extension in ("mp4", "jpg", "dcm")
        }

    media: Any = find_media()

    # [START howto_operator_encord_upload_videos]
    upload_videos = EncordUploadVideoOperator(
        task_id="upload_videos",
        dataset_hash=dataset_hash,
        file_paths=media["mp4"],
        client_metadata={"uploaded_by": "{{ dag.dag_id }}"},
        deferrable=True,
    )
    # [END howto_operator_encord_upload_videos]

    # [START howto_operator_encord_upload_image]
    upload_images = EncordUploadImageOperator(
        task_id="upload_images",
        dataset_hash=dataset_hash,
        file_paths=media["jpg"],
        max_workers=8,
    )
    # [END howto_operator_encord_upload_image]

    # [START howto_operator_encord_create_image_group_of_images]
    create_image_group = EncordCreateImageGroupOperator(
        task_id="create_image_group",
        dataset_hash=dataset_hash,
        file_paths=media["jpg"],
        title="all images",
        create_video=False,
    )
    # [END howto_operator_encord_create_image_group_of_images]

    # [START howto_operator_encord_create_dicom_series]
    create_dicom_series = EncordCreateDicomSeriesOperator(
        task_id="create_dicom_series",
        dataset_hash=dataset_hash,
        file_paths=media["dcm"],
        title="study",
    )
    # [END howto_operator_encord_create_dicom_series]

    create_dataset >> [upload_videos, upload_images, create_image_group, create_dicom_series]


encord_uploads()
