"""What operators do with the client metadata of single items: uploads and transfers take it in the same forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check
from airflow_provider_encord._client.redaction import shown
from airflow_provider_encord._resume import item_tags
from airflow_provider_encord.exceptions import EncordInputError

if TYPE_CHECKING:
    from airflow_provider_encord._storage.item_metadata import ItemMetadata

RESERVED = (*item_tags.KEYS, item_tags.SOURCE_KEY)
"""What the provider itself writes into client metadata."""
CHECKS: dict[str, Check] = {
    "client_metadata": arguments.optional(arguments.metadata(*RESERVED, cure=arguments.ONE_FOR_EACH)),
    "client_metadata_by_item": arguments.optional(arguments.metadata_by_key(*RESERVED)),
    "client_metadata_conn_id": arguments.optional(arguments.conn_id),
}


def check_form(task: Any) -> None:
    """Refuse a connection without a file that it could be for."""
    by_item = task.client_metadata_by_item
    no_file = by_item is None or (isinstance(by_item, Mapping | list | tuple) and not arguments.is_template(by_item))
    if task.client_metadata_conn_id is not None and no_file:
        raise EncordInputError("client_metadata_conn_id is about a file: name it in client_metadata_by_item.")


def identity(task: Any) -> dict[str, Any]:
    """Return what the metadata of single items adds to a stored identity; nothing if there is none, as before."""
    by_item = task.client_metadata_by_item
    if by_item is None:
        return {}
    return {"client_metadata_by_item": by_item if isinstance(by_item, Mapping | list) else str(by_item)}


def open_metadata(task: Any) -> ItemMetadata:
    """Read what is given for single items, and log which form that is."""
    from airflow_provider_encord._storage.item_metadata import ItemMetadata

    for_all, by_item = task.client_metadata, task.client_metadata_by_item
    if for_all and by_item is None and all(isinstance(value, Mapping) for value in for_all.values()):
        task.log.warning(
            "client_metadata goes to every item as it is, though all its values are dicts. A dict for each item, by "
            "its key or name, is client_metadata_by_item."
        )
    file = by_item is not None and not isinstance(by_item, Mapping)
    metadata = ItemMetadata(
        for_all,
        by_item,
        conn_id=task.client_metadata_conn_id,
        file_format=arguments.metadata_format(by_item) if file else None,
        reserved=RESERVED,
    )
    if by_item is not None:
        task.log.info("Client metadata of single items: %s%s.", f"{shown(str(by_item))}, " * file, metadata)
    return metadata


def warn_of_shared_names(task: Any, metadata: ItemMetadata) -> None:
    """Say that a name stood for several items."""
    if count := metadata.shared_names:
        task.log.warning(
            "%d names of client_metadata_by_item are those of several items each, which all have the same metadata. "
            "Keys tell them apart.",
            count,
        )


def require_one_length(by_item: Sequence[Any], files: Sequence[Any]) -> None:
    """Refuse a list of metadata that is longer or shorter than that of the files."""
    if len(by_item) != len(files):
        raise EncordInputError(
            f"client_metadata_by_item has {len(by_item)} elements and file_paths {len(files)}: the lists must be of "
            "one length, with None for a file that has nothing of its own. Nothing was sent."
        )


def metadata_of_files(task: Any) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return the metadata of each file's own, and the counts, if anything is given for single files.

    The path or URL of a file is its key, as is what follows the bucket in a URL. Bad files count like the others.
    """
    by_item, locations = task.client_metadata_by_item, [str(path) for path in task.file_paths]
    if isinstance(by_item, list):
        require_one_length(by_item, locations)
        task.log.info("Client metadata of single items: a list beside file_paths, of %d.", len(by_item))
        return [dict(each or {}) for each in by_item], {"metadata_unused": 0, "without_metadata": by_item.count(None)}
    with open_metadata(task) as metadata:
        if by_item is None:
            return [{} for _ in locations], {}
        found = [metadata.of(each, each.partition("://")[2].partition("/")[2] or each) for each in locations]
        warn_of_shared_names(task, metadata)
        unused, without = metadata.unused or 0, metadata.without or 0
    task.log.info(
        "Of %d files, %d have no metadata of their own; %d rows of it are unused.", len(locations), without, unused
    )
    return found, {"metadata_unused": unused, "without_metadata": without}
