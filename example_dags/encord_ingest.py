"""A nightly ingest: create the dataset of the day, fill it in three ways, re-encode, wait, clean up, report.

Needs the connections ``encord_default`` and, for a bucket on S3, ``aws_default``.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

try:
    from airflow.sdk import Param, dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.models.param import Param

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator, EncordDeleteDataOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.operators.uploads import EncordCreateImageGroupOperator, EncordUploadVideoOperator
from airflow_provider_encord.sensors.encord import EncordReEncodeSensor


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["encord", "example"],
    params={
        "media": Param("file:///data/media", type="string", description="Folder with *.mp4 and *.jpg to upload"),
        "bucket_prefix": Param("s3://my-bucket/incoming/", type="string", description="Objects to register"),
        "integration": Param("AWS", type="string", description="Title of the cloud integration in Encord"),
    },
)
def encord_ingest() -> None:
    """Wire the tasks."""
    # [START howto_operator_encord_create_dataset]
    create_dataset = EncordCreateDatasetOperator(
        task_id="create_dataset",
        title="ingest-{{ ds }}",
        description="Everything that came in on {{ ds }}",
        if_exists="skip",
    )
    # [END howto_operator_encord_create_dataset]
    dataset_hash: Any = create_dataset.output

    @task(multiple_outputs=True)
    def find_media(params: dict[str, Any]) -> dict[str, list[str]]:
        """List the files to upload; they are streamed from where they are."""
        from airflow_provider_encord._storage.listing import list_objects

        return {
            "videos": [stored.url for stored in list_objects(params["media"], pattern="*.mp4")],
            "images": [stored.url for stored in list_objects(params["media"], pattern="*.jpg")],
        }

    @task
    def make_manifest(params: dict[str, Any]) -> dict[str, Any]:
        """Describe the objects of the bucket; they stay there."""
        from airflow_provider_encord._storage.listing import list_objects

        def entries(pattern: str) -> list[dict[str, str]]:
            objects = list_objects(params["bucket_prefix"], pattern=pattern)
            return [{"objectUrl": stored.url, "title": stored.url.rpartition("/")[2]} for stored in objects]

        return {"videos": entries("*.mp4"), "images": entries("*.jpg")}

    media: Any = find_media()

    # [START howto_operator_encord_upload_video]
    upload_videos = EncordUploadVideoOperator(
        task_id="upload_videos",
        dataset_hash=dataset_hash,
        file_paths=media["videos"],
        client_metadata={"source": "nightly ingest", "day": "{{ ds }}"},
        deferrable=True,
    )
    # [END howto_operator_encord_upload_video]

    # [START howto_operator_encord_create_image_group]
    create_image_group = EncordCreateImageGroupOperator(
        task_id="create_image_group",
        dataset_hash=dataset_hash,
        file_paths=media["images"],
        title="images of {{ ds }}",
        deferrable=True,
    )
    # [END howto_operator_encord_create_image_group]

    # [START howto_operator_encord_add_private_data]
    register_bucket = EncordAddPrivateDataOperator(
        task_id="register_bucket",
        dataset_hash=dataset_hash,
        integration="{{ params.integration }}",
        manifest=make_manifest(),
        deferrable=True,
    )
    # [END howto_operator_encord_add_private_data]

    # [START howto_operator_encord_re_encode]
    re_encode = EncordReEncodeDataOperator(
        task_id="re_encode",
        dataset_hash=dataset_hash,
        data_hashes=upload_videos.output["data_hashes"],
        wait_for_completion=False,
    )
    # [END howto_operator_encord_re_encode]

    # [START howto_sensor_encord_re_encode]
    wait_for_re_encode = EncordReEncodeSensor(
        task_id="wait_for_re_encode",
        dataset_hash=dataset_hash,
        job_id=re_encode.output["job_id"],
        poke_interval=10,
        timeout=6 * 60 * 60,
        deferrable=True,
    )
    # [END howto_sensor_encord_re_encode]

    # [START howto_operator_encord_delete_data]
    delete_reject = EncordDeleteDataOperator(
        task_id="delete_reject",
        dataset_hash=dataset_hash,
        data_hashes="{{ ti.xcom_pull(task_ids='create_image_group', key='data_hashes')[0] }}",
    )
    # [END howto_operator_encord_delete_data]

    @task
    def report(dataset_hash: str) -> dict[str, int]:
        """Count the data in the dataset, with the hook."""
        from airflow_provider_encord.hooks.encord import EncordHook

        return dict(Counter(row.data_type for row in EncordHook().list_data_rows(dataset_hash)))

    filled = [upload_videos, create_image_group, register_bucket]
    re_encode >> wait_for_re_encode
    [*filled, wait_for_re_encode] >> delete_reject >> report(dataset_hash)


encord_ingest()
