"""What this version and earlier ones have stored in Airflow loads: triggers, events, task store values, XComs.

Each file in ``tests/data/contracts`` holds what one release stores. The newest is compared with what is stored now: a
format that changes needs a new file, which ``ENCORD_WRITE_CONTRACT=1.2.3.json`` writes, and the old ones must still
load.
"""

import importlib
import json
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_encord._airflow import arguments, references
from airflow_provider_encord._compat import AirflowSensorTimeout
from airflow_provider_encord._resume.task_store import Memory
from airflow_provider_encord._storage.listing import StoredObject
from airflow_provider_encord.exceptions import EncordAuthenticationError, EncordTimeoutError, EncordWatchedJobError
from airflow_provider_encord.operators._uploading import Uploading
from airflow_provider_encord.operators.data_rows import EncordLinkItemsOperator, EncordListDataRowsOperator
from airflow_provider_encord.operators.datasets import (
    DatasetCreation,
    EncordCreateDatasetOperator,
    EncordDeleteDataOperator,
    EncordListDatasetsOperator,
)
from airflow_provider_encord.operators.folders import (
    EncordCreateFolderOperator,
    EncordSyncFolderOperator,
    EncordUpdateItemsOperator,
    FolderCreation,
    FolderSyncing,
)
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator, ManifestRegistration
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator, ReEncoding
from airflow_provider_encord.operators.uploads import EncordUploadFilesOperator, EncordUploadImageOperator
from airflow_provider_encord.sensors.encord import EncordDataRowSensor, EncordReEncodeSensor, EncordUploadJobSensor
from airflow_provider_encord.transfers._bucket_registration import BucketRegistration
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator
from airflow_provider_encord.transfers.encord_to_storage import EncordToStorageOperator
from airflow_provider_encord.triggers import encord as triggers
from airflow_provider_encord.triggers import folders as folder_triggers

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:
    from airflow.exceptions import TaskDeferred

FOLDER = Path(__file__).parents[1] / "data/contracts"
FILES = sorted(FOLDER.glob("*.json"), key=lambda path: [int(part) for part in path.stem.split(".")])
CONTRACTS = {path.stem: json.loads(path.read_text()) for path in FILES}
NEWEST = CONTRACTS[FILES[-1].stem] if FILES else {}
COMMON = ("encord_conn_id", "dataset_hash", "deadline", "poll_interval", "max_poll_failures")
OPERATORS = {
    each.__name__: each
    for each in (
        EncordCreateDatasetOperator,
        EncordAddPrivateDataOperator,
        EncordUploadImageOperator,
        EncordUploadFilesOperator,
        BucketToEncordOperator,
        EncordReEncodeDataOperator,
        EncordListDataRowsOperator,
        EncordListDatasetsOperator,
        EncordLinkItemsOperator,
        EncordDeleteDataOperator,
        EncordCreateFolderOperator,
        EncordSyncFolderOperator,
    )
}
REMEMBERS = {
    "EncordCreateDatasetOperator": lambda task, context: DatasetCreation(task, context, task.title).identity(),
    "EncordAddPrivateDataOperator": lambda task, context: ManifestRegistration(task, context).identity(),
    "EncordUploadImageOperator": lambda task, context: Uploading(task, context).identity(),
    "EncordUploadFilesOperator": lambda task, context: Uploading(task, context).identity(),
    "BucketToEncordOperator": lambda task, context: BucketRegistration(task, context).identity(),
    "EncordReEncodeDataOperator": lambda task, context: ReEncoding(task, task.data_hashes, from_file=False).identity(),
    "EncordLinkItemsOperator": lambda task, context: task._identity(),
    "EncordCreateFolderOperator": lambda task, context: FolderCreation(task, context, task.name).identity(),
    "EncordSyncFolderOperator": lambda task, context: FolderSyncing(task).identity(),
    "EncordDeleteDataOperator": lambda task, context: task._identity(),
}


def entries(section):
    """The entries of a section of all files."""
    return [
        pytest.param(value, id=f"{version}-{name}")
        for version, contract in CONTRACTS.items()
        for name, value in contract[section].items()
    ]


def without_one(stored, *needed):
    """The stored mapping without each entry that has not been there from the start."""
    return [{name: value for name, value in stored.items() if name != left} for left in stored if left not in needed]


# -- what is stored now ----------------------------------------------------------------------------------------------


