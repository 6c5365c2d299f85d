"""Lists that travel between tasks: as they are, or as a reference to a file of details when they are too long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_encord._airflow.arguments import (
    data_hash,
    item_uuid,
    list_of,
    parsed_text,
    refuse,
)
from airflow_provider_encord.exceptions import EncordInputError

_HASHES = list_of(data_hash, "data hashes", may_be_empty=True, distinct=True)
_ITEMS = list_of(item_uuid, "UUIDs of items", may_be_empty=True, distinct=True)


def data_hashes(value: Any, name: str) -> list[str]:
    """Take data hashes: one, a list, a reference to a list, or the whole report of a task that found or made data.

    A reference is what a task pushes as ``data_hashes`` when the list is too long for an XCom:
    ``{"count", "details_path", "details_conn_id"}``.

    :raises EncordInputError: when it names no data hashes, or says how many there are but not which.
    """
    value = _of_text(value)
    if isinstance(value, Mapping):
        value = _listed(value, name, "data_hash")
    hashes: list[str] = _HASHES(value, name)
    return hashes


def item_uuids(value: Any, name: str) -> list[str]:
    """Take UUIDs of storage items: one, a list, a reference to a list, or a report whose details name them."""
    value = _of_text(value)
    if isinstance(value, Mapping):
        value = _listed(value, name, "backing_item_uuid")
    uuids: list[str] = _ITEMS(value, name)
    return uuids


def _of_text(value: Any) -> Any:
    parsed = parsed_text(value) if isinstance(value, str) else None
    return parsed if isinstance(parsed, Mapping) else value


def _listed(report: Mapping[str, Any], name: str, field: str) -> Any:
    """Return the list that a report or reference stands for."""
    if field == "data_hash" and report.get("re_encoded") is not None:
        return report["re_encoded"]
    items = report.get("items")
    if isinstance(items, list) and all(isinstance(each, Mapping) and field in each for each in items):
        return [each[field] for each in items]
    count = report.get("count", report.get("added"))
    if not isinstance(count, int) or isinstance(count, bool):
        raise refuse(name, dict(report), "data hashes, or the report of a task that found or made data")
    if not count:
        return []
    path = report.get("details_path", report.get("details"))
    if not path:
        raise EncordInputError(
            f"{name}: the task before found {count:,} items, which are too many for an XCom, and it wrote no file of "
            "details. Give that task details_path, a path or URL that the workers share; this task then reads it."
        )
    from airflow_provider_encord._storage.details_file import read_json_lines

    lines = read_json_lines(path, report.get("details_conn_id"))
    return [line[field] for line in lines if isinstance(line.get(field), str)]
