"""Datasets: create one if it is missing, then list all of the same family.

Needs the connection `encord_default`.

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

from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator, EncordListDatasetsOperator


@dag(
    description="Create a dataset if it is missing, then list its family",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "family": Param("traffic", type="string", description="Beginning of the titles"),
        "name": Param("crossings", type="string", description="End of the title of the dataset to create"),
    },
)
def encord_datasets() -> None:
    # [START howto_operator_encord_create_dataset_if_missing]
    create_dataset = EncordCreateDatasetOperator(
        task_id="create_dataset",
        title="{{ params.family }}-{{ params.name }}",
        description="Created by {{ dag.dag_id }}",
        if_exists="skip",
    )
    # [END howto_operator_encord_create_dataset_if_missing]

    # [START howto_operator_encord_list_datasets]
    list_datasets = EncordListDatasetsOperator(
        task_id="list_datasets",
        title_like="{{ params.family }}-%",
        created_after="2026-01-01T00:00:00Z",
    )
    # [END howto_operator_encord_list_datasets]
    listing: Any = list_datasets.output

    @task
    def report(listing: dict[str, Any]) -> list[str]:
        """Return the titles."""
        titles = sorted(dataset["title"] for dataset in listing["items"] or [])
        print(f"{listing['count']} datasets: {', '.join(titles)}")
        return titles

    create_dataset >> list_datasets
    report(listing)


encord_datasets()