@pytest.fixture
def now(encord, hook, context, media, manifest, monkeypatch, tmp_path):
    """Run each operator, sensor and trigger, and keep what goes to Airflow."""
    stored = {"triggers": {}, "events": {}, "task_store": {}, "xcoms": {}}

    def run(each, *, defers=False, **given):
        context["task_state_store"].clear()
        context["ti"].xcoms.clear()
        try:
            returned = each(task_id="task", **given).execute(context)
        except TaskDeferred as deferred:
            path, kwargs = deferred.trigger.serialize()
            stored["triggers"][path.rpartition(".")[2]] = {"classpath": path, "kwargs": kwargs}
            returned = None
        name = each.__name__
        stored["xcoms"].setdefault(name, {**context["ti"].xcoms, "return_value": returned})
        if kept := dict(context["task_state_store"]):
            stored["task_store"].setdefault(name, {"arguments": given, "values": kept})
        return returned

    dataset = run(EncordCreateDatasetOperator, title="contract")
    image = str(media / "a.png")
    private = {"dataset_hash": dataset, "integration": "AWS", "manifest": manifest(2)}
    run(EncordAddPrivateDataOperator, **private)
    run(EncordUploadImageOperator, dataset_hash=dataset, file_paths=[image], client_metadata={"a": 1})
    folder = hook.create_folder("contract").uuid
    run(EncordUploadFilesOperator, folder_uuid=folder, file_paths=[image], kind="image")
    listed = [StoredObject("s3://bucket/in/b.mp4", "bucket", "in/b.mp4", 1, None)]
    monkeypatch.setattr(BucketToEncordOperator, "objects", lambda self: listed)
    run(BucketToEncordOperator, dataset_hash=dataset, prefix="s3://bucket/in/", integration="AWS")
    run(EncordReEncodeDataOperator, dataset_hash=dataset, title_like="%.mp4", created_before="2100-01-01")
    run(EncordListDatasetsOperator, title_eq="contract")
    run(EncordListDataRowsOperator, dataset_hash=dataset)
    rows = hook.list_data_rows(dataset)
    items = [row.backing_item_uuid for row in rows]
    run(EncordLinkItemsOperator, dataset_hash=dataset, item_uuids=items, duplicates_behavior="DUPLICATE")
    run(EncordLinkItemsOperator, dataset_hash=dataset, folder_uuid=folder)
    run(EncordUpdateItemsOperator, metadata_by_item={items[0]: {"a": 1}, folder: {}}, ignore_if_missing=True)
    run(EncordToStorageOperator, destination=str(tmp_path / "to"), folder_uuid=folder)
    synced = {"integration": "AWS", "remote_url": "s3://bucket/in/"}
    synced_folder = run(EncordCreateFolderOperator, name="contract, synced", **synced)
    encord.force_job(status="HELD")
    sync = run(EncordSyncFolderOperator, folder_uuid=synced_folder, wait_for_completion=False)
    encord.force_job(sync["job_ids"][0], status="CANCELLED")
    encord.force_job(status="HELD")
    run(EncordSyncFolderOperator, folder_uuid=synced_folder, deferrable=True, defer_after=0)
    encord.settings(job_seconds=3600, re_encode_seconds=3600)
    waits = {"dataset_hash": dataset, "deferrable": True}
    into_folder = {**private, "dataset_hash": None, "folder_uuid": folder, "manifest": manifest(1)}
    run(EncordAddPrivateDataOperator, **into_folder, deferrable=True, defer_after=0)
    job = hook.add_private_data_to_dataset_start(dataset, encord.integrations["AWS"], manifest(1))
    run(EncordUploadJobSensor, **waits, job_ids=job)
    run(EncordReEncodeSensor, **waits, job_id=hook.re_encode_data(dataset, [rows[0].data_hash]))
    run(EncordDataRowSensor, **waits, title_like="%", created_after="2026-01-01", data_types="VIDEO", min_count=99)
    run(EncordDeleteDataOperator, dataset_hash=dataset, data_hashes=[rows[0].data_hash])
    for trigger in stored["triggers"].values():
        made = load(trigger)
        for status in ("done", "partial", "cancelled", "failed", "timeout", "error"):
            more = {"kind": "authentication"} if status == "error" else {}
            more |= {} if status in ("timeout", "error") else {"counts": {"done": 1}}
            stored["events"][f"{type(made).__name__}-{status}"] = made.event(status, "It is over", **more)
    text = (
        json.dumps(stored)
        .replace(str(media), "/media")
        .replace(str(tmp_path), "")
        .replace(encord.url, "https://app.encord.com")
    )
    return json.loads(text)


def load(trigger, **more):
    module, _, name = trigger["classpath"].rpartition(".")
    return getattr(importlib.import_module(module), name)(**trigger["kwargs"], **more)


