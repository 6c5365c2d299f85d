"""Wait for rows: go on when others have added enough videos to a dataset, or skip the rest after a day."""

from __future__ import annotations

from datetime import UTC, datetime

try:
    from airflow.sdk import Param, dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.models.param import Param

from airflow_provider_encord.sensors.encord import EncordDataRowSensor


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "dataset_hash": Param(type="string", description="Dataset that others fill"),
        "title_like": Param("%", type="string", description="SQL pattern of the titles to wait for"),
    },
)
def encord_wait_for_rows() -> None:
    """Wire the tasks."""
    # [START howto_sensor_encord_data_row]
    wait_for_videos = EncordDataRowSensor(
        task_id="wait_for_videos",
        dataset_hash="{{ params.dataset_hash }}",
        title_like="{{ params.title_like }}",
        data_types=["VIDEO"],
        min_count=2,
        poke_interval=60,
        timeout=24 * 60 * 60,
        soft_fail=True,
        deferrable=True,
    )
    # [END howto_sensor_encord_data_row]

    @task
    def go_on() -> str:
        """Do what needs the videos."""
        return "The videos are there."

    wait_for_videos >> go_on()


encord_wait_for_rows()
