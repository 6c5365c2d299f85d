"""The operator that registers objects of a private cloud; they stay where they are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check
from airflow_provider_encord._compat import Context
from airflow_provider_encord._resume import item_tags
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators._registration import MAX_ITEMS_PER_JOB, EncordRegistrationOperator, Registration

if TYPE_CHECKING:
    import os

    from airflow_provider_encord._airflow.outcome import RegisteredItem, RegistrationOutcome
    from airflow_provider_encord._resume.task_store import Memory


class EncordAddPrivateDataOperator(EncordRegistrationOperator):
    """Register objects of a private S3, GCS or Azure bucket in a dataset or folder.

    What it returns and pushes to XCom: :class:`.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:EncordAddPrivateDataOperator`

    :param integration: title or id of the cloud integration in Encord (templated).
    :param manifest: what to register: a dict, JSON text, the path or URL of a JSON file, or an upstream task's output
        (templated; a path is never read as a template file). A manifest without items is nothing to do.
    :param skip_duplicate_urls: skip URLs that are in the folder already, so that a repeat adds nothing twice; a flag in
        the manifest itself wins.
    :param max_failed_items: how many items may fail: a count, or a share below 1. If more fail, the task fails.
    :param ignore_errors: let Encord go on when single items fail; by default True if some items may fail.
    :param max_items_per_job: a larger manifest is split into several jobs.
    :param manifest_conn_id: Airflow connection of the object storage that holds the manifest (templated).
    :raises EncordInputError: names each wrong entry of the manifest, before the first request.
    """

    custom_operator_name = "Register private data in Encord"
    template_fields: Sequence[str] = (
        "encord_conn_id",
        "dataset_hash",
        "folder_uuid",
        "integration",
        "manifest",
        "manifest_conn_id",
        "details_path",
        "details_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"manifest": "json"}
    template_ext: Sequence[str] = ()
    checks: ClassVar[dict[str, Check]] = {
        **EncordRegistrationOperator.checks,
        "integration": arguments.text,
        "manifest": arguments.manifest,
        "skip_duplicate_urls": arguments.flag,
        "max_failed_items": arguments.count_or_share,
        "ignore_errors": arguments.optional(arguments.flag),
        "manifest_conn_id": arguments.optional(arguments.conn_id),
        "max_items_per_job": arguments.whole_number(),
    }

    def __init__(
        self,
        *,
        integration: str,
        manifest: Mapping[str, Any] | str | os.PathLike[str],
        skip_duplicate_urls: bool = True,
        max_failed_items: float = 0,
        ignore_errors: bool | None = None,
        manifest_conn_id: str | None = None,
        max_items_per_job: int = MAX_ITEMS_PER_JOB,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.integration = integration
        self.manifest = manifest
        self.skip_duplicate_urls = skip_duplicate_urls
        self.max_failed_items = max_failed_items
        self.ignore_errors = ignore_errors
        self.manifest_conn_id = manifest_conn_id
        self.max_items_per_job = max_items_per_job
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Register the items of the manifest, or recall the jobs of earlier attempts, and wait."""
        self.check_rendered()
        return self.register(context, ManifestRegistration(self, context))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        self.check_rendered()
        return self.resume_jobs(context, ManifestRegistration(self, context), event)

    def check_together(self) -> None:
        """Check that Encord goes on after a failed item if failed items are allowed."""
        super().check_together()
        if self.ignore_errors is False and self.max_failed_items:
            raise EncordInputError("max_failed_items needs ignore_errors: without it, one failed item stops the job.")


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class ManifestBatch:
    """The part of a manifest that one job registers.

    :param structured: whether ``files`` are structured items, and not in the form of a manifest.
    :param again: whether these sources are there already, with another content.
    """

    files: Mapping[str, Any]
    file_name: str | None
    integration_id: str
    structured: bool = False
    again: bool = False

    @property
    def entries(self) -> Iterator[Mapping[str, Any]]:
        """What it registers."""
        return (entry for items in self.files.values() if isinstance(items, list) for entry in items)

    def only(self, names: Collection[str]) -> ManifestBatch:
        """Return the part of it whose sources have these names."""
        from airflow_provider_encord._storage.sources import entry_name

        files = {
            kind: [entry for entry in items if entry_name(entry) in names] if isinstance(items, list) else items
            for kind, items in self.files.items()
        }
        return replace(self, files=files)


