"""Airflow with CeleryExecutor on one machine: Redis, and two schedulers, triggerers and workers."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from tests.chaos.airflow_services import Airflow, Service, free_port

DAGS = Path(__file__).parent / "dags"
SLOTS = 4
"""Of each worker. What both schedulers start at once is as much as both workers have."""


def settings(waits: int) -> dict[str, str]:
    """Return Airflow's settings, as its environment, where they differ from those of chaos."""
    names = {
        "core__executor": "CeleryExecutor",
        "core__dags_folder": str(DAGS),
        "core__parallelism": str(SLOTS),
        "core__max_active_tasks_per_dag": str(2 * SLOTS),
        "celery__broker_url": f"redis://127.0.0.1:{free_port()}/0",
        "celery__worker_concurrency": str(SLOTS),
        "celery__worker_enable_remote_control": "False",
        "scheduler__scheduler_idle_sleep_time": "1",
        "scheduler__job_heartbeat_sec": "5",
        "scheduler__task_queued_timeout": "60",
        "scheduler__scheduler_health_check_threshold": "30",
        "scheduler__task_instance_heartbeat_timeout": "40",
        "triggerer__capacity": "2000",
        "triggerer__job_heartbeat_sec": "5",
        "triggerer__triggerer_health_check_threshold": "20",
        "workers__min_heartbeat_interval": "5",
    }
    return {
        **{f"AIRFLOW__{name.upper()}": value for name, value in names.items()},
        "CLUSTER_WAITS": str(waits),
        "C_FORCE_ROOT": "1",  # Celery warns of root otherwise
    }


class Cluster(Airflow):
    """All services, Redis among them."""

    def start(self) -> None:
        """Start Redis first, which keeps nothing when it ends."""
        broker = urlsplit(self.environment["AIRFLOW__CELERY__BROKER_URL"])
        command = ["--bind", "127.0.0.1", "--port", str(broker.port), "--save", "", "--appendonly", "no"]
        redis = Service("redis", command, self.environment, self.logs / "redis.log", program=["redis-server"])
        self.services["redis"] = redis
        redis.start()
        self.wait_for(lambda: _listens(broker.port), "Redis", 30)
        super().start()

    def commands(self) -> dict[str, list[str]]:
        """Return the services by name, each with its command."""
        one = super().commands()
        celery = ["celery", "worker", "--skip-serve-logs", "--without-mingle", "--without-gossip"]
        two = {"scheduler": one.pop("scheduler"), "triggerer": one.pop("triggerer"), "worker": celery}
        for name, command in two.items():
            for number in (1, 2):
                own = f"{name}-{number}"
                more = ["--celery-hostname", own, "--pid", f"{self.logs}/{own}.pid"] if name == "worker" else []
                one[own] = [*command, *more]
        return one

    def _is_stuck(self) -> bool:
        return False  # no worker of a scheduler can get lost: it has none

    def restart(self, names: list[str]) -> None:
        """Restart services one after the other, as a deployment does: each may end its work."""
        for name in names:
            self.services[name].deploy(patience=60)
            self.services[name].start()

    def until(self, ready: Callable[[], bool], patience: float) -> float | None:
        """Start again what has ended until something is so; return after how many seconds it was, None if never."""
        begun = time.monotonic()
        while not ready():
            if time.monotonic() > begun + patience:
                return None
            self.keep_running()
            time.sleep(1)
        return time.monotonic() - begun


def _listens(port: int | None) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port or 0), 1):
        return True
    return False
