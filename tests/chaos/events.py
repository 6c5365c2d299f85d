"""What goes wrong: each kind of event, drawn from one source of chance; only what really hit is counted."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos import processes
from tests.chaos.airflow_services import IS_2, Airflow
from tests.chaos.encord import Control
from tests.chaos.key import Key
from tests.chaos.workload import DAG_ID

MOST_RULES = 8
CALM_LIFETIME = 3600.0

# Operation, how often it is chosen, how many requests of it may pass first.
OPERATIONS = {
    "upload_job_start": (6, 2),
    "storage_put": (5, 3),
    "presigned_urls": (4, 2),
    "upload_job_poll": (5, 3),
    "list_data_rows": (3, 2),
    "get_dataset": (2, 2),
    "folder_job_start": (6, 2),
    "folder_job_poll": (5, 3),
    "folder_job_cancel": (4, 0),
    "folder_upload_urls": (3, 1),
    "list_items": (3, 1),
    "get_items": (2, 0),
    "get_folder_summary": (2, 0),
    "get_folder": (2, 2),
    "create_folder": (1, 0),
    "link_items": (3, 1),
    "create_dataset": (2, 0),
    "list_datasets": (1, 0),
    "get_cloud_integrations": (1, 0),
    "re_encode_start": (2, 0),
    "re_encode_status": (2, 1),
}
SIGNED = "https://bucket.test/clip.mp4?X-Amz-Signature=never-shown"
PAGE = {"headers": {"Content-Type": "text/html"}, "body": f"<html><body><a href='{SIGNED}'>Sign in</a></body></html>"}
# What says nothing of the work; `null` does for jobs only, elsewhere it may mean that there is nothing.
ODD = ("", "{", "null", '{"message": "no route"}', '{"status": 200, "response": ' + "[" * 10_000 + "]" * 10_000 + "}")
ODD_JOBS = (
    {"status": "PENDING", "errors": [f"a\0b \ud800 \x1b[31mred {SIGNED}"], "units_pending_count": 1},
    {"status": "PENDING", "units_pending_count": 10**25, "units_done_count": float("nan")},
    {"status": "SUBMITTED", "result": [{"data_hash": 10**25, "signed_url": SIGNED}]},
    None,
)
ODD_FOLDER_JOBS = (
    {"status": "PENDING", "errors": [f"a\0b \ud800 \x1b[31mred {SIGNED}"], "unitsPendingCount": 1},
    {"status": "PENDING", "unitsPendingCount": 10**25, "unitsDoneCount": float("nan")},
    None,
)
ONLY_FOR = {
    "odd job": {"upload_job_poll", "re_encode_status"},
    "odd folder job": {"folder_job_poll"},
    "odd answer": OPERATIONS.keys() - {"storage_put"},
}
ACTIONS: dict[str, tuple[int, Callable[[random.Random], dict[str, Any]]]] = {
    "drop before": (3, lambda _: {"drop": "before"}),
    "drop after": (4, lambda _: {"drop": "after"}),
    "503": (3, lambda _: {"status": 503}),
    "429": (3, lambda chance: {"status": 429, "headers": {"Retry-After": str(chance.choice((0, 1)))}}),
    "hang": (1, lambda chance: {"hang": chance.uniform(1, 3)}),
    "delay": (2, lambda chance: {"delay": chance.uniform(0.5, 2)}),
    "page": (5, lambda chance: {"status": chance.choice((403, 404, 502)), **PAGE}),
    "odd answer": (5, lambda chance: {"status": 200, "body": chance.choice(ODD)}),
    "odd job": (
        5,
        lambda chance: {"status": 200, "body": json.dumps({"status": 200, "response": chance.choice(ODD_JOBS)})},
    ),
    "odd folder job": (4, lambda chance: {"status": 200, "body": json.dumps(chance.choice(ODD_FOLDER_JOBS))}),
}
WEIGHTS = {
    "fault": 60,
    "kill task": 18,
    "kill supervisor": 4,
    "clear": 7,
    "kill triggerer": 3,
    "deploy triggerer": 3,
    "kill scheduler": 1,
    "kill api-server": 1,
    "kill dag-processor": 1,
    "short urls": 1,
    "rotate key": 5,
}
XCOMS_ARE_READ = ("create_dataset", "create_linked_dataset", "create_folder", "upload_videos", "re_encode")
# After that nothing of the kind for so many seconds: a service that never comes up proves nothing.
REST = {
    "triggerer": 25.0,
    "scheduler": 60.0,
    "api-server": 60.0,
    "dag-processor": 60.0,
    "urls": 30.0,
    "key": 10.0,
}


@dataclass
class Chaos:
    """Lets events happen, and keeps count of those that did."""

    airflow: Airflow
    control: Control
    key: Key
    chance: random.Random
    tell: Callable[[str], None]
    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    _rules: dict[int, tuple[str, str]] = field(default_factory=dict)
    _rested: dict[str, float] = field(default_factory=dict)
    _urls_until: float | None = None

    @property
    def happened(self) -> int:
        """How many events have hit."""
        return self.kills.total() + self.faults.total()

    def step(self, now: float) -> None:
        """Let one more event happen, perhaps."""
        self.count_faults()
        if self._urls_until and now > self._urls_until:
            self.end_short_urls()
        kind = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if now < self._rested.get(kind.rpartition(" ")[2], 0.0):
            return
        if kind == "fault":
            self._add_fault()
        elif self._happen(kind, now):
            name = kind.rpartition(" ")[2]
            self._rested[name] = now + REST.get(name, 0.0)

    def count_faults(self) -> None:
        """Count the rules that were used since."""
        left = self.control.rules()
        for rule in self._rules.keys() - left:
            action, operation = self._rules.pop(rule)
            self.faults[action] += 1
            self.operations[operation] += 1
            self.tell(f"fault: {action} {operation}")

    def calm_down(self) -> None:
        """Count what has happened, and let nothing more happen."""
        self.count_faults()
        self.control.ask("DELETE", "faults")
        self._rules.clear()
        self.end_short_urls()

    def end_short_urls(self) -> None:
        """Let signed URLs live as usual, and count if any had expired."""
        if self._urls_until is None:
            return
        self._urls_until = None
        self.control.ask("POST", "settings", url_lifetime=CALM_LIFETIME)
        if expired := self._refused_puts() - self._refused_before:
            self.faults["expired URLs"] += 1
            self.tell(f"fault: {expired} expired URLs")

    def _add_fault(self) -> None:
        if len(self._rules) >= MOST_RULES:
            return
        operation = self.chance.choices(list(OPERATIONS), [weight for weight, _ in OPERATIONS.values()])[0]
        action = self.chance.choices(list(ACTIONS), [weight for weight, _ in ACTIONS.values()])[0]
        if operation not in ONLY_FOR.get(action, OPERATIONS):
            return
        skip = self.chance.randint(0, OPERATIONS[operation][1])
        waiting = [each for each in self._rules.values() if each[1] == operation]
        if len(waiting) >= 2:
            return
        what = ACTIONS[action][1](self.chance)
        rule = self.control.ask("POST", "faults", operation=operation, skip=skip, times=1, action=what)
        self._rules[rule["id"]] = (action, operation)

    def _happen(self, kind: str, now: float) -> bool:
        services = self.airflow.services
        if kind == "kill task":
            return self._kill_one("task process", lambda each: each.task is not None)
        if kind == "kill supervisor":
            return self._kill_one("supervisor", lambda each: each.supervises and _has_task(each))
        if kind == "clear":
            return self._clear()
        if kind == "short urls":
            self._refused_before = self._refused_puts()
            self.control.ask("POST", "settings", url_lifetime=0.01)
            self._urls_until = now + 4
            return True
        if kind == "rotate key":
            self.key.rotate()
            return self._note(kind, True)
        name = kind.split()[1]
        if name not in services:  # on 2.11
            return False
        if kind == "deploy triggerer":
            hit = services[name].deploy()
        else:
            # With all below it as a container ends, or alone, so that what it has started goes on.
            whole = name == "api-server" or self.chance.random() < 0.5  # what it has started would keep its port
            hit = services[name].kill(whole=whole)
            processes.end_idle_orphans()
        services[name].start()
        return self._note(kind, hit)

    def _kill_one(self, what: str, is_meant: Callable[[processes.Process], bool]) -> bool:
        found = [each for each in processes.below(self.airflow.services["scheduler"].pid) if is_meant(each)]
        if not found:
            return False
        victim = self.chance.choice(sorted(found, key=lambda each: each.pid))
        return self._note(f"kill {what}", processes.kill(victim.pid), self._name(victim))

    def _name(self, victim: processes.Process) -> str:
        if victim.task is None or IS_2:
            return victim.title
        found = self.airflow.ask(
            "SELECT run_id, task_id FROM task_instance WHERE CAST(id AS VARCHAR(36)) = :id", id=victim.task
        )
        return " ".join(found[0]) if found else victim.title

    def _clear(self) -> bool:
        found = self.airflow.ask(
            "SELECT run_id, task_id, map_index, state FROM task_instance"
            " WHERE dag_id = :dag AND state IN ('running', 'deferred', 'success') ORDER BY run_id, task_id, map_index",
            dag=DAG_ID,
        )
        if not found:
            return False
        # What runs is more interesting than the many that have ended.
        active = [each for each in found if each[3] != "success"]
        run_id, task_id, map_index, state = self.chance.choice(
            active if active and self.chance.random() < 0.6 else found
        )
        if task_id in XCOMS_ARE_READ and self._goes_on(run_id, task_id):
            return False  # what comes after would find its XComs gone, which is no fault of the provider
        error = self.airflow.order("clear", run_id=run_id, task_id=task_id, map_index=map_index)
        if error:
            self.tell(f"clear failed: {error}")
        return self._note("clear", error is None, f"{state} {run_id} {task_id}")

    def _goes_on(self, run_id: str, task_id: str) -> bool:
        return bool(
            self.airflow.ask(
                "SELECT 1 FROM task_instance WHERE dag_id = :dag AND run_id = :run AND task_id <> :task"
                " AND (state IS NULL OR state <> 'success')",
                dag=DAG_ID,
                run=run_id,
                task=task_id,
            )
        )

    def _refused_puts(self) -> int:
        asked = self.control.ask("GET", "requests?operation=storage_put")["requests"]
        return sum(each["status"] == 403 for each in asked)

    def _note(self, kind: str, hit: bool, what: str = "") -> bool:
        if hit:
            self.kills[kind] += 1
            self.tell(f"{kind} {what}".strip())
        return hit


def _has_task(supervisor: processes.Process) -> bool:
    # Before the task has begun, LocalExecutor never notices that its worker is dead.
    return any(each.task for each in processes.below(supervisor.pid))
