"""A bucket of mixed keys over several runs, on each cloud: exact counts, and no job when there is nothing to register.

``ENCORD_SCENARIO_KEYS`` says how many keys, 200 by default; with ``-s -p no:logging``, pytest shows what each run took.
The first emulator of Google compares each new object with all that it has, so for many keys there is the other one.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import buckets
from airflow_provider_encord._storage.selection import REASONS
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator

KEYS = int(os.environ.get("ENCORD_SCENARIO_KEYS", "200"))
KINDS = (
    ["in/video/{:02}/{}.mp4"] * 4 + ["in/image/{:02}/{} é.jpg"] * 2 + ["in/other/{:02}/{}.exe", "in/mac/{:02}/._{}.mp4"]
)
IN_A_SERIES = 4
GOOGLE = buckets.Google if KEYS <= 5000 else buckets.ManyInGoogle
NEW, OVERWRITTEN, GROWN = 50, 20, 10


class TaskInstance:
    dag_id, task_id, run_id, map_index, try_number, max_tries = "dag", "task", "run", -1, 1, 0

    def xcom_push(self, key, value, **_):
        """What is pushed is of no interest here."""


def mixed():
    """Eight of ten keys are single files, of which two are left out; the others make series."""
    for number in range(KEYS):
        if number % 10 < len(KINDS):
            yield KINDS[number % 10].format(number % 100, number)
        else:
            place = number // 10 * 2 + number % 10 - len(KINDS)
            yield f"in/study/{place // IN_A_SERIES:06}/{place % IN_A_SERIES}.dcm"


def put_all(store, keys, body):
    with ThreadPoolExecutor(8 if store.scheme == "az" else 1) as threads:
        for _ in threads.map(lambda key: store.put("scenario", key, body), keys):
            pass


@pytest.fixture(scope="module", params=[buckets.S3, GOOGLE, buckets.Azure], ids=["S3", "Google", "Azure"])
def store(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    if request.param is buckets.Google:  # it reads them at its start, which is faster
        filled = buckets.Local(folder, pytest.MonkeyPatch())
        filled.make("scenario")
        put_all(filled, mixed(), b"x")
    with buckets.running(request.param, folder) as running:
        if request.param is not buckets.Google:
            running.make("scenario")
            put_all(running, mixed(), b"x")
        yield running


def test_counts_are_exact_over_several_runs(store, hook, encord):
    """The last two runs register what has changed, too."""
    place = {"dataset_hash": hook.create_dataset("scenario").dataset_hash}
    series = KEYS // 10 * 2 // IN_A_SERIES
    wanted = KEYS // 10 * 8  # six of ten are single, two make series
    items = KEYS // 10 * 6 + series

    def run(on_changed="report"):
        encord.clear_requests()
        given = {"integration": "AWS", "on_empty": "succeed", "poll_interval": 0.01, "on_changed": on_changed, **place}
        begin, cpu = time.perf_counter(), time.process_time()
        task = BucketToEncordOperator(task_id="transfer", prefix=store.url("scenario", "in"), **given)
        done = task.execute({"ti": TaskInstance()})
        took, cpu = time.perf_counter() - begin, time.process_time() - cpu
        told = {name: done[name] for name in ("listed", "present", "changed", "new", "new_items", "added")}
        sys.stdout.write(f"{store.scheme}: {took:.1f} s, {cpu:.1f} s of CPU, {len(done['job_ids'])} jobs, {told}\n")
        assert done["listed"] == sum([*done["left_out"].values(), done["present"], done["changed"], done["new"]])
        assert done["left_out"] == dict.fromkeys(REASONS, 0) | {"kind": KEYS // 10, "exclude": KEYS // 10}
        assert (done["failed"], done["title_collisions"]) == (0, 0)
        assert len(encord.requests("upload_job_start")) == len(done["job_ids"])
        return tuple(told.values())

    assert run() == (KEYS, 0, 0, wanted, items, items)
    assert run() == (KEYS, wanted, 0, 0, 0, 0)

    put_all(store, [f"in/video/new/{number}.mp4" for number in range(NEW)], b"x")
    put_all(store, [key for key in mixed() if key.endswith(".mp4") and "._" not in key][:OVERWRITTEN], b"y")
    put_all(store, [f"in/study/{number:06}/more.dcm" for number in range(GROWN)], b"x")
    listed, changed = KEYS + NEW + GROWN, OVERWRITTEN + GROWN * (IN_A_SERIES + 1)
    same = wanted + NEW + GROWN - changed
    assert run() == (listed, same - NEW, changed, NEW, NEW, NEW)
    assert run() == (listed, same, changed, 0, 0, 0)
    assert run("register") == (listed, same, changed, 0, 0, OVERWRITTEN + GROWN)
    assert run("register") == (listed, same + changed, 0, 0, 0, 0)
    assert run() == (listed, same + changed, 0, 0, 0, 0)