def shape(value):
    """The names and kinds of values of what is stored, not the values."""
    if isinstance(value, dict):
        # A file's id got its digest later; ids of before are known as well.
        return {re.sub(r"(:\d+(:[0-9a-f]{16})?:)?\d+$", "N", name): shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(shape(each), sort_keys=True) for each in value})
    return type(value).__name__


def test_what_is_stored_now_is_what_the_newest_file_says(now):
    if name := os.environ.get("ENCORD_WRITE_CONTRACT"):
        (FOLDER / name).write_text(json.dumps(now, indent=1, sort_keys=True) + "\n")
    assert shape(now) == shape(NEWEST)


# -- what was stored loads -------------------------------------------------------------------------------------------


def test_all_triggers_are_here():
    found = {name for name in vars(triggers) | vars(folder_triggers) if re.fullmatch(r"Encord(?!Job).+Trigger", name)}
    assert set(NEWEST["triggers"]) == found


@pytest.mark.parametrize("stored", entries("triggers"))
def test_a_stored_trigger_loads(stored):
    trigger = load(stored)
    path, kwargs = trigger.serialize()
    assert (path, {name: kwargs[name] for name in stored["kwargs"]}) == (stored["classpath"], stored["kwargs"])
    assert trigger.watches()


@pytest.mark.parametrize("stored", entries("triggers"))
def test_a_trigger_of_a_later_version_loads_with_a_warning(stored, monkeypatch):
    said = []
    logger = SimpleNamespace(warning=lambda text, *given: said.append(text % given))
    monkeypatch.setattr(triggers.EncordTrigger, "logger", lambda self: logger)
    assert load(stored, of_later=1, and_more=[2]).watches()
    assert len(said) == 1
    assert "and_more, of_later" in said[0]


@pytest.mark.parametrize("stored", entries("triggers"))
def test_a_trigger_of_an_earlier_version_loads_with_defaults(stored):
    needed = {"encord_conn_id", "dataset_hash", *set(stored["kwargs"]) - {*COMMON, "cancel_on_kill"}}
    fewer = without_one(stored["kwargs"], *needed)
    assert len(fewer) == 3 + ("cancel_on_kill" in stored["kwargs"])
    for kwargs in fewer:
        assert load({**stored, "kwargs": kwargs}).watches()


WATCHED = {
    "EncordUploadJobTrigger": (EncordUploadJobSensor, {"job_ids": "j"}),
    "EncordReEncodeTrigger": (EncordReEncodeSensor, {"job_id": 1}),
    "EncordDataRowTrigger": (EncordDataRowSensor, {}),
}
ENDS = {
    "partial": EncordWatchedJobError,
    "cancelled": EncordWatchedJobError,
    "failed": EncordWatchedJobError,
    "timeout": AirflowSensorTimeout,
    "error": EncordAuthenticationError,
}


@pytest.mark.parametrize("newer", [{}, {"of_later": {"a": 1}}], ids=["as it is", "with more"])
@pytest.mark.parametrize(
    ("name", "event"),
    [
        pytest.param(name, event, id=f"{v}-{name}")
        for v, c in CONTRACTS.items()
        for name, event in c["events"].items()
        if name.partition("-")[0] in WATCHED
    ],
)
def test_a_stored_event_resumes_a_sensor(name, event, newer, context):
    trigger, _, status = name.partition("-")
    each, given = WATCHED[trigger]
    sensor = each(task_id="task", dataset_hash=event["dataset_hash"], **given)
    if status in ENDS:
        with pytest.raises(ENDS[status], match="It is over"):
            sensor.execute_complete(context, {**event, **newer})
    else:
        assert sensor.execute_complete(context, {**event, **newer}) == {**event, **newer}


@pytest.mark.parametrize(
    ("name", "event"),
    [
        pytest.param(name, event, id=f"{v}-{name}")
        for v, c in CONTRACTS.items()
        for name, event in c["events"].items()
        if not name.startswith(("EncordDataRow", "EncordFolderSync"))
    ],
)
def test_a_stored_event_resumes_an_operator(name, event, context, hook, dataset, encord, manifest):
    """The operator reads the job itself, which has ended well here."""
    trigger, _, status = name.partition("-")
    job = hook.add_private_data_to_dataset_start(dataset, encord.integrations["AWS"], manifest(1))
    (row,) = hook.list_data_rows(dataset)
    if trigger == "EncordReEncodeTrigger":
        job = hook.re_encode_data(dataset, [row.data_hash])
        task = EncordReEncodeDataOperator(task_id="task", dataset_hash=dataset, data_hashes=row.data_hash)
    else:
        given = {"integration": "AWS", "manifest": manifest(1)}
        task = EncordAddPrivateDataOperator(task_id="task", dataset_hash=dataset, **given)
    if trigger == "EncordFolderJobTrigger":
        folder = hook.create_folder("resumed").uuid
        job = hook.add_private_data_to_folder_start(folder, encord.integrations["AWS"], manifest(1))
        task = EncordAddPrivateDataOperator(task_id="task", folder_uuid=folder, **given)
    event = {**event, "job_ids": [job], "dataset_hash": dataset}
    # A job that is to be cancelled may have ended in the last moment.
    bad = {"error": EncordAuthenticationError, "timeout": EncordTimeoutError}
    if status in bad and (trigger, status) != ("EncordFolderJobTrigger", "timeout"):
        with pytest.raises(bad[status]):
            task.execute_complete(context, event)
    else:
        assert task.execute_complete(context, event)["job_ids"] == [job]


