"""As many deferred waits as CLUSTER_WAITS says, each for a job of its own that ends only when told to."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import dag

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator

WAITS = int(os.environ["CLUSTER_WAITS"])


@dag(
    dag_id="waits",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 20, "retry_delay": timedelta(seconds=1), "retry_exponential_backoff": False},
)
def waits() -> None:
    """Wire the tasks."""
    dataset_hash: Any = EncordCreateDatasetOperator(
        task_id="create_dataset", title="{{ run_id }}", if_exists="skip"
    ).output
    EncordAddPrivateDataOperator.partial(
        task_id="wait",
        dataset_hash=dataset_hash,
        integration="GCP",  # whose objects the local Encord believes in
        deferrable=True,
        defer_after=0,
    ).expand(
        manifest=[
            {"images": [{"objectUrl": f"gs://waits/{number}.jpg", "title": f"{number}.jpg"}]} for number in range(WAITS)
        ],
    )


waits()
