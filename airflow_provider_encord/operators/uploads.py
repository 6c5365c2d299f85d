"""Operators that upload files into a dataset, from a worker's disk or straight from object storage."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow.arguments import check_max_items_per_job
from airflow_provider_encord._client.transport import DEFAULT_MAX_WORKERS
from airflow_provider_encord._compat import Context
from airflow_provider_encord._resume import item_tags
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators._registration import EncordRegistrationOperator

if TYPE_CHECKING:
    import os

    from airflow_provider_encord._client.jobs import Verdict
    from airflow_provider_encord._client.resources.data_items import Uploaded
    from airflow_provider_encord._client.resources.data_rows import DataRow
    from airflow_provider_encord._resume.task_store import Memory
    from airflow_provider_encord._storage.files import SourceFile

MAX_FILES_PER_JOB = 1000
"""As many images as Encord's pages advise to upload at once; smaller jobs show up sooner."""


@dataclass(frozen=True)
class Batch:
    """Files that one job registers.

    :param files: in their order.
    :param ids: identify each of them from one try to the next.
    """

    files: list[SourceFile]
    ids: list[str]


class EncordUploadOperator(EncordRegistrationOperator):
    """An operator that uploads files and registers them.

    All files are looked at before the first byte is sent. The files of one job are all uploaded before it is started.

    Each item gets ``airflow_task`` (dag id, task id, run id and map index) and ``airflow_file`` (name, size, and which
    one of its like) into its client metadata. By these a later try, or a cleared task, leaves out what an earlier try
    has added. On Airflow 3.3 and later it leaves out, too, what an earlier try has only uploaded.

    :param dataset_hash: the dataset (templated).
    :param file_paths: one path or several: local ones, or ``ObjectStoragePath`` URLs such as ``s3://bucket/key``, which
        are streamed (templated).
    :param title: title in Encord (templated).
    :param folder: UUID of a storage folder, for datasets without a mirror folder (templated).
    :param client_metadata: kept by Encord with each item (templated).
    :param source_conn_id: Airflow connection of the object storage (templated).
    :param max_workers: files in flight at once.
    :param max_items_per_job: more files are split into several jobs, each of which is uploaded and started before the
        next one; the files of a group or series are one item and stay together.
    :raises EncordInputError: names each file that is missing, empty or unreadable.
    :raises EncordUploadError: names each file that could not be uploaded; nothing is registered of its job then, and a
        later try sends what is missing.
    """

    item_type: str
    one_title = False
    template_fields: Sequence[str] = (
        "encord_conn_id",
        "dataset_hash",
        "file_paths",
        "title",
        "folder",
        "client_metadata",
        "source_conn_id",
        "details_path",
        "details_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"client_metadata": "json", "file_paths": "json"}

    def __init__(
        self,
        *,
        dataset_hash: str,
        file_paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        title: str | None = None,
        folder: str | None = None,
        client_metadata: Mapping[str, Any] | None = None,
        source_conn_id: str | None = None,
        max_workers: int = DEFAULT_MAX_WORKERS,
        max_items_per_job: int = MAX_FILES_PER_JOB,
        **kwargs: Any,
    ) -> None:
        super().__init__(dataset_hash=dataset_hash, **kwargs)
        self.file_paths = file_paths
        self.title = title
        self.folder = folder
        self.client_metadata = client_metadata
        self.source_conn_id = source_conn_id
        self.max_workers = max_workers
        self.max_items_per_job = max_items_per_job
        self._found: list[DataRow] | None = None
        check_max_items_per_job(max_items_per_job)
        if isinstance(max_workers, bool) or not isinstance(max_workers, int) or not 1 <= max_workers <= 256:
            raise EncordInputError(f"max_workers must be a number from 1 to 256, not {max_workers!r}.")

    @abstractmethod
    def register(self, files: list[Uploaded]) -> dict[str, Any]:
        """Return what registers the uploaded files."""

    def execute(self, context: Context) -> Any:
        """Upload and register the files, and wait until they are in the dataset."""
        if not isinstance(self.file_paths, str) and isinstance(self.file_paths, Iterable):
            # A generator can be gone through once only, and does not tell one try from another.
            self.file_paths = list(self.file_paths)
        return super().execute(context)

    def parts(self, context: Context) -> Iterator[Batch]:
        """Look at all files, and yield those of each job."""
        from airflow_provider_encord._storage.files import find_files

        self._check_metadata()
        files = find_files(self.file_paths, self.source_conn_id)
        if self.title is not None and len(files) > 1 and not self.one_title:
            raise EncordInputError("title can be given for one file only; several files keep their names.")
        self.check_folder(self.folder)
        ids = item_tags.file_ids(files)
        size = len(files) if self.one_title else self.max_items_per_job
        for at in range(0, len(files), size):
            yield Batch(files[at : at + size], ids[at : at + size])

    def count(self, part: Batch) -> int:
        """Return how many items the files make."""
        return 1 if self.one_title else len(part.files)

    def start(self, context: Context, part: Batch, memory: Memory) -> str | None:
        """Upload the files and start the job that registers them; None if an earlier try has added all of them."""
        from airflow_provider_encord._client.resources.data_items import tagged

        present = {self._metadata_of(row).get(item_tags.FILE_KEY) for row in self._found_items(context)}
        items = [item_tags.one_id(part.ids)] if self.one_title else part.ids
        missing = [at for at, item in enumerate(items) if item not in present]
        if not missing:
            return None
        batch = part if self.one_title else Batch([part.files[at] for at in missing], [part.ids[at] for at in missing])
        data_items = self.register(self._upload(batch, memory))
        if self.durable:
            data_items = tagged(data_items, [item_tags.tag(context, items[at]) for at in missing])
        memory.note_start()
        return self.hook.start_upload_job(self.dataset_hash, data_items=data_items, folder=self.folder or None)

    def looks_back(self, context: Context) -> bool:
        """Whether earlier tries may have added something."""
        return self.durable and item_tags.is_repeated(context)

    def earlier_items(self, context: Context) -> Iterable[DataRow]:
        """List what all tries of this task instance have added so far."""
        self._found = None
        return self._found_items(context)

    def is_undone(self, context: Context, verdict: Verdict) -> bool | None:
        """Whether nothing that this task instance has added is in the dataset any more."""
        return not self._found_items(context)

    def _found_items(self, context: Context) -> list[DataRow]:
        if not self.looks_back(context):
            return []
        if self._found is None:
            own = item_tags.task_name(context)
            rows = self.hook.iter_data_rows(
                self.dataset_hash, created_after=item_tags.earliest(context), fetch_client_metadata=True
            )
            self._found = [row for row in rows if self._metadata_of(row).get(item_tags.TASK_KEY) == own]
            self.log.info("Tries of this task have added %d items so far.", len(self._found))
        return self._found

    def _upload(self, batch: Batch, memory: Memory) -> list[Uploaded]:
        from airflow_provider_encord._airflow.outcome import uploaded

        with memory.uploads() as uploads:
            missing = [at for at, file_id in enumerate(batch.ids) if file_id not in uploads.known]
            if len(missing) < len(batch.ids):
                self.log.info("%d of %d files were uploaded before.", len(batch.ids) - len(missing), len(batch.ids))
            outcomes = self.hook.put_files(
                [batch.files[at] for at in missing],
                self.item_type,
                max_workers=self.max_workers,
                uploaded=lambda index, key: uploads.note(batch.ids[missing[index]], key),
            )
        uploaded(outcomes)
        return [(uploads.known[file_id], file.name) for file_id, file in zip(batch.ids, batch.files, strict=True)]

    def _check_metadata(self) -> None:
        given = self.client_metadata
        if given is not None and not isinstance(given, Mapping):
            raise EncordInputError(f"client_metadata must be a dict, not {given!r}.")
        if taken := [name for name in item_tags.KEYS if name in (given or ())]:
            raise EncordInputError(f"client_metadata must not have {taken[0]!r}: this operator writes it.")

    @staticmethod
    def _metadata_of(row: DataRow) -> Mapping[str, Any]:
        return row.client_metadata if isinstance(row.client_metadata, Mapping) else {}

    def _titled(self, files: list[Uploaded]) -> list[Uploaded]:
        return [(key, self.title or name) for key, name in files]


class EncordUploadVideoOperator(EncordUploadOperator):
    """Upload videos into a dataset.

    What it returns and pushes to XCom: :class:`.registration.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:EncordUploadVideoOperator`
    """

    item_type = "video"

    def register(self, files: list[Uploaded]) -> dict[str, Any]:
        """Register each file as a video."""
        from airflow_provider_encord._client.resources import data_items

        return data_items.videos(self._titled(files), self.client_metadata)


class EncordCreateImageGroupOperator(EncordUploadOperator):
    """Upload images as a group, in the given order.

    Encord may make several groups of them, by resolution: all are returned. What it returns and pushes to XCom:
    :class:`.registration.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:EncordCreateImageGroupOperator`

    :param create_video: make an image sequence (a compressed video of the images), as Encord's client does by default.
    """

    item_type = "image"
    one_title = True

    def __init__(self, *, create_video: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.create_video = create_video

    def register(self, files: list[Uploaded]) -> dict[str, Any]:
        """Register all files as one group."""
        from airflow_provider_encord._client.resources import data_items

        return data_items.image_group(
            files, title=self.title, create_video=self.create_video, client_metadata=self.client_metadata
        )


class EncordUploadImageOperator(EncordUploadOperator):
    """Upload single images into a dataset.

    What it returns and pushes to XCom: :class:`.registration.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:EncordUploadImageOperator`
    """

    item_type = "image"

    def register(self, files: list[Uploaded]) -> dict[str, Any]:
        """Register each file as an image."""
        from airflow_provider_encord._client.resources import data_items

        return data_items.images(self._titled(files), self.client_metadata)


class EncordCreateDicomSeriesOperator(EncordUploadOperator):
    """Upload DICOM files as one series, in the given order.

    What it returns and pushes to XCom: :class:`.registration.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:EncordCreateDicomSeriesOperator`
    """

    item_type = "dicomFile"
    one_title = True

    def register(self, files: list[Uploaded]) -> dict[str, Any]:
        """Register all files as one series."""
        from airflow_provider_encord._client.resources import data_items

        return data_items.dicom_series(files, title=self.title, client_metadata=self.client_metadata)
