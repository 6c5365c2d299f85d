"""Operators of storage folders and their items: make folders, sync them with a bucket, change items' metadata."""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check, JobIds
from airflow_provider_encord._airflow.job_run import Work
from airflow_provider_encord._airflow.outcome import failed_items_allowed, require_done
from airflow_provider_encord._client.outgoing import one_line
from airflow_provider_encord._client.redaction import shown
from airflow_provider_encord._compat import Context
from airflow_provider_encord._resume.task_store import Memory
from airflow_provider_encord.exceptions import (
    EncordAlreadyExistsError,
    EncordInputError,
    EncordJobError,
    EncordNotFoundError,
    EncordRequestRefusedError,
    EncordTimeoutError,
)
from airflow_provider_encord.operators._base import ON_EMPTY, EncordJobOperator, EncordOperator
from airflow_provider_encord.operators._creation import IF_EXISTS, Creation, Made

if TYPE_CHECKING:
    from airflow_provider_encord._client.jobs import FolderSyncWatch, Verdict
    from airflow_provider_encord._client.resources.items import StorageItem
    from airflow_provider_encord.hooks.encord import EncordHook
    from airflow_provider_encord.triggers.folders import EncordFolderSyncTrigger

T = TypeVar("T")

MAX_ITEMS_PER_REQUEST = 1000
_MOST_ERRORS = 20
_KINDS = ("updated", "unchanged", "missing", "failed")
_UNITS = ("done", "failed", "pending", "cancelled")


