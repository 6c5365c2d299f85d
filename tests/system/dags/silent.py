"""A task that succeeds with nothing added, with an asset as its outlet."""

import os
from datetime import UTC, datetime

try:
    from airflow.sdk import dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag

from airflow_provider_encord.assets import create_asset
from airflow_provider_encord.operators.uploads import EncordUploadImageOperator

DATASET_HASH = os.environ.get("ENCORD_EXAMPLE_DATASET", "00000000-0000-0000-0000-000000000000")


@dag(schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC))
def silent():
    """Upload no file."""
    EncordUploadImageOperator(
        task_id="upload_none",
        dataset_hash=DATASET_HASH,
        file_paths=[],
        on_empty="succeed",
        outlets=[create_asset(dataset_hash=DATASET_HASH)],
    )


silent()
