"""From any bucket into Encord: registers what is new, without moving the bytes."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow.arguments import check_max_failed_items, check_max_items_per_job
from airflow_provider_encord._compat import AirflowSkipException, Context
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators._registration import MAX_ITEMS_PER_JOB, EncordRegistrationOperator
from airflow_provider_encord.operators.private_data import Part

if TYPE_CHECKING:
    from airflow_provider_encord._resume.task_store import Memory, Started
    from airflow_provider_encord._storage.listing import StoredObject


class BucketToEncordOperator(EncordRegistrationOperator):
    """Register the new objects below a prefix of any bucket in a dataset.

    New is what the dataset holds no item of with the same title: the title of an item is its key, that of a group its
    folder. So an object that is overwritten is not registered again, and neither is a group that grows. With nothing
    new no job is started. What it returns and pushes to XCom: :class:`.registration.EncordRegistrationOperator`.

    .. seealso:: :ref:`howto/operator:BucketToEncordOperator`

    :param dataset_hash: the dataset (templated).
    :param integration: title or id of the cloud integration in Encord (templated).
    :param prefix: URL of the prefix, such as ``gs://bucket/incoming/`` (templated).
    :param source_conn_id: Airflow connection of the store (templated).
    :param pattern: glob over the key below the prefix, such as ``*.mp4`` (templated).
    :param min_size: bytes at least; empty objects are always left out.
    :param max_size: bytes at most.
    :param in_data_interval: only objects last modified within the run's data interval.
    :param kinds: kind of the manifest by file name extension; by default the common ones. Others are left out.
    :param group_images: make one image group of the images of each folder, in natural order.
    :param create_video: make image sequences of these groups; needs write permission on the bucket.
    :param object_url: how Encord reaches an object, with ``{bucket}`` and ``{key}`` (percent-encoded), if not by the
        store's own URL: Azure needs ``https://<account>.blob.core.windows.net/{bucket}/{key}`` (templated).
    :param client_metadata: kept by Encord with each item (templated).
    :param skip_if_nothing_new: skip the task, and with it what comes after, when nothing is new.
    :param max_failed_items: how many items may fail before the task does: a count, or a share below 1.
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
    looks_again = True

    def __init__(
        self,
        *,
        dataset_hash: str,
        integration: str,
        prefix: str,
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
        skip_if_nothing_new: bool = False,
        max_failed_items: float = 0,
        folder: str | None = None,
        max_items_per_job: int = MAX_ITEMS_PER_JOB,
        **kwargs: Any,
    ) -> None:
        super().__init__(dataset_hash=dataset_hash, **kwargs)
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
        self.skip_if_nothing_new = skip_if_nothing_new
        self.max_failed_items = max_failed_items
        self.folder = folder
        self.max_items_per_job = max_items_per_job
        check_max_failed_items(max_failed_items)
        check_max_items_per_job(max_items_per_job)

    def objects(self) -> Iterable[StoredObject]:
        """Yield the objects below the prefix, sorted by key."""
        from airflow_provider_encord._storage.listing import list_objects

        return list_objects(self.prefix, conn_id=self.source_conn_id)

    def parts(self, context: Context) -> Iterator[Part]:
        """List the bucket, leave out what the dataset holds, and yield manifests of the rest."""
        from airflow_provider_encord import manifest
        from airflow_provider_encord._airflow.errors import airflow_errors
        from airflow_provider_encord._storage.grouping import KINDS, Grouping, entries
        from airflow_provider_encord._storage.title_index import Seen

        self.check_folder(self.folder)
        integration_id = self.hook.find_cloud_integration(self.integration)
        grouping = Grouping(KINDS if self.kinds is None else self.kinds, self.group_images, self.create_video)
        rows = self.hook.iter_data_rows(self.dataset_hash)
        found = new = 0
        with Seen(row.data_title for row in rows) as seen, airflow_errors():

            def fresh() -> Iterator[tuple[str, dict[str, Any]]]:
                nonlocal found, new
                for kind, item in entries(self._wanted(context), grouping):
                    found += 1
                    if item["title"] in seen:
                        continue
                    new += 1
                    metadata = {"clientMetadata": dict(self.client_metadata)} if self.client_metadata else {}
                    yield kind, item | metadata

            limits = {"max_items": self.max_items_per_job, "max_urls": manifest.MAX_URLS}
            for files in manifest.split(fresh(), flags={"skip_duplicate_urls": True}, **limits):
                yield Part(files, None, integration_id)
        self.log.info("%d items below %s, %d of them new.", found, self.prefix, new)

    def parts_left(self, context: Context, started: Started) -> Iterator[Part]:
        """Wait for the jobs that an earlier try started; then the dataset itself tells what is left."""
        for job_id in started.job_ids:
            self.hook.wait(
                self.watch(job_id),
                deadline=self._deadline(),
                poll_interval=self.poll_interval,
                max_poll_failures=self.max_poll_failures,
            )
        yield from self.parts(context)

    def on_nothing_started(self) -> None:
        """Skip the task, and with it what comes after, if that is wanted."""
        if self.skip_if_nothing_new:
            raise AirflowSkipException(f"Nothing is new below {self.prefix}.")

    def count(self, part: Part) -> int:
        """Return how many items a part registers."""
        return part.count

    def start(self, context: Context, part: Part, memory: Memory) -> str:
        """Start the job that registers one part."""
        ignore_errors = bool(self.max_failed_items)
        return part.start(self.hook, memory, self.dataset_hash, ignore_errors=ignore_errors, folder=self.folder)

    def _wanted(self, context: Context) -> Iterator[tuple[str, str]]:
        from airflow_provider_encord._storage.grouping import bucket_and_key, object_url

        start, end = self._interval(context)
        _, top = bucket_and_key(self.prefix)
        for found in self.objects():
            if (
                fnmatch.fnmatchcase(found.key.removeprefix(top), self.pattern)
                and found.size >= max(self.min_size, 1)
                and (self.max_size is None or found.size <= self.max_size)
                and (start is None or end is None or (found.modified is not None and start <= found.modified < end))
            ):
                yield found.key, object_url(found.url, found.bucket, found.key, self.object_url)

    def _interval(self, context: Context) -> tuple[datetime | None, datetime | None]:
        if not self.in_data_interval:
            return None, None
        start, end = context.get("data_interval_start"), context.get("data_interval_end")
        if start is None or end is None or start >= end:
            raise EncordInputError("in_data_interval needs a run with a data interval; a run by hand may have none.")
        return start, end
