"""Deferred waits for jobs, one for each name in CHAOS_TITLES; most end only when told to."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

try:
    from airflow.sdk import dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator

TITLES = os.environ.get("CHAOS_TITLES", "").split()


@dag(
    dag_id="hostile",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=1)},
)
def hostile() -> None:
    """Wire the tasks."""
    create_dataset = EncordCreateDatasetOperator(task_id="create_dataset", title="{{ run_id }}", if_exists="skip")
    dataset_hash: Any = create_dataset.output
    EncordAddPrivateDataOperator.partial(
        task_id="wait",
        dataset_hash=dataset_hash,
        integration="GCP",  # whose objects the local Encord believes in
        poll_interval=1,
        max_poll_failures=3,
        deferrable=True,
    ).expand(
        manifest=[{"images": [{"objectUrl": f"gs://hostile/{title}.jpg", "title": title}]} for title in TITLES],
    )


hostile()
