"""Wait for rows: go on when others have added enough videos to a dataset, or skip the rest after a day.

The dataset is made if it is missing. With `encord_uploads`, which fills the same one, you can see the wait end. Needs
the connection `encord_default`.

Airflow 2.11 and later.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

try:
    from airflow.sdk import Param, dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.models.param import Param

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator
from airflow_provider_encord.sensors.encord import EncordDataRowSensor


@dag(
    description="Wait until a dataset holds enough videos",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "dataset": Param("uploads", type="string", description="Title of the dataset that others fill"),
        "title_like": Param("%", type="string", description="SQL pattern of the titles to wait for"),
    },
)
def encord_wait_for_rows() -> None:
    create_dataset = EncordCreateDatasetOperator(
        task_id="create_dataset", title="{{ params.dataset }}", if_exists="skip"
    )
    dataset_hash: Any = create_dataset.output

    # [START howto_sensor_encord_data_row]
    wait_for_videos = EncordDataRowSensor(
        task_id="wait_for_videos",
        dataset_hash=dataset_hash,
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
    def go_on() -> None:
        """Do what needs the videos."""
        print("The videos are there.")

    wait_for_videos >> go_on()


encord_wait_for_rows()
