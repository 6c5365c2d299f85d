"""What the examples don't show: a task that Encord refuses."""

from __future__ import annotations

from datetime import UTC, datetime

try:
    from airflow.sdk import dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator


@dag(schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False)
def refused() -> None:
    EncordCreateDatasetOperator(task_id="create_dataset", title="traffic")
    EncordCreateDatasetOperator(task_id="unknown_key", title="refused", encord_conn_id="encord_unknown")


refused()
