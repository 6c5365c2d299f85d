"""Re-encode all videos of a dataset, so that browsers show each frame; waits without holding a worker.

If there is no such dataset, or no video in it, the rest is skipped: run `encord_uploads` first. Needs the connection
`encord_default`.

Airflow 2.11 and later.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

try:
    from airflow.sdk import Param, dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag
    from airflow.models.param import Param

from airflow_provider_encord.operators.data_rows import EncordListDataRowsOperator
from airflow_provider_encord.operators.datasets import EncordListDatasetsOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator


@dag(
    description="Re-encode the videos of a dataset",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    tags=["encord", "example"],
    params={"dataset": Param("uploads", type="string", description="Title of the dataset with the videos")},
)
def encord_re_encode() -> None:
    find_dataset = EncordListDatasetsOperator(task_id="find_dataset", title_eq="{{ params.dataset }}", on_empty="skip")
    dataset_hash: Any = find_dataset.output["dataset_hashes"]
    list_videos = EncordListDataRowsOperator(task_id="list_videos", dataset_hash=dataset_hash, data_types=["VIDEO"])
    videos: Any = list_videos.output["data_hashes"]

    # [START howto_operator_encord_re_encode_and_wait]
    EncordReEncodeDataOperator(
        task_id="re_encode",
        dataset_hash=dataset_hash,
        data_hashes=videos,
        ignore_if_missing=True,  # do not fail if somebody deleted a video meanwhile
        timeout=timedelta(hours=6),
        poll_interval=5,
        deferrable=True,
    )
    # [END howto_operator_encord_re_encode_and_wait]


encord_re_encode()
