"""One table for all modes of all sensors: what each ending of a wait does to the task."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import pytest

from airflow_provider_encord._compat import AirflowNotFoundException, AirflowSensorTimeout, AirflowSkipException
from airflow_provider_encord.exceptions import (
    EncordAuthenticationError,
    EncordConnectionLookupError,
    EncordNotFoundError,
    EncordWatchedJobError,
)
from airflow_provider_encord.hooks import encord as hooks
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.sensors.encord import EncordDataRowSensor, EncordReEncodeSensor, EncordUploadJobSensor
from airflow_provider_encord.triggers import encord as triggers
from envelope import refusal

try:
    from airflow.sdk.exceptions import AirflowRescheduleException, TaskDeferred
except ImportError:
    from airflow.exceptions import AirflowRescheduleException, TaskDeferred

UNKNOWN = "00000000-0000-0000-0000-00000000000b"
# Airflow 2.11 looks into its database for sensors that are rescheduled.
MODES = ("poke", "reschedule", "deferrable") if version("apache-airflow") > "3" else ("poke", "deferrable")


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(triggers, "EARLIEST_EVENT_SECONDS", 0)


@pytest.fixture
def jobs(hook, dataset, encord, manifest):
    """Start a job that ends in a given way; return the arguments of the sensor that watches it."""

    def upload(status):
        encord.force_job(status=status)
        manifest_ = manifest(1)
        job = hook.add_private_data_to_dataset_start(dataset, encord.integrations["AWS"], manifest_)
        return EncordUploadJobSensor, {"job_ids": [job]}

    def re_encode(status):
        video = hook.add_private_data_to_dataset(dataset, encord.integrations["AWS"], manifest(1))[0].data_hash
        encord.force_task(status=status)
        return EncordReEncodeSensor, {"job_id": hook.re_encode_data(dataset, [video])}

    return {"upload": upload, "re_encode": re_encode}


@pytest.fixture
def wait(dataset, context):
    """Wait in a mode as Airflow would."""

    def run(each, mode, **arguments):
        if mode == "deferrable":
            arguments["deferrable"] = True
        else:
            arguments["mode"] = mode
        arguments = {"dataset_hash": dataset, "poke_interval": 0.01, "timeout": 60, **arguments}
        sensor = each(task_id="task", **arguments)
        try:
            return sensor.execute(context)
        except TaskDeferred as deferred:
            path, kwargs = deferred.trigger.serialize()
            (event,) = asyncio.run(_events(getattr(triggers, path.rpartition(".")[2])(**kwargs)))
            return sensor.resume_execution(deferred.method_name, {"event": event.payload}, context)

    return run


async def _events(trigger):
    return [event async for event in trigger.run()]


every_mode = pytest.mark.parametrize("mode", MODES)
either = pytest.mark.parametrize("soft_fail", [False, True], ids=["hard", "soft"])
every_job = pytest.mark.parametrize("kind", ["upload", "re_encode"])


@every_mode
@either
@every_job
def test_done(mode, soft_fail, kind, jobs, wait):
    each, arguments = jobs[kind](None)
    assert wait(each, mode, soft_fail=soft_fail, **arguments)["status"] == "done"


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "deferrable"])
@pytest.mark.parametrize("undefined", [False, True])
def test_a_lookup_that_fails_while_airflow_is_down_is_asked_again(mode, undefined, jobs, wait, monkeypatch):
    each, arguments = jobs["upload"](None)
    look_up = EncordHook.get_connection
    left = [AirflowNotFoundException("isn't defined")] * 3

    def failing(conn_id):
        if left:
            raise left.pop()
        return look_up(conn_id)

    monkeypatch.setattr(EncordHook, "get_connection", staticmethod(failing))
    monkeypatch.setattr(hooks, "is_undefined", lambda conn_id: undefined)
    if undefined:
        with pytest.raises(EncordConnectionLookupError, match=r"isn't defined.*Admin > Connections"):
            wait(each, mode, **arguments)
        return
    with contextlib.suppress(AirflowRescheduleException):
        assert wait(each, mode, **arguments)["status"] == "done"
    assert len(left) < 2


@pytest.mark.parametrize("mode", ["poke", "deferrable"])
@pytest.mark.parametrize(
    ("soft_fail", "error"), [(False, AirflowSensorTimeout), (True, AirflowSkipException)], ids=["hard", "soft"]
)
@every_job
def test_its_own_time_is_over(mode, soft_fail, error, kind, jobs, wait):
    each, arguments = jobs[kind]("PENDING" if kind == "upload" else "SUBMITTED")
    with pytest.raises(error):
        wait(each, mode, soft_fail=soft_fail, timeout=0, **arguments)


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode == "reschedule"])
@pytest.mark.parametrize(
    ("soft_fail", "error"), [(False, AirflowSensorTimeout), (True, AirflowSkipException)], ids=["hard", "soft"]
)
def test_the_time_of_a_rescheduled_sensor_counts_from_its_first_start(
    mode, soft_fail, error, jobs, wait, task_instance, monkeypatch
):
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    monkeypatch.setattr(task_instance, "get_first_reschedule_date", lambda context: hour_ago)
    each, arguments = jobs["upload"]("PENDING")
    with pytest.raises(error):
        wait(each, mode, soft_fail=soft_fail, timeout=1800, **arguments)


@every_mode
@either
@every_job
def test_the_job_failed(mode, soft_fail, kind, jobs, wait):
    each, arguments = jobs[kind]("ERROR")
    with pytest.raises(EncordWatchedJobError, match="ERROR"):
        wait(each, mode, soft_fail=soft_fail, **arguments)


@every_mode
@either
def test_the_job_was_cancelled(mode, soft_fail, jobs, wait):
    each, arguments = jobs["upload"]("CANCELLED")
    with pytest.raises(EncordWatchedJobError, match="CANCELLED"):
        wait(each, mode, soft_fail=soft_fail, **arguments)


@every_mode
@either
def test_the_key_is_refused(mode, soft_fail, jobs, wait, encord, monkeypatch):
    each, arguments = jobs["upload"](None)
    encord.fault("upload_job_poll", status=401, body=refusal("AUTHENTICATION_ERROR"), times=None)
    with pytest.raises(EncordAuthenticationError):
        wait(each, mode, soft_fail=soft_fail, **arguments)


@every_mode
@either
@pytest.mark.parametrize(
    ("each", "arguments"),
    [(EncordUploadJobSensor, {"job_ids": UNKNOWN}), (EncordReEncodeSensor, {"job_id": 987654})],
    ids=["upload", "re_encode"],
)
def test_the_job_is_missing(mode, soft_fail, each, arguments, wait, encord):
    encord.fault("re_encode_status", status=404, body=refusal("RESOURCE_NOT_FOUND_ERROR"), times=None)
    with pytest.raises(EncordNotFoundError):
        wait(each, mode, soft_fail=soft_fail, **arguments)


@every_mode
@pytest.mark.parametrize("allowed", [True, False])
def test_partial(mode, allowed, hook, dataset, encord, manifest, wait):
    encord.force_job(fail_units=[0])
    job = hook.add_private_data_to_dataset_start(dataset, encord.integrations["AWS"], manifest(2), ignore_errors=True)
    if allowed:
        assert wait(EncordUploadJobSensor, mode, job_ids=job, allow_partial=True)["status"] == "partial"
    else:
        with pytest.raises(EncordWatchedJobError):
            wait(EncordUploadJobSensor, mode, job_ids=job)


@every_mode
def test_rows(mode, hook, dataset, encord, manifest, wait):
    hook.add_private_data_to_dataset(dataset, encord.integrations["AWS"], manifest(3))
    event = wait(EncordDataRowSensor, mode, title_like="%.mp4", data_types=["VIDEO"], min_count=3)
    assert event["counts"] == {"found": 3}


@pytest.mark.parametrize("mode", ["poke", "deferrable"])
def test_too_few_rows(mode, dataset, wait):
    with pytest.raises(AirflowSkipException):
        wait(EncordDataRowSensor, mode, min_count=1, soft_fail=True, timeout=0)


def test_a_failed_poll_is_not_a_failed_job(jobs, wait, encord):
    each, arguments = jobs["upload"](None)
    encord.fault("upload_job_poll", status=503)
    assert wait(each, "poke", **arguments)["status"] == "done"


def test_what_has_ended_is_not_deferred(jobs, dataset, context):
    each, arguments = jobs["upload"](None)
    assert each(task_id="task", dataset_hash=dataset, deferrable=True, **arguments).execute(context)["status"] == "done"


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"status": "failed"}, EncordWatchedJobError),
        ({"status": "cancelled"}, EncordWatchedJobError),
        ({"status": "error", "kind": "authentication"}, EncordAuthenticationError),
        ({"status": "timeout"}, AirflowSkipException),
    ],
    ids=lambda value: value["status"] if isinstance(value, dict) else "",
)
def test_only_its_own_time_skips_a_deferred_task_that_may_fail_softly(event, error, dataset, context):
    sensor = EncordUploadJobSensor(task_id="task", dataset_hash=dataset, job_ids=[UNKNOWN], soft_fail=True)
    event = {"message": "it is over", "dataset_hash": dataset, "job_ids": [UNKNOWN], **event}
    with pytest.raises(error):
        sensor.resume_execution("execute_complete", {"event": event}, context)
