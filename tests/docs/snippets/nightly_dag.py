from datetime import datetime
from pathlib import Path

from airflow.sdk import dag, task

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.operators.uploads import EncordUploadImageOperator


@dag(schedule="@daily", start_date=datetime(2026, 1, 1), catchup=False, params={"folder": "/data/incoming"})
def nightly_images():
    @task
    def new_images(params):
        return sorted(str(path) for path in Path(params["folder"]).glob("*.png"))

    dataset = EncordCreateDatasetOperator(task_id="dataset", title="Images", if_exists="skip")
    EncordUploadImageOperator(
        task_id="upload",
        dataset_hash=dataset.output,
        file_paths=new_images(),
        deferrable=True,
    )


nightly_images()
