"""Operators that upload files into a dataset, from a worker's disk or straight from object storage."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord.airflow_compat import Context
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators.registration import EncordRegistrationOperator
from airflow_provider_encord.transport import DEFAULT_MAX_WORKERS

if TYPE_CHECKING:
    import os

    from airflow_provider_encord.api.data_items import Uploaded
    from airflow_provider_encord.sources import SourceFile


class EncordUploadOperator(EncordRegistrationOperator):
    """An operator that uploads files and registers them.

    All files are looked at before the first byte is sent, and all are uploaded before anything is registered.

    :param dataset_hash: the dataset (templated).
    :param file_paths: one path or several: local ones, or ``ObjectStoragePath`` URLs such as ``s3://bucket/key``, which
        are streamed (templated).
    :param title: title in Encord (templated).
    :param folder: UUID of a storage folder, for datasets without a mirror folder (templated).
    :param client_metadata: kept by Encord with each item (templated).
    :param source_conn_id: Airflow connection of the object storage (templated).
    :param max_workers: files in flight at once.
    :raises EncordInputError: names each file that is missing, empty or unreadable.
    :raises EncordUploadError: names each file that could not be uploaded; nothing is registered then.
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
        **kwargs: Any,
    ) -> None:
        super().__init__(dataset_hash=dataset_hash, **kwargs)
        self.file_paths = file_paths
        self.title = title
        self.folder = folder
        self.client_metadata = client_metadata
        self.source_conn_id = source_conn_id
        self.max_workers = max_workers
        if isinstance(max_workers, bool) or not isinstance(max_workers, int) or not 1 <= max_workers <= 256:
            raise EncordInputError(f"max_workers must be a number from 1 to 256, not {max_workers!r}.")

    @abstractmethod
    def register(self, files: list[Uploaded]) -> dict[str, Any]:
        """Return what registers the uploaded files."""

    def parts(self, context: Context) -> Iterator[list[SourceFile]]:
        """Look at all files; together they are one job."""
        from airflow_provider_encord.sources import find_files

        files = find_files(self.file_paths, self.source_conn_id)
        if self.title is not None and len(files) > 1 and not self.one_title:
            raise EncordInputError("title can be given for one file only; several files keep their names.")
        self.check_folder(self.folder)
        yield files

    def count(self, part: list[SourceFile]) -> int:
        """Return how many items the files make."""
        return 1 if self.one_title else len(part)

    def start(self, context: Context, part: list[SourceFile]) -> str:
        """Upload the files and start the job that registers them."""
        from airflow_provider_encord.hooks.encord import uploaded

        outcomes = self.hook.put_files(part, self.item_type, max_workers=self.max_workers)
        items = self.register(uploaded(outcomes))
        return self.hook.start_upload_job(self.dataset_hash, data_items=items, folder=self.folder or None)

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
        from airflow_provider_encord.api import data_items

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
        from airflow_provider_encord.api import data_items

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
        from airflow_provider_encord.api import data_items

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
        from airflow_provider_encord.api import data_items

        return data_items.dicom_series(files, title=self.title, client_metadata=self.client_metadata)
