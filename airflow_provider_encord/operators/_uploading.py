"""The files that an operator uploads and registers: in batches, without those that an earlier attempt has added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from airflow_provider_encord._airflow.arguments import JobIds
from airflow_provider_encord._airflow.failed_files import FailedFiles
from airflow_provider_encord._airflow.outcome import (
    CHECK,
    READ,
    UPLOAD,
    FailedFile,
    RegisteredItem,
    RegistrationOutcome,
    failed_items_allowed,
    uploaded,
)
from airflow_provider_encord._client.jobs import Verdict
from airflow_provider_encord._client.outgoing import one_line
from airflow_provider_encord._client.resources.data_items import Files, tagged, with_metadata
from airflow_provider_encord._compat import Context
from airflow_provider_encord._resume import item_tags
from airflow_provider_encord._resume.task_store import Memory
from airflow_provider_encord._storage.files import (
    BadFile,
    SourceFile,
    bad_files_error,
    digests_of,
    look_at_files,
    shown_location,
    this_machine,
)
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators import _item_metadata
from airflow_provider_encord.operators._registration import Registration

if TYPE_CHECKING:
    from airflow_provider_encord.operators.uploads import EncordUploadOperator


@dataclass(frozen=True)
class UploadBatch:
    """The files that one job registers.

    :param number: how many batches come before it.
    :param files: the files in their order.
    :param ids: an id for each file, the same at each attempt.
    :param metadata: client metadata of each file's own.
    :param failed: files in this part of the list that cannot be uploaded.
    """

    number: int
    files: list[SourceFile]
    ids: list[str]
    metadata: list[dict[str, Any]]
    failed: list[FailedFile]


class Uploading(Registration):
    """Files to upload and register, in batches.

    :param failed_files: what failed before the task was deferred.
    :param account: what was found of the metadata of single items before.
    """

    def __init__(
        self,
        task: EncordUploadOperator,
        context: Context,
        failed_files: Mapping[str, Any] | None = None,
        account: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(task, context)
        self.looks_again = item_tags.is_cleared(context, task.retries or 0)
        self._account = dict(account or {})
        self._found: list[RegisteredItem] | None = None
        self._failed = None if failed_files is None else self._recalled(failed_files)
        self._paths: dict[str, str] = {}
        """File by object key."""
        self._paths_are_complete = False
        self._refused: list[str] = []
        """Object keys that jobs could not register."""

    def identity(self) -> Mapping[str, Any]:
        """Return what is uploaded where; a file counts by its name, since an attempt may find it in another folder."""
        task = self.task
        names = [PurePath(str(path)).name for path in task.file_paths]
        shared = ("encord_conn_id", "dataset_hash", "title", "client_metadata", "max_items_per_job")
        # The names of before keep identities equal that are stored already.
        kind = {"kind": task.kind} if hasattr(task, "kind") else {}
        more = _item_metadata.identity(task)
        given = {name: getattr(task, name) for name in shared}
        return {"names": names, "folder": task.folder_uuid, **kind, **given, **more}

    def batches(self, memory: Memory) -> Iterator[UploadBatch]:
        """Check all files, and yield those of each job.

        :raises EncordInputError: when files are empty or of another type, and more than may fail are bad, or none is
            good, or all are one item.
        :raises EncordMachineError: likewise, when they are missing or unreadable on this machine.
        """
        task = self.task
        if not task.file_paths:
            return
        looked_at = self._checked_files()
        metadata, self._account = _item_metadata.metadata_of_files(task)
        if self._account:
            memory.remember_made("account", {"account": self._account})
        self.to.check()
        good = [file for file in looked_at if isinstance(file, SourceFile)]
        ids = iter(self._known_as(good, item_tags.file_ids(good, digests_of(good)), memory))
        own = iter([each for file, each in zip(looked_at, metadata, strict=True) if isinstance(file, SourceFile)])
        size = len(looked_at) if task.one_item else task.max_items_per_job
        for number, at in enumerate(range(0, len(looked_at), size)):
            part = looked_at[at : at + size]
            files = [file for file in part if isinstance(file, SourceFile)]
            failed = [
                FailedFile(file.path, READ, f"{file.reason}, looked for on {this_machine()}")
                if file.of_machine
                else FailedFile(file.path, CHECK, file.reason)
                for file in part
                if isinstance(file, BadFile)
            ]
            some = len(files)
            yield UploadBatch(number, files, list(islice(ids, some)), list(islice(own, some)), failed)

    def _checked_files(self) -> list[SourceFile | BadFile]:
        """Return each file, or what is wrong with it; raise if nothing can be done."""
        task = self.task
        item_type = task.item_type if task.check_file_types else None
        looked_at = [
            replace(file, reason=f"{file.reason} check_file_types=False leaves it to Encord.")
            if isinstance(file, BadFile) and file.by_name
            else file
            for file in look_at_files(task.file_paths, task.source_conn_id, item_type)
        ]
        bad = [file for file in looked_at if isinstance(file, BadFile)]
        hopeless = len(bad) == len(looked_at) > failed_items_allowed(task.max_failed_items, len(looked_at))
        if bad and (task.one_item or hopeless):
            raise bad_files_error(bad, len(looked_at))
        if task.title is not None and len(looked_at) > 1 and not task.one_item:
            raise EncordInputError("title can only be set for a single file; several files keep their names.")
        return looked_at

    def _known_as(self, files: Sequence[SourceFile], ids: list[str], memory: Memory) -> list[str]:
        """Return older ids in place of those whose files an attempt of an older release has sent."""
        if not self.looks_back(memory):
            return ids
        with memory.uploads() as uploads:
            known = {*uploads.known, *(item.metadata.get(item_tags.FILE_KEY) for item in self._items_so_far(memory))}
        older = item_tags.older_file_ids(files)
        if self.task.one_item and item_tags.one_id(older) in known:
            return older
        return [before if before in known else now for before, now in zip(older, ids, strict=True)]

    def count(self, batch: UploadBatch) -> int:
        """Return how many items the files make."""
        return 1 if self.task.one_item else len(batch.files)

    def start(self, batch: UploadBatch, memory: Memory) -> str | None:
        """Upload the files and start the job that registers them.

        :return: None if an earlier attempt has added all of them, or none could be uploaded.
        """
        task = self.task
        items = [item_tags.one_id(batch.ids)] if task.one_item else batch.ids
        looked = False

        def look() -> list[int]:
            nonlocal looked
            if looked:
                self._found = None
            looked = True
            present = {item.metadata.get(item_tags.FILE_KEY) for item in self._items_so_far(memory)}
            return [at for at, item in enumerate(items) if item not in present]

        missing = list(self.still_missing(look))
        left = batch if task.one_item and missing else _chosen(batch, missing)
        files, good, failed = self._upload(left, memory)
        self._note_failed(batch.number, batch.failed + failed, memory)
        if not files:
            return None
        data_items = with_metadata(task.data_items(files), good.metadata)
        if task.durable:
            ids = items if task.one_item else good.ids
            data_items = tagged(data_items, [item_tags.tag(self.context, each) for each in ids])
        memory.note_start()
        # One file that fails must not keep the others out.
        return self.to.start(data_items=data_items, ignore_errors=not task.one_item)

    def _upload(self, batch: UploadBatch, memory: Memory) -> tuple[Files, UploadBatch, list[FailedFile]]:
        """Upload what an earlier attempt has not.

        :return: the files in storage, that part of the batch, and the files that failed.
        :raises EncordUploadError: when a file of a group or series failed.
        """
        if not batch.files:
            return [], batch, []
        assigned: dict[int, str | None] = {}
        into_folder = self.to.folder_uuid is not None
        cleared = item_tags.is_cleared(self.context, self.task.retries or 0)
        with memory.uploads(without_refused=cleared) as uploads:
            missing = [
                at
                for at, file_id in enumerate(batch.ids)
                if file_id not in uploads.known or (into_folder and file_id not in uploads.item_uuids)
            ]
            if len(missing) < len(batch.ids):
                uploaded_before = len(batch.ids) - len(missing)
                self.task.log.info("An earlier attempt uploaded %d of %d files.", uploaded_before, len(batch.ids))
            outcomes = self.hook.put_files(
                [batch.files[at] for at in missing],
                self.task.item_type,
                max_workers=self.task.max_workers,
                folder_uuid=self.to.folder_uuid,
                assigned=lambda index, key, item_uuid: assigned.update({index: item_uuid}),
                uploaded=lambda index, key: uploads.note(batch.ids[missing[index]], key, assigned.get(index)),
            )
        if self.task.one_item:
            uploaded(outcomes)
        errors = {at: str(outcome.error) for at, outcome in zip(missing, outcomes, strict=True) if outcome.error}
        failed = [FailedFile(shown_location(batch.files[at].location), UPLOAD, errors[at]) for at in errors]
        good = _chosen(batch, [at for at in range(len(batch.ids)) if at not in errors])
        keys = [uploads.known[file_id] for file_id in good.ids]
        self._paths |= {key: file.location for key, file in zip(keys, good.files, strict=True)}
        if into_folder:
            uuids = [uploads.item_uuids[file_id] for file_id in good.ids]
            named = zip(keys, good.files, uuids, strict=True)
            return [(key, file.name, uuid) for key, file, uuid in named], good, failed
        return [(key, file.name) for key, file in zip(keys, good.files, strict=True)], good, failed

    def _note_failed(self, number: int, failed: list[FailedFile], memory: Memory) -> None:
        kept = self.failed_files(memory)
        outdated = kept.count > 0
        kept.add(number, failed)
        if failed:
            self.task.log.warning("%d files are left out; the others go on.", len(failed))
        if failed or outdated:
            memory.remember_made("failed_files", kept.record())

    def note_failed(self, batch: UploadBatch, memory: Memory) -> None:
        """Note the files of a batch that are known to be bad."""
        self._note_failed(batch.number, batch.failed, memory)

    def failed_files(self, memory: Memory) -> FailedFiles:
        """Return the files that failed before they were part of a job, with those of the attempt that is joined."""
        if self._failed is None:
            self._failed = self._recalled(memory.recall_made("failed_files"))
        return self._failed

    def _recalled(self, record: Mapping[str, Any] | None) -> FailedFiles:
        failed = FailedFiles(self.task.details_path, self.task.details_conn_id)
        if record is not None:
            failed.recall(record)
        return failed

    def judge_start(self, memory: Memory) -> None:
        """Raise if more files failed than allowed before the jobs were started."""
        outcome = self.outcome(memory)
        failed = self.failed_files(memory)
        for line in outcome.add_files(failed, failed.count):
            self.task.log.warning("Not added: %s: %s", one_line(line["path"]), one_line(line["error"]))
        outcome.require_good_end(self.dataset_hash, self.to.folder_uuid, self.task.max_failed_items)

    def tries_again(self, memory: Memory, *, partial: bool) -> bool:
        """Whether files failed: another attempt tries them again, and skips those that are there."""
        return partial or self._recalled(memory.recall_made("failed_files")).count > 0

    def looks_back(self, memory: Memory) -> bool:
        """Whether earlier attempts may have added something."""
        return bool(self.task.durable) and item_tags.is_repeated(self.context)

    def earlier_items(self, memory: Memory, outcome: RegistrationOutcome) -> Iterable[RegisteredItem]:
        """List the items that all attempts of this task instance have added so far."""
        self._found = None
        return self._items_so_far(memory)

    def is_undone(self, verdict: Verdict, memory: Memory) -> bool | None:
        """Whether no item of this task instance is there any more."""
        return not self._items_so_far(memory)

    def _items_so_far(self, memory: Memory) -> list[RegisteredItem]:
        if not self.looks_back(memory):
            return []
        if self._found is None:
            files: dict[str | None, str] = {}
            if not self.task.one_item:  # the state of one file of several shows nothing
                with memory.uploads() as uploads:
                    files = {uuid: file_id for file_id, uuid in uploads.item_uuids.items()}
            own = item_tags.task_name(self.context)
            self._found = []
            for item in self.to.items_since(item_tags.earliest(self.context)):
                if item.metadata.get(item_tags.TASK_KEY) == own:
                    self._found.append(item)
                elif item.item_uuid in files:  # somebody has replaced its client metadata
                    tag = item_tags.tag(self.context, files[item.item_uuid])
                    self._found.append(replace(item, client_metadata=tag))
            self.task.log.info("Attempts of this task have added %d items so far.", len(self._found))
        return self._found

    def outcome(self, memory: Memory) -> RegistrationOutcome:
        """Return an empty account, which names the files of items that fail."""

        def path_of(object_keys: Sequence[str]) -> str | None:
            self._refused += object_keys
            return self._path_of(object_keys, memory)

        files = None if self.task.one_item else len(self.task.file_paths)
        return RegistrationOutcome(looks_back=self.looks_back(memory), files=files, path_of=path_of)

    def _path_of(self, object_keys: Sequence[str], memory: Memory) -> str | None:
        """Return the file of an object key; of one that another process has uploaded, as far as its id tells."""
        key = next(iter(object_keys), "")
        if key not in self._paths and not self._paths_are_complete:
            self._paths_are_complete = True
            paths = {one_line(PurePath(str(path)).name): str(path) for path in self.task.file_paths}
            with memory.uploads() as uploads:
                for file_id, kept in uploads.all_kept():
                    ends = [at for at, letter in enumerate(file_id) if letter == ":"]
                    name = next((file_id[:end] for end in reversed(ends) if file_id[:end] in paths), None)
                    if name is not None:
                        self._paths.setdefault(kept, paths[name])
        return shown_location(self._paths[key]) if key in self._paths else None

    def note_end(self, outcome: RegistrationOutcome, memory: Memory) -> None:
        """Keep which uploaded files the jobs have registered, and which they refused."""
        if outcome.failed and memory.lasts:
            registered = all(verdict.state in ("done", "partial") for verdict in outcome.endings)
            with memory.uploads() as uploads:
                uploads.note_ended(self._refused, registered=registered)

    def finish(self, job_ids: JobIds, verdicts: Iterable[Verdict], memory: Memory) -> dict[str, Any]:
        """Return the report; an earlier attempt may have read the metadata."""
        if not self._account and (kept := memory.recall_made("account")):
            self._account = dict(kept["account"])
        return super().finish(job_ids, verdicts, memory)

    def place(self) -> dict[str, Any]:
        """Return where the data goes, and what was found of the metadata of single items."""
        return {**super().place(), **self._account}

    def details(self) -> Iterator[dict[str, Any]]:
        """Yield what was found of the metadata of single items."""
        if self._account:
            yield {"outcome": "account", **self._account}

    def resume_arguments(self) -> dict[str, Any]:
        """Keep the files that no job registers, and what was found of the metadata of single items."""
        failed = {"failed_files": self._failed.record()} if self._failed and self._failed.count else {}
        return {**failed, "account": self._account} if self._account else failed


def _chosen(batch: UploadBatch, places: list[int]) -> UploadBatch:
    return replace(
        batch,
        files=[batch.files[at] for at in places],
        ids=[batch.ids[at] for at in places],
        metadata=[batch.metadata[at] for at in places],
    )
