"""From any bucket into a dataset or folder: registers new objects, which stay where they are."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check, JobIds
from airflow_provider_encord._client.redaction import shown
from airflow_provider_encord._compat import Context
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators._registration import MAX_ITEMS_PER_JOB, EncordRegistrationOperator
from airflow_provider_encord.operators.private_data import ManifestBatch, PrivateDataRegistration

if TYPE_CHECKING:
    from airflow_provider_encord._airflow.outcome import RegistrationOutcome
    from airflow_provider_encord._client.jobs import Verdict
    from airflow_provider_encord._resume.task_store import Memory, Started
    from airflow_provider_encord._storage.listing import StoredObject


def _kinds(value: Any, name: str) -> dict[str, str]:
    from airflow_provider_encord.manifest import KINDS

    return dict(arguments.kinds_by_extension(tuple(KINDS))(value, name))


class BucketToEncordOperator(EncordRegistrationOperator):
    """Register the new objects below a prefix of any bucket in a dataset or folder.

    In a folder, an object is new if no item has its URL; in a dataset, if no item has its title, which is its key.
    Groups have no URL: in both, a group is new if no item has its title, which is its folder in the bucket. So an
    object that is overwritten, or a group that grows, is not registered again. If nothing is new, no job is started.
    What it returns and pushes to XCom: :class:`.EncordRegistrationOperator`, and ``left_out``: the number of objects of
    each kind that were not registered because it is not known whether Encord takes them there.

    .. seealso:: :ref:`howto/operator:BucketToEncordOperator`

    :param integration: title or id of the cloud integration in Encord (templated).
    :param prefix: URL of the prefix, such as ``gs://bucket/incoming/``, or an ``ObjectStoragePath`` (templated).
    :param source_conn_id: Airflow connection of the store (templated).
    :param pattern: glob for the key below the prefix, such as ``*.mp4`` (templated).
    :param min_size: smallest size in bytes; empty objects are always left out.
    :param max_size: largest size in bytes.
    :param in_data_interval: only objects that were last modified in the data interval of the run.
    :param kinds: manifest kind by file name extension; by default the common ones, with NIfTI only in a folder. Other
        objects are left out.
    :param group_images: make one image group of the images in each folder, in natural order.
    :param create_video: make these groups image sequences; needs write permission on the bucket.
    :param object_url: how Encord reaches an object, with ``{bucket}`` and ``{key}`` (percent-encoded); by default the
        store's own URL. Azure needs ``https://<account>.blob.core.windows.net/{bucket}/{key}`` (templated).
    :param client_metadata: a dict that Encord keeps with each item (templated).
    :param max_failed_items: how many items may fail: a count, or a share below 1. If more fail, the task fails.
    :param max_items_per_job: larger listings are split into several jobs.
    :raises EncordInputError: for a wrong argument, before the first request.
    """

    template_fields: Sequence[str] = (
        "encord_conn_id",
        "dataset_hash",
        "folder_uuid",
        "integration",
        "prefix",
        "source_conn_id",
        "pattern",
        "object_url",
        "client_metadata",
        "details_path",
        "details_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"client_metadata": "json"}
    checks: ClassVar[dict[str, Check]] = {
        **EncordRegistrationOperator.checks,
        "integration": arguments.text,
        "prefix": arguments.prefix,
        "source_conn_id": arguments.optional(arguments.conn_id),
        "pattern": arguments.text,
        "min_size": arguments.whole_number(0),
        "max_size": arguments.optional(arguments.whole_number(0)),
        "in_data_interval": arguments.flag,
        "kinds": arguments.optional(_kinds),
        "group_images": arguments.flag,
        "create_video": arguments.flag,
        "object_url": arguments.optional(arguments.object_url),
        "client_metadata": arguments.optional(arguments.metadata()),
        "max_failed_items": arguments.count_or_share,
        "max_items_per_job": arguments.whole_number(),
    }

    def __init__(
        self,
        *,
        integration: str,
        prefix: Any,
        source_conn_id: str | None = None,
        pattern: str = "*",
        min_size: int = 1,
        max_size: int | None = None,
        in_data_interval: bool = False,
        kinds: Mapping[str, str] | None = None,
        group_images: bool = False,
        create_video: bool = False,
        object_url: str | None = None,
        client_metadata: Mapping[str, Any] | None = None,
        max_failed_items: float = 0,
        max_items_per_job: int = MAX_ITEMS_PER_JOB,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.integration = integration
        self.prefix = prefix
        self.source_conn_id = source_conn_id
        self.pattern = pattern
        self.min_size = min_size
        self.max_size = max_size
        self.in_data_interval = in_data_interval
        self.kinds = kinds
        self.group_images = group_images
        self.create_video = create_video
        self.object_url = object_url
        self.client_metadata = client_metadata
        self.max_failed_items = max_failed_items
        self.max_items_per_job = max_items_per_job
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Register new objects, or recall the jobs of earlier attempts, and wait."""
        self.check_rendered()
        return self.register(context, BucketRegistration(self, context))

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, left_out: dict[str, int] | None = None
    ) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        self.check_rendered()
        return self.resume_jobs(context, BucketRegistration(self, context, left_out), event)

    def objects(self) -> Iterable[StoredObject]:
        """Yield the objects below the prefix, sorted by key."""
        from airflow_provider_encord._storage.listing import list_objects

        return list_objects(self.prefix, conn_id=self.source_conn_id)