@pytest.mark.parametrize(("status", "error"), [("error", EncordAuthenticationError), ("timeout", EncordTimeoutError)])
def test_a_stored_event_resumes_a_sync(status, error, context, encord):
    """One that has ended is read in test_folder_sync.py, which has a bucket."""
    for contract in CONTRACTS.values():
        event = contract["events"][f"EncordFolderSyncTrigger-{status}"]
        task = EncordSyncFolderOperator(task_id="task", folder_uuid=event["folder_uuid"])
        with pytest.raises(error):
            task.execute_complete(context, event)


@pytest.mark.parametrize(
    ("name", "stored"),
    [pytest.param(n, s, id=f"{v}-{n}") for v, c in CONTRACTS.items() for n, s in c["task_store"].items()],
)
def test_a_stored_task_store_is_recalled(name, stored, context, encord):
    task = OPERATORS[name](task_id="task", **stored["arguments"])
    task.check_rendered()
    identity = REMEMBERS[name](task, context)

    def recall(values):
        context["task_state_store"].clear()
        context["task_state_store"].update(values)
        return Memory(context, durable=True, identity=identity)

    values = stored["values"]
    for key, value in values.items():
        memory = recall({**values, key: {**value, "of_later": 1}})
        if key == "encord_jobs":
            started = vars(memory.recall_jobs())
            assert started == {name: value[name] for name in started}
            for fewer in without_one(value, "subject", "job_ids", "complete"):
                assert recall({key: fewer}).recall_jobs().job_ids == value["job_ids"]
        elif key == "encord_hashes_0":
            assert memory.recall_hashes() == value["hashes"]
        elif key == "encord_files_0":
            assert memory.uploads().known == value["object_keys"]
            assert memory.uploads().item_uuids == value["item_uuids"]
            (fewer,) = without_one(value, "subject", "object_keys")
            assert recall({key: fewer}).uploads().known == value["object_keys"]
        elif key == "encord_account":
            assert memory.recall_made("account")["account"] == value["account"]
        else:
            kind = key.removeprefix("encord_")
            name = {"dataset": "dataset_hash", "folder": "folder_uuid"}[kind]
            assert memory.recall_made(kind)[name] == value[name]


def test_each_operator_that_remembers_is_here():
    assert set(NEWEST["task_store"]) == set(REMEMBERS)


@pytest.mark.parametrize(
    ("name", "stored"),
    [pytest.param(n, s, id=f"{v}-{n}") for v, c in CONTRACTS.items() for n, s in c["xcoms"].items()],
)
def test_a_stored_xcom_is_taken(name, stored):
    report = stored["return_value"]
    if "item_uuids" in stored:
        assert references.item_uuids(stored["item_uuids"], "item_uuids") == stored["item_uuids"]
        assert references.item_uuids(report, "item_uuids") == stored["item_uuids"]
        if report["folder_uuid"] is not None:
            assert arguments.folder(report, "folder_uuid") == report["folder_uuid"]
    if "data_hashes" in stored:
        assert references.data_hashes(stored["data_hashes"], "data_hashes") == stored["data_hashes"]
        assert references.data_hashes(report, "data_hashes") == stored["data_hashes"]
    if "job_ids" in stored:
        assert arguments.job_ids(report, "job_ids") == stored["job_ids"]
        assert arguments.single_job_id(report, "job_id") == stored["job_id"]
        if report.get("dataset_hash") is not None:
            assert arguments.dataset_hash(report, "dataset_hash") == report["dataset_hash"]
    if name in ("EncordCreateFolderOperator", "EncordSyncFolderOperator"):
        assert arguments.folder_uuid(report, "folder_uuid") == stored["folder_uuid"]
    if name == "EncordCreateDatasetOperator":
        assert arguments.dataset_hash(stored["dataset_hash"], "dataset_hash") == report
    if name == "EncordReEncodeDataOperator":
        assert references.data_hashes(report, "data_hashes") == report["re_encoded"]
