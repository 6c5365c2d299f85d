"""Lists that one task passes to the next: as a list, or as a reference to a details file if they are too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_encord._airflow.arguments import Check, data_hash, item_uuid, joined, list_of, parsed_text, refuse
from airflow_provider_encord._client.redaction import shown
from airflow_provider_encord.exceptions import EncordInputError


def _distinct(list_check: Check, *fields: str) -> Check:
    check = joined(lambda value, name: list_check(_named(value, name, *fields), name))
    return lambda value, name: list(dict.fromkeys(check(value, name)))


_HASHES = _distinct(list_of(data_hash, "data hashes", may_be_empty=True), "data_hash")
_ITEMS = _distinct(list_of(item_uuid, "UUIDs of items", may_be_empty=True), "item_uuid", "backing_item_uuid")


def data_hashes(value: Any, name: str) -> list[str]:
    """Take data hashes: one, a list, a reference to a list, or the whole report of a task that found or made data.

    A reference is what a task pushes as ``data_hashes`` when the list is too long for an XCom:
    ``{"count", "details_path", "details_conn_id"}``. The output of mapped tasks is a list of these.

    :raises EncordInputError: when it names no data hashes, or has a count but no file.
    :raises EncordMachineError: when this machine cannot read the file.
    """
    hashes: list[str] = _HASHES(value, name)
    return hashes


def item_uuids(value: Any, name: str) -> list[str]:
    """Take UUIDs of storage items: one, a list, a reference to a list, or a report that names them or whose details do.

    Details of data rows name them ``backing_item_uuid``.
    """
    uuids: list[str] = _ITEMS(value, name)
    return uuids


def is_read_later(value: Any) -> bool:
    """Whether it may refer to lists in files, which are read when the task runs."""
    value = parsed_text(value) if isinstance(value, str) else value
    return isinstance(value, Mapping) or (isinstance(value, list | tuple) and any(map(is_read_later, value)))


def names_a_file(value: Any) -> bool:
    """Whether hashes are read from a file, which may hold others later."""
    value = parsed_text(value) if isinstance(value, str) else value
    if isinstance(value, Mapping):
        if value.get("re_encoded") is not None:
            return names_a_file(value["re_encoded"])
        return not isinstance(value.get("items"), list)
    return isinstance(value, Sequence) and any(not isinstance(each, str) and names_a_file(each) for each in value)


def _named(value: Any, name: str, *fields: str) -> Any:
    """Return the list that a report or reference stands for, and any other value unchanged.

    :param fields: names of the wanted id in items and details.
    """
    if isinstance(value, str) and isinstance(parsed := parsed_text(value), Mapping):
        value = parsed
    if not isinstance(value, Mapping):
        return value
    if "data_hash" in fields and value.get("re_encoded") is not None:
        return _named(value["re_encoded"], name, *fields)
    items = value.get("items")
    for field in fields:
        if isinstance(items, list) and all(isinstance(item, Mapping) and field in item for item in items):
            return [item[field] for item in items]
    counts = [value[key] for key in ("count", "linked", "added", "skipped") if key in value]
    if not counts or not all(isinstance(count, int) for count in counts):
        raise refuse(name, dict(value), "a list, or the report of a task that found or made data")
    count = sum(counts)
    path = value.get("details_path") or value.get("details")
    if not count:
        return []
    if not path:
        raise EncordInputError(
            f"{name}: the upstream task has {count:,} items, too many for its XCom, and it wrote no details file. "
            "Set details_path on that task to a path or URL that all workers can read; this task then reads the file."
        )
    from airflow_provider_encord._storage.details_file import read_json_lines

    lines = read_json_lines(path, value.get("details_conn_id"))
    named = (next((line[field] for field in fields if isinstance(line.get(field), str)), None) for line in lines)
    values = [each for each in named if each is not None]
    if not values:
        raise EncordInputError(
            f"{name}: the file {shown(str(path))} has no {fields[0]}. EncordListDataRowsOperator writes it."
        )
    return values
