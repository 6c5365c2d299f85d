from datetime import datetime, timedelta

from airflow.sdk import dag

from airflow_provider_encord.operators.datasets import EncordDeleteDataOperator


@dag(
    schedule="@weekly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    params={"dataset_hash": "", "title_like": "test-%"},
)
def weekly_clean_up():
    what = {
        "dataset_hash": "{{ params.dataset_hash }}",
        "title_like": "{{ params.title_like }}",
        "older_than": timedelta(days=30),
        "max_deletions": 500,
    }
    preview = EncordDeleteDataOperator(task_id="preview", dry_run=True, **what)
    delete = EncordDeleteDataOperator(task_id="delete", **what)
    preview >> delete


weekly_clean_up()
