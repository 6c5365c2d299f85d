"""Worker processes that make datasets of the same titles at the same time."""

from __future__ import annotations

import inspect
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from killable import PROCESSES, TaskInstance


def made_by_processes(titles: list[str], connection: str, workers: int = 2) -> list[list[str]]:
    """Return the dataset that each worker took for each title; all titles are rounds of their own, run side by side.

    :param connection: JSON of the Airflow connection.
    """
    start = PROCESSES.Barrier(workers)
    pipes = [PROCESSES.Pipe(duplex=False) for _ in range(workers)]
    processes = [PROCESSES.Process(target=_work, args=(titles, connection, start, end)) for _, end in pipes]
    for process, (_, end) in zip(processes, pipes, strict=True):
        process.start()
        end.close()  # so that a worker that dies ends what is read of it
    taken = [begin.recv() for begin, _ in pipes]
    for process in processes:
        process.join()
    return taken


def _work(titles: list[str], connection: str, start: Any, taken: Any) -> None:
    from airflow_provider_encord.operators.datasets import EncordCreateDatasetOperator

    os.environ["AIRFLOW_CONN_ENCORD_DEFAULT"] = connection
    # Airflow 2.11 wraps it in what works on the main thread only.
    execute = inspect.unwrap(EncordCreateDatasetOperator.execute)
    tasks = [EncordCreateDatasetOperator(task_id="task", title=title, if_exists="skip") for title in titles]
    with ThreadPoolExecutor(len(tasks)) as threads:
        start.wait(timeout=60)
        taken.send(list(threads.map(lambda task: execute(task, {"ti": TaskInstance(1)}), tasks)))
