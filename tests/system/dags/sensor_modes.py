"""Every mode of a sensor in every ending, as independent tasks of one DAG."""

from datetime import UTC, datetime

try:
    from airflow.sdk import dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag

from airflow_provider_encord.sensors.encord import EncordUploadJobSensor

MODES = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}
CASES = {
    "done": {"job_ids": "{{ params.done }}"},
    "time_over_soft": {"job_ids": "{{ params.pending }}", "timeout": 2, "soft_fail": True},
    "time_over_hard": {"job_ids": "{{ params.pending }}", "timeout": 2},
    "job_failed_soft": {"job_ids": "{{ params.failed }}", "soft_fail": True},
    "job_missing_soft": {"job_ids": "00000000-0000-0000-0000-00000000000a", "soft_fail": True},
    "key_refused_soft": {"job_ids": "{{ params.done }}", "encord_conn_id": "encord_stranger", "soft_fail": True},
}


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params=dict.fromkeys(("dataset_hash", "done", "pending", "failed"), ""),
)
def sensor_modes():
    """All of them."""
    for mode, how in MODES.items():
        for case, what in CASES.items():
            arguments = {"poke_interval": 1, "timeout": 60, "dataset_hash": "{{ params.dataset_hash }}", **how, **what}
            EncordUploadJobSensor(task_id=f"{mode}-{case}", **arguments)
        EncordUploadJobSensor.partial(
            task_id=f"{mode}-mapped",
            dataset_hash="{{ params.dataset_hash }}",
            poke_interval=1,
            timeout=2,
            soft_fail=True,
            **how,
        ).expand(job_ids=["{{ params.pending }}", "{{ params.done }}"])


sensor_modes()
