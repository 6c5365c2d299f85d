"""Tasks that make the dataset of one title at the same time, and workers that die while they do."""

import inspect
import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from airflow_provider_encord.emulator import LocalEncord
from airflow_provider_encord.emulator.clock import SystemClock
from airflow_provider_encord.operators import _creation
from airflow_provider_encord.operators.datasets import DatasetCreation, EncordCreateDatasetOperator
from racing import made_by_processes

ROUNDS = 10


class WorkerLost(BaseException):
    pass


@pytest.fixture
def make(context):
    """Run a task of its own; return what it took, and whether it says that it made that."""

    def run(title, fresh=None):
        fresh = fresh or {"ti": type(context["ti"])(), "task_state_store": type(context["task_state_store"])()}
        task = EncordCreateDatasetOperator(task_id="task", title=title, if_exists="skip")
        # Airflow 2.11 wraps it in what works on the main thread only.
        made = inspect.unwrap(EncordCreateDatasetOperator.execute)(task, fresh)
        return made, fresh["ti"].xcoms["created"]

    return run


def at_once(make, titles):
    with ThreadPoolExecutor(len(titles)) as threads:
        return list(threads.map(make, titles))


@pytest.mark.parametrize("number", range(ROUNDS))
def test_two_that_have_both_made_one_take_the_same(number, make, hook, monkeypatch):
    both = threading.Barrier(2, timeout=30)
    do_make = DatasetCreation._make

    def make_when_both_have_found_none(*arguments):
        both.wait()
        return do_make(*arguments)

    monkeypatch.setattr(DatasetCreation, "_make", make_when_both_have_found_none)
    monkeypatch.setattr(_creation, "time", SimpleNamespace(sleep=lambda seconds: both.wait()))
    title = f"made twice {number}"
    taken = at_once(make, [title] * 2)
    assert len(hook.get_datasets(title_eq=title)) == 2
    assert len({made for made, _ in taken}) == 1
    assert sorted(created for _, created in taken) == [False, True]
    assert make(title) == (taken[0][0], False)


class WholeSeconds(SystemClock):
    """By it, all datasets that are made in one second are equally old."""

    def time(self):
        return float(int(super().time()))


def test_two_processes_settle_in_each_of_fifty_rounds_whatever_is_slow():
    titles = [f"of two processes {number}" for number in range(50)]
    chance = random.Random(11)
    with LocalEncord(clock=WholeSeconds()) as encord:
        for _ in range(2 * len(titles)):
            encord.fault("create_dataset", delay=chance.uniform(0.2, 1.2))
        connection = {"conn_type": "encord", "host": encord.url, "extra": {"ssh_private_key": encord.private_key}}
        first, second = made_by_processes(titles, json.dumps(connection))
        made = encord.state()["datasets"]
    assert first == second
    assert len(set(first)) == len(titles)
    assert made > 1.5 * len(titles), "too few of them met"


def test_a_worker_that_dies_before_all_have_settled_takes_what_others_take(make, hook, context, monkeypatch):
    def die(seconds):
        raise WorkerLost

    same_title = DatasetCreation.same_name
    looks = iter([lambda operator: []])
    monkeypatch.setattr(DatasetCreation, "same_name", lambda self: next(looks, same_title)(self))
    for _ in range(8):  # made in one second, the hashes decide; so that it is seldom the last one
        hook.create_dataset("dies")
    with monkeypatch.context() as dying, pytest.raises(WorkerLost):
        dying.setattr(_creation, "time", SimpleNamespace(sleep=die))
        make("dies", context)
    assert len(hook.get_datasets(title_eq="dies")) == 9
    context["ti"].retry()
    assert make("dies", context)[0] == make("dies")[0]
