"""Which process is a task's own and which only looks after one, told by the titles that Airflow gives them."""

import signal
import subprocess
import sys

import pytest

from tests.chaos import processes

ID = "01a20d80-1dfc-75ad-bb5d-cf460eac7fbe"
OWN = {
    f"airflow worker -- {ID}": ID,
    "airflow task runner: chaos transfer run-001 43": "chaos transfer run-001 43",
}
SUPERVISORS = [
    f"airflow worker -- LocalExecutor: {ID}",
    "airflow worker -- LocalExecutor: ['airflow', 'tasks', 'run']",
    "airflow task supervisor: ['airflow', 'tasks', 'run']",
]
NEITHER = ["airflow worker -- LocalExecutor: <idle>", "airflow worker -- LocalExecutor", "python -m airflow scheduler"]


def titled(title):
    return processes.Process(1, 0, title, zombie=False)


@pytest.mark.parametrize("title", OWN)
def test_the_own_process_of_a_task_is_known(title):
    assert titled(title).task == OWN[title]
    assert not titled(title).supervises


@pytest.mark.parametrize("title", SUPERVISORS)
def test_a_supervisor_is_known(title):
    assert titled(title).supervises
    assert titled(title).task is None


@pytest.mark.parametrize("title", NEITHER)
def test_other_processes_are_left_alone(title):
    assert (titled(title).task, titled(title).supervises) == (None, False)


def test_a_process_is_killed_with_all_below_it():
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        assert processes.kill_all(process.pid) == 2
        assert process.stdout.read() == ""
        assert process.wait() == -signal.SIGKILL
    assert not processes.kill(process.pid)
