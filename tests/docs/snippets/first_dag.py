from datetime import datetime

from airflow.sdk import dag

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.operators.uploads import EncordUploadVideoOperator


@dag(schedule=None, start_date=datetime(2026, 1, 1), params={"video": "/data/clip.mp4"})
def my_first_encord_dag():
    create = EncordCreateDatasetOperator(task_id="create_dataset", title="My first dataset", if_exists="skip")
    EncordUploadVideoOperator(
        task_id="upload_video",
        dataset_hash=create.output,
        file_paths="{{ params.video }}",
        deferrable=True,
    )


my_first_encord_dag()
