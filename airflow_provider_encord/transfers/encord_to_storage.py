"""From Encord to a bucket or disk: the files of a folder's or a dataset's items."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check
from airflow_provider_encord._airflow.errors import airflow_errors
from airflow_provider_encord._airflow.outcome import failed_items_allowed
from airflow_provider_encord._client.outgoing import one_line
from airflow_provider_encord._compat import Context
from airflow_provider_encord.exceptions import EncordDownloadError, EncordInputError
from airflow_provider_encord.operators._base import ON_EMPTY, EncordOperator

if TYPE_CHECKING:
    from airflow_provider_encord._client.resources.items import StorageItem
    from airflow_provider_encord._client.transport.async_transport import AsyncTransport
    from airflow_provider_encord._client.transport.downloader import ItemOutcome
    from airflow_provider_encord._storage.spool import Spool
    from airflow_provider_encord._storage.targets import TargetFolder

DEFAULT_MAX_WORKERS = 16
"""Files in flight at once; a large one on its way to a store keeps a part of it in memory."""
MANIFEST = "manifest.jsonl"
_MOST_ERRORS = 20
_REPORT_SECONDS = 10.0


class EncordToStorageOperator(EncordOperator):
    """Copy the files of a folder's or a dataset's items to a bucket or to disk, and write a manifest of them.

    Each file is ``<item UUID>/<name>`` below the destination; what groups, sequences and series are made of is
    ``<UUID of the group>/<item UUID>/<name>``. A name is the last part of the item's name, with ``_`` for what file
    systems and stores do not take. A file appears when it is whole, and one of the size that Encord tells is not read
    again, so a later attempt goes on where the last one ended. The manifest, ``manifest.jsonl``, is written last: a
    JSON object ``{"item_uuid", "name", "item_type", "path", "size", "group_uuid", "client_metadata"}`` a line for each
    file that is there.

    Returns ``{"folder_uuid" or "dataset_hash", "destination", "manifest", "manifest_conn_id", "downloaded", "present",
    "failed", "left_out", "bytes", "errors"}``: counts (``present`` were there already); ``{"tombstones",
    "placeholders"}``: what has vanished from its bucket, and what Encord has not processed yet; the bytes that were
    written now; the first errors as ``[{"item_uuid", "error"}]``.

    .. seealso:: :ref:`howto/operator:EncordToStorageOperator`

    :param destination: path, or ``ObjectStoragePath`` URL such as ``s3://bucket/prefix/`` (templated).
    :param destination_conn_id: Airflow connection of the store (templated).
    :param folder_uuid: the storage folder: its UUID, or the report of a task that names it (templated).
    :param recursive: also the items of the folders in it.
    :param search: of a folder, only items whose name holds this (templated).
    :param dataset_hash: instead of ``folder_uuid``: a dataset: its hash, or the report of a task (templated).
    :param item_types: only these kinds, one or several, such as ``video`` or ``imageGroup`` (templated).
    :param max_workers: files in flight at once.
    :param max_failed_items: how many files may fail before the task does: a count, or a share below 1.
    :param on_empty: what a task does that finds no item: ``skip``, ``succeed`` or ``fail``.
    :param encord_conn_id: id of the Airflow connection (templated).
    :raises EncordDownloadError: names the files that failed, if more than allowed; no manifest is written then.
    """

    custom_operator_name = "Encord to storage"
    template_fields: Sequence[str] = (
        "encord_conn_id",
        "destination",
        "destination_conn_id",
        "folder_uuid",
        "search",
        "dataset_hash",
        "item_types",
    )
    checks: ClassVar[dict[str, Check]] = {
        **EncordOperator.checks,
        "destination": arguments.prefix,
        "destination_conn_id": arguments.optional(arguments.conn_id),
        "folder_uuid": arguments.optional(arguments.folder_uuid),
        "recursive": arguments.flag,
        "search": arguments.optional(arguments.pattern),
        "dataset_hash": arguments.optional(arguments.dataset_hash),
        "item_types": arguments.optional(arguments.list_of(arguments.item_type, "kinds of items")),
        "max_workers": arguments.whole_number(),
        "max_failed_items": arguments.count_or_share,
        "on_empty": arguments.one_of(*ON_EMPTY),
    }

    def __init__(
        self,
        *,
        destination: Any,
        destination_conn_id: str | None = None,
        folder_uuid: Any = None,
        recursive: bool = False,
        search: str | None = None,
        dataset_hash: Any = None,
        item_types: Any = None,
        max_workers: int = DEFAULT_MAX_WORKERS,
        max_failed_items: float = 0,
        on_empty: str = "skip",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.destination = destination
        self.destination_conn_id = destination_conn_id
        self.folder_uuid = folder_uuid
        self.recursive = recursive
        self.search = search
        self.dataset_hash = dataset_hash
        self.item_types = item_types
        self.max_workers = max_workers
        self.max_failed_items = max_failed_items
        self.on_empty = on_empty
        self._by_folder = folder_uuid is not None
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Copy what is not there yet, and write the manifest."""
        from airflow_provider_encord._storage.details_file import write_json_lines
        from airflow_provider_encord._storage.spool import Spool
        from airflow_provider_encord._storage.targets import TargetFolder

        self.check_rendered()
        if not self._by_folder:
            self.push_link(context, self.dataset_hash)
        destination = TargetFolder(self.destination, self.destination_conn_id)
        with Spool() as lines:
            copied = Copied(lines, self.log)
            with airflow_errors():
                self.hook.on_event_loop(lambda transport: self._download(transport, destination, copied))
            copied.require_few_failures(self._place, self.max_failed_items)
            if len(lines):
                write_json_lines(destination.location_of(MANIFEST), map(json.loads, lines))
        named = {"folder_uuid": self.folder_uuid} if self._by_folder else {"dataset_hash": self.dataset_hash}
        report = {
            **named,
            "destination": str(self.destination),
            "manifest": f"{str(self.destination).rstrip('/')}/{MANIFEST}" if len(lines) else None,
            "manifest_conn_id": self.destination_conn_id,
            **copied.report(),
        }
        return report if copied.total else self.settle_empty(context, report)

    def check_together(self) -> None:
        """Take a folder or a dataset."""
        if self._by_folder == (self.dataset_hash is not None):
            raise EncordInputError("Give folder_uuid or dataset_hash: one of them, and not both.")
        if self._by_folder and self.folder_uuid is None:
            raise arguments.refuse("folder_uuid", None, "the UUID of a storage folder")
        if not self._by_folder and (self.recursive or self.search is not None):
            raise EncordInputError("recursive and search choose items of a folder: give folder_uuid, too.")

    @property
    def _place(self) -> str:
        return f"Folder {self.folder_uuid}" if self._by_folder else f"Dataset {self.dataset_hash}"

    async def _download(self, transport: AsyncTransport, destination: TargetFolder, copied: Copied) -> None:
        from airflow_provider_encord._client.transport.downloader import Downloader
        from airflow_provider_encord._storage.targets import safe_name

        def target_of(item: StorageItem, group: StorageItem | None) -> Any:
            place = (item.uuid,) if group is None else (group.uuid, item.uuid)
            return destination.target(*place, safe_name(item.name))

        downloader = Downloader(
            transport,
            target_of,
            copied.add,
            is_wanted=lambda item: self.item_types is None or item.item_type in self.item_types,
            max_workers=self.max_workers,
            allow_private_storage=self.hook.settings.allow_private_storage,
        )
        await downloader.run(self._wanted(copied))

    def _wanted(self, copied: Copied) -> Iterator[StorageItem | str]:
        """Yield the items, or their UUIDs, in bounded memory."""
        if self._by_folder:
            yield from self.hook.iter_items(
                self.folder_uuid, self.search, item_types=self.item_types, recursive=self.recursive
            )
            return
        for row in self.hook.iter_data_rows(self.dataset_hash):
            if row.backing_item_uuid:
                yield row.backing_item_uuid
            else:
                copied.without_item.append(row.data_hash)


