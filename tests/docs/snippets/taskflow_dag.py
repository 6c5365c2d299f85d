from datetime import datetime
from pathlib import Path

from airflow.sdk import dag, task

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.operators.uploads import EncordUploadImageOperator


@dag(schedule=None, start_date=datetime(2026, 1, 1), params={"folder": "/data/incoming"})
def sorted_images():
    @task
    def find_images(params):
        return sorted(str(path) for path in Path(params["folder"]).glob("*.png"))

    @task
    def report(uploaded, dataset_hash):
        from airflow_provider_encord.hooks.encord import EncordHook

        rows = EncordHook().list_data_rows(dataset_hash)
        return {"added": uploaded["added"], "in the dataset": len(rows), "titles": [row.data_title for row in rows]}

    create = EncordCreateDatasetOperator(task_id="create", title="Sorted images", if_exists="skip")
    upload = EncordUploadImageOperator(
        task_id="upload",
        dataset_hash=create.output,
        file_paths=find_images(),
    )
    report(upload.output, create.output)


sorted_images()
