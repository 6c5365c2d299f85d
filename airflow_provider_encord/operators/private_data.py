"""The operator that registers objects of a private cloud, without moving them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow.arguments import check_max_failed_items, check_max_items_per_job
from airflow_provider_encord._compat import Context
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators._registration import MAX_ITEMS_PER_JOB, EncordRegistrationOperator

if TYPE_CHECKING:
    import os

    from airflow_provider_encord._resume.task_store import Memory
    from airflow_provider_encord.hooks.encord import EncordHook


@dataclass(frozen=True)
class Part:
    """A manifest that one job registers."""

    files: Mapping[str, Any]
    file_name: str | None
    integration_id: str

    @property
    def count(self) -> int:
        """How many items it registers."""
        return sum(len(items) for items in self.files.values() if isinstance(items, list))

    def start(
        self, hook: EncordHook, memory: Memory, dataset_hash: str, *, ignore_errors: bool, folder: str | None
    ) -> str:
        """Start the job and return its id."""
        memory.note_start()
        return hook.start_upload_job(
            dataset_hash,
            files=self.files,
            integration_id=self.integration_id,
            ignore_errors=ignore_errors,
            folder=folder or None,
            file_name=self.file_name,
        )


class EncordAddPrivateDataOperator(EncordRegistrationOperator):
    """Register objects of a private S3, GCS or Azure bucket in a dataset.

    What it returns and pushes to XCom: :class:`.registration.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:EncordAddPrivateDataOperator`

    :param dataset_hash: the dataset (templated).
    :param integration: title or id of the cloud integration in Encord (templated).
    :param manifest: what to register, as dict, JSON text, path or URL of a JSON file, or an upstream task's output
        (templated; a path is never taken for a template file).
    :param skip_duplicate_urls: skip URLs that the dataset's folder holds already, so that a repeat adds nothing twice;
        a flag in the manifest itself wins.
    :param max_failed_items: how many items may fail before the task does: a count, or a share below 1.
    :param ignore_errors: let Encord go on when single items fail; by default if some may fail.
    :param folder: UUID of a storage folder, for datasets without a mirror folder (templated).
    :param max_items_per_job: a larger manifest is split into several jobs.
    :param manifest_conn_id: Airflow connection of the object storage that holds the manifest (templated).
    :raises EncordInputError: names each wrong entry of the manifest, before the first request.
    """

    template_fields: Sequence[str] = (
        "encord_conn_id",
        "dataset_hash",
        "integration",
        "manifest",
        "folder",
        "manifest_conn_id",
        "details_path",
        "details_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"manifest": "json"}
    template_ext: Sequence[str] = ()

    def __init__(
        self,
        *,
        dataset_hash: str,
        integration: str,
        manifest: Mapping[str, Any] | str | os.PathLike[str],
        skip_duplicate_urls: bool = True,
        max_failed_items: float = 0,
        ignore_errors: bool | None = None,
        folder: str | None = None,
        manifest_conn_id: str | None = None,
        max_items_per_job: int = MAX_ITEMS_PER_JOB,
        **kwargs: Any,
    ) -> None:
        super().__init__(dataset_hash=dataset_hash, **kwargs)
        self.integration = integration
        self.manifest = manifest
        self.skip_duplicate_urls = skip_duplicate_urls
        self.max_failed_items = max_failed_items
        self.ignore_errors = ignore_errors
        self.folder = folder
        self.manifest_conn_id = manifest_conn_id
        self.max_items_per_job = max_items_per_job
        check_max_failed_items(max_failed_items)
        check_max_items_per_job(max_items_per_job)
        if ignore_errors is False and max_failed_items:
            raise EncordInputError("max_failed_items needs ignore_errors: without it, one failed item stops the job.")

    def parts(self, context: Context) -> Iterator[Part]:
        """Check all of the manifest, find the integration, and yield the parts; a manifest in a file is never held."""
        from airflow_provider_encord import manifest
        from airflow_provider_encord._airflow.errors import airflow_errors
        from airflow_provider_encord._storage.manifest_file import open_manifest

        if not isinstance(self.integration, str) or not self.integration.strip():
            raise EncordInputError(
                f"integration must be the title or id of a cloud integration, not {self.integration!r}."
            )
        limits = {"max_items": self.max_items_per_job, "max_urls": manifest.MAX_URLS}
        with open_manifest(self.manifest, self.manifest_conn_id) as (source, file_name), airflow_errors():
            plan = manifest.plan(source, skip_duplicate_urls=self.skip_duplicate_urls, **limits)
        self.check_folder(self.folder)
        integration_id = self.hook.find_cloud_integration(self.integration)
        self.log.info(
            "%d items to register through integration %r, in %d jobs.", plan.items, self.integration, plan.parts
        )
        with open_manifest(self.manifest, self.manifest_conn_id) as (source, file_name), airflow_errors():
            for files in manifest.split(manifest.entries(source), flags=plan.flags, **limits):
                yield Part(files, file_name, integration_id)

    def count(self, part: Part) -> int:
        """Return how many items a part registers."""
        return part.count

    def start(self, context: Context, part: Part, memory: Memory) -> str:
        """Start the job that registers one part of the manifest."""
        ignore_errors = bool(self.max_failed_items) if self.ignore_errors is None else self.ignore_errors
        return part.start(self.hook, memory, self.dataset_hash, ignore_errors=ignore_errors, folder=self.folder)
