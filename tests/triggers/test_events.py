"""Events that no trigger of ours sends: an error that says so, never a stack of Python's own."""

import pytest

from airflow_provider_encord.exceptions import EncordError
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.sensors.encord import EncordReEncodeSensor

NO_EVENTS = [
    None,
    "done",
    [],
    {},
    {"status": "done"},
    {"status": ["done"], "message": "m"},
    {"status": "finished", "message": "m"},
    {"status": "done", "message": None},
]
NO_JOBS = [{"status": "done", "message": "m", "job_ids": job_ids} for job_ids in (None, [], "j", [None], {"a": 1})]


@pytest.mark.parametrize("event", NO_EVENTS, ids=str)
def test_what_is_no_event_is_said_to_be_none(event):
    operator = EncordReEncodeDataOperator(
        task_id="task",
        dataset_hash="00000000-0000-0000-0000-000000000001",
        data_hashes=["00000000-0000-0000-0000-000000000002"],
    )
    sensor = EncordReEncodeSensor(task_id="sensor", dataset_hash="00000000-0000-0000-0000-000000000001", job_id=1)
    for task in (operator, sensor):
        with pytest.raises(EncordError, match="event of the trigger cannot be read"):
            task.execute_complete({}, event)


@pytest.mark.parametrize("event", NO_JOBS, ids=str)
def test_an_event_without_jobs_is_no_use_to_an_operator(event):
    operator = EncordReEncodeDataOperator(
        task_id="task",
        dataset_hash="00000000-0000-0000-0000-000000000001",
        data_hashes=["00000000-0000-0000-0000-000000000002"],
    )
    with pytest.raises(EncordError, match="names no jobs"):
        operator.execute_complete({}, event)
