"""Waits for jobs of folders that end only when told to; each task has a folder of its own, with its name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

try:
    from airflow.sdk import dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag

from airflow_provider_encord.operators.folders import EncordCreateFolderOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator

WAITS: dict[str, dict[str, Any]] = {
    "worker_failed": {"deferrable": False},
    "worker_cleared": {"deferrable": False},
    "worker_lost": {"deferrable": False, "retries": 1},
    "worker_timeout": {"deferrable": False, "timeout": 20},
    "worker_execution_timeout": {"deferrable": False, "execution_timeout": timedelta(seconds=30)},
    "deferred_failed": {"deferrable": True},
    "deferred_cleared": {"deferrable": True},
    "deferred_timeout": {"deferrable": True, "timeout": 20},
    "deferred_restarted": {"deferrable": True},
}


@dag(dag_id="folders", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False)
def folders() -> None:
    """Wire the tasks."""
    for name, arguments in WAITS.items():
        folder_uuid: Any = EncordCreateFolderOperator(task_id=f"create_{name}", name=name).output
        EncordAddPrivateDataOperator(
            task_id=name,
            folder_uuid=folder_uuid,
            integration="AWS",
            manifest={"images": [{"objectUrl": "s3://encord-demo/shelf/shelf-1.jpg", "title": "one"}]},
            defer_after=0,
            retry_delay=timedelta(seconds=1),
            **arguments,
        )


folders()
