"""Operators that upload files into a dataset or folder, from a worker's disk or straight from object storage."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check
from airflow_provider_encord._airflow.lineage import folders_of
from airflow_provider_encord._client.transport import DEFAULT_MAX_WORKERS, MAX_FILES_PER_JOB
from airflow_provider_encord._compat import Context
from airflow_provider_encord._resume import item_tags
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators._registration import EncordRegistrationOperator, Registration

if TYPE_CHECKING:
    from airflow_provider_encord._airflow.outcome import RegisteredItem, RegistrationOutcome
    from airflow_provider_encord._client.jobs import Verdict
    from airflow_provider_encord._client.resources.data_items import Files
    from airflow_provider_encord._resume.task_store import Memory
    from airflow_provider_encord._storage.files import SourceFile


_KINDS = ("video", "image", "audio", "pdf", "plainText", "nifti", "timeseries")
_KINDS_OF_DATASETS = ("video", "image")


class EncordUploadOperator(EncordRegistrationOperator):
    """An operator that uploads files and registers them.

    All files are checked before the first byte is sent. All files of a job are uploaded before the job starts.

    The client metadata of each item gets ``airflow_task`` (dag id, task id, run id and map index) and ``airflow_file``
    (name, size, and number among files with the same name and size). So a later attempt, or a cleared task, leaves out
    the items that an earlier attempt added. On Airflow 3.3 and later it also leaves out files that an earlier attempt
    has only uploaded, and finds what that one added to a folder by the ids that the folder gave its files.

    :param file_paths: one or several local paths, ``ObjectStoragePath`` objects or URLs such as ``s3://bucket/key``;
        objects are streamed (templated). An empty list is nothing to do.
    :param title: title in Encord (templated).
    :param client_metadata: a dict that Encord keeps with each item (templated).
    :param source_conn_id: Airflow connection of the object storage (templated).
    :param max_workers: number of files that are uploaded at the same time.
    :param max_items_per_job: more files are split into several jobs; each is uploaded and started before the next one.
        The files of a group or series are one item and stay together.
    :raises EncordInputError: names each file that is empty or of another type.
    :raises EncordMachineError: names each file that is missing or unreadable on this machine.
    :raises EncordUploadError: names each file that could not be uploaded; its job is not started, and a later attempt
        sends the files that are missing.
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
        "source_conn_id",
        "details_path",
        "details_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"client_metadata": "json", "file_paths": "json"}
    checks: ClassVar[dict[str, Check]] = {
        **EncordRegistrationOperator.checks,
        "file_paths": arguments.list_of(arguments.path, "paths or URLs", may_be_empty=True),
        "title": arguments.optional(arguments.text),
        "client_metadata": arguments.optional(arguments.metadata(*item_tags.KEYS)),
        "source_conn_id": arguments.optional(arguments.conn_id),
        "max_workers": arguments.whole_number(1, 256),
        "max_items_per_job": arguments.whole_number(),
    }

    def __init__(
        self,
        *,
        file_paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        title: str | None = None,
        client_metadata: Mapping[str, Any] | None = None,
        source_conn_id: str | None = None,
        max_workers: int = DEFAULT_MAX_WORKERS,
        max_items_per_job: int = MAX_FILES_PER_JOB,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.file_paths = file_paths
        self.title = title
        self.client_metadata = client_metadata
        self.source_conn_id = source_conn_id
        self.max_workers = max_workers
        self.max_items_per_job = max_items_per_job
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Upload and register the files, and wait until they are in Encord."""
        self.check_rendered()
        return self.register(context, Uploading(self, context))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        self.check_rendered()
        return self.resume_jobs(context, Uploading(self, context), event)

    def sources(self) -> Iterable[str]:
        """Return the folders of the files."""
        paths: Any = self.file_paths  # a list, since the task has run
        return folders_of(str(path) for path in paths)

    @abstractmethod
    def data_items(self, files: Files) -> dict[str, Any]:
        """Return the items that register the uploaded files."""

    def single_files(self, files: Files) -> dict[str, Any]:
        """Return one item for each uploaded file, with its title."""
        from airflow_provider_encord._client.resources import data_items

        titled: Files = [(key, self.title or name, *item_uuid) for key, name, *item_uuid in files]  # type: ignore[misc]
        return data_items.single_files(self.item_type, titled, self.client_metadata)


class EncordUploadVideoOperator(EncordUploadOperator):
    """Upload videos.

    What it returns and pushes to XCom: :class:`.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:EncordUploadVideoOperator`
    """

    item_type = "video"

    def data_items(self, files: Files) -> dict[str, Any]:
        """Register each file as a video."""
        return self.single_files(files)


class EncordCreateImageGroupOperator(EncordUploadOperator):
    """Upload images as a group, in the given order.

    Encord may make several groups, one for each resolution; all of them are returned. What it returns and pushes to
    XCom: :class:`.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:EncordCreateImageGroupOperator`

    :param create_video: make an image sequence (a compressed video of the images), as Encord's client does by default.
    """

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


class EncordUploadImageOperator(EncordUploadOperator):
    """Upload single images.

    What it returns and pushes to XCom: :class:`.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:EncordUploadImageOperator`
    """

    item_type = "image"

    def data_items(self, files: Files) -> dict[str, Any]:
        """Register each file as an image."""
        return self.single_files(files)


class EncordCreateDicomSeriesOperator(EncordUploadOperator):
    """Upload DICOM files as one series, in the given order.

    What it returns and pushes to XCom: :class:`.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:EncordCreateDicomSeriesOperator`
    """

    item_type = "dicomFile"
    one_item = True

    def data_items(self, files: Files) -> dict[str, Any]:
        """Register all files as one series."""
        from airflow_provider_encord._client.resources import data_items

        return data_items.dicom_series(files, title=self.title, client_metadata=self.client_metadata)


class EncordUploadFilesOperator(EncordUploadOperator):
    """Upload files of any kind that is one item a file.

    What it returns and pushes to XCom: :class:`.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:EncordUploadFilesOperator`

    :param kind: ``video``, ``image``, ``audio``, ``pdf``, ``plainText``, ``nifti`` or ``timeseries``; all but the first
        two need ``folder_uuid``, since Encord takes them into folders only.
    """

    checks: ClassVar[dict[str, Check]] = {**EncordUploadOperator.checks, "kind": arguments.one_of(*_KINDS)}

    def __init__(self, *, kind: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = self.item_type = kind
        self.check_literals()

    def data_items(self, files: Files) -> dict[str, Any]:
        """Register each file as an item."""
        return self.single_files(files)

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

    :param files: the files in their order.
    :param ids: an id for each file, the same at each attempt.
    """

    files: list[SourceFile]
    ids: list[str]


class Uploading(Registration):
    """Files to upload and register, in batches."""

    def __init__(self, task: EncordUploadOperator, context: Context) -> None:
        super().__init__(task, context)
        self._found: list[RegisteredItem] | None = None

    def identity(self) -> Mapping[str, Any]:
        """Return what is uploaded where; a file counts by its name, since an attempt may find it in another folder."""
        task = self.task
        names = [PurePath(str(path)).name for path in task.file_paths]
        shared = ("encord_conn_id", "dataset_hash", "title", "client_metadata", "max_items_per_job")
        # The names of before keep identities equal that are stored already.
        kind = {"kind": task.kind} if hasattr(task, "kind") else {}
        return {"names": names, "folder": task.folder_uuid, **kind, **{name: getattr(task, name) for name in shared}}

    def batches(self, memory: Memory) -> Iterator[UploadBatch]:
        """Check all files, and yield those of each job."""
        from airflow_provider_encord._storage.files import find_files

        task = self.task
        if not task.file_paths:
            return
        files = find_files(task.file_paths, task.source_conn_id, task.item_type)
        if task.title is not None and len(files) > 1 and not task.one_item:
            raise EncordInputError("title can only be set for a single file; several files keep their names.")
        self.to.check()
        ids = item_tags.file_ids(files)
        size = len(files) if task.one_item else task.max_items_per_job
        for at in range(0, len(files), size):
            yield UploadBatch(files[at : at + size], ids[at : at + size])

    def count(self, batch: UploadBatch) -> int:
        """Return how many items the files make."""
        return 1 if self.task.one_item else len(batch.files)

    def start(self, batch: UploadBatch, memory: Memory) -> str | None:
        """Upload the files and start the job that registers them; None if an earlier attempt has added all of them."""
        from airflow_provider_encord._client.resources.data_items import tagged

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
        if not missing:
            return None
        left = batch if task.one_item else _chosen(batch, missing)
        data_items = task.data_items(self._upload(left, memory))
        if task.durable:
            data_items = tagged(data_items, [item_tags.tag(self.context, items[at]) for at in missing])
        memory.note_start()
        return self.to.start(data_items=data_items)

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

    def _upload(self, batch: UploadBatch, memory: Memory) -> Files:
        from airflow_provider_encord._airflow.outcome import uploaded

        assigned: dict[int, str | None] = {}
        into_folder = self.to.folder_uuid is not None
        with memory.uploads() as uploads:
            done = uploads.item_uuids if into_folder else uploads.known
            missing = [at for at, file_id in enumerate(batch.ids) if file_id not in done]
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
        uploaded(outcomes)
        named = zip(batch.ids, batch.files, strict=True)
        if into_folder:
            return [(uploads.known[file_id], file.name, uploads.item_uuids[file_id]) for file_id, file in named]
        return [(uploads.known[file_id], file.name) for file_id, file in named]


def _chosen(batch: UploadBatch, places: list[int]) -> UploadBatch:
    return UploadBatch([batch.files[at] for at in places], [batch.ids[at] for at in places])
