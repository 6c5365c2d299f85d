"""Operators that upload files into a dataset or folder, from a worker's disk or straight from object storage."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check
from airflow_provider_encord._airflow.lineage import folders_of
from airflow_provider_encord._client.transport import DEFAULT_MAX_WORKERS, MAX_FILES_PER_JOB
from airflow_provider_encord._compat import Context
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators import _item_metadata
from airflow_provider_encord.operators._registration import EncordRegistrationOperator

if TYPE_CHECKING:
    from airflow_provider_encord._client.resources.data_items import Files
    from airflow_provider_encord.operators._uploading import Uploading

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
        return self.register(context, self._uploading(context))

    def execute_complete(
        self,
        context: Context,
        event: dict[str, Any] | None = None,
        failed_files: dict[str, Any] | None = None,
        account: dict[str, int] | None = None,
    ) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        self.check_rendered()
        return self.resume_jobs(context, self._uploading(context, failed_files, account), event)

    def _uploading(self, context: Context, *kept: Mapping[str, Any] | None) -> Uploading:
        from airflow_provider_encord.operators._uploading import Uploading

        return Uploading(self, context, *kept)

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
