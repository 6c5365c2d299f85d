"""Operators that make and list datasets, and delete data from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow.arguments import certain_filters, check_hashes
from airflow_provider_encord._airflow.outcome import fits_xcom
from airflow_provider_encord._client.outgoing import storable
from airflow_provider_encord._compat import Context
from airflow_provider_encord._resume.task_store import Memory
from airflow_provider_encord.exceptions import EncordAlreadyExistsError, EncordInputError, EncordNotFoundError
from airflow_provider_encord.operators._base import EncordOperator
from airflow_provider_encord.operators._listing import EncordListOperator

if TYPE_CHECKING:
    from airflow_provider_encord._client.resources.data_rows import DataRow
    from airflow_provider_encord._client.resources.datasets import DatasetInfo

_FILTERS = (
    "title_eq",
    "title_like",
    "desc_eq",
    "desc_like",
    "created_before",
    "created_after",
    "edited_before",
    "edited_after",
)
_LITERALS = (list, tuple, str)
_MOST_BY_FILTER = 100
_DELETED_AT_ONCE = 1000
_IF_EXISTS = ("fail", "skip", "create")
_STORAGE_LOCATIONS = ("CORD_STORAGE", "AWS", "GCP", "AZURE", "S3_COMPATIBLE")


class EncordCreateDatasetOperator(EncordOperator):
    """Make a dataset, or take the one that has the title already.

    Returns the dataset's hash. Also pushed to XCom: ``dataset_hash``, ``created`` (whether it was made now) and
    ``backing_folder_uuid`` (None without a mirror folder).

    .. seealso:: :ref:`howto/operator:EncordCreateDatasetOperator`

    :param title: its title (templated).
    :param description: its description (templated).
    :param storage_location: ``CORD_STORAGE``, ``AWS``, ``GCP``, ``AZURE`` or ``S3_COMPATIBLE`` (templated). Encord's
        API of today has no field for it: where data lives is decided item by item, so it is checked and logged only.
    :param create_backing_folder: make a mirror dataset with a storage folder of its own; without one, uploads must name
        a folder.
    :param if_exists: what to do when a dataset of yours has the title: ``fail``, ``skip`` (return the oldest one) or
        ``create`` (make another one).
    :param durable: True makes no second dataset at a later try or when the task is cleared, also if the worker died
        before it knew the answer (Airflow 3.3 and later; ``skip`` makes none on any).
    :param encord_conn_id: id of the Airflow connection (templated).
    :raises EncordAlreadyExistsError: when one exists and ``if_exists`` is ``fail``.
    :raises EncordInputError: for a wrong argument, before the first request.
    """

    template_fields: Sequence[str] = ("encord_conn_id", "title", "description", "storage_location")

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
        if if_exists not in _IF_EXISTS:
            raise EncordInputError(f"if_exists must be one of {', '.join(_IF_EXISTS)}, not {if_exists!r}.")

    def execute(self, context: Context) -> str:
        """Make the dataset, or find it."""
        if not isinstance(self.title, str) or self.title.strip() in ("", "None"):
            raise EncordInputError(f"title must be a text with something in it, not {self.title!r}.")
        from airflow_provider_encord._client.resources.storage_location import StorageLocation

        location = StorageLocation.parse(self.storage_location)
        if location is StorageLocation.UNKNOWN:
            raise EncordInputError(
                f"storage_location must be one of {', '.join(_STORAGE_LOCATIONS)}, not {self.storage_location!r}."
            )
        memory = Memory(context, durable=self.durable, subject=f"{self.encord_conn_id} {self.title}")
        same_title = [] if self.if_exists == "create" and not memory.lasts else self._same_title()
        if made := self._made_before(memory, same_title):
            self.log.info("Dataset %s titled %r was made by an earlier try.", made.dataset_hash, self.title)
            return self._return(context, made.dataset_hash, made.backing_folder_uuid, created=True)
        found = None if self.if_exists == "create" else self._oldest(same_title)
        if found is None:
            before = [each.dataset_hash for each in same_title]
            memory.remember_dataset(before=before, dataset_hash=None)
            try:
                new = self.hook.create_dataset(self.title, location, self.description, self.create_backing_folder)
            except EncordAlreadyExistsError:
                # Somebody else, or an earlier try whose answer was lost, was faster.
                found = self._oldest(self._same_title()) if self.if_exists == "skip" else None
                if found is None:
                    raise
            else:
                memory.remember_dataset(before=before, dataset_hash=new.dataset_hash)
                self.log.info("Made dataset %s titled %r (%s).", new.dataset_hash, self.title, location.name)
                return self._return(context, new.dataset_hash, new.backing_folder_uuid, created=True)
        if self.if_exists == "fail":
            raise EncordAlreadyExistsError(
                f"Dataset {found.dataset_hash} has the title {self.title!r} already. Use if_exists='skip' to take it, "
                "or if_exists='create' to make another one.",
                dataset_hash=found.dataset_hash,
            )
        self.log.info("Dataset %s has the title %r already; taking it.", found.dataset_hash, self.title)
        return self._return(context, found.dataset_hash, found.backing_folder_uuid, created=False)

    def _same_title(self) -> list[DatasetInfo]:
        return [each for each in self.hook.get_datasets(title_eq=self.title) if each.title == self.title]

    def _made_before(self, memory: Memory, same_title: list[DatasetInfo]) -> DatasetInfo | None:
        """Return the dataset that an earlier try made, or that came up since it asked for one."""
        if (remembered := memory.recall_dataset()) is None:
            return None
        if remembered["dataset_hash"]:
            return next((each for each in same_title if each.dataset_hash == remembered["dataset_hash"]), None)
        return _oldest([each for each in same_title if each.dataset_hash not in remembered["before"]])

    def _oldest(self, found: list[DatasetInfo]) -> DatasetInfo | None:
        if len(found) > 1:
            self.log.warning("%d datasets have the title %r; the oldest one counts.", len(found), self.title)
        return _oldest(found)

    def _return(self, context: Context, dataset_hash: str, folder: str | None, *, created: bool) -> str:
        self.push(context, "dataset_hash", dataset_hash)
        self.push(context, "created", created)
        self.push(context, "backing_folder_uuid", folder)
        self.push_link(context, dataset_hash)
        return dataset_hash


class EncordListDatasetsOperator(EncordListOperator):
    """List datasets.

    Returns ``{"count", "items", "details"}``: ``items`` as ``[{"dataset_hash", "title"}]``, or None if they are too
    many for an XCom; where the details are, if ``details_path`` was given. Also pushed to XCom: ``dataset_hashes`` (a
    list, or None if too many).

    .. seealso:: :ref:`howto/operator:EncordListDatasetsOperator`

    :param title_eq: title (templated).
    :param title_like: SQL pattern of titles, such as ``night-%`` (templated).
    :param desc_eq: description (templated).
    :param desc_like: SQL pattern of descriptions (templated).
    :param created_before: ISO 8601 text or aware datetime; a text without zone is UTC (templated).
    :param created_after: the same (templated).
    :param edited_before: the same (templated).
    :param edited_after: the same (templated).
    :param include_org_access: all datasets of the organisation; its admins only.
    """

    template_fields: Sequence[str] = (*EncordListOperator.template_fields, *_FILTERS)
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

    def find(self, context: Context) -> Iterator[DatasetInfo]:
        """Yield the datasets."""
        filters = certain_filters(**{name: getattr(self, name) for name in _FILTERS})
        return iter(self.hook.get_datasets(**filters, include_org_access=self.include_org_access))

    def brief(self, found: DatasetInfo) -> dict[str, Any]:
        """Return what a dataset's XCom tells."""
        return {"dataset_hash": found.dataset_hash, "title": found.title}


