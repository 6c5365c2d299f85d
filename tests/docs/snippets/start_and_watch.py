from datetime import datetime

from airflow.sdk import dag

from airflow_provider_encord.operators.uploads import EncordUploadVideoOperator
from airflow_provider_encord.sensors.encord import EncordUploadJobSensor


@dag(schedule=None, start_date=datetime(2026, 1, 1), params={"dataset_hash": "", "video": "/data/clip.mp4"})
def start_and_watch():
    start = EncordUploadVideoOperator(
        task_id="start",
        dataset_hash="{{ params.dataset_hash }}",
        file_paths="{{ params.video }}",
        wait_for_completion=False,
        retries=0,
    )
    EncordUploadJobSensor(
        task_id="watch",
        dataset_hash="{{ params.dataset_hash }}",
        job_ids=start.output["job_ids"],
        deferrable=True,
        retries=5,
    )


start_and_watch()
