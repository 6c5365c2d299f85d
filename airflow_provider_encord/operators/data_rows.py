"""Operators that list the data of a dataset, and link items of Encord's storage into one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow.arguments import certain_filters
from airflow_provider_encord._airflow.outcome import fits_xcom
from airflow_provider_encord._compat import Context
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators._base import EncordOperator
from airflow_provider_encord.operators._listing import EncordListOperator

if TYPE_CHECKING:
    from airflow_provider_encord._client.resources.data_rows import DataRow

_DUPLICATES = ("SKIP", "FAIL", "DUPLICATE")


class EncordListDataRowsOperator(EncordListOperator):
    """List the data of a dataset; a dataset of any size is read in bounded memory.

    Returns ``{"count", "items", "details"}``: ``items`` as ``[{"data_hash", "data_title", "data_type"}]``, or None if
    they are too many for an XCom; where the details are, if ``details_path`` was given. Also pushed to XCom:
    ``data_hashes`` (a list, or None if too many).

    .. seealso:: :ref:`howto/operator:EncordListDataRowsOperator`

    :param dataset_hash: the dataset (templated).
    :param title_eq: title (templated).
    :param title_like: SQL pattern of titles, such as ``night-%`` (templated).
    :param created_before: ISO 8601 text or aware datetime; a text without zone is UTC (templated).
    :param created_after: the same (templated).
    :param data_types: kinds such as ``VIDEO``, ``IMAGE`` and ``IMG_GROUP`` (templated).
    :param data_hashes: only these (templated).
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
        data_types: Sequence[str] | None = None,
        data_hashes: Sequence[str] | None = None,
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

    def find(self, context: Context) -> Iterator[DataRow]:
        """Yield the rows."""
        self.push_link(context, self.dataset_hash)
        filters = certain_filters(
            title_eq=self.title_eq,
            title_like=self.title_like,
            created_before=self.created_before,
            created_after=self.created_after,
            data_types=self.data_types,
            data_hashes=self.data_hashes,
        )
        return self.hook.iter_data_rows(self.dataset_hash, **filters)

    def brief(self, found: DataRow) -> dict[str, Any]:
        """Return what a row's XCom tells."""
        return {"data_hash": found.data_hash, "data_title": found.data_title, "data_type": found.data_type}


class EncordLinkItemsOperator(EncordOperator):
    """Link items that lie in Encord's storage into a dataset.

    Returns ``{"dataset_hash", "linked"}``: how many rows Encord reports. Also pushed to XCom: ``data_hashes`` (a list,
    or None if too many).

    .. seealso:: :ref:`howto/operator:EncordLinkItemsOperator`

    :param dataset_hash: the dataset (templated).
    :param item_uuids: UUIDs of the items (templated).
    :param duplicates_behavior: ``SKIP``, ``FAIL`` or ``DUPLICATE`` items that the dataset holds already.
    """

    template_fields: Sequence[str] = ("encord_conn_id", "dataset_hash", "item_uuids")
    template_fields_renderers: ClassVar[dict[str, str]] = {"item_uuids": "json"}

    def __init__(
        self, *, dataset_hash: str, item_uuids: Sequence[str], duplicates_behavior: str = "SKIP", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_hash = dataset_hash
        self.item_uuids = item_uuids
        self.duplicates_behavior = duplicates_behavior
        if duplicates_behavior not in _DUPLICATES:
            raise EncordInputError(
                f"duplicates_behavior must be one of {', '.join(_DUPLICATES)}, not {duplicates_behavior!r}."
            )

    def execute(self, context: Context) -> dict[str, Any]:
        """Link the items."""
        if isinstance(self.item_uuids, str) or not self.item_uuids:
            raise EncordInputError(f"item_uuids must be a list with at least one UUID, not {self.item_uuids!r}.")
        self.push_link(context, self.dataset_hash)
        rows = self.hook.link_items(self.dataset_hash, list(self.item_uuids), self.duplicates_behavior)
        hashes = [row.data_hash for row in rows]
        self.push(context, "data_hashes", hashes if fits_xcom(hashes) else None)
        self.log.info("Linked %d items into dataset %s.", len(rows), self.dataset_hash)
        return {"dataset_hash": self.dataset_hash, "linked": len(rows)}
