"""Operators that upload files into a dataset or folder, from a worker's disk or straight from object storage."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check, JobIds
from airflow_provider_encord._airflow.failed_files import FailedFiles
from airflow_provider_encord._airflow.lineage import folders_of
from airflow_provider_encord._airflow.outcome import (
    CHECK,
    READ,
    UPLOAD,
    FailedFile,
    RegistrationOutcome,
    failed_items_allowed,
)
from airflow_provider_encord._client.outgoing import one_line
from airflow_provider_encord._client.transport import DEFAULT_MAX_WORKERS, MAX_FILES_PER_JOB
from airflow_provider_encord._compat import Context
from airflow_provider_encord._resume import item_tags
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators import _item_metadata
from airflow_provider_encord.operators._registration import EncordRegistrationOperator, Registration

if TYPE_CHECKING:
    from airflow_provider_encord._airflow.outcome import RegisteredItem
    from airflow_provider_encord._client.jobs import Verdict
    from airflow_provider_encord._client.resources.data_items import Files
    from airflow_provider_encord._resume.task_store import Memory
    from airflow_provider_encord._storage.files import SourceFile


_KINDS = ("video", "image", "audio", "pdf", "plainText", "nifti", "timeseries")
_KINDS_OF_DATASETS = ("video", "image")


class EncordUploadOperator(EncordRegistrationOperator):
    """An operator that uploads files and registers them.

    All files are checked before the first byte is sent. All files of a job are uploaded before the job starts. A file
    that fails does not keep the others out, unless they are one item together.

    The client metadata of each item gets ``airflow_task`` (dag id, task id, run id and map index) and ``airflow_file``
    (name, size, digest, and number among the same ones). So a later attempt, or a cleared task, leaves out the items
    that an earlier attempt added, and sends a file whose content has changed. On Airflow 3.3 and later it also leaves
    out files that an earlier attempt has only uploaded, and finds what that one added to a folder by the ids that the
    folder gave its files.

    :param file_paths: one or several local paths, ``ObjectStoragePath`` objects or URLs such as ``s3://bucket/key``;
        objects are streamed (templated). An empty list is nothing to do.
    :param title: title in Encord (templated).
    :param client_metadata: a dict that Encord keeps with each item (templated).
    :param client_metadata_by_item: more for single items: a list of dicts beside ``file_paths``, a dict of dicts by
        path, URL, key or base name, or the path or URL of a CSV or JSONL file with a column ``key`` or ``name``
        (templated). Where it has a key of ``client_metadata``, it wins.
    :param client_metadata_conn_id: Airflow connection of the store of that file (templated).
    :param source_conn_id: Airflow connection of the object storage (templated).
    :param max_workers: number of files that are uploaded at the same time.
    :param max_items_per_job: more files are split into several jobs; each is uploaded and started before the next one.
        The files of a group or series are one item and stay together.
    :param check_file_types: refuse files that are of another kind by their names. False leaves it to Encord.
    :raises EncordInputError: names the files that are empty or of another type.
    :raises EncordMachineError: names the files that are missing or unreadable on this machine.
    :raises EncordUploadError: names the files that could not be uploaded; a later attempt sends what is missing.
    """

    item_type: str
    """Kind of the files, as Encord names it when it hands out upload URLs."""
    one_item: ClassVar[bool] = False
    """Whether all files together are one item."""
    template_fields: Sequence[str] = (
        "encord_conn_id",
        "dataset_hash",
        "folder_uuid",
        "file_paths",
        "title",
        "client_metadata",
        "client_metadata_by_item",
        "client_metadata_conn_id",
        "source_conn_id",
        "details_path",
        "details_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "client_metadata": "json",
        "client_metadata_by_item": "json",
        "file_paths": "json",
    }
    checks: ClassVar[dict[str, Check]] = {
        **EncordRegistrationOperator.checks,
        "file_paths": arguments.list_of(arguments.path, "paths or URLs", may_be_empty=True),
        "title": arguments.optional(arguments.text),
        **_item_metadata.CHECKS,
        "client_metadata_by_item": arguments.optional(arguments.metadata_by_key(*_item_metadata.RESERVED, lists=True)),
        "source_conn_id": arguments.optional(arguments.conn_id),
        "max_workers": arguments.whole_number(1, 256),
        "max_items_per_job": arguments.whole_number(),
        "check_file_types": arguments.flag,
    }

    def __init__(
        self,
        *,
        file_paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        title: str | None = None,
        client_metadata: Mapping[str, Any] | None = None,
        client_metadata_by_item: Any = None,
        client_metadata_conn_id: str | None = None,
        source_conn_id: str | None = None,
        max_workers: int = DEFAULT_MAX_WORKERS,
        max_items_per_job: int = MAX_FILES_PER_JOB,
        check_file_types: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.file_paths = file_paths
        self.title = title
        self.client_metadata = client_metadata
        self.client_metadata_by_item = client_metadata_by_item
        self.client_metadata_conn_id = client_metadata_conn_id
        self.source_conn_id = source_conn_id
        self.max_workers = max_workers
        self.max_items_per_job = max_items_per_job
        self.check_file_types = check_file_types
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Upload and register the files, and wait until they are in Encord."""
        self.check_rendered()
        return self.register(context, Uploading(self, context))

    def execute_complete(
        self,
        context: Context,
        event: dict[str, Any] | None = None,
        failed_files: dict[str, Any] | None = None,
        account: dict[str, int] | None = None,
    ) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        self.check_rendered()
        return self.resume_jobs(context, Uploading(self, context, failed_files, account), event)

    def check_together(self) -> None:
        """Check that the metadata of single items has its items."""
        super().check_together()
        by_item, files = self.client_metadata_by_item, self.file_paths
        if by_item is not None and self.one_item:
            raise EncordInputError(
                "client_metadata_by_item is for several items, and all files of this task are one: use client_metadata."
            )
        if isinstance(files, list | tuple) and isinstance(by_item, list | tuple) and not arguments.is_template(files):
            _item_metadata.require_one_length(by_item, files)
        _item_metadata.check_form(self)

    def sources(self) -> Iterable[str]:
        """Return the folders of the files."""
        paths: Any = self.file_paths  # a list, since the task has run
        return folders_of(str(path) for path in paths)

    @abstractmethod
    def data_items(self, files: Files) -> dict[str, Any]:
        """Return the items that register the uploaded files."""


