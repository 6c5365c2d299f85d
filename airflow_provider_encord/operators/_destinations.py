"""Where data goes: into a dataset; or into a storage folder, and from there into a dataset if one is named."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_encord._airflow.arguments import JobIds
from airflow_provider_encord._airflow.outcome import RegisteredItem
from airflow_provider_encord.exceptions import EncordInputError, EncordNotFoundError

if TYPE_CHECKING:
    from airflow_provider_encord._client.jobs import FolderUploadJobWatch, UploadJobWatch, Verdict
    from airflow_provider_encord._client.resources.data_rows import DataRow
    from airflow_provider_encord._client.resources.datasets import Dataset
    from airflow_provider_encord._client.resources.items import StorageItem
    from airflow_provider_encord._storage.presence import Presence
    from airflow_provider_encord._storage.text_index import Index
    from airflow_provider_encord.hooks.encord import EncordHook
    from airflow_provider_encord.triggers.encord import EncordFolderJobTrigger, EncordUploadJobTrigger

MAX_ITEMS_PER_LINK = 1000
_ENOUGH_TO_ASK_FOR = 1000


def destination_of(task: Any) -> Destination:
    """Return where the data of an operator goes, by its ``dataset_hash`` and ``folder_uuid``."""
    if task.folder_uuid is None:
        return DatasetDestination(task.hook, task.dataset_hash)
    return FolderDestination(task.hook, task.folder_uuid, task.dataset_hash)


class Destination(ABC):
    """Where registration jobs add data."""

    dataset_hash: str | None
    folder_uuid: str | None
    cancels: bool
    """Whether Encord can cancel the jobs."""
    tells_of_jobs: bool
    """Whether it can be told from outside a job whether one runs, and what it has added."""
    links: bool
    """Whether items have to be linked into the dataset once they are there."""

    @abstractmethod
    def check(self) -> None:
        """Ask, before anything is sent, whether data can go here.

        :raises EncordInputError: when it can't.
        """

    @abstractmethod
    def start(self, **what: Any) -> str:
        """Start a registration job; arguments as for :meth:`.EncordHook.start_upload_job`."""

    @abstractmethod
    def watch(self, job_id: Any) -> UploadJobWatch | FolderUploadJobWatch:
        """Return a registration job as something to wait for."""

    @abstractmethod
    def trigger(self, job_ids: JobIds, *, cancel_on_kill: bool, **waiting: Any) -> Any:
        """Return the trigger that waits for registration jobs."""

    @abstractmethod
    def items_of(self, verdict: Verdict) -> Iterable[RegisteredItem]:
        """Return what an ended job has added."""

    @abstractmethod
    def items_since(self, moment: datetime | None) -> Iterator[RegisteredItem]:
        """Yield what was added since then, with its client metadata."""

    @abstractmethod
    def holds_any(self, items: Iterable[RegisteredItem]) -> bool:
        """Whether any of the first of these items is still here."""

    @abstractmethod
    def presence(self, since: datetime | None = None) -> Presence:
        """Read what is here, or was added since then, to be found by where it comes from."""

    @abstractmethod
    def may_run_jobs(self) -> bool:
        """Ask whether any registration job may run; whether those that have ended count, too, is unconfirmed."""

    def into_dataset(self, items: Iterable[RegisteredItem]) -> Iterator[RegisteredItem]:
        """Link items into the dataset, if they are not in it by themselves, and yield them as they are then."""
        yield from items

    def named(self, names: Iterable[str], since: datetime | None) -> Iterator[RegisteredItem]:
        """Yield items here whose sources have these names: added since then, or still to be linked.

        :param since: None for those that are to be linked only.
        """
        return iter(())


class DatasetDestination(Destination):
    """A dataset: its registration jobs add rows."""

    folder_uuid = None
    cancels = tells_of_jobs = links = False

    def __init__(self, hook: EncordHook, dataset_hash: str) -> None:
        self._hook = hook
        self.dataset_hash: str = dataset_hash

    @cached_property
    def _dataset(self) -> Dataset:
        return self._hook.get_dataset(self.dataset_hash, include_data_rows=False)

    def check(self) -> None:
        """Refuse a dataset without a folder of its own."""
        dataset = self._dataset
        if dataset.has_mirror_folder is False:
            raise EncordInputError(
                f"Dataset {self.dataset_hash} has no mirror folder, so folder_uuid must name the storage folder that "
                "the data goes to. Nothing was uploaded.",
                dataset_hash=self.dataset_hash,
            )

    def start(self, **what: Any) -> str:
        """Start a registration job of the dataset."""
        return self._hook.start_upload_job(self.dataset_hash, **what)

    def watch(self, job_id: Any) -> UploadJobWatch:
        """Return a registration job of the dataset."""
        from airflow_provider_encord._client.jobs import UploadJobWatch

        return UploadJobWatch(self.dataset_hash, str(job_id))

    def trigger(self, job_ids: JobIds, *, cancel_on_kill: bool, **waiting: Any) -> EncordUploadJobTrigger:
        """Return the trigger for jobs of a dataset, which nobody can cancel."""
        from airflow_provider_encord.triggers.encord import EncordUploadJobTrigger

        return EncordUploadJobTrigger(dataset_hash=self.dataset_hash, job_ids=job_ids, **waiting)

    def items_of(self, verdict: Verdict) -> Iterable[RegisteredItem]:
        """Return the rows that a job has added."""
        added = verdict.answer.items
        return (RegisteredItem(item.title, item.data_hash, item.backing_item_uuid) for item in added)

    def items_since(self, moment: datetime | None) -> Iterator[RegisteredItem]:
        """Yield the rows since then."""
        rows = self._hook.iter_data_rows(self.dataset_hash, created_after=moment, fetch_client_metadata=True)
        return map(_item_of_row, rows)

    def holds_any(self, items: Iterable[RegisteredItem]) -> bool:
        """Whether any of the first rows is still in the dataset."""
        hashes = [str(item.data_hash) for item in islice(items, _ENOUGH_TO_ASK_FOR)]
        return next(iter(self._hook.iter_data_rows(self.dataset_hash, data_hashes=hashes)), None) is not None

    def presence(self, since: datetime | None = None) -> Presence:
        """Read the rows; of their items, the mirror folder tells where each comes from."""
        from airflow_provider_encord._storage.presence import Presence

        folder = self._dataset.backing_folder_uuid
        items = items_of(self._hook, folder, since, in_dataset=True) if folder else ()
        return Presence(items, self._hook.iter_data_rows(self.dataset_hash, created_after=since), only_rows=True)

    def may_run_jobs(self) -> bool:
        """Ask the mirror folder."""
        folder = self._dataset.backing_folder_uuid
        return folder is not None and self._hook.get_folder_summary(folder).upload_jobs > 0


class FolderDestination(Destination):
    """A storage folder: its registration jobs add items, and can be cancelled.

    :param dataset_hash: the dataset that the items are linked into; None for none.
    """

    cancels = tells_of_jobs = True

    def __init__(self, hook: EncordHook, folder_uuid: str, dataset_hash: str | None = None) -> None:
        self._hook = hook
        self.folder_uuid: str = folder_uuid
        self.dataset_hash = dataset_hash
        self.links = dataset_hash is not None

    def check(self) -> None:
        """Refuse a folder that a bucket fills, and a dataset that has a folder of its own."""
        if self.dataset_hash is not None:
            dataset = self._hook.get_dataset(self.dataset_hash, include_data_rows=False)
            if dataset.has_mirror_folder:
                raise EncordInputError(
                    f"Dataset {self.dataset_hash} has a mirror folder of its own; leave folder_uuid out, or leave "
                    "dataset_hash out and let the data stay in the folder. Nothing was uploaded.",
                    dataset_hash=self.dataset_hash,
                )
        folder = self._hook.get_folder(self.folder_uuid)
        if folder.folder_type == "cloudLinked":
            raise EncordInputError(
                f"Folder {self.folder_uuid} is synced with a bucket, so nothing else can be added to it. "
                "EncordSyncFolderOperator fetches what is new in the bucket. Nothing was uploaded."
            )

    def start(self, **what: Any) -> str:
        """Start a registration job of the folder."""
        return self._hook.start_folder_upload_job(self.folder_uuid, **what)

    def watch(self, job_id: Any) -> FolderUploadJobWatch:
        """Return a registration job of the folder."""
        from airflow_provider_encord._client.jobs import FolderUploadJobWatch

        return FolderUploadJobWatch(self.folder_uuid, str(job_id))

    def trigger(self, job_ids: JobIds, *, cancel_on_kill: bool, **waiting: Any) -> EncordFolderJobTrigger:
        """Return the trigger for jobs of a folder."""
        from airflow_provider_encord.triggers.encord import EncordFolderJobTrigger

        return EncordFolderJobTrigger(
            folder_uuid=self.folder_uuid,
            dataset_hash=self.dataset_hash,
            job_ids=job_ids,
            cancel_on_kill=cancel_on_kill,
            **waiting,
        )

    def items_of(self, verdict: Verdict) -> Iterable[RegisteredItem]:
        """Return the items that a job has added."""
        return (RegisteredItem(item.name, item_uuid=item.item_uuid) for item in verdict.answer.items)

    def items_since(self, moment: datetime | None) -> Iterator[RegisteredItem]:
        """Yield the processed items since then, the newest first."""
        for item in self._items(moment):
            yield RegisteredItem(item.name, item_uuid=item.uuid, client_metadata=item.client_metadata)

    def holds_any(self, items: Iterable[RegisteredItem]) -> bool:
        """Whether any of the first items is still there."""
        return bool(self._get([str(item.item_uuid) for item in islice(items, _ENOUGH_TO_ASK_FOR)]))

    def presence(self, since: datetime | None = None) -> Presence:
        """Read the items, and the rows of the dataset, whose items may lie elsewhere."""
        from airflow_provider_encord._storage.presence import Presence

        rows = None
        if self.dataset_hash is not None:
            rows = self._hook.iter_data_rows(self.dataset_hash, created_after=since, fetch_client_metadata=True)
        return Presence(items_of(self._hook, self.folder_uuid, since), rows)

    def may_run_jobs(self) -> bool:
        """Ask the folder."""
        return self._hook.get_folder_summary(self.folder_uuid).upload_jobs > 0

    def into_dataset(self, items: Iterable[RegisteredItem]) -> Iterator[RegisteredItem]:
        """Link items, some at a time; those that the dataset holds already are left as they are."""
        if self.dataset_hash is None:
            yield from items
            return
        left = iter(items)
        rows_before: Index | None = None
        with ExitStack() as stack:
            while batch := list(islice(left, MAX_ITEMS_PER_LINK)):
                rows = self._hook.link_items(self.dataset_hash, [str(item.item_uuid) for item in batch], "SKIP")
                hashes = {row.backing_item_uuid: row.data_hash for row in rows}
                for item in batch:
                    data_hash = hashes.get(item.item_uuid)
                    if data_hash is None:  # it was in the dataset before, so Encord did not tell it
                        rows_before = rows_before or stack.enter_context(self._rows())
                        data_hash = rows_before.get(str(item.item_uuid))
                    yield replace(item, data_hash=data_hash)

    def named(self, names: Iterable[str], since: datetime | None) -> Iterator[RegisteredItem]:
        """Yield items of the folder with these names: those added since then, and those that the dataset lacks.

        Of several with one address, the dataset lacks only the newest: the others have an earlier content.
        """
        from airflow_provider_encord._storage.presence import item_name
        from airflow_provider_encord._storage.sources import title_name
        from airflow_provider_encord._storage.text_index import Index

        with Index.of(names) as wanted, self._rows() if self.links else Index.of(()) as linked:
            for item in self._items(None if self.links else since):
                name = item_name(item)
                if (state := wanted.get(name)) is None:
                    continue
                new = since is not None and (item.created_at is None or item.created_at >= since)
                if new or (state != "seen" and item.uuid not in linked):
                    yield RegisteredItem(item.name, item_uuid=item.uuid)
                if not name.startswith(title_name("")):
                    wanted.put(name, "seen")

    def _items(self, since: datetime | None = None) -> Iterator[StorageItem]:
        return items_of(self._hook, self.folder_uuid, since)

    def _rows(self) -> Index:
        """Return the hash of each row of the dataset by its item."""
        from airflow_provider_encord._storage.text_index import Index

        rows = self._hook.iter_data_rows(str(self.dataset_hash))
        return Index((row.backing_item_uuid, row.data_hash) for row in rows if row.backing_item_uuid)

    def _get(self, item_uuids: Sequence[str]) -> list[StorageItem]:
        """Get those of some items that there are: Encord may refuse to get any if one of them is gone."""
        if not item_uuids:
            return []
        try:
            return self._hook.get_items(item_uuids)
        except EncordNotFoundError:
            half = len(item_uuids) // 2
            return [*self._get(item_uuids[:half]), *self._get(item_uuids[half:])] if half else []


def items_of(
    hook: EncordHook, folder_uuid: str, since: datetime | None, in_dataset: bool | None = None
) -> Iterator[StorageItem]:
    """Yield the processed items of a folder, or those since then; the newest first.

    :param in_dataset: True for those that any dataset holds.
    """
    for item in hook.iter_items(folder_uuid, is_in_dataset=in_dataset, order="createdAt", desc=True):
        if since is not None and item.created_at is not None and item.created_at < since:
            return
        if not item.is_placeholder:
            yield item


def _item_of_row(row: DataRow) -> RegisteredItem:
    return RegisteredItem(row.data_title, row.data_hash, row.backing_item_uuid, row.client_metadata)
