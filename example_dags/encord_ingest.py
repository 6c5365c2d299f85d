"""A nightly ingest: create the dataset of the day, fill it in three ways, re-encode, wait, clean up, report.

Needs

- the connection `encord_default`;
- `media`: a folder that the workers see, with at least one `*.mp4` and one `*.jpg`;
- `bucket_prefix`: objects on S3, with the extra `s3`, a connection of the bucket, and an `integration` in Encord that
  may read it.

A run without a logical date, such as one of an asset or of the API, fills the dataset of the day on which it may
start.

Airflow 2.11 and later.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

try:
    from airflow.sdk import ObjectStoragePath, Param, dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.io.path import ObjectStoragePath
    from airflow.models.param import Param

from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator, EncordDeleteDataOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.operators.uploads import EncordCreateImageGroupOperator, EncordUploadVideoOperator
from airflow_provider_encord.sensors.encord import EncordReEncodeSensor


def day(dag_run: Any) -> str:
    """Return the day that a run stands for, also if it has no logical date, and thus no ``ds``."""
    moment: datetime = dag_run.logical_date or dag_run.run_after
    return moment.date().isoformat()


@dag(
    description="Fill the dataset of the day from disk and from a bucket",
    doc_md=__doc__,
    schedule=None,  # "@daily" once it runs well
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,  # two runs of one day would fill the same dataset
    tags=["encord", "example"],
    user_defined_macros={"day": day},
    params={
        "media": Param(
            "file:///data/media",
            type="string",
            description="Folder with *.mp4 and *.jpg to upload: file:///data/media, s3://aws_default@my-bucket/media",
        ),
        "bucket_prefix": Param("s3://my-bucket/incoming/", type="string", description="Objects to register"),
        "bucket_connection": Param("aws_default", type="string", description="Airflow connection of the bucket"),
        "integration": Param("AWS", type="string", description="Title of the cloud integration in Encord"),
    },
)
def encord_ingest() -> None:
    # [START howto_operator_encord_create_dataset]
    create_dataset = EncordCreateDatasetOperator(
        task_id="create_dataset",
        title="ingest-{{ day(dag_run) }}",
        description="Everything that came in on {{ day(dag_run) }}",
        if_exists="skip",
    )
    # [END howto_operator_encord_create_dataset]
    dataset_hash: Any = create_dataset.output

    @task(multiple_outputs=True)
    def find_media(params: dict[str, Any]) -> dict[str, list[str]]:
        """List the files to upload; they are streamed from where they are."""
        folder = ObjectStoragePath(params["media"])
        if not folder.is_dir():
            raise EncordInputError(f"This worker finds no folder {folder}. Trigger again with another `media`.")
        return {
            "videos": sorted(str(path) for path in folder.glob("*.mp4")),
            "images": sorted(str(path) for path in folder.glob("*.jpg")),
        }

    @task
    def make_manifest(params: dict[str, Any]) -> dict[str, Any]:
        """Describe the objects of the bucket; they stay there."""
        bucket = ObjectStoragePath(params["bucket_prefix"], conn_id=params["bucket_connection"])
        if not bucket.exists():
            raise EncordInputError(f"There is nothing below {bucket}. Trigger again with another `bucket_prefix`.")

        def entries(pattern: str) -> list[dict[str, str]]:
            return [{"objectUrl": f"s3://{path.path}", "title": path.name} for path in sorted(bucket.glob(pattern))]

        return {"videos": entries("*.mp4"), "images": entries("*.jpg")}

    media: Any = find_media()

    # [START howto_operator_encord_upload_video]
    upload_videos = EncordUploadVideoOperator(
        task_id="upload_videos",
        dataset_hash=dataset_hash,
        file_paths=media["videos"],
        client_metadata={"source": "nightly ingest", "day": "{{ day(dag_run) }}"},
        deferrable=True,
    )
    # [END howto_operator_encord_upload_video]

    # [START howto_operator_encord_create_image_group]
    create_image_group = EncordCreateImageGroupOperator(
        task_id="create_image_group",
        dataset_hash=dataset_hash,
        file_paths=media["images"],
        title="images of {{ day(dag_run) }}",
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

        counts = Counter(row.data_type for row in EncordHook().list_data_rows(dataset_hash))
        print(f"Dataset {dataset_hash} holds {', '.join(f'{count} {kind}' for kind, count in counts.items())}.")
        return dict(counts)

    filled = [upload_videos, create_image_group, register_bucket]
    re_encode >> wait_for_re_encode
    [*filled, wait_for_re_encode] >> delete_reject >> report(dataset_hash)


encord_ingest()
