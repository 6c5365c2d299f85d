"""Operators that list the data of a dataset, and link items of Encord's storage into a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments, references
from airflow_provider_encord._airflow.arguments import Check
from airflow_provider_encord._airflow.outcome import fits_xcom, list_or_reference
from airflow_provider_encord._client.outgoing import storable
from airflow_provider_encord._compat import Context
from airflow_provider_encord.operators._base import ON_EMPTY, EncordOperator
from airflow_provider_encord.operators._listing import EncordListOperator

if TYPE_CHECKING:
    from airflow_provider_encord._client.resources.data_rows import DataRow

MAX_ITEMS_PER_REQUEST = 1000
_DUPLICATES = ("SKIP", "FAIL", "DUPLICATE")
_FILTERS = ("title_eq", "title_like", "created_before", "created_after", "data_types", "data_hashes")


class EncordListDataRowsOperator(EncordListOperator):
    """List the data of a dataset, of any size in bounded memory.

    Returns ``{"count", "items", "details", "details_conn_id"}``: ``items`` as ``[{"data_hash", "data_title",
    "data_type"}]``, or None if there are too many for an XCom; and the details file, if there is one. Also pushes the
    XCom ``data_hashes``: a list, or ``{"count", "details_path", "details_conn_id"}`` if there are too many; the next
    operator takes both.

    .. seealso:: :ref:`howto/operator:EncordListDataRowsOperator`

    :param dataset_hash: the dataset: its hash, or the report of a task that names it (templated).
    :param title_eq: title (templated).
    :param title_like: SQL pattern of titles, such as ``night-%`` (templated).
    :param created_before: ISO 8601 string or datetime; UTC if it has no time zone (templated).
    :param created_after: the same (templated).
    :param data_types: one or several types such as ``VIDEO``, ``IMAGE`` and ``IMG_GROUP`` (templated).
    :param data_hashes: only these rows (templated).
    """

    template_fields: Sequence[str] = (
        *EncordListOperator.template_fields,
        "dataset_hash",
        "title_eq",
        "title_like",
        "created_before",
        "created_after",
        "data_types",
        "data_hashes",
    )
    checks: ClassVar[dict[str, Check]] = {
        **EncordListOperator.checks,
        "dataset_hash": arguments.dataset_hash,
        "title_eq": arguments.optional(arguments.pattern),
        "title_like": arguments.optional(arguments.pattern),
        "created_before": arguments.optional(arguments.moment),
        "created_after": arguments.optional(arguments.moment),
        "data_types": arguments.optional(arguments.list_of(arguments.data_type, "data types")),
    }
    list_checks: ClassVar[dict[str, Check]] = {"data_hashes": arguments.optional(references.data_hashes)}
    hashes_key = "data_hashes"
    hash_field = "data_hash"

    def __init__(
        self,
        *,
        dataset_hash: str,
        title_eq: str | None = None,
        title_like: str | None = None,
        created_before: str | datetime | None = None,
        created_after: str | datetime | None = None,
        data_types: Any = None,
        data_hashes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_hash = dataset_hash
        self.title_eq = title_eq
        self.title_like = title_like
        self.created_before = created_before
        self.created_after = created_after
        self.data_types = data_types
        self.data_hashes = data_hashes
        self.check_literals()

    def find(self, context: Context) -> Iterator[DataRow]:
        """Yield the rows."""
        self.push_link(context, self.dataset_hash)
        if self.data_hashes == []:
            return iter(())
        filters = {name: getattr(self, name) for name in _FILTERS}
        return self.hook.iter_data_rows(self.dataset_hash, **filters)

    def brief(self, model: DataRow) -> dict[str, Any]:
        """Return the fields of a row that go into the XCom."""
        return {"data_hash": model.data_hash, "data_title": model.data_title, "data_type": model.data_type}


class EncordLinkItemsOperator(EncordOperator):
    """Link items of Encord's storage into a dataset.

    Returns ``{"dataset_hash", "linked", "items", "details", "details_conn_id"}``: the number of rows that Encord
    reports; ``items`` as ``[{"data_hash", "data_title"}]``, or None if there are too many for an XCom; and the details
    file, if there is one. Also pushes the XCom ``data_hashes``: a list, or ``{"count", "details_path",
    "details_conn_id"}`` if there are too many; the next operator takes both.

    .. seealso:: :ref:`howto/operator:EncordLinkItemsOperator`

    :param dataset_hash: the dataset: its hash, or the report of a task that names it (templated).
    :param item_uuids: UUIDs of the items: one, a list, or the output of a task whose details file has them (templated).
        An empty list is nothing to do.
    :param duplicates_behavior: ``SKIP``, ``FAIL`` or ``DUPLICATE`` items that are in the dataset already.
    :param max_items_per_request: more items are linked with several requests.
    :param details_path: path or ``ObjectStoragePath`` URL of a file with ``{"data_hash", "data_title"}`` of each row,
        one JSON object per line (templated).
    :param details_conn_id: Airflow connection of the store of ``details_path`` (templated).
    :param on_empty: what the task does if there is nothing to link: ``skip``, ``succeed`` or ``fail``.
    """

    template_fields: Sequence[str] = (
        "encord_conn_id",
        "dataset_hash",
        "item_uuids",
        "details_path",
        "details_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"item_uuids": "json"}
    checks: ClassVar[dict[str, Check]] = {
        **EncordOperator.checks,
        "dataset_hash": arguments.dataset_hash,
        "duplicates_behavior": arguments.one_of(*_DUPLICATES),
        "max_items_per_request": arguments.whole_number(),
        "details_path": arguments.optional(arguments.path),
        "details_conn_id": arguments.optional(arguments.conn_id),
        "on_empty": arguments.one_of(*ON_EMPTY),
    }
    list_checks: ClassVar[dict[str, Check]] = {"item_uuids": references.item_uuids}

    def __init__(
        self,
        *,
        dataset_hash: str,
        item_uuids: Any,
        duplicates_behavior: str = "SKIP",
        max_items_per_request: int = MAX_ITEMS_PER_REQUEST,
        details_path: Any = None,
        details_conn_id: str | None = None,
        on_empty: str = "skip",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_hash = dataset_hash
        self.item_uuids = item_uuids
        self.duplicates_behavior = duplicates_behavior
        self.max_items_per_request = max_items_per_request
        self.details_path = details_path
        self.details_conn_id = details_conn_id
        self.on_empty = on_empty
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Link the items in batches."""
        self.check_rendered()
        self.push_link(context, self.dataset_hash)
        rows: list[DataRow] = []
        for at in range(0, len(self.item_uuids), self.max_items_per_request):
            batch = self.item_uuids[at : at + self.max_items_per_request]
            rows += self.hook.link_items(self.dataset_hash, batch, self.duplicates_behavior)
            self.log.info(
                "Linked %d of %d items into dataset %s.", at + len(batch), len(self.item_uuids), self.dataset_hash
            )
        items = [{"data_hash": row.data_hash, "data_title": row.data_title} for row in rows]
        if self.details_path is not None:
            from airflow_provider_encord._storage.details_file import write_json_lines

            write_json_lines(self.details_path, items, self.details_conn_id)
        hashes = [row.data_hash for row in rows]
        self.push(
            context,
            "data_hashes",
            list_or_reference(hashes, len(hashes), self.details_path, self.details_conn_id),
        )
        report = {
            "dataset_hash": self.dataset_hash,
            "linked": len(rows),
            "items": storable(items) if fits_xcom(items) else None,
            "details": None if self.details_path is None else str(self.details_path),
            "details_conn_id": self.details_conn_id,
        }
        return report if self.item_uuids else self.settle_empty(context, report)