def _oldest(datasets: list[DatasetInfo]) -> DatasetInfo | None:
    return min(datasets, key=lambda each: (str(each.created_at), each.dataset_hash), default=None)


class EncordDeleteDataOperator(EncordOperator):
    """Delete data from a dataset: by hash, or everything that a filter finds.

    Files in Encord's own storage are destroyed with their data; those of a private cloud stay there and are only
    unlinked. Returns ``{"dataset_hash", "dry_run", "deleted", "destroyed", "unlinked", "missing", "items"}``: counts of
    all, of those whose files are destroyed, and of those that are unlinked; the hashes that were not in the dataset;
    and ``[{"data_hash", "data_title", "effect"}]`` (both None if they are too many for an XCom).

    .. seealso:: :ref:`howto/operator:EncordDeleteDataOperator`

    :param dataset_hash: the dataset (templated).
    :param data_hashes: one hash or a list (templated). None or an empty list is an error unless a filter is given.
    :param title_like: instead of hashes: SQL pattern of titles, such as ``test-%`` (templated).
    :param created_before: instead of hashes: ISO 8601 text or aware datetime (templated).
    :param older_than: instead of ``created_before``: timedelta before now.
    :param max_deletions: more than that is an error before anything is deleted; 100 for filters, no limit for hashes.
    :param dry_run: only report what would be deleted.
    :param ignore_if_missing: False makes hashes that are not in the dataset an error, before anything is deleted.
    :param encord_conn_id: id of the Airflow connection (templated).
    :raises EncordInputError: when there is nothing certain to delete, or more than ``max_deletions``.
    :raises EncordNotFoundError: for missing hashes, if they are not ignored.
    """

    template_fields: Sequence[str] = ("encord_conn_id", "dataset_hash", "data_hashes", "title_like", "created_before")
    template_fields_renderers: ClassVar[dict[str, str]] = {"data_hashes": "json"}

    def __init__(
        self,
        *,
        dataset_hash: str,
        data_hashes: Sequence[str] | str | None = None,
        title_like: str | None = None,
        created_before: str | datetime | None = None,
        older_than: timedelta | None = None,
        max_deletions: int | None = None,
        dry_run: bool = False,
        ignore_if_missing: bool = True,
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
        self._by_filter = title_like is not None or created_before is not None or older_than is not None
        if self._by_filter and data_hashes is not None:
            raise EncordInputError("Give data_hashes, or title_like, created_before and older_than, but not both.")
        if created_before is not None and older_than is not None:
            raise EncordInputError("Give created_before or older_than, but not both.")
        if older_than is not None and (not isinstance(older_than, timedelta) or older_than < timedelta(0)):
            raise EncordInputError(f"older_than must be a timedelta, not {older_than!r}.")
        if not self._by_filter and (data_hashes is None or (isinstance(data_hashes, _LITERALS) and not data_hashes)):
            check_hashes(data_hashes)

    def execute(self, context: Context) -> dict[str, Any]:
        """Look which of the data is there, delete it, and account for it."""
        self.push_link(context, self.dataset_hash)
        hashes = [] if self._by_filter else check_hashes(self.data_hashes)
        rows = self._find(hashes)
        present = {row.data_hash for row in rows}
        missing = [each for each in hashes if each not in present]
        self._guard(rows, hashes, missing)
        if rows and not self.only_report:
            for at in range(0, len(rows), _DELETED_AT_ONCE):
                self.hook.delete_data(self.dataset_hash, [row.data_hash for row in rows[at : at + _DELETED_AT_ONCE]])
        items = storable(
            [{"data_hash": row.data_hash, "data_title": row.data_title, "effect": _effect(row)} for row in rows]
        )
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

    def _find(self, hashes: list[str]) -> list[DataRow]:
        if not self._by_filter:
            return self.hook.list_data_rows(self.dataset_hash, data_hashes=hashes)
        before: Any = self.created_before
        if self.older_than is not None:
            before = datetime.now(UTC) - self.older_than
        filters = certain_filters(title_like=self.title_like, created_before=before)
        limit = _MOST_BY_FILTER if self.max_deletions is None else self.max_deletions
        found = self.hook.iter_data_rows(self.dataset_hash, **filters)
        return list(islice(found, limit + 1))

    def _guard(self, rows: list[DataRow], hashes: list[str], missing: list[str]) -> None:
        limit = _MOST_BY_FILTER if self._by_filter and self.max_deletions is None else self.max_deletions
        if limit is not None and len(rows) > limit:
            raise EncordInputError(
                f"More than max_deletions={limit} items of dataset {self.dataset_hash} would be deleted; nothing was.",
                dataset_hash=self.dataset_hash,
            )
        if missing and not self.ignore_if_missing:
            raise EncordNotFoundError(
                f"Dataset {self.dataset_hash} does not hold {len(missing)} of {len(hashes)} data hashes; nothing was "
                f"deleted. Missing: {', '.join(missing[:20])}.",
                dataset_hash=self.dataset_hash,
            )


def _effect(row: DataRow) -> str:
    # StorageLocation.CORD_STORAGE is 0; only what lies in Encord's own storage is destroyed.
    return "destroyed" if row.storage_location == 0 else "unlinked"
