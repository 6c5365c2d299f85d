from datetime import datetime

from airflow.sdk import dag
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.transfers.s3_to_encord import S3ToEncordOperator


@dag(
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    params={"prefix": "s3://my-bucket/incoming/", "integration": "AWS"},
)
def day_by_day():
    create = EncordCreateDatasetOperator(task_id="create", title="Day by day", if_exists="skip")
    S3ToEncordOperator(
        task_id="register",
        dataset_hash=create.output,
        integration="{{ params.integration }}",
        prefix="{{ params.prefix }}",
        in_data_interval=True,
        deferrable=True,
    )


day_by_day()
