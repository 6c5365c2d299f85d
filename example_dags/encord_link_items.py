"""Link items: create a dataset to review the videos of another one; the files are not copied."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

try:
    from airflow.sdk import Param, dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.models.param import Param

from airflow_provider_encord.operators.data_rows import EncordLinkItemsOperator
from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "source": Param(type="string", description="Hash of the dataset with the videos"),
        "review": Param("videos for review", type="string", description="Title of the dataset to link them into"),
    },
)
def encord_link_items() -> None:
    """Wire the tasks."""
    create_dataset = EncordCreateDatasetOperator(
        task_id="create_dataset", title="{{ params.review }}", create_backing_folder=False, if_exists="skip"
    )
    dataset_hash: Any = create_dataset.output

    @task
    def find_videos(params: dict[str, Any]) -> list[str]:
        """Return the storage items of the rows."""
        from airflow_provider_encord.hooks.encord import EncordHook

        rows = EncordHook().list_data_rows(params["source"], data_types=["VIDEO"])
        return [row.backing_item_uuid for row in rows if row.backing_item_uuid]

    videos: Any = find_videos()

    # [START howto_operator_encord_link_items]
    EncordLinkItemsOperator(
        task_id="link_videos",
        dataset_hash=dataset_hash,
        item_uuids=videos,
        duplicates_behavior="SKIP",
    )
    # [END howto_operator_encord_link_items]


encord_link_items()