class _UploadOfSingleFiles(EncordUploadOperator):
    """An upload that makes one item of each file.

    :param max_failed_items: how many files may fail: a count, or a share below 1 of all files. If more fail, the task
        fails. The other files are added in either case.
    """

    checks: ClassVar[dict[str, Check]] = {
        **EncordUploadOperator.checks,
        "max_failed_items": arguments.count_or_share,
    }

    def __init__(self, *, max_failed_items: float = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_failed_items = max_failed_items
        self.check_literals()

    def data_items(self, files: Files) -> dict[str, Any]:
        """Return one item for each uploaded file, with its title."""
        from airflow_provider_encord._client.resources import data_items

        titled: Files = [(key, self.title or name, *item_uuid) for key, name, *item_uuid in files]  # type: ignore[misc]
        return data_items.single_files(self.item_type, titled, self.client_metadata)


class EncordUploadVideoOperator(_UploadOfSingleFiles):
    """Upload videos.

    What it returns and pushes to XCom: :class:`.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:EncordUploadVideoOperator`
    """

    custom_operator_name = "Upload videos to Encord"
    item_type = "video"


class EncordCreateImageGroupOperator(EncordUploadOperator):
    """Upload images as a group, in the given order.

    Encord may make several groups, one for each resolution; all of them are returned. What it returns and pushes to
    XCom: :class:`.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:EncordCreateImageGroupOperator`

    :param create_video: make an image sequence (a compressed video of the images), as Encord's client does by default.
    """

    custom_operator_name = "Upload an image group to Encord"
    item_type = "image"
    one_item = True
    checks: ClassVar[dict[str, Check]] = {**EncordUploadOperator.checks, "create_video": arguments.flag}

    def __init__(self, *, create_video: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.create_video = create_video
        self.check_literals()

    def data_items(self, files: Files) -> dict[str, Any]:
        """Register all files as one group."""
        from airflow_provider_encord._client.resources import data_items

        return data_items.image_group(
            files, title=self.title, create_video=self.create_video, client_metadata=self.client_metadata
        )


class EncordUploadImageOperator(_UploadOfSingleFiles):
    """Upload single images.

    What it returns and pushes to XCom: :class:`.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:EncordUploadImageOperator`
    """

    custom_operator_name = "Upload images to Encord"
    item_type = "image"


class EncordCreateDicomSeriesOperator(EncordUploadOperator):
    """Upload DICOM files as one series, in the given order.

    What it returns and pushes to XCom: :class:`.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:EncordCreateDicomSeriesOperator`
    """

    custom_operator_name = "Upload a DICOM series to Encord"
    item_type = "dicomFile"
    one_item = True

    def data_items(self, files: Files) -> dict[str, Any]:
        """Register all files as one series."""
        from airflow_provider_encord._client.resources import data_items

        return data_items.dicom_series(files, title=self.title, client_metadata=self.client_metadata)


class EncordUploadFilesOperator(_UploadOfSingleFiles):
    """Upload files of any kind that is one item a file.

    What it returns and pushes to XCom: :class:`.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:EncordUploadFilesOperator`

    :param kind: ``video``, ``image``, ``audio``, ``pdf``, ``plainText``, ``nifti`` or ``timeseries``; all but the first
        two need ``folder_uuid``, since Encord takes them into folders only.
    """

    custom_operator_name = "Upload files to Encord"
    checks: ClassVar[dict[str, Check]] = {**_UploadOfSingleFiles.checks, "kind": arguments.one_of(*_KINDS)}

    def __init__(self, *, kind: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = self.item_type = kind
        self.check_literals()

    def check_together(self) -> None:
        """Of a dataset, Encord hands out URLs for few kinds."""
        super().check_together()
        if getattr(self, "kind", "video") not in _KINDS_OF_DATASETS and not self.folder_uuid:
            raise EncordInputError(
                f"Files of kind {self.kind!r} can be uploaded into a storage folder only: give folder_uuid, with "
                "dataset_hash if they are to be in a dataset, too. The folder of a mirror dataset will do alone."
            )


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
        from airflow_provider_encord._storage.files import (
            BadFile,
            SourceFile,
            bad_files_error,
            digests_of,
            look_at_files,
            this_machine,
        )

        task = self.task
        if not task.file_paths:
            return
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

    def place(self) -> dict[str, Any]:
        """Return where the data goes, and what was found of the metadata of single items."""
        return {**super().place(), **self._account}

    def details(self) -> Iterator[dict[str, Any]]:
        """Yield what was found of the metadata of single items."""
        if self._account:
            yield {"outcome": "account", **self._account}

    def finish(self, job_ids: JobIds, verdicts: Iterable[Verdict], memory: Memory) -> dict[str, Any]:
        """Return the report; an earlier attempt may have read the metadata."""
        if not self._account and (kept := memory.recall_made("account")):
            self._account = dict(kept["account"])
        return super().finish(job_ids, verdicts, memory)

    def count(self, batch: UploadBatch) -> int:
        """Return how many items the files make."""
        return 1 if self.task.one_item else len(batch.files)

    def start(self, batch: UploadBatch, memory: Memory) -> str | None:
        """Upload the files and start the job that registers them.

        :return: None if an earlier attempt has added all of them, or none could be uploaded.
        """
        from airflow_provider_encord._client.resources.data_items import tagged, with_metadata

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

    def resume_arguments(self) -> dict[str, Any]:
        """Keep the files that no job registers, and what was found of the metadata of single items."""
        failed = {"failed_files": self._failed.record()} if self._failed and self._failed.count else {}
        return {**failed, "account": self._account} if self._account else failed

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

    def outcome(self, memory: Memory) -> RegistrationOutcome:
        """Return an empty account, which names the files of items that fail."""

        def path_of(object_keys: Sequence[str]) -> str | None:
            self._refused += object_keys
            return self._path_of(object_keys, memory)

        files = None if self.task.one_item else len(self.task.file_paths)
        return RegistrationOutcome(looks_back=self.looks_back(memory), files=files, path_of=path_of)

    def note_end(self, outcome: RegistrationOutcome, memory: Memory) -> None:
        """Keep which uploaded files the jobs have registered, and which they refused."""
        if outcome.failed and memory.lasts:
            registered = all(verdict.state in ("done", "partial") for verdict in outcome.endings)
            with memory.uploads() as uploads:
                uploads.note_ended(self._refused, registered=registered)

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

    def _upload(self, batch: UploadBatch, memory: Memory) -> tuple[Files, UploadBatch, list[FailedFile]]:
        """Upload what an earlier attempt has not.

        :return: the files in storage, that part of the batch, and the files that failed.
        :raises EncordUploadError: when a file of a group or series failed.
        """
        from airflow_provider_encord._airflow.outcome import uploaded
        from airflow_provider_encord._storage.files import shown_location

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

    def _path_of(self, object_keys: Sequence[str], memory: Memory) -> str | None:
        """Return the file of an object key; of one that another process has uploaded, as far as its id tells."""
        from airflow_provider_encord._storage.files import shown_location

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


def _chosen(batch: UploadBatch, places: list[int]) -> UploadBatch:
    return replace(
        batch,
        files=[batch.files[at] for at in places],
        ids=[batch.ids[at] for at in places],
        metadata=[batch.metadata[at] for at in places],
    )