class BucketRegistration(PrivateDataRegistration):
    """New objects of a bucket to register, in batches."""

    looks_again = True

    def __init__(
        self, task: BucketToEncordOperator, context: Context, left_out: Mapping[str, int] | None = None
    ) -> None:
        super().__init__(task, context)
        self._left_out = Counter(left_out or {})

    def identity(self) -> Mapping[str, Any]:
        """Return which objects are registered where."""
        task = self.task
        names = ("encord_conn_id", "dataset_hash", "integration", "pattern", "object_url", "kinds", "min_size")
        more = ("max_size", "in_data_interval", "group_images", "create_video", "client_metadata")
        place = {"prefix": str(task.prefix), "folder": task.folder_uuid}  # a name that is stored already
        return place | {name: getattr(task, name) for name in (*names, *more)}

    def batches(self, memory: Memory) -> Iterator[ManifestBatch]:
        """List the bucket, leave out what is registered already, and yield the rest."""
        from airflow_provider_encord import manifest
        from airflow_provider_encord._storage.manifest_file import manifest_problems
        from airflow_provider_encord._storage.text_index import Index

        task = self.task
        interval = self._interval()
        self.to.check()
        integration_id = self.hook.find_cloud_integration(task.integration)
        metadata = {"clientMetadata": dict(task.client_metadata)} if task.client_metadata else {}
        self._left_out.clear()
        listed = new = 0
        with Index.of(self.to.names_held()) as held, manifest_problems():

            def new_entries() -> Iterator[tuple[str, dict[str, Any]]]:
                nonlocal listed, new
                for kind, item in self._entries(*interval):
                    listed += 1
                    if kind in self._unconfirmed:
                        self._left_out[kind] += 1
                    elif self.to.name_of(item) not in held:
                        new += 1
                        yield kind, item | metadata

            limits = {"max_items": task.max_items_per_job, "max_urls": manifest.MAX_URLS}
            for files in manifest.split(new_entries(), flags={"skip_duplicate_urls": True}, **limits):
                yield from self._batches_of(files, integration_id)
        task.log.info("%d items below %s, %d of them new.", listed, shown(task.prefix), new)
        for kind, count in self._left_out.items():
            task.log.warning(
                "%d objects of kind %s were left out: it is not known whether a dataset takes them. Set folder_uuid, "
                "or name the kind in kinds.",
                count,
                kind,
            )

    def names(self) -> Iterator[str]:
        """Yield the names of all objects in the bucket."""
        return (self.to.name_of(item) for _, item in self._entries(*self._interval()))

    def may_hold_more(self, outcome: RegistrationOutcome) -> bool:
        """Whether the folder may hold more to link: objects that it holds already are in no job."""
        return True

    def finish(self, job_ids: JobIds, verdicts: Iterable[Verdict], memory: Memory) -> dict[str, Any]:
        """Return the report, with the objects that were left out."""
        return {**super().finish(job_ids, verdicts, memory), "left_out": dict(self._left_out)}

    def resume_arguments(self) -> dict[str, Any]:
        """Keep the counts of this listing."""
        return {"left_out": dict(self._left_out)} if self._left_out else {}

    @property
    def _unconfirmed(self) -> tuple[str, ...]:
        """Kinds that are left out unless ``kinds`` names them: their form in a dataset's manifest is unconfirmed."""
        return ("nifti",) if self.task.kinds is None and self.to.folder_uuid is None else ()

    def _batches_of(self, files: Mapping[str, Any], integration_id: str) -> Iterator[ManifestBatch]:
        """Yield a manifest, without NIfTI in a folder: these go as structured items, whose form is known."""
        from airflow_provider_encord._client.resources import data_items

        rest = dict(files)
        nifti = rest.pop("nifti", []) if self.to.folder_uuid is not None else []
        if any(isinstance(each, list) for each in rest.values()):
            yield ManifestBatch(rest, None, integration_id)
        if nifti:
            named = [(item["objectUrl"], item["title"]) for item in nifti]
            items = data_items.single_files("nifti", named, self.task.client_metadata)
            yield ManifestBatch(items | {"skipDuplicateUrls": True}, None, integration_id, structured=True)

    def batches_left(self, started: Started, memory: Memory) -> Iterator[ManifestBatch]:
        """Wait for the jobs of earlier attempts; then the dataset itself shows what is left."""
        for job_id in started.job_ids:
            self.hook.wait(
                self.watch(job_id),
                deadline=self.deadline,
                poll_interval=self.task.poll_interval,
                max_poll_failures=self.task.max_poll_failures,
            )
        yield from self.batches(memory)

    def _entries(self, start: datetime | None, end: datetime | None) -> Iterator[tuple[str, dict[str, Any]]]:
        from airflow_provider_encord._storage.grouping import KIND_BY_EXTENSION, Grouping, entries

        task = self.task
        kinds = KIND_BY_EXTENSION if task.kinds is None else task.kinds
        return entries(self._wanted(start, end), Grouping(kinds, task.group_images, task.create_video))

    def _wanted(self, start: datetime | None, end: datetime | None) -> Iterator[tuple[str, str]]:
        from airflow_provider_encord._storage.grouping import bucket_and_key, object_url

        task = self.task
        _, top = bucket_and_key(str(task.prefix))
        for stored in task.objects():
            if (
                fnmatch.fnmatchcase(stored.key.removeprefix(top), task.pattern)
                and stored.size >= max(task.min_size, 1)
                and (task.max_size is None or stored.size <= task.max_size)
                and (start is None or end is None or (stored.modified is not None and start <= stored.modified < end))
            ):
                yield stored.key, object_url(stored.url, stored.bucket, stored.key, task.object_url)

    def _interval(self) -> tuple[datetime | None, datetime | None]:
        if not self.task.in_data_interval:
            return None, None
        start, end = self.context.get("data_interval_start"), self.context.get("data_interval_end")
        if start is None or end is None or start >= end:
            raise EncordInputError("in_data_interval needs a run with a data interval; a manual run may have none.")
        return start, end
