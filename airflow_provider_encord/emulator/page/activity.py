"""What goes on: the faults in force and the last requests, without anything secret."""

from collections.abc import Mapping
from typing import Any

from airflow_provider_encord.emulator.faults import Faults
from airflow_provider_encord.emulator.page.cells import Section, code, counted, link_to, moment, row
from airflow_provider_encord.emulator.request_log import Entry, RequestLog

REQUESTS = 20


def faults(rules: Faults) -> Section:
    """Return the faults in force."""
    rows = [
        row(
            rule["id"],
            code(
                " ".join(str(rule[name]) for name in ("operation", "method", "path") if rule[name]) or "every request"
            ),
            _effect(rule["action"]),
            "every time" if rule["times"] is None else counted(rule["times"], "time", "times"),
            f"after {counted(rule['skip'], 'request', 'requests')}" if rule["skip"] else None,
        )
        for rule in rules.describe()
    ]
    columns = ("For", "What happens", "How often", "Begins")
    return Section("faults", "Faults in force", columns, rows, "None: every request is answered.", len(rows))


def requests(log: RequestLog) -> Section:
    """Return the last requests, newest first."""
    rows = [
        row(
            number,
            moment(entry["time"]),
            entry["operation"],
            code(f"{entry['method']} {entry['path'][:200]}"),
            _answer(entry),
            link_to("datasets", entry["dataset"], (entry["dataset"] or "")[:8]),
            code(entry["user"]),
        )
        for number, entry in log.latest(REQUESTS)
    ]
    columns = ("Time", "Operation", "Request", "Answer", "Dataset", "User")
    return Section("requests", "Last requests", columns, rows, "No requests yet.")


def _effect(action: Mapping[str, Any]) -> str:
    """Say what a fault does; what it answers is not shown."""
    parts = [f"waits {action['delay']:g} s"] if action["delay"] else []
    if action["status"] is not None:
        parts.append(f"answers HTTP {action['status']}")
    if action["drop"]:
        parts.append(f"closes the connection {action['drop']} the work")
    if action["hang"] is not None:
        parts.append(f"says nothing for {action['hang']:g} s, then closes the connection")
    return ", ".join(parts)


def _answer(entry: Entry) -> str:
    parts = ["no answer" if entry["status"] is None else str(entry["status"])]
    if "refused" in entry:
        parts.append(entry["refused"])
    if "fault" in entry:
        parts.append(f"fault: {entry['fault']}")
    return ", ".join(parts)
