from datetime import datetime

from airflow.sdk import dag, task

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.operators.uploads import EncordUploadVideoOperator

ORGANISATIONS = ["encord_eu", "encord_us"]


@dag(schedule=None, start_date=datetime(2026, 1, 1), params={"video": "/data/clip.mp4"})
def two_organisations():
    for organisation in ORGANISATIONS:
        create = EncordCreateDatasetOperator(
            task_id=f"create_{organisation}",
            encord_conn_id=organisation,
            title="In both",
            if_exists="skip",
        )
        EncordUploadVideoOperator(
            task_id=f"upload_{organisation}",
            encord_conn_id=organisation,
            dataset_hash=create.output,
            file_paths="{{ params.video }}",
            deferrable=True,
        )

    @task
    def count(conn_id):
        from airflow_provider_encord.hooks.encord import EncordHook

        return len(EncordHook(conn_id).get_datasets())

    count.expand(conn_id=ORGANISATIONS)


two_organisations()
