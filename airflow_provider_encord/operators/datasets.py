"""Operators that create and list datasets, and delete data from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments, references
from airflow_provider_encord._airflow.arguments import Check
from airflow_provider_encord._airflow.choice import check_choice, chosen, filters_given
from airflow_provider_encord._airflow.outcome import fits_xcom
from airflow_provider_encord._compat import Context
from airflow_provider_encord._resume.task_store import Memory
from airflow_provider_encord.exceptions import EncordInputError, EncordNotFoundError
from airflow_provider_encord.operators._base import ON_EMPTY, EncordOperator
from airflow_provider_encord.operators._creation import IF_EXISTS, Creation, Made
from airflow_provider_encord.operators._listing import EncordListOperator

if TYPE_CHECKING:
    from airflow_provider_encord._client.resources.data_rows import DataRow
    from airflow_provider_encord._client.resources.datasets import DatasetInfo

_TEXT_FILTERS = ("title_eq", "title_like", "desc_eq", "desc_like")
_TIME_FILTERS = ("created_before", "created_after", "edited_before", "edited_after")
_FILTERS = (*_TEXT_FILTERS, *_TIME_FILTERS)
_MOST_BY_FILTER = 100
_DELETED_AT_ONCE = 1000
_STORAGE_LOCATIONS = ("CORD_STORAGE", "AWS", "GCP", "AZURE", "S3_COMPATIBLE")


def _storage_location(value: Any, name: str) -> Any:
    from airflow_provider_encord._client.resources.storage_location import StorageLocation

    if isinstance(value, StorageLocation) and value is not StorageLocation.UNKNOWN:
        return value
    return StorageLocation[arguments.one_of(*_STORAGE_LOCATIONS)(value, name)]


class EncordCreateDatasetOperator(EncordOperator):
    """Create a dataset, or return an existing one with the same title.

    Returns the dataset's hash. Also pushes the XComs ``dataset_hash``, ``created`` (whether this task created it) and
    ``backing_folder_uuid`` (None without a mirror folder).

    .. seealso:: :ref:`howto/operator:EncordCreateDatasetOperator`

    :param title: its title (templated).
    :param description: its description (templated).
    :param storage_location: ``CORD_STORAGE``, ``AWS``, ``GCP``, ``AZURE`` or ``S3_COMPATIBLE`` (templated). It is only
        checked and logged: Encord's API has no field for it any more, since each item has its own location.
    :param create_backing_folder: create a storage folder that mirrors the dataset; without one, uploads must name a
        folder.
    :param if_exists: what to do when a dataset that you can see has the title: ``fail``, ``skip`` (return the oldest
        one) or ``create`` (create another one). With ``skip``, tasks that create one at the same time all return the
        oldest.
    :param durable: True creates no second dataset at a later attempt or when the task is cleared, even if the worker
        died before it got the answer (Airflow 3.3 and later; ``skip`` creates none on any Airflow).
    :param encord_conn_id: id of the Airflow connection (templated).
    :raises EncordAlreadyExistsError: when one exists and ``if_exists`` is ``fail``.
    :raises EncordInputError: for a wrong argument, before the first request.
    """

    custom_operator_name = "Create Encord dataset"
    template_fields: Sequence[str] = ("encord_conn_id", "title", "description", "storage_location")
    checks: ClassVar[dict[str, Check]] = {
        **EncordOperator.checks,
        "title": arguments.text,
        "description": arguments.optional(arguments.free_text),
        "storage_location": _storage_location,
        "create_backing_folder": arguments.flag,
        "if_exists": arguments.one_of(*IF_EXISTS),
        "durable": arguments.flag,
    }

    def __init__(
        self,
        *,
        title: str,
        description: str | None = None,
        storage_location: str = "CORD_STORAGE",
        create_backing_folder: bool = True,
        if_exists: str = "fail",
        durable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.title = title
        self.description = description
        self.storage_location = storage_location
        self.create_backing_folder = create_backing_folder
        self.if_exists = if_exists
        self.durable = durable
        self.check_literals()

    def execute(self, context: Context) -> str:
        """Create the dataset, or find it."""
        self.check_rendered()
        dataset, created = DatasetCreation(self, context, self.title).run()
        self.push(context, "dataset_hash", dataset.id)
        self.push(context, "created", created)
        self.push(context, "backing_folder_uuid", dataset.answer.backing_folder_uuid)
        self.push_link(context, dataset.id)
        return dataset.id


class DatasetCreation(Creation):
    """The making of a dataset."""

    kind, name_kind, id_kind = "dataset", "title", "dataset_hash"

    def identity(self) -> Mapping[str, Any]:
        """Return connection and title."""
        return {"conn_id": self.task.encord_conn_id, "title": self.name}

    def same_name(self) -> list[Made]:
        """Find the datasets that have the title."""
        found = self.task.hook.get_datasets(title_eq=self.name)
        return [Made(each.dataset_hash, each.created_at, each) for each in found if each.title == self.name]

    def make(self) -> Made:
        """Make a dataset."""
        task = self.task
        new = task.hook.create_dataset(self.name, task.storage_location, task.description, task.create_backing_folder)
        return Made(new.dataset_hash, None, new)


class EncordListDatasetsOperator(EncordListOperator):
    """List datasets.

    Returns ``{"count", "items", "details", "details_conn_id"}``: ``items`` as ``[{"dataset_hash", "title"}]``, or None
    if there are too many for an XCom; and the details file, if there is one. Also pushes the XCom ``dataset_hashes``: a
    list, or ``{"count", "details_path", "details_conn_id"}`` if there are too many.

    .. seealso:: :ref:`howto/operator:EncordListDatasetsOperator`

    :param title_eq: title (templated).
    :param title_like: SQL pattern of titles, such as ``night-%`` (templated).
    :param desc_eq: description (templated).
    :param desc_like: SQL pattern of descriptions (templated).
    :param created_before: ISO 8601 string or datetime; UTC if it has no time zone (templated).
    :param created_after: the same (templated).
    :param edited_before: the same (templated).
    :param edited_after: the same (templated).
    :param include_org_access: list all datasets of the organisation; for its admins only.
    """

    custom_operator_name = "List Encord datasets"
    template_fields: Sequence[str] = (*EncordListOperator.template_fields, *_FILTERS)
    checks: ClassVar[dict[str, Check]] = {
        **EncordListOperator.checks,
        **dict.fromkeys(_TEXT_FILTERS, arguments.optional(arguments.pattern)),
        **dict.fromkeys(_TIME_FILTERS, arguments.optional(arguments.moment)),
        "include_org_access": arguments.flag,
    }
    hashes_key = "dataset_hashes"
    hash_field = "dataset_hash"

    def __init__(
        self,
        *,
        title_eq: str | None = None,
        title_like: str | None = None,
        desc_eq: str | None = None,
        desc_like: str | None = None,
        created_before: str | datetime | None = None,
        created_after: str | datetime | None = None,
        edited_before: str | datetime | None = None,
        edited_after: str | datetime | None = None,
        include_org_access: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.title_eq = title_eq
        self.title_like = title_like
        self.desc_eq = desc_eq
        self.desc_like = desc_like
        self.created_before = created_before
        self.created_after = created_after
        self.edited_before = edited_before
        self.edited_after = edited_after
        self.include_org_access = include_org_access
        self.check_literals()

    def find(self, context: Context) -> Iterator[DatasetInfo]:
        """Yield the datasets."""
        filters = {name: getattr(self, name) for name in _FILTERS}
        return iter(self.hook.get_datasets(**filters, include_org_access=self.include_org_access))

    def brief(self, model: DatasetInfo) -> dict[str, Any]:
        """Return the fields of a dataset that go into the XCom."""
        return {"dataset_hash": model.dataset_hash, "title": model.title}


class EncordDeleteDataOperator(EncordOperator):
    """Delete data from a dataset, by hash or by filter.

    Files in Encord's own storage are destroyed; files of a private cloud stay there and are only unlinked. Returns
    ``{"dataset_hash", "dry_run", "deleted", "destroyed", "unlinked", "missing", "items"}``: counts of all, of destroyed
    and of unlinked data; the hashes that were not in the dataset; and ``items`` as ``[{"data_hash", "data_title",
    "effect"}]`` (both None if there are too many for an XCom).

    .. seealso:: :ref:`howto/operator:EncordDeleteDataOperator`

    :param dataset_hash: the dataset: its hash, or the report of a task that names it (templated).
    :param data_hashes: one hash, a list, or the output of a task that found data (templated). None is an error unless
        there is a filter. With an empty list, or if all hashes are gone, there is nothing to do.
    :param title_like: instead of hashes: SQL pattern of titles, such as ``test-%`` (templated).
    :param created_before: instead of hashes: ISO 8601 string or datetime; UTC if it has no time zone (templated).
    :param older_than: instead of ``created_before``: timedelta before now.
    :param max_deletions: more is an error, and nothing is deleted; 100 for filters, no limit for hashes.
    :param dry_run: only report what would be deleted.
    :param ignore_if_missing: with False, hashes that are not in the dataset are an error, and nothing is deleted.
    :param on_empty: what the task does if there is nothing to delete: ``skip``, ``succeed`` or ``fail``.
    :param encord_conn_id: id of the Airflow connection (templated).
    :raises EncordInputError: when it is not certain what to delete, or there is more than ``max_deletions``.
    :raises EncordNotFoundError: for missing hashes, unless they are ignored.
    """

    custom_operator_name = "Delete Encord data"
    template_fields: Sequence[str] = ("encord_conn_id", "dataset_hash", "data_hashes", "title_like", "created_before")
    template_fields_renderers: ClassVar[dict[str, str]] = {"data_hashes": "json"}
    checks: ClassVar[dict[str, Check]] = {
        **EncordOperator.checks,
        "dataset_hash": arguments.dataset_hash,
        "title_like": arguments.optional(arguments.pattern),
        "created_before": arguments.optional(arguments.moment),
        "older_than": arguments.optional(arguments.age),
        "max_deletions": arguments.optional(arguments.whole_number(0)),
        "only_report": arguments.flag,
        "ignore_if_missing": arguments.flag,
        "on_empty": arguments.one_of(*ON_EMPTY),
    }
    list_checks: ClassVar[dict[str, Check]] = {"data_hashes": arguments.optional(references.data_hashes)}

    def __init__(
        self,
        *,
        dataset_hash: str,
        data_hashes: Any = None,
        title_like: str | None = None,
        created_before: str | datetime | None = None,
        older_than: timedelta | None = None,
        max_deletions: int | None = None,
        dry_run: bool = False,
        ignore_if_missing: bool = True,
        on_empty: str = "skip",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_hash = dataset_hash
        self.data_hashes = data_hashes
        self.title_like = title_like
        self.created_before = created_before
        self.older_than = older_than
        self.max_deletions = max_deletions
        self.only_report = dry_run  # BaseOperator has a method of the argument's name
        self.ignore_if_missing = ignore_if_missing
        self.on_empty = on_empty
        self._by_filter = filters_given(self)
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Look which data is there, delete it, and return the report."""
        self.check_rendered()
        self.push_link(context, self.dataset_hash)
        memory = Memory(context, durable=True, identity=self._identity())
        hashes = [] if self._by_filter else self.data_hashes
        rows = self._find(hashes)
        present = {row.data_hash for row in rows}
        missing = [data_hash for data_hash in hashes if data_hash not in present]
        self._guard(rows, missing, memory)
        if rows and not self.only_report:
            memory.note_work()
            for at in range(0, len(rows), _DELETED_AT_ONCE):
                self.hook.delete_data(self.dataset_hash, [row.data_hash for row in rows[at : at + _DELETED_AT_ONCE]])
        report = self._report(rows, missing)
        return report if rows or self.only_report else self.settle_empty(context, report, memory)

    def check_together(self) -> None:
        """Check that either hashes or filters are given."""
        check_choice(self, by_filter=self._by_filter)

    def _identity(self) -> Mapping[str, Any]:
        names = ("encord_conn_id", "dataset_hash", "data_hashes", "title_like", "created_before", "older_than")
        return {name: getattr(self, name) for name in names}

    def _find(self, hashes: list[str]) -> list[DataRow]:
        if not self._by_filter:
            return self.hook.list_data_rows(self.dataset_hash, data_hashes=hashes) if hashes else []
        limit = _MOST_BY_FILTER if self.max_deletions is None else self.max_deletions
        return list(islice(self.hook.iter_data_rows(self.dataset_hash, **chosen(self)), limit + 1))

    def _guard(self, rows: list[DataRow], missing: list[str], memory: Memory) -> None:
        limit = _MOST_BY_FILTER if self._by_filter and self.max_deletions is None else self.max_deletions
        if limit is not None and len(rows) > limit:
            raise EncordInputError(
                f"More than max_deletions={limit} items of dataset {self.dataset_hash} would be deleted; "
                "nothing was deleted.",
                dataset_hash=self.dataset_hash,
            )
        deleted_before = memory.lasts and memory.worked_before
        if missing and not self.ignore_if_missing and not deleted_before:
            raise EncordNotFoundError(
                f"{len(missing)} of {len(missing) + len(rows)} data hashes are not in dataset {self.dataset_hash}; "
                f"nothing was deleted. Missing: {', '.join(missing[:20])}.",
                dataset_hash=self.dataset_hash,
            )

    def _report(self, rows: list[DataRow], missing: list[str]) -> dict[str, Any]:
        items = [{"data_hash": row.data_hash, "data_title": row.data_title, "effect": _effect(row)} for row in rows]
        destroyed = sum(item["effect"] == "destroyed" for item in items)
        self.log.info(
            "%s %d items of dataset %s: %d with their files, %d only unlinked. %d were not there.",
            "Would delete" if self.only_report else "Deleted",
            len(items),
            self.dataset_hash,
            destroyed,
            len(items) - destroyed,
            len(missing),
        )
        return {
            "dataset_hash": self.dataset_hash,
            "dry_run": self.only_report,
            "deleted": 0 if self.only_report else len(items),
            "destroyed": destroyed,
            "unlinked": len(items) - destroyed,
            "missing": missing if fits_xcom(missing) else None,
            "items": items if fits_xcom(items) else None,
        }


def _effect(row: DataRow) -> str:
    # StorageLocation.CORD_STORAGE is 0; only data in Encord's own storage is destroyed.
    return "destroyed" if row.storage_location == 0 else "unlinked"
