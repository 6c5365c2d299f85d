"""Operators that list the data of a dataset, and link items of Encord's storage into a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments, references
from airflow_provider_encord._airflow.arguments import Check
from airflow_provider_encord._airflow.asset_events import tell_assets
from airflow_provider_encord._airflow.outcome import Listed, list_or_reference
from airflow_provider_encord._compat import Context
from airflow_provider_encord._resume.task_store import Memory
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators._base import ON_EMPTY, EncordOperator
from airflow_provider_encord.operators._listing import EncordListOperator

if TYPE_CHECKING:
    from airflow_provider_encord._client.resources.data_rows import DataRow
    from airflow_provider_encord._storage.spool import Spool

MAX_ITEMS_PER_REQUEST = 1000
_FOLDER_FILTERS = ("recursive", "search", "item_types")
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

    custom_operator_name = "List Encord data rows"
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
    """Link items that lie in Encord's storage into a dataset: those that are named, or those of a folder.

    Of a folder, only items are linked that no dataset holds yet, unless told otherwise. All are found before the first
    one is linked, in bounded memory; what has vanished from its bucket (a tombstone) and what Encord has not processed
    yet (a placeholder) is left out and counted. A later attempt links what is left, and reports what it has linked.

    Returns ``{"dataset_hash", "linked", "left_out", "items", "details", "details_conn_id"}``: how many rows Encord
    reports; ``{"tombstones", "placeholders"}`` as counts; ``items`` as ``[{"data_hash", "data_title"}]``, or None if
    they are too many for an XCom; where the details are, if ``details_path`` was given. Also pushed to XCom:
    ``data_hashes``: a list, or ``{"count", "details_path", "details_conn_id"}`` if they are too many, which the next
    operator takes as it is.

    .. seealso:: :ref:`howto/operator:EncordLinkItemsOperator`

    :param dataset_hash: the dataset: its hash, or the report of a task that names it (templated).
    :param item_uuids: UUIDs of the items: one, a list, or the output of a task whose details name them (templated). An
        empty list is nothing to do.
    :param folder_uuid: instead of ``item_uuids``: a storage folder, its UUID or the report of a task that names it
        (templated).
    :param recursive: also the items of the folders in it.
    :param search: only items whose name holds this (templated).
    :param item_types: only these kinds, one or several, such as ``video`` or ``imageGroup`` (templated).
    :param is_in_dataset: False takes what is in no dataset yet, True what is in one, None both.
    :param duplicates_behavior: ``SKIP``, ``FAIL`` or ``DUPLICATE`` items that the dataset holds already.
    :param max_items_per_request: more items are linked by several requests.
    :param details_path: path or ``ObjectStoragePath`` URL of a file that gets ``{"data_hash", "data_title"}`` of each
        row, one JSON object a line (templated).
    :param details_conn_id: Airflow connection of the store that ``details_path`` is in (templated).
    :param on_empty: what a task does that has nothing to link: ``skip``, ``succeed`` or ``fail``.
    :raises EncordInputError: when it is not certain what to link, before the first request.
    """

    custom_operator_name = "Link items into Encord dataset"
    template_fields: Sequence[str] = (
        "encord_conn_id",
        "dataset_hash",
        "item_uuids",
        "folder_uuid",
        "search",
        "item_types",
        "details_path",
        "details_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"item_uuids": "json"}
    checks: ClassVar[dict[str, Check]] = {
        **EncordOperator.checks,
        "dataset_hash": arguments.dataset_hash,
        "folder_uuid": arguments.optional(arguments.folder_uuid),
        "recursive": arguments.flag,
        "search": arguments.optional(arguments.pattern),
        "item_types": arguments.optional(arguments.list_of(arguments.item_type, "kinds of items")),
        "is_in_dataset": arguments.optional(arguments.flag),
        "duplicates_behavior": arguments.one_of(*_DUPLICATES),
        "max_items_per_request": arguments.whole_number(),
        "details_path": arguments.optional(arguments.path),
        "details_conn_id": arguments.optional(arguments.conn_id),
        "on_empty": arguments.one_of(*ON_EMPTY),
    }
    list_checks: ClassVar[dict[str, Check]] = {"item_uuids": arguments.optional(references.item_uuids)}

    def __init__(
        self,
        *,
        dataset_hash: str,
        item_uuids: Any = None,
        folder_uuid: Any = None,
        recursive: bool = False,
        search: str | None = None,
        item_types: Any = None,
        is_in_dataset: bool | None = False,
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
        self.folder_uuid = folder_uuid
        self.recursive = recursive
        self.search = search
        self.item_types = item_types
        self.is_in_dataset = is_in_dataset
        self.duplicates_behavior = duplicates_behavior
        self.max_items_per_request = max_items_per_request
        self.details_path = details_path
        self.details_conn_id = details_conn_id
        self.on_empty = on_empty
        self._by_folder = folder_uuid is not None
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Find the items if a folder is given, and link them, some at a time."""
        from airflow_provider_encord._storage.spool import Spool

        self.check_rendered()
        self.push_link(context, self.dataset_hash)
        memory = Memory(context, durable=True, identity=self._identity())
        left_out = {"tombstones": 0, "placeholders": 0}
        listed = Listed()
        path, conn_id = self.details_path, self.details_conn_id
        with Spool(self._wanted(left_out)) as wanted:
            if self._by_folder and len(wanted):
                memory.note_work()
            rows = self._link(wanted, listed)
            if path is not None:
                from airflow_provider_encord._storage.details_file import write_json_lines

                write_json_lines(path, rows, conn_id)
            else:
                for _ in rows:
                    pass
        hashes = [each["data_hash"] for each in listed.items]
        self.push(context, "data_hashes", list_or_reference(hashes, listed.count, path, conn_id))
        report = {
            "dataset_hash": self.dataset_hash,
            "linked": listed.count,
            "left_out": left_out,
            "items": listed.for_xcom(),
            "details": None if path is None else str(path),
            "details_conn_id": conn_id,
        }
        tell_assets(self, context, report, memory)
        if not self._by_folder:
            return report if self.item_uuids else self.settle_empty(context, report)
        return report if len(wanted) else self.settle_empty(context, report, memory)

    def check_together(self) -> None:
        """Take items or a folder, and filters with a folder only."""
        if self._by_folder and self.item_uuids is not None:
            raise EncordInputError("Give item_uuids, or folder_uuid and filters, but not both.")
        if not self._by_folder:
            given = [name for name in _FOLDER_FILTERS if getattr(self, name)]
            if self.is_in_dataset is not False:
                given.append("is_in_dataset")
            if given:
                raise EncordInputError(f"{given[0]} chooses items of a folder: give folder_uuid, too.")
            if self.item_uuids is None:
                raise arguments.refuse("item_uuids", None, "UUIDs of items, or give folder_uuid instead")
        elif self.folder_uuid is None:
            raise arguments.refuse("folder_uuid", None, "the UUID of a storage folder")

    def _identity(self) -> dict[str, Any]:
        names = ("encord_conn_id", "dataset_hash", "folder_uuid", "is_in_dataset", *_FOLDER_FILTERS)
        return {name: getattr(self, name) for name in names}

    def _wanted(self, left_out: dict[str, int]) -> Iterable[str]:
        """Yield the UUIDs of what is to be linked; linking changes what a filter finds, so none is linked meanwhile."""
        if not self._by_folder:
            yield from self.item_uuids
            return
        for item in self.hook.iter_items(
            self.folder_uuid,
            self.search,
            self.is_in_dataset,
            self.item_types,
            recursive=self.recursive,
            include_client_metadata=False,
        ):
            if item.is_tombstone or item.is_placeholder:
                left_out["tombstones" if item.is_tombstone else "placeholders"] += 1
            else:
                yield item.uuid
        if any(left_out.values()):
            text = "Left out: %d items whose object has vanished, %d that Encord has not processed yet."
            self.log.warning(text, left_out["tombstones"], left_out["placeholders"])

    def _link(self, wanted: Spool, listed: Listed) -> Iterator[dict[str, Any]]:
        left, done = iter(wanted), 0
        while some := list(islice(left, self.max_items_per_request)):
            for row in self.hook.link_items(self.dataset_hash, some, self.duplicates_behavior):
                item = {"data_hash": row.data_hash, "data_title": row.data_title}
                listed.add(item)
                yield item
            done += len(some)
            self.log.info("Linked %d of %d items into dataset %s.", done, len(wanted), self.dataset_hash)