class PrivateDataRegistration(Registration):
    """Manifests to register with a cloud integration."""

    def count(self, batch: ManifestBatch) -> int:
        """Return how many items a batch registers."""
        return sum(1 for _ in batch.entries)

    def start(self, batch: ManifestBatch, memory: Memory) -> str | None:
        """Start the job that registers one batch; None if a job of unknown id has added all of it."""
        if self.start_is_unclear or (batch.again and self.any_start_is_unclear):
            missing = self.still_missing(lambda: self._missing(batch))
            if not missing:
                return None
            if batch.again:  # Encord is not told to skip anything of it
                batch = batch.only(missing)
        given = getattr(self.task, "ignore_errors", None)
        memory.note_start()
        return self.to.start(
            **{"data_items" if batch.structured else "files": batch.files},
            integration_id=batch.integration_id,
            ignore_errors=bool(self.task.max_failed_items) if given is None else given,
            file_name=batch.file_name,
        )

    def _missing(self, batch: ManifestBatch) -> set[str]:
        """Return the names of the sources that are not there, or not with this content."""
        from airflow_provider_encord._storage.sources import entry_name, is_same, note_of, version_of

        missing = set()
        with self.to.presence(item_tags.earliest(self.context)) as there:
            for entry in batch.entries:
                name = entry_name(entry)
                held = there.find(name)
                version = version_of(note_of(entry.get("clientMetadata"))) if batch.again else ""
                if held is None or not is_same(held.version, version):
                    missing.add(name)
        return missing

    def looks_back(self, memory: Memory) -> bool:
        """Whether the folder may hold items that no job of this attempt has added and that belong in the report."""
        return self.to.links or (self.to.tells_of_jobs and item_tags.is_repeated(self.context))

    @abstractmethod
    def names(self) -> Iterable[str]:
        """Return the names of all that is to be registered."""

    def earlier_items(self, memory: Memory, outcome: RegistrationOutcome) -> Iterable[RegisteredItem]:
        """List what the folder holds besides: what earlier attempts have added, and what is still to be linked."""
        if item_tags.is_repeated(self.context):
            return self.to.named(self.names(), item_tags.earliest(self.context) or _LONG_AGO)
        return self.to.named(self.names(), None) if self.may_hold_more(outcome) else ()

    def may_hold_more(self, outcome: RegistrationOutcome) -> bool:
        """Whether the folder may hold items to link that the jobs do not name."""
        return outcome.present > 0


class ManifestRegistration(PrivateDataRegistration):
    """A manifest to register, in batches."""

    def identity(self) -> Mapping[str, Any]:
        """Return what is registered where, and how it is split."""
        names = ("encord_conn_id", "dataset_hash", "integration", "manifest")
        more = {name: getattr(self.task, name) for name in (*names, "skip_duplicate_urls", "max_items_per_job")}
        return {"folder": self.task.folder_uuid, **more}  # stored identities name it so

    def batches(self, memory: Memory) -> Iterator[ManifestBatch]:
        """Check the whole manifest, find the integration, and yield the batches; a file is read entry by entry."""
        from airflow_provider_encord import manifest
        from airflow_provider_encord._storage.manifest_file import manifest_problems, open_manifest

        task = self.task
        limits = {"max_items": task.max_items_per_job, "max_urls": manifest.MAX_URLS}
        try:
            with open_manifest(task.manifest, task.manifest_conn_id) as (source, _), manifest_problems():
                plan = manifest.plan(source, skip_duplicate_urls=task.skip_duplicate_urls, **limits)
        except manifest.EmptyManifest:
            task.log.info("The manifest holds no item.")
            return
        self.to.check()
        integration_id = self.hook.find_cloud_integration(task.integration)
        task.log.info(
            "%d items to register through integration %r, in %d jobs.", plan.items, task.integration, plan.parts
        )
        with open_manifest(task.manifest, task.manifest_conn_id) as (source, file_name), manifest_problems():
            entries = manifest.entries(source)
            for files in manifest.split(entries, flags=plan.flags, **limits):
                yield ManifestBatch(files, file_name, integration_id)

    def names(self) -> Iterator[str]:
        """Yield the names of all entries."""
        from airflow_provider_encord import manifest
        from airflow_provider_encord._storage.manifest_file import manifest_problems, open_manifest
        from airflow_provider_encord._storage.sources import entry_name

        with open_manifest(self.task.manifest, self.task.manifest_conn_id) as (source, _), manifest_problems():
            for _, entry in manifest.entries(source):
                yield entry_name(entry)
