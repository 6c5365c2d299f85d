"""Private data: register objects that stay in your bucket, from a manifest that is checked first.

Needs the connection `encord_default`, a `manifest` that the workers can read, and an `integration` in Encord that may
read the objects. For a manifest on S3: the extra `s3`, and a connection of the bucket.

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

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.sensors.encord import EncordUploadJobSensor


@dag(
    description="Register objects by a manifest, and watch a job",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "dataset": Param("private data", type="string", description="Title of the dataset"),
        "integration": Param("AWS", type="string", description="Title of the cloud integration in Encord"),
        "manifest": Param(
            "s3://aws_default@my-bucket/manifest.json",
            type="string",
            description="Path or URL of a JSON file; before the @ of a URL, the Airflow connection of the bucket",
        ),
        "video": Param("s3://my-bucket/incoming/clip.mp4", type="string", description="One more object to register"),
        "details": Param("/tmp/encord-private-data.jsonl", type="string", description="File for the details"),  # noqa: S108
    },
)
def encord_private_data() -> None:
    create_dataset = EncordCreateDatasetOperator(
        task_id="create_dataset", title="{{ params.dataset }}", if_exists="skip"
    )
    dataset_hash: Any = create_dataset.output

    # [START howto_operator_encord_add_private_data_dry_run]
    check_manifest = EncordAddPrivateDataOperator(
        task_id="check_manifest",
        dataset_hash=dataset_hash,
        integration="{{ params.integration }}",
        manifest="{{ params.manifest }}",
        dry_run=True,
    )
    # [END howto_operator_encord_add_private_data_dry_run]

    # [START howto_operator_encord_add_private_data_path]
    register_manifest = EncordAddPrivateDataOperator(
        task_id="register_manifest",
        dataset_hash=dataset_hash,
        integration="{{ params.integration }}",
        manifest="{{ params.manifest }}",
        max_failed_items=0.5,  # go on unless more than half of the objects cannot be added
        details_path="{{ params.details }}",
    )
    # [END howto_operator_encord_add_private_data_path]

    # [START howto_operator_encord_add_private_data_start]
    start_job = EncordAddPrivateDataOperator(
        task_id="start_job",
        dataset_hash=dataset_hash,
        integration="{{ params.integration }}",
        manifest={"videos": [{"objectUrl": "{{ params.video }}", "clientMetadata": {"run": "{{ run_id }}"}}]},
        wait_for_completion=False,
    )
    # [END howto_operator_encord_add_private_data_start]

    # [START howto_sensor_encord_upload_job]
    wait_for_job = EncordUploadJobSensor(
        task_id="wait_for_job",
        dataset_hash=dataset_hash,
        job_ids=start_job.output["job_ids"],
        timeout=6 * 60 * 60,
        deferrable=True,
    )
    # [END howto_sensor_encord_upload_job]

    check_manifest >> register_manifest >> start_job >> wait_for_job


encord_private_data()
