"""Clean up: list the data with a pattern of titles, see what deleting it would destroy, then delete it.

If there is no such dataset, or no such data in it, the rest is skipped. Needs the connection `encord_default`.

Airflow 2.11 and later. With Airflow 3.1, `encord_approve_deletion` asks somebody before it deletes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

try:
    from airflow.sdk import Param, dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag
    from airflow.models.param import Param

from airflow_provider_encord.operators.data_rows import EncordListDataRowsOperator
from airflow_provider_encord.operators.datasets import EncordDeleteDataOperator, EncordListDatasetsOperator


@dag(
    description="Delete the data with a pattern of titles, after a dry run",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "dataset": Param("uploads", type="string", description="Title of the dataset to clean up"),
        "title_like": Param("test-%", type="string", description="SQL pattern of the titles to delete"),
    },
)
def encord_clean_up() -> None:
    find_dataset = EncordListDatasetsOperator(task_id="find_dataset", title_eq="{{ params.dataset }}", on_empty="skip")
    dataset_hash: Any = find_dataset.output["dataset_hashes"]

    # [START howto_operator_encord_list_data_rows]
    list_rows = EncordListDataRowsOperator(
        task_id="list_rows",
        dataset_hash=dataset_hash,
        title_like="{{ params.title_like }}",
        data_types=["VIDEO", "IMAGE"],
    )
    # [END howto_operator_encord_list_data_rows]

    # [START howto_operator_encord_delete_data_dry_run]
    preview = EncordDeleteDataOperator(
        task_id="preview",
        dataset_hash=dataset_hash,
        title_like="{{ params.title_like }}",
        max_deletions=10,
        dry_run=True,
    )
    # [END howto_operator_encord_delete_data_dry_run]

    # [START howto_operator_encord_delete_data_by_title]
    delete = EncordDeleteDataOperator(
        task_id="delete",
        dataset_hash=dataset_hash,
        title_like="{{ params.title_like }}",
        max_deletions=10,  # more than that is an error, and nothing is deleted
    )
    # [END howto_operator_encord_delete_data_by_title]

    list_rows >> preview >> delete


encord_clean_up()
