"""One deferred wait per run, for a job that ends only when told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

try:
    from airflow.sdk import dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator


@dag(
    dag_id="deferred",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=1)},
)
def deferred() -> None:
    """Wire the tasks."""
    create_dataset = EncordCreateDatasetOperator(task_id="create_dataset", title="{{ run_id }}", if_exists="skip")
    dataset_hash: Any = create_dataset.output
    EncordAddPrivateDataOperator(
        task_id="wait",
        dataset_hash=dataset_hash,
        integration="AWS",
        manifest={"images": [{"objectUrl": "s3://encord-demo/shelf/shelf-1.jpg", "title": "one"}]},
        deferrable=True,
    )


deferred()
