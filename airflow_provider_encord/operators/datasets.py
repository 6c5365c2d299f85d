"""Operators that make datasets and delete data from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord.airflow_compat import Context
from airflow_provider_encord.exceptions import EncordAlreadyExistsError, EncordInputError, EncordNotFoundError
from airflow_provider_encord.operators.base import EncordOperator, fits_xcom

if TYPE_CHECKING:
    from airflow_provider_encord.api.models import DatasetInfo

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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.title = title
        self.description = description
        self.storage_location = storage_location
        self.create_backing_folder = create_backing_folder
        self.if_exists = if_exists
        if if_exists not in _IF_EXISTS:
            raise EncordInputError(f"if_exists must be one of {', '.join(_IF_EXISTS)}, not {if_exists!r}.")

    def execute(self, context: Context) -> str:
        """Make the dataset, or find it."""
        if not isinstance(self.title, str) or not self.title.strip():
            raise EncordInputError(f"title must be a text with something in it, not {self.title!r}.")
        from airflow_provider_encord.api.models import StorageLocation

        location = StorageLocation.parse(self.storage_location)
        if location is StorageLocation.UNKNOWN:
            raise EncordInputError(
                f"storage_location must be one of {', '.join(_STORAGE_LOCATIONS)}, not {self.storage_location!r}."
            )
        found = None if self.if_exists == "create" else self._find()
        if found is None:
            try:
                made = self.hook.create_dataset(self.title, location, self.description, self.create_backing_folder)
            except EncordAlreadyExistsError:
                # Somebody else, or an earlier try whose answer was lost, was faster.
                found = self._find() if self.if_exists == "skip" else None
                if found is None:
                    raise
            else:
                self.log.info("Made dataset %s titled %r (%s).", made.dataset_hash, self.title, location.name)
                return self._return(context, made.dataset_hash, made.backing_folder_uuid, created=True)
        if self.if_exists == "fail":
            raise EncordAlreadyExistsError(
                f"Dataset {found.dataset_hash} has the title {self.title!r} already. Use if_exists='skip' to take it, "
                "or if_exists='create' to make another one.",
                dataset_hash=found.dataset_hash,
            )
        self.log.info("Dataset %s has the title %r already; taking it.", found.dataset_hash, self.title)
        return self._return(context, found.dataset_hash, found.backing_folder_uuid, created=False)

    def _find(self) -> DatasetInfo | None:
        found = [each for each in self.hook.get_datasets(title_eq=self.title) if each.title == self.title]
        if len(found) > 1:
            self.log.warning("%d datasets have the title %r; the oldest one counts.", len(found), self.title)
        return min(found, key=lambda each: (str(each.created_at), each.dataset_hash), default=None)

    def _return(self, context: Context, dataset_hash: str, folder: str | None, *, created: bool) -> str:
        self.push(context, "dataset_hash", dataset_hash)
        self.push(context, "created", created)
        self.push(context, "backing_folder_uuid", folder)
        self.push_link(context, dataset_hash)
        return dataset_hash


def check_hashes(data_hashes: Any, name: str = "data_hashes") -> list[str]:
    """Return a list of data hashes that certainly names something.

    :raises EncordInputError: for None, an empty list, or anything that is no list of texts: an upstream task that
        returned nothing must never turn into "all".
    """
    several = [data_hashes] if isinstance(data_hashes, str) else data_hashes
    if not isinstance(several, Sequence) or not several:
        raise EncordInputError(f"{name} must be a list with at least one data hash, not {data_hashes!r}.")
    wrong = [each for each in several if not isinstance(each, str) or not each.strip()]
    if wrong:
        raise EncordInputError(f"{name} must hold data hashes only, not {wrong[0]!r}.")
    return list(dict.fromkeys(several))


class EncordDeleteDataOperator(EncordOperator):
    """Delete data of any kind from a dataset; files in Encord's own storage are destroyed with it.

    Returns ``{"dataset_hash", "deleted", "missing"}``: how many were there and are deleted, and the hashes that were
    not in the dataset (None if they are too many for an XCom).

    .. seealso:: :ref:`howto/operator:EncordDeleteDataOperator`

    :param dataset_hash: the dataset (templated).
    :param data_hashes: one hash or a list (templated). None or an empty list is an error, never "all".
    :param ignore_if_missing: False makes hashes that are not in the dataset an error, before anything is deleted.
    :param encord_conn_id: id of the Airflow connection (templated).
    :raises EncordInputError: when there is nothing certain to delete.
    :raises EncordNotFoundError: for missing hashes, if they are not ignored.
    """

    template_fields: Sequence[str] = ("encord_conn_id", "dataset_hash", "data_hashes")
    template_fields_renderers: ClassVar[dict[str, str]] = {"data_hashes": "json"}

    def __init__(
        self, *, dataset_hash: str, data_hashes: Sequence[str] | str, ignore_if_missing: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_hash = dataset_hash
        self.data_hashes = data_hashes
        self.ignore_if_missing = ignore_if_missing
        if data_hashes is None or (isinstance(data_hashes, list | tuple | str) and not data_hashes):
            check_hashes(data_hashes)

    def execute(self, context: Context) -> dict[str, Any]:
        """Look which of the data is there, delete it, and say what was missing."""
        hashes = check_hashes(self.data_hashes)
        self.push_link(context, self.dataset_hash)
        rows = self.hook.list_data_rows(self.dataset_hash, data_hashes=hashes)
        present = {row.data_hash for row in rows}
        missing = [each for each in hashes if each not in present]
        if missing and not self.ignore_if_missing:
            raise EncordNotFoundError(
                f"Dataset {self.dataset_hash} does not hold {len(missing)} of {len(hashes)} data hashes; nothing was "
                f"deleted. Missing: {', '.join(missing[:20])}.",
                dataset_hash=self.dataset_hash,
            )
        there = [each for each in hashes if each in present]
        if there:
            self.hook.delete_data(self.dataset_hash, there)
        self.log.info("Deleted %d items of dataset %s; %d were not there.", len(there), self.dataset_hash, len(missing))
        return {
            "dataset_hash": self.dataset_hash,
            "deleted": len(there),
            "missing": missing if fits_xcom(missing) else None,
        }
