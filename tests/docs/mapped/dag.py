"""Mapped tasks, and one task each that takes what all of them gave."""

from datetime import datetime

from airflow.sdk import dag, task

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator, EncordDeleteDataOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.sensors.encord import EncordUploadJobSensor


@dag(schedule=None, start_date=datetime(2026, 1, 1))
def mapped():
    @task
    def manifests():
        return [{"videos": [{"objectUrl": f"s3://b/{at}-{number}"} for at in range(number)]} for number in range(3)]

    dataset = EncordCreateDatasetOperator(task_id="dataset", title="mapped", if_exists="skip").output
    register = EncordAddPrivateDataOperator.partial(
        task_id="register", dataset_hash=dataset, integration="AWS", on_empty="succeed"
    ).expand(manifest=manifests())
    seen = EncordUploadJobSensor(task_id="seen", dataset_hash=dataset, job_ids=register.output)
    re_encode = EncordReEncodeDataOperator(task_id="re_encode", dataset_hash=dataset, data_hashes=register.output)
    delete = EncordDeleteDataOperator(
        task_id="delete", dataset_hash=dataset, data_hashes=register.output["data_hashes"], ignore_if_missing=False
    )
    [seen, re_encode] >> delete


mapped()
