"""What the example doesn't show: a task that Encord refuses, and an asset."""

from __future__ import annotations

from datetime import UTC, datetime

try:
    from airflow.sdk import Asset, dag, task
except ImportError:  # Airflow 2.11
    from airflow.datasets import Dataset as Asset
    from airflow.decorators import dag, task

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator

TRAFFIC = Asset("encord://api.encord.com/datasets/3e3e0f5c-57e5-4c8b-9d3a-3b5c9a4f1b11")
START = datetime(2026, 1, 1, tzinfo=UTC)


@dag(schedule=None, start_date=START, catchup=False)
def refused() -> None:
    EncordCreateDatasetOperator(task_id="create_dataset", title="traffic", outlets=[TRAFFIC])
    EncordCreateDatasetOperator(task_id="unknown_key", title="refused", encord_conn_id="encord_unknown")


@dag(schedule=[TRAFFIC], start_date=START, catchup=False)
def review() -> None:
    @task
    def look() -> None:
        """Do nothing."""

    look()


refused()
review()
