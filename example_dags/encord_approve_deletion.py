"""Approve a deletion: see what it would destroy, ask somebody in Airflow, then delete it, or skip that.

The question appears below *Required Actions*. If there is no such dataset, or no such data in it, nobody is asked.
Needs the connection `encord_default`.

Airflow 3.1 and later; earlier ones show no DAG.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

try:
    from airflow.sdk import Param, dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag
    from airflow.models.param import Param

from airflow import __version__ as airflow_version

from airflow_provider_encord.operators.datasets import EncordDeleteDataOperator, EncordListDatasetsOperator


@dag(
    description="Delete the data with a pattern of titles, once somebody has approved it",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={
        "dataset": Param("uploads", type="string", description="Title of the dataset to clean up"),
        "title_like": Param("test-%", type="string", description="SQL pattern of the titles to delete"),
    },
)
def encord_approve_deletion() -> None:
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    find_dataset = EncordListDatasetsOperator(task_id="find_dataset", title_eq="{{ params.dataset }}", on_empty="skip")
    dataset_hash: Any = find_dataset.output["dataset_hashes"]

    preview = EncordDeleteDataOperator(
        task_id="preview",
        dataset_hash=dataset_hash,
        title_like="{{ params.title_like }}",
        dry_run=True,
    )
    approve = ApprovalOperator(
        task_id="approve",
        subject="Delete {{ ti.xcom_pull(task_ids='preview')['items'] | length }} items of {{ params.dataset }}?",
        body=(
            "{% for item in ti.xcom_pull(task_ids='preview')['items'] %}"
            "- {{ item.data_title }}: {{ item.effect }}\n"
            "{% endfor %}"
        ),
    )
    delete_approved = EncordDeleteDataOperator(
        task_id="delete_approved",
        dataset_hash=dataset_hash,
        data_hashes="{{ ti.xcom_pull(task_ids='preview')['items'] | map(attribute='data_hash') | list }}",
    )
    preview >> approve >> delete_approved


if tuple(int(part) for part in airflow_version.split(".")[:2]) >= (3, 1):
    encord_approve_deletion()
