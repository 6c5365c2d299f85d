"""From any bucket to Encord: registers new objects, which stay where they are."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check
from airflow_provider_encord._client.redaction import shown
from airflow_provider_encord._compat import Context
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators._registration import MAX_ITEMS_PER_JOB, EncordRegistrationOperator, check_folder
from airflow_provider_encord.operators.private_data import ManifestBatch, PrivateDataRegistration

if TYPE_CHECKING:
    from airflow_provider_encord._resume.task_store import Memory, Started
    from airflow_provider_encord._storage.listing import StoredObject


def _kinds(value: Any, name: str) -> dict[str, str]:
    from airflow_provider_encord.manifest import KINDS

    return dict(arguments.kinds_by_extension(tuple(KINDS))(value, name))


class BucketToEncordOperator(EncordRegistrationOperator):
    """Register the new objects below a prefix of any bucket in a dataset.

    An object is new if no item in the dataset has its title. The title of an item is its key, that of a group its
    folder. So an object that is overwritten, or a group that grows, is not registered again. If nothing is new, no job
    is started. What it returns and pushes to XCom: :class:`.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:BucketToEncordOperator`

    :param integration: title or id of the cloud integration in Encord (templated).
    :param prefix: URL of the prefix, such as ``gs://bucket/incoming/``, or an ``ObjectStoragePath`` (templated).
    :param source_conn_id: Airflow connection of the store (templated).
    :param pattern: glob for the key below the prefix, such as ``*.mp4`` (templated).
    :param min_size: smallest size in bytes; empty objects are always left out.
    :param max_size: largest size in bytes.
    :param in_data_interval: only objects that were last modified in the data interval of the run.
    :param kinds: manifest kind by file name extension; by default the common ones. Other objects are left out.
    :param group_images: make one image group of the images in each folder, in natural order.
    :param create_video: make these groups image sequences; needs write permission on the bucket.
    :param object_url: how Encord reaches an object, with ``{bucket}`` and ``{key}`` (percent-encoded); by default the
        store's own URL. Azure needs ``https://<account>.blob.core.windows.net/{bucket}/{key}`` (templated).
    :param client_metadata: a dict that Encord keeps with each item (templated).
    :param max_failed_items: how many items may fail: a count, or a share below 1. If more fail, the task fails.
    :param folder: UUID of a storage folder, for datasets without a mirror folder (templated).
    :param max_items_per_job: larger listings are split into several jobs.
    :raises EncordInputError: for a wrong argument, before the first request.
    """

    template_fields: Sequence[str] = (
        "encord_conn_id",
        "dataset_hash",
        "integration",
        "prefix",
        "source_conn_id",
        "pattern",
        "object_url",
        "client_metadata",
        "folder",
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
        "folder": arguments.optional(arguments.folder),
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
        folder: str | None = None,
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
        self.folder = folder
        self.max_items_per_job = max_items_per_job
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Register new objects, or recall the jobs of earlier attempts, and wait."""
        self.check_rendered()
        return self.register(context, BucketRegistration(self, context))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        self.check_rendered()
        return self.resume_jobs(context, BucketRegistration(self, context), event)

    def objects(self) -> Iterable[StoredObject]:
        """Yield the objects below the prefix, sorted by key."""
        from airflow_provider_encord._storage.listing import list_objects

        return list_objects(self.prefix, conn_id=self.source_conn_id)


class BucketRegistration(PrivateDataRegistration):
    """New objects of a bucket to register, in batches."""

    looks_again = True

    def identity(self) -> Mapping[str, Any]:
        """Return which objects are registered where."""
        names = ("encord_conn_id", "dataset_hash", "integration", "folder", "pattern", "object_url", "kinds")
        more = ("min_size", "max_size", "in_data_interval", "group_images", "create_video", "client_metadata")
        return {"prefix": str(self.task.prefix), **{name: getattr(self.task, name) for name in (*names, *more)}}

    def batches(self, memory: Memory) -> Iterator[ManifestBatch]:
        """List the bucket, leave out what is in the dataset already, and yield the rest."""
        from airflow_provider_encord import manifest
        from airflow_provider_encord._storage.grouping import KIND_BY_EXTENSION, Grouping, entries
        from airflow_provider_encord._storage.manifest_file import manifest_problems
        from airflow_provider_encord._storage.title_index import TitleIndex

        task = self.task
        interval = self._interval()
        check_folder(self, task.folder)
        integration_id = self.hook.find_cloud_integration(task.integration)
        kinds = KIND_BY_EXTENSION if task.kinds is None else task.kinds
        grouping = Grouping(kinds, task.group_images, task.create_video)
        metadata = {"clientMetadata": dict(task.client_metadata)} if task.client_metadata else {}
        rows = self.hook.iter_data_rows(self.dataset_hash)
        listed = new = 0
        with TitleIndex(row.data_title for row in rows) as titles, manifest_problems():

            def new_entries() -> Iterator[tuple[str, dict[str, Any]]]:
                nonlocal listed, new
                for kind, item in entries(self._wanted(*interval), grouping):
                    listed += 1
                    if item["title"] not in titles:
                        new += 1
                        yield kind, item | metadata

            limits = {"max_items": task.max_items_per_job, "max_urls": manifest.MAX_URLS}
            for files in manifest.split(new_entries(), flags={"skip_duplicate_urls": True}, **limits):
                yield ManifestBatch(files, None, integration_id)
        task.log.info("%d items below %s, %d of them new.", listed, shown(task.prefix), new)

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
