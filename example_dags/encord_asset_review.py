"""Scheduled on an asset: runs when `encord_asset_ingest` has added something to the dataset, and reads what it was.

Needs nothing itself; the other DAG needs the connection `encord_default`.

Airflow 2.11 and later.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

try:
    from airflow.sdk import dag, get_current_context, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.operators.python import get_current_context

from airflow_provider_encord.assets import create_asset, triggering_extras

DATASET_HASH = os.environ.get("ENCORD_EXAMPLE_DATASET", "00000000-0000-0000-0000-000000000000")


# [START howto_asset_schedule]
@dag(
    description="Tell the annotators what is new in a dataset",
    doc_md=__doc__,
    schedule=[create_asset(dataset_hash=DATASET_HASH, host="https://api.encord.com")],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["encord", "example"],
)
def encord_asset_review() -> None:
    @task
    def announce() -> str:
        """Tell the annotators; a run may stand for several events, and one started by hand for none."""
        extras = triggering_extras(get_current_context())
        added = sum(extra.get("added", 0) for extra in extras)
        news = f"{added} new items in dataset {DATASET_HASH}, by {len(extras)} tasks"
        print(news)
        return news

    announce()


encord_asset_review()
# [END howto_asset_schedule]
