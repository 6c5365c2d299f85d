"""What a task tells with the events of its outlets: what it added, in their ``extra``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_provider_encord._client.outgoing import storable
from airflow_provider_encord._client.redaction import redacted
from airflow_provider_encord._compat import Asset
from airflow_provider_encord._resume.item_tags import is_repeated
from airflow_provider_encord._resume.task_store import Memory

_TOLD = ("dataset_hash", "folder_uuid", "added", "done", "linked", "failed")
_ADDED = ("added", "done", "linked")
_MOST_JOBS = 20
_MOST_BYTES = 4000
"""Airflow keeps the extra of every event in its database."""


def note_look(task: Any, memory: Memory) -> datetime:
    """Return the time, and keep it for the events that :func:`tell_assets` tells of, maybe after a deferral."""
    now = datetime.now(UTC)
    if _assets(task):
        memory.remember_made("look", {"began": now.isoformat()})
    return now


def tell_assets(
    task: Any,
    context: Any,
    report: Mapping[str, Any],
    memory: Memory,
    looked: datetime | None = None,
    until: datetime | None = None,
) -> None:
    """Put what the task did into the events of the assets that it declares as outlets, or have it emit none.

    An event says that something is new, so there is none if neither this attempt nor an earlier one added anything.
    Aliases are left alone: what they stand for is for the user to say.

    :param report: what the task returns.
    :param looked: when this attempt began to look for work; None if it did not, or before it deferred.
    :param until: end of the time whose data the work is about, if it is about one.
    """
    if not (assets := _assets(task)):
        return
    if _adds_nothing(report) and not (is_repeated(context) and memory.worked_before):
        keep_silent(task)
        return
    began = looked or _began(context, memory)
    extra = {name: report[name] for name in _TOLD if report.get(name) is not None}
    extra["job_ids"] = list(report.get("job_ids") or ())[:_MOST_JOBS]
    extra["until"] = (began if until is None else min(began, until)).astimezone(UTC).isoformat()
    extra = storable(redacted(extra))
    while extra["job_ids"] and len(json.dumps(extra)) > _MOST_BYTES:
        extra["job_ids"].pop()
    for asset in assets:
        event = context["outlet_events"][asset]
        event.extra = {**event.extra, **extra}


def keep_silent(task: Any) -> None:
    """Have the task emit no event of an asset, although it succeeds.

    Airflow emits one for each asset that is among the outlets when the task has ended.
    """
    if assets := _assets(task):
        task.log.info("Nothing was added, so the assets among the outlets get no event.")
        task.outlets = [outlet for outlet in task.outlets if outlet not in assets]


def _assets(task: Any) -> list[Asset]:
    return [outlet for outlet in task.outlets or () if isinstance(outlet, Asset)]


def _adds_nothing(report: Mapping[str, Any]) -> bool:
    counts = [report[name] for name in _ADDED if name in report]
    return bool(counts) and not any(counts) and report.get("items", []) == []


def _began(context: Any, memory: Memory) -> datetime:
    """Return when an earlier part or attempt began to look; where that is not remembered, when the run started."""
    if kept := memory.recall_made("look"):
        return datetime.fromisoformat(kept["began"])
    return getattr(context.get("dag_run"), "start_date", None) or datetime.now(UTC)
