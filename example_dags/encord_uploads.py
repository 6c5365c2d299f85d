"""Uploads: videos, single images, an image group and a DICOM series, straight from where the files are.

Of what the folder does not hold, nothing is uploaded, and the task is skipped. Needs the connection `encord_default`,
and `media`, a folder that the workers see.

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
from airflow_provider_encord.operators.uploads import (
    EncordCreateDicomSeriesOperator,
    EncordCreateImageGroupOperator,
    EncordUploadImageOperator,
    EncordUploadVideoOperator,
)


@dag(
    description="Upload videos, images, an image group and a DICOM series",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "dataset": Param("uploads", type="string", description="Title of the dataset"),
        "media": Param(
            "file:///data/media",
            type="string",
            description="Folder with *.mp4, *.jpg and *.dcm: file:///data/media, s3://aws_default@my-bucket/media",
        ),
    },
)
def encord_uploads() -> None:
    create_dataset = EncordCreateDatasetOperator(
        task_id="create_dataset", title="{{ params.dataset }}", if_exists="skip"
    )
    dataset_hash: Any = create_dataset.output

    @task(multiple_outputs=True)
    def find_media(params: dict[str, Any]) -> dict[str, list[Any]]:
        """List the files to upload, sorted by name, and what is to be kept with each image."""
        folder = ObjectStoragePath(params["media"])
        if not folder.is_dir():
            raise EncordInputError(f"This worker finds no folder {folder}. Trigger again with another `media`.")
        found = {extension: sorted(folder.glob(f"*.{extension}"), key=str) for extension in ("mp4", "jpg", "dcm")}
        about = [{"bytes": path.stat().st_size} for path in found["jpg"]]
        return {"about_jpg": about} | {extension: [str(path) for path in paths] for extension, paths in found.items()}

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
        client_metadata_by_item=media["about_jpg"],
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
