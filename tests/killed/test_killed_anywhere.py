"""SIGKILL at any line of the provider: the next tries finish the work, and nothing is there twice.

``ENCORD_KILLS`` chooses how many lines are tried for each task (by default few), ``ENCORD_KILL_SEED`` which ones.
"""

import io
import json
import os
import random
from collections import Counter

import pytest

import buckets
from airflow_provider_encord.emulator import LocalEncord
from airflow_provider_encord.hooks.encord import EncordHook
from killable import Task

KILLS = int(os.environ.get("ENCORD_KILLS", "4"))
SEED = os.environ.get("ENCORD_KILL_SEED", "1")
NAMES = [f"{number}.png" for number in range(5)]
STORED = [f"{number:02}.png" for number in range(12)]
WORKERS = 2
OPERATORS = "airflow_provider_encord.operators."


@pytest.fixture(scope="module")
def encord():
    with LocalEncord() as local:
        yield local


@pytest.fixture(scope="module")
def connection(encord):
    extra = {"ssh_private_key": encord.private_key}
    return json.dumps({"conn_type": "encord", "host": encord.url, "extra": extra})


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("images")
    for name in NAMES:
        image.new("RGB", (4, 4)).save(folder / name)
    return [str(folder / name) for name in NAMES]


@pytest.fixture
def hook(connection, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", connection)
    return EncordHook()


def new_place(hook, where):
    """Make what the data goes into, and return it as arguments of an operator."""
    place = {}
    if where in ("folder", "both"):
        place["folder_uuid"] = hook.create_folder("killed").uuid
    if where in ("dataset", "both"):
        place["dataset_hash"] = hook.create_dataset("killed", create_backing_folder=where == "dataset").dataset_hash
    return place


def work(kind, place, files):
    """Return operator, its arguments, titles that must be there once, and how many jobs a calm run starts."""
    given = {**place, "poll_interval": 0.01}
    if kind == "images":
        upload = {"file_paths": files, "max_items_per_job": 2}
        return ("uploads", "EncordUploadImageOperator"), given | upload, NAMES, 3
    if kind == "group":
        upload = {"file_paths": files, "title": "group", "create_video": False}
        return ("uploads", "EncordCreateImageGroupOperator"), given | upload, ["group"], 1
    manifest = {"videos": [{"objectUrl": f"s3://bucket/{name}", "title": name} for name in NAMES]}
    register = {"integration": "AWS", "manifest": manifest, "max_items_per_job": 2}
    return ("private_data", "EncordAddPrivateDataOperator"), given | register, NAMES, 3


@pytest.fixture(scope="module")
def calm_lines(connection, tmp_path_factory):
    """Return how many lines a calm try of a kind executes; so many are there to be killed at."""
    known = {}

    def count(kind, operator, arguments, environment=None):
        if kind not in known:
            module, name = operator
            folder = tmp_path_factory.mktemp("calm")
            task = Task((OPERATORS + module, name), arguments(), connection, folder, True, environment or {})
            known[kind] = task.run()["lines"]
        return known[kind]

    return count


def killed_tries(task, lines, seed):
    """Kill up to three tries at a random line each, until one is calm; return what that one told."""
    chance = random.Random(f"{SEED} {seed}")
    for _ in range(3):
        if told := task.run(kill_at=chance.randrange(lines)):
            return told
    return task.run()


@pytest.mark.parametrize("number", range(KILLS))
@pytest.mark.parametrize("remembers", [True, False], ids=["3.3", "before"])
@pytest.mark.parametrize("where", ["dataset", "folder", "both"])
@pytest.mark.parametrize("kind", ["images", "group", "private"])
def test_each_item_is_there_once(
    kind, where, remembers, number, files, connection, tmp_path, hook, encord, calm_lines, request
):
    (module, name), arguments, titles, jobs = work(kind, place := new_place(hook, where), files)
    lines = calm_lines((kind, where), (module, name), lambda: work(kind, new_place(hook, where), files)[1])
    task = Task((OPERATORS + module, name), arguments, connection, tmp_path, remembers)
    encord.clear_requests()
    told = killed_tries(task, lines, request.node.callspec.id)
    ids = {}
    if dataset := place.get("dataset_hash"):
        rows = hook.list_data_rows(dataset)
        assert Counter(row.data_title for row in rows) == dict.fromkeys(titles, 1)
        ids["data_hashes"] = {row.data_hash for row in rows}
    if folder := place.get("folder_uuid"):
        items = [item for item in hook.list_items(folder) if not item.is_placeholder]
        assert Counter(item.name for item in items) == dict.fromkeys(titles, 1)
        ids["item_uuids"] = {item.uuid for item in items}
    started = len(encord.requests("folder_job_start" if folder else "upload_job_start"))
    if remembers:
        # Of a dataset, a kill in the few lines between a start and its note may cost one job each: the one open window.
        assert jobs <= started <= jobs + (0 if folder else task.tries - 1)
    if folder or kind != "private":
        assert {key: set(told["xcoms"][key]) for key in ids} == ids


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """A bucket with images, and the variables of its connection."""
    with buckets.running(buckets.S3, tmp_path_factory.mktemp("bucket")) as store:
        image = io.BytesIO()
        pytest.importorskip("PIL.Image").new("RGB", (4, 4)).save(image, "PNG")
        store.make("media")
        for name in STORED:
            store.put("media", name, image.getvalue())
        yield [store.url("media", name) for name in STORED], {"AIRFLOW_CONN_STORE": os.environ["AIRFLOW_CONN_STORE"]}


@pytest.mark.parametrize("number", range(KILLS))
def test_each_object_of_a_bucket_is_there_once(number, bucket, connection, tmp_path, hook, encord, calm_lines):
    where = ("dataset", "folder")[number % 2]
    urls, environment = bucket
    operator = "uploads", "EncordUploadImageOperator"
    given = {"file_paths": urls, "max_workers": WORKERS, "max_items_per_job": 6, "poll_interval": 0.01}
    lines = calm_lines(("bucket", where), operator, lambda: given | new_place(hook, where), environment)
    place = new_place(hook, where)
    task = Task((OPERATORS + operator[0], operator[1]), given | place, connection, tmp_path, True, environment)
    encord.clear_requests()
    killed_tries(task, lines, f"bucket {where} {number}")
    if where == "dataset":
        titles = [row.data_title for row in hook.list_data_rows(place["dataset_hash"])]
    else:
        titles = [item.name for item in hook.list_items(place["folder_uuid"]) if not item.is_placeholder]
    assert sorted(titles) == STORED
    # Besides the files in flight, a kill may cost those that have just arrived, before they were noted.
    assert len(STORED) <= len(encord.requests("storage_put")) <= len(STORED) + (task.tries - 1) * 2 * WORKERS


@pytest.mark.parametrize("number", range(KILLS))
def test_one_dataset_is_made(number, connection, tmp_path, hook, calm_lines):
    title = f"made once {number}"
    hook.create_dataset(title)
    operator = "datasets", "EncordCreateDatasetOperator"
    lines = calm_lines("dataset", operator, lambda: {"title": "made calmly", "if_exists": "create"})
    module, name = operator
    arguments = {"title": title, "if_exists": "create"}
    task = Task((OPERATORS + module, name), arguments, connection, tmp_path, True)
    killed_tries(task, lines, f"dataset {number}")
    assert len(hook.get_datasets(title_eq=title)) == 2
