"""The connection of a local Encord: whatever stumbles, no pause is long."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from airflow_provider_encord._client.jobs import ReEncodeWatch
from airflow_provider_encord.emulator import LocalEncord
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.operators import _creation
from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator

MINUTE = {"status": 429, "headers": {"Retry-After": "60"}}
STUMBLES = (
    "create_dataset",
    "presigned_urls",
    "storage_put",
    "upload_job_start",
    "upload_job_poll",
    "re_encode_status",
)


@pytest.fixture
def encord(monkeypatch):
    with LocalEncord(job_seconds=0.1, re_encode_seconds=0.1) as local:
        monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", local.connection)
        for operation in STUMBLES:
            local.fault(operation, times=2, **MINUTE)
        yield local


@pytest.fixture
def file(tmp_path):
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.fixture(autouse=True)
def quick():
    started = time.monotonic()
    yield
    assert time.monotonic() - started < 60


def stumbled(encord):
    return [operation for operation in STUMBLES if len(encord.requests(operation)) > 2]


def test_of_the_hook(encord, file):
    hook = EncordHook()
    dataset = hook.create_dataset("quick").dataset_hash
    hook.upload_image(dataset, file)
    (video,) = hook.add_private_data_to_dataset(dataset, "AWS", {"videos": [{"objectUrl": "s3://b/a.mp4"}]})
    task = hook.re_encode_data(dataset, [video.data_hash])
    assert hook.wait(ReEncodeWatch(dataset, task), poll_interval=600).ended
    assert stumbled(encord) == list(STUMBLES)


def test_on_an_event_loop(encord, file):
    async def all_of_it():
        async with EncordHook().connect() as hook:
            dataset = (await hook.create_dataset("quick")).dataset_hash
            await hook.upload_image(dataset, file)
            (video,) = await hook.add_private_data_to_dataset(
                dataset, "AWS", {"videos": [{"objectUrl": "s3://b/a.mp4"}]}
            )
            task = await hook.re_encode_data(dataset, [video.data_hash])
            return await hook.wait(ReEncodeWatch(dataset, task), poll_interval=600)

    assert asyncio.run(all_of_it()).ended
    assert stumbled(encord) == list(STUMBLES)


def test_of_a_task_that_lets_others_be_seen(encord, monkeypatch):
    slept = []
    monkeypatch.setattr(_creation, "time", SimpleNamespace(sleep=slept.append))
    context = {"ti": SimpleNamespace(try_number=1, xcom_push=lambda **_: None)}
    EncordCreateDatasetOperator(task_id="task", title="quick", if_exists="skip").execute(context)
    assert slept == [0.01]
