"""A transfer on a timetable whose data intervals have no length."""

import os
from datetime import UTC, datetime, timedelta

from airflow.timetables.trigger import DeltaTriggerTimetable

try:
    from airflow.sdk import dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag

from airflow_provider_encord.transfers.s3_to_encord import S3ToEncordOperator

LAST_TICK = datetime.fromtimestamp(float(os.environ.get("LAST_TICK", "0")), UTC)
PERIOD = timedelta(minutes=2)


@dag(
    schedule=DeltaTriggerTimetable(PERIOD),
    start_date=LAST_TICK - 2 * PERIOD,
    end_date=LAST_TICK,
    catchup=True,
    max_active_runs=1,
)
def every_tick():
    """Register what came since the tick before."""
    S3ToEncordOperator(
        task_id="transfer",
        dataset_hash=os.environ.get("TICKS_DATASET", "00000000-0000-0000-0000-000000000000"),
        integration="AWS",
        prefix=os.environ.get("TICKS_PREFIX", "s3://bucket/"),
        in_data_interval=True,
    )


every_tick()
