"""Triggers runs, clears tasks and marks them failed inside Airflow, told so by JSON lines.

One process for all of it: importing Airflow each time would take long.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

from airflow.api.common.trigger_dag import trigger_dag
from airflow.models.taskinstance import TaskInstance, clear_task_instances
from airflow.utils.session import create_session

try:
    from airflow.utils.types import DagRunTriggeredByType
except ImportError:  # Airflow 2.11
    DagRunTriggeredByType = None


def trigger(dag_id: str, run_id: str) -> None:
    """Trigger a run."""
    now = datetime.now(UTC)
    if DagRunTriggeredByType is None:
        trigger_dag(dag_id, run_id=run_id, execution_date=now, replace_microseconds=False)
    else:
        by = DagRunTriggeredByType.CLI
        trigger_dag(dag_id, triggered_by=by, run_id=run_id, logical_date=now, replace_microseconds=False)


def clear(dag_id: str, run_id: str, task_id: str, map_index: int) -> None:
    """Clear one task instance."""
    with create_session() as session:
        wanted = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}
        instances = session.query(TaskInstance).filter_by(**wanted).all()
        more: dict[str, Any] = {}
        if DagRunTriggeredByType is None:
            from airflow.models.dagbag import DagBag

            more["dag"] = DagBag(read_dags_from_db=True).get_dag(dag_id)
        clear_task_instances(instances, session, **more)


def fail(dag_id: str, run_id: str, task_id: str, map_index: int) -> None:
    """Mark one task instance failed, as a user does."""
    with create_session() as session:
        wanted = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}
        session.query(TaskInstance).filter_by(**wanted).one().set_state("failed", session=session)


def main() -> None:
    """Do what the lines say, and answer each with one line."""
    answers, sys.stdout = sys.stdout, sys.stderr
    works = {"trigger": trigger, "clear": clear, "fail": fail}
    print(json.dumps({"url": "ready"}), file=answers, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            works[order.pop("do")](**order)
            error = None
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
        print(json.dumps({"error": error}), file=answers, flush=True)


if __name__ == "__main__":
    main()