class EncordCreateFolderOperator(EncordOperator):
    """Make a storage folder, or take the one that has the name already.

    Names of folders are not unique. One of the same name counts if it lies in the same parent folder, or at the top if
    none is given; folders that mirror a dataset do not count. Returns the folder's UUID. Also pushed to XCom:
    ``folder_uuid`` and ``created`` (whether it was made now).

    .. seealso:: :ref:`howto/operator:EncordCreateFolderOperator`

    :param name: its name (templated).
    :param parent_folder: UUID of the folder to make it in (templated); None makes it at the top.
    :param description: its description (templated).
    :param client_metadata: kept by Encord with the folder (templated).
    :param integration: title or id of a cloud integration, for a folder that Encord syncs with a bucket (templated).
    :param remote_url: where in the bucket, such as ``s3://bucket/path/`` (templated). It can't be changed later.
    :param if_exists: what to do when a folder of the name is there: ``fail``, ``skip`` (return the oldest one, with the
        description and metadata that it has) or ``create`` (make another one). With ``skip``, tasks that make one at
        the same time all return the oldest.
    :param durable: True makes no second folder at a later attempt or when the task is cleared, also if the worker died
        before it knew the answer (Airflow 3.3 and later; ``skip`` makes none on any).
    :param encord_conn_id: id of the Airflow connection (templated).
    :raises EncordAlreadyExistsError: when one exists and ``if_exists`` is ``fail``, or the one that is there is synced
        with another bucket than the one that is asked for.
    :raises EncordInputError: for a wrong argument, before the first request.
    """

    custom_operator_name = "Create Encord folder"
    template_fields: Sequence[str] = (
        "encord_conn_id",
        "name",
        "parent_folder",
        "description",
        "client_metadata",
        "integration",
        "remote_url",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"client_metadata": "json"}
    operator_extra_links = ()
    checks: ClassVar[dict[str, Check]] = {
        **EncordOperator.checks,
        "name": arguments.text,
        "parent_folder": arguments.optional(arguments.folder_uuid),
        "description": arguments.optional(arguments.free_text),
        "client_metadata": arguments.optional(arguments.metadata()),
        "integration": arguments.optional(arguments.text),
        "remote_url": arguments.optional(arguments.remote_url),
        "if_exists": arguments.one_of(*IF_EXISTS),
        "durable": arguments.flag,
    }

    def __init__(
        self,
        *,
        name: str,
        parent_folder: Any = None,
        description: str | None = None,
        client_metadata: Mapping[str, Any] | None = None,
        integration: str | None = None,
        remote_url: str | None = None,
        if_exists: str = "fail",
        durable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.parent_folder = parent_folder
        self.description = description
        self.client_metadata = client_metadata
        self.integration = integration
        self.remote_url = remote_url
        self.if_exists = if_exists
        self.durable = durable
        self.check_literals()

    def execute(self, context: Context) -> str:
        """Make the folder, or find it."""
        self.check_rendered()
        folder, created = FolderCreation(self, context, self.name).run()
        self._require_the_bucket(folder)
        self.push(context, "folder_uuid", folder.id)
        self.push(context, "created", created)
        return folder.id

    def check_together(self) -> None:
        """Take an integration and a URL, or neither."""
        if (self.integration is None) != (self.remote_url is None):
            raise EncordInputError("Give both integration and remote_url, for a cloud-synced folder, or neither.")

    def _require_the_bucket(self, folder: Made) -> None:
        """Refuse a folder that is synced with another bucket, or with any if none is asked for."""
        there = folder.answer.remote_url
        if (there or "").rstrip("/") != (self.remote_url or "").rstrip("/"):
            what = f"is synced with {shown(there)}" if there else "is not synced with a bucket"
            wanted = f"One that is synced with {shown(self.remote_url)}" if self.remote_url else "A plain one"
            raise EncordAlreadyExistsError(
                f"Folder {folder.id} has the name {self.name!r} already and {what}. {wanted} was asked for: "
                "give it another name, or make another one with if_exists='create'."
            )


class FolderCreation(Creation):
    """The making of a folder."""

    kind, name_kind, id_kind = "folder", "name", "folder_uuid"

    def identity(self) -> Mapping[str, Any]:
        """Return connection, name and place."""
        return {"conn_id": self.task.encord_conn_id, "name": self.name, "parent_folder": self.task.parent_folder}

    def same_name(self) -> list[Made]:
        """Find the folders of the name in the parent folder."""
        found = self.task.hook.iter_folders(self.task.parent_folder, search=self.name, dataset_synced=False)
        return [Made(each.uuid, each.created_at, each) for each in found if each.name == self.name]

    def make(self) -> Made:
        """Make a folder."""
        task = self.task
        new = task.hook.create_folder(
            self.name,
            task.description,
            task.client_metadata,
            task.parent_folder,
            integration=task.integration,
            remote_url=task.remote_url,
        )
        return Made(new.uuid, new.created_at, new)


class EncordSyncFolderOperator(EncordJobOperator):
    """Sync a cloud-synced folder with its bucket now, and wait until that is done.

    While another sync of the folder runs, which Encord does not name, the task asks again every ``poll_interval`` on
    its worker until its own can start: so what was in the bucket when the task began is in the folder when it ends. A
    sync can't be cancelled: a task that is killed or runs out of time says that it goes on.

    Returns ``{"folder_uuid", "job_id", "job_ids", "status", "done", "failed", "pending", "cancelled", "pages_failed",
    "jobs_failed"}``: Encord's counts of files, of pages of the bucket's listing, and of upload jobs. Which files they
    are, and why some failed, Encord does not tell: :class:`.EncordLinkItemsOperator` finds what is in no dataset yet.
    Also pushed to XCom: ``job_ids``, ``job_id`` and ``folder_uuid``.

    .. seealso:: :ref:`howto/operator:EncordSyncFolderOperator`

    :param folder_uuid: the folder: its UUID, or the report of a task that names it (templated).
    :param max_failed_items: how many files may fail before the task does: a count, or a share below 1.
    :param on_empty: what a task does whose sync found no files at all: ``skip``, ``succeed`` or ``fail``.
    :raises EncordJobError: when the sync failed, pages of the bucket's listing or upload jobs of it did, or more files
        than allowed.
    """

    custom_operator_name = "Sync Encord folder"
    template_fields: Sequence[str] = ("encord_conn_id", "folder_uuid")
    operator_extra_links = ()
    checks: ClassVar[dict[str, Check]] = {
        **EncordJobOperator.checks,
        "folder_uuid": arguments.folder_uuid,
        "max_failed_items": arguments.count_or_share,
    }

    def __init__(self, *, folder_uuid: Any, max_failed_items: float = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder_uuid = folder_uuid
        self.max_failed_items = max_failed_items
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Start the sync, or find the one that an earlier attempt started, and wait."""
        self.check_rendered()
        self.push(context, "folder_uuid", self.folder_uuid)
        return self._settled(context, self.run_jobs(context, FolderSyncing(self)))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Go on when the trigger has fired."""
        self.check_rendered()
        return self._settled(context, self.resume_jobs(context, FolderSyncing(self), event))

    def _settled(self, context: Context, report: dict[str, Any]) -> dict[str, Any]:
        nothing = not any(report.get(name, True) for name in _UNITS)
        return self.settle_empty(context, report) if nothing else report


class FolderSyncing(Work):
    """One sync of a folder."""

    hook: EncordHook

    def __init__(self, task: EncordSyncFolderOperator) -> None:
        super().__init__(task.hook, None)
        self._task: Any = task

    def place(self) -> dict[str, Any]:
        """Return the folder."""
        return {"folder_uuid": self._task.folder_uuid}

    def identity(self) -> Mapping[str, Any]:
        """Return connection and folder."""
        return {"encord_conn_id": self._task.encord_conn_id, "folder_uuid": self._task.folder_uuid}

    def batches(self, memory: Memory) -> Iterator[str]:
        """Yield the folder, of which one sync is all."""
        yield self._task.folder_uuid

    def start(self, batch: str, memory: Memory) -> str:
        """Start the sync, as soon as no other one runs."""
        while True:
            memory.note_start()
            try:
                return self.hook.start_folder_sync(batch)
            except EncordAlreadyExistsError as error:
                memory.take_back_start()
                self._pause(error)

    def _pause(self, error: EncordAlreadyExistsError) -> None:
        left = math.inf if self.deadline is None else self.deadline - time.time()
        if left <= 0:
            raise EncordTimeoutError(
                f"Folder {self._task.folder_uuid}: another sync was still running when the time was over, so none was "
                f"started here. {error}"
            ) from error
        seconds = min(self._task.poll_interval, left, self.hook.settings.longest_pause)
        text = "Another sync of folder %s is running. Asking again in %.0f s."
        self._task.log.info(text, self._task.folder_uuid, seconds)
        time.sleep(seconds)

    def watch(self, job_id: Any) -> FolderSyncWatch:
        """Return the sync as something to wait for."""
        from airflow_provider_encord._client.jobs import FolderSyncWatch

        return FolderSyncWatch(self._task.folder_uuid, str(job_id))

    def trigger(self, job_ids: JobIds, deadline: float | None) -> EncordFolderSyncTrigger:
        """Return the trigger that waits for the sync."""
        from airflow_provider_encord.triggers.folders import EncordFolderSyncTrigger

        task = self._task
        return EncordFolderSyncTrigger(folder_uuid=task.folder_uuid, job_ids=job_ids, **task.waiting(deadline))

    def finish(self, job_ids: JobIds, verdicts: Iterable[Verdict], memory: Memory) -> dict[str, Any]:
        """Report Encord's counts, and fail if more files failed than allowed."""
        (verdict,) = verdicts
        sync = verdict.answer
        total = sync.done + sync.failed + sync.pending + sync.cancelled
        tolerated = sync.failed <= failed_items_allowed(self._task.max_failed_items, total)
        complete = not (sync.pages_failed or sync.jobs_failed)
        if sync.pages_failed:
            self._task.log.error(
                "Encord could not list the bucket. Check the folder's remote URL, and that its integration may read it."
            )
        require_done(verdict, None, folder_uuid=self._task.folder_uuid, allow_partial=tolerated and complete)
        return {
            "folder_uuid": self._task.folder_uuid,
            "job_id": job_ids[0],
            "job_ids": list(job_ids),
            "status": verdict.status,
            **{name: getattr(sync, name) for name in (*_UNITS, "pages_failed", "jobs_failed")},
        }


class EncordUpdateItemsOperator(EncordOperator):
    """Change the client metadata of items: merge it into what they have, or replace it.

    What items get is given as a dict, or as a CSV or JSONL file, which is read in bounded memory and checked whole
    before the first item changes. Each item is read first; one that has all of it already is not changed, so a repeated
    attempt does no harm. What somebody else changes between reading and writing is lost.

    Returns ``{"total", "updated", "unchanged", "missing", "failed", "errors"}``: counts of items, and the first errors
    as ``[{"item", "error"}]``.

    .. seealso:: :ref:`howto/operator:EncordUpdateItemsOperator`

    :param metadata_by_item: client metadata by the item's UUID (templated). An empty dict is nothing to do.
    :param metadata_path: instead: path, or ``ObjectStoragePath`` URL, of a file with a header and a line for each item
        (CSV), or a JSON object a line (JSONL). What a line says besides the item is its metadata (templated).
    :param metadata_conn_id: Airflow connection of the store that ``metadata_path`` is in (templated).
    :param file_format: ``csv`` or ``jsonl``; by default what the name ends with: ``.csv``, ``.jsonl`` or ``.ndjson``.
    :param item_column: the column, or key, that names the item (templated).
    :param item_column_holds: ``item_uuid``, ``name`` (of an item in ``folder_uuid``) or ``title`` (of data in
        ``dataset_hash``). A name that several have is an error of that line.
    :param folder_uuid: with names: the storage folder, its UUID or the report of a task that names it (templated).
    :param recursive: with names: also the items of the folders in it.
    :param dataset_hash: with titles: the dataset, its hash or the report of a task that names it (templated).
    :param column_types: what the texts of CSV columns stand for: ``{"score": "number"}``; ``text`` (the default),
        ``number``, ``boolean`` or ``json``. An empty cell leaves its key out.
    :param merge_metadata: True keeps the keys that are not given; False replaces all metadata of the item.
    :param ignore_if_missing: False makes items that Encord does not find an error, after the others are changed.
    :param max_failed_items: how many items may fail before the task does: a count, or a share below 1.
    :param on_empty: what a task does that is given no item: ``skip``, ``succeed`` or ``fail``.
    :raises EncordNotFoundError: when items are missing, if they are not ignored.
    :raises EncordJobError: when more items failed than allowed.
    """

    custom_operator_name = "Update Encord items"
    template_fields: Sequence[str] = (
        "encord_conn_id",
        "metadata_by_item",
        "metadata_path",
        "metadata_conn_id",
        "item_column",
        "folder_uuid",
        "dataset_hash",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"metadata_by_item": "json"}
    operator_extra_links = ()
    checks: ClassVar[dict[str, Check]] = {
        **EncordOperator.checks,
        "metadata_by_item": arguments.optional(arguments.metadata_by_item),
        "metadata_path": arguments.optional(arguments.path),
        "metadata_conn_id": arguments.optional(arguments.conn_id),
        "file_format": arguments.optional(arguments.one_of("csv", "jsonl")),
        "item_column": arguments.text,
        "item_column_holds": arguments.one_of("item_uuid", "name", "title"),
        "folder_uuid": arguments.optional(arguments.folder_uuid),
        "recursive": arguments.flag,
        "dataset_hash": arguments.optional(arguments.dataset_hash),
        "column_types": arguments.optional(arguments.column_types("text", "number", "boolean", "json")),
        "merge_metadata": arguments.flag,
        "ignore_if_missing": arguments.flag,
        "max_failed_items": arguments.count_or_share,
        "on_empty": arguments.one_of(*ON_EMPTY),
    }

    def __init__(
        self,
        *,
        metadata_by_item: Mapping[str, Mapping[str, Any]] | None = None,
        metadata_path: Any = None,
        metadata_conn_id: str | None = None,
        file_format: str | None = None,
        item_column: str = "item_uuid",
        item_column_holds: str = "item_uuid",
        folder_uuid: Any = None,
        recursive: bool = False,
        dataset_hash: Any = None,
        column_types: Mapping[str, str] | None = None,
        merge_metadata: bool = True,
        ignore_if_missing: bool = False,
        max_failed_items: float = 0,
        on_empty: str = "skip",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.metadata_by_item = metadata_by_item
        self.metadata_path = metadata_path
        self.metadata_conn_id = metadata_conn_id
        self.file_format = file_format
        self.item_column = item_column
        self.item_column_holds = item_column_holds
        self.folder_uuid = folder_uuid
        self.recursive = recursive
        self.dataset_hash = dataset_hash
        self.column_types = column_types
        self.merge_metadata = merge_metadata
        self.ignore_if_missing = ignore_if_missing
        self.max_failed_items = max_failed_items
        self.on_empty = on_empty
        self._by_file = metadata_path is not None
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Read what the items have, and write what differs, some at a time."""
        self.check_rendered()
        update = MetadataUpdate(self.hook, self.log, merge=self.merge_metadata)
        for _ in self._lines():  # all of it is checked before anything changes
            pass
        with self._uuids() as uuids:
            for some in _batches(self._lines(), MAX_ITEMS_PER_REQUEST):
                update.add([(item, uuids(item), metadata) for item, metadata in some])
        update.require_good_end(self.max_failed_items, ignore_if_missing=self.ignore_if_missing)
        report = update.report()
        return report if update.total else self.settle_empty(context, report)

    def check_together(self) -> None:
        """Take a dict or a file, and what a file's column needs."""
        if self._by_file == (self.metadata_by_item is not None):
            raise EncordInputError("Give metadata_by_item or metadata_path: one of them, and not both.")
        if self._by_file and self.metadata_path is None:
            raise arguments.refuse("metadata_path", None, "a path or a URL")
        given = {"name": self.folder_uuid is not None, "title": self.dataset_hash is not None}
        for holds, argument in {"name": "folder_uuid", "title": "dataset_hash"}.items():
            if given[holds] != (self.item_column_holds == holds):
                raise EncordInputError(
                    f"{argument} and item_column_holds={holds!r} go together: give both, or neither."
                )
        if self.recursive and not given["name"]:
            raise EncordInputError("recursive is about the names of folder_uuid; give that, too.")
        if not self._by_file:
            file_only = ("metadata_conn_id", "file_format", "column_types", "folder_uuid", "dataset_hash")
            if named := [name for name in file_only if getattr(self, name) is not None]:
                raise EncordInputError(f"{named[0]} is about a file: give metadata_path, too.")
            if self.item_column != "item_uuid":
                raise EncordInputError("item_column is about a file: give metadata_path, too.")
        elif not arguments.is_template(self.metadata_path) and self._format() is None:
            raise arguments.refuse("file_format", None, "csv or jsonl", "The file's name does not tell.")
        if self.column_types is not None and self._format() == "jsonl":
            raise EncordInputError("column_types is about CSV; what JSON lines hold has types already.")

    def _format(self) -> str | None:
        return self.file_format or arguments.metadata_format(self.metadata_path)

    def _lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each item and its new metadata."""
        if not self._by_file:
            yield from ((uuid, dict(metadata)) for uuid, metadata in (self.metadata_by_item or {}).items())
            return
        from airflow_provider_encord._storage.metadata_file import read_metadata

        lines = read_metadata(
            self.metadata_path,
            self.metadata_conn_id,
            file_format=str(self._format()),
            item_columns=[self.item_column],
            column_types=self.column_types,
        )
        for line in lines:
            item = line.item.strip()
            if self.item_column_holds == "item_uuid":
                item = arguments.item_uuid(item, f"{self.item_column} in line {line.number} of metadata_path")
            yield item, line.metadata

    @contextlib.contextmanager
    def _uuids(self) -> Iterator[Callable[[str], list[str]]]:
        """Return what finds the UUIDs of an item by what the file calls it."""
        if self.item_column_holds == "item_uuid":
            yield lambda item: [item.lower()]
            return
        from airflow_provider_encord._storage.text_index import NameIndex

        named: Iterator[tuple[str, str]]
        if self.item_column_holds == "name":
            found = self.hook.iter_items(self.folder_uuid, recursive=self.recursive, include_client_metadata=False)
            named = ((item.name, item.uuid) for item in found)
        else:
            rows = self.hook.iter_data_rows(self.dataset_hash)
            named = ((row.data_title, row.backing_item_uuid) for row in rows if row.backing_item_uuid)
        with NameIndex(named) as index:
            yield index.find


class MetadataUpdate:
    """New client metadata of items, written some at a time.

    :param merge: whether keys that are not given stay.
    """

    def __init__(self, hook: EncordHook, log: Any, *, merge: bool) -> None:
        self._hook = hook
        self._log = log
        self._merge = merge
        self._counts = Counter[str]()
        self._errors: list[dict[str, str]] = []

    @property
    def total(self) -> int:
        """How many items there were."""
        return self._counts.total()

    def add(self, lines: Sequence[tuple[str, list[str], dict[str, Any]]]) -> None:
        """Write some: what each line calls the item, the UUIDs that it may be, and its metadata."""
        wanted: dict[str, dict[str, Any]] = {}
        for item, uuids, metadata in lines:
            if len(uuids) == 1:
                before = wanted.get(uuids[0], {}) if self._merge else {}
                wanted[uuids[0]] = {**before, **metadata}
            elif uuids:
                self._fail("failed", item, "several items have this name")
            else:
                self._fail("missing", item, "no item has this name")
        has = {item.uuid: item.client_metadata or {} for item in self._read(list(wanted))}
        changes = {}
        for uuid, metadata in wanted.items():
            if uuid not in has:
                self._fail("missing", uuid, "Encord does not find this item")
                continue
            new = {**has[uuid], **metadata} if self._merge else metadata
            if new == has[uuid]:
                self._counts["unchanged"] += 1
            else:
                changes[uuid] = new
        self._write(changes)
        self._log.info("Of %d items, %s.", self.total, self)

    def __str__(self) -> str:
        """Tell the counts."""
        return ", ".join(f"{self._counts[kind]} {kind}" for kind in _KINDS)

    def require_good_end(self, max_failed_items: float, *, ignore_if_missing: bool) -> None:
        """Raise if items failed, or are missing, and that is not allowed."""
        failed, missing = self._counts["failed"], self._counts["missing"]
        problems = [f"{each['item']}: {each['error']}" for each in self._errors]
        if failed > failed_items_allowed(max_failed_items, self.total):
            raise EncordJobError("\n".join([f"Of {self.total} items, {self}.", *problems]))
        if missing and not ignore_if_missing:
            cure = "Use ignore_if_missing=True if that may happen."
            raise EncordNotFoundError("\n".join([f"Of {self.total} items, {self}.", *problems, cure]))

    def report(self) -> dict[str, Any]:
        """Return the counts for an XCom."""
        return {"total": self.total, **{kind: self._counts[kind] for kind in _KINDS}, "errors": self._errors}

    def _read(self, uuids: list[str]) -> list[StorageItem]:
        """Get items; one that is gone does not keep the others back."""
        if not uuids:
            return []
        try:
            return self._hook.get_items(uuids)
        except EncordNotFoundError:
            if len(uuids) == 1:
                return []
        half = len(uuids) // 2
        return self._read(uuids[:half]) + self._read(uuids[half:])

    def _write(self, changes: dict[str, dict[str, Any]]) -> None:
        """Change items; one that Encord refuses does not keep the others back."""
        if not changes:
            return
        try:
            changed = self._hook.update_items(
                {uuid: {"client_metadata": new} for uuid, new in changes.items()}, merge_metadata=False
            )
        except (EncordRequestRefusedError, EncordNotFoundError) as error:
            if len(changes) == 1 or self._counts["failed"] >= _MOST_ERRORS:
                for uuid in changes:
                    self._fail("failed", uuid, str(error))
                return
            pairs = list(changes.items())
            self._write(dict(pairs[: len(pairs) // 2]))
            self._write(dict(pairs[len(pairs) // 2 :]))
            return
        told = {item.uuid: item.client_metadata for item in changed}
        for uuid, new in changes.items():
            if kept := set(told.get(uuid) or {}) - set(new):
                self._fail("failed", uuid, f"Encord has kept {', '.join(sorted(kept)[:5])}, which were to be replaced")
            else:
                self._counts["updated"] += 1

    def _fail(self, kind: str, item: str, error: str) -> None:
        self._counts[kind] += 1
        self._log.warning("Not changed: %s: %s", one_line(item), one_line(error))
        if len(self._errors) < _MOST_ERRORS:
            self._errors.append({"item": item, "error": error})


def _batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(values)
    while some := list(islice(left, size)):
        yield some
