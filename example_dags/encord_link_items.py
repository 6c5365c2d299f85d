"""Link items: create a dataset to review the videos of another one; the files are not copied.

If there is no such dataset, or no video in it, the rest is skipped: run `encord_uploads` first. Needs the connection
`encord_default`.

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

from airflow_provider_encord.operators.data_rows import EncordLinkItemsOperator
from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator, EncordListDatasetsOperator


@dag(
    description="Link the videos of a dataset into another one",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "source": Param("uploads", type="string", description="Title of the dataset with the videos"),
        "review": Param("videos for review", type="string", description="Title of the dataset to link them into"),
    },
)
def encord_link_items() -> None:
    find_source = EncordListDatasetsOperator(task_id="find_source", title_eq="{{ params.source }}", on_empty="skip")
    sources: Any = find_source.output["dataset_hashes"]
    create_dataset = EncordCreateDatasetOperator(
        task_id="create_dataset", title="{{ params.review }}", create_backing_folder=False, if_exists="skip"
    )
    dataset_hash: Any = create_dataset.output

    @task
    def find_videos(sources: list[str]) -> list[str]:
        """Return the storage items of the rows."""
        from airflow_provider_encord.hooks.encord import EncordHook

        rows = EncordHook().list_data_rows(sources[0], data_types=["VIDEO"])
        return [row.backing_item_uuid for row in rows if row.backing_item_uuid]

    videos: Any = find_videos(sources)

    # [START howto_operator_encord_link_items]
    EncordLinkItemsOperator(
        task_id="link_videos",
        dataset_hash=dataset_hash,
        item_uuids=videos,
        duplicates_behavior="SKIP",
    )
    # [END howto_operator_encord_link_items]


encord_link_items()