class Copied:
    """What became of items, counted while they pass by.

    :param lines: gets the lines of the manifest.
    :param log: gets each failure, and now and then how far it is.
    """

    def __init__(self, lines: Spool, log: Any) -> None:
        self._lines = lines
        self._log = log
        self._counts: Counter[str] = Counter()
        self._bytes = 0
        self._errors: list[dict[str, str]] = []
        self._started = time.monotonic()
        self._next_report = self._started + _REPORT_SECONDS
        self.without_item: deque[str] = deque()
        """Data hashes of rows that name no item."""

    @property
    def total(self) -> int:
        """How many files there are to copy."""
        return sum(self._counts[kind] for kind in ("downloaded", "present", "failed")) + len(self.without_item)

    def add(self, outcome: ItemOutcome) -> None:
        """Count one item."""
        self._counts[outcome.kind] += 1
        item = outcome.item
        if outcome.error is not None:
            self._fail(outcome.item_uuid, str(outcome.error))
        elif item is not None and outcome.path is not None:
            self._bytes += outcome.size or 0 if outcome.kind == "downloaded" else 0
            line = {
                "item_uuid": item.uuid,
                "name": item.name,
                "item_type": item.item_type,
                "path": outcome.path,
                "size": outcome.size,
                "group_uuid": None if outcome.group is None else outcome.group.uuid,
                "client_metadata": item.client_metadata,
            }
            self._lines.add(json.dumps(line))
        if time.monotonic() >= self._next_report:
            self._next_report = time.monotonic() + _REPORT_SECONDS
            self._log.info("Downloading: %s.", self)

    def __str__(self) -> str:
        """Tell the counts."""
        counts = self._counts
        rate = counts["downloaded"] / max(time.monotonic() - self._started, 1e-3)
        told = f"{counts['downloaded']} files ({rate:.3g}/s), {self._bytes:,} bytes, {counts['present']} were there"
        return f"{told}, {counts['failed'] + len(self.without_item)} failed"

    def require_few_failures(self, place: str, max_failed_items: float) -> None:
        """Raise if more files failed than allowed.

        :raises EncordDownloadError: names the first ones.
        """
        for data_hash in self.without_item:
            self._fail(data_hash, f"Data {data_hash} names no item of storage.")
        self._log.info("Downloaded: %s.", self)
        failed = self._counts["failed"] + len(self.without_item)
        if failed > failed_items_allowed(max_failed_items, self.total):
            text = [f"{place}: {failed} of {self.total} files could not be copied, so no manifest was written."]
            text += [each["error"] for each in self._errors]
            text.append("A later attempt goes on with what is missing.")
            raise EncordDownloadError("\n".join(text))

    def report(self) -> dict[str, Any]:
        """Return the counts for an XCom."""
        return {
            "downloaded": self._counts["downloaded"],
            "present": self._counts["present"],
            "failed": self._counts["failed"] + len(self.without_item),
            "left_out": {"tombstones": self._counts["tombstone"], "placeholders": self._counts["placeholder"]},
            "bytes": self._bytes,
            "errors": self._errors,
        }

    def _fail(self, item_uuid: str, error: str) -> None:
        self._log.warning("Not copied: %s", one_line(error))
        if len(self._errors) < _MOST_ERRORS:
            self._errors.append({"item_uuid": item_uuid, "error": error})
