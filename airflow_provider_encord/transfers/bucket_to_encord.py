"""From any bucket into a dataset or folder: registers new objects, which stay where they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check, JobIds
from airflow_provider_encord._airflow.lineage import add_inputs
from airflow_provider_encord._client.redaction import shown
from airflow_provider_encord._compat import Context
from airflow_provider_encord.operators._registration import MAX_ITEMS_PER_JOB, EncordRegistrationOperator
from airflow_provider_encord.operators.private_data import ManifestBatch, PrivateDataRegistration

if TYPE_CHECKING:
    from airflow_provider_encord._airflow.outcome import RegistrationOutcome
    from airflow_provider_encord._client.jobs import Verdict
    from airflow_provider_encord._resume.task_store import Memory, Started
    from airflow_provider_encord._storage.listing import Search, StoredObject
    from airflow_provider_encord._storage.selection import Selection

DEFAULT_EXCLUDE = ("._*", ".DS_Store", "Thumbs.db", "desktop.ini", "*.metadata.json", "_SUCCESS")
"""What operating systems and data tools leave beside media."""


def _kinds(value: Any, name: str) -> dict[str, str]:
    from airflow_provider_encord.manifest import KINDS

    given = arguments.parsed_text(value) if isinstance(value, str) else value
    return dict(arguments.kinds_by_extension(tuple(KINDS))(value if given is None else given, name))


class BucketToEncordOperator(EncordRegistrationOperator):
    """Register the new objects below a prefix of any bucket in a dataset or folder.

    In a folder, an object is new if no item has its URL; in a dataset, if no item has its title, which is its key.
    Groups have no URL: in both, a group is new if no item has its title, which is its folder in the bucket. So an
    object that is overwritten, or a group that grows, is not registered again. If nothing is new, no job is started.
    What it returns and pushes to XCom: :class:`.EncordRegistrationOperator`, and what became of the objects that were
    listed: ``{"listed", "left_out", "present", "changed", "new", "new_items"}``. ``left_out`` has a count for each
    reason: ``kind``, ``pattern``, ``exclude``, ``size``, ``interval``, ``empty`` and ``archived``; the first one that
    holds counts. ``listed`` is the sum of all but ``new_items``, where a group counts once.

    .. seealso:: :ref:`howto/operator:BucketToEncordOperator`

    :param integration: title or id of the cloud integration in Encord (templated).
    :param prefix: URL of a folder, such as ``gs://bucket/incoming/``, also with a glob in it, or an
        ``ObjectStoragePath`` (templated).
    :param source_conn_id: Airflow connection of the store (templated).
    :param pattern: glob for the key below the prefix, such as ``*.mp4``; ``*`` stays within a folder, ``**`` does not
        (templated).
    :param exclude: glob or globs of what is left out; one without ``/`` is for the last part of a key, in any folder
        (templated).
    :param min_size: smallest size in bytes; empty objects are always left out.
    :param max_size: largest size in bytes.
    :param in_data_interval: only objects that were last modified in the data interval of the run; on a schedule whose
        intervals have no length, since the tick before this one.
    :param modified_after: only objects that were last modified then or later (templated).
    :param modified_before: only objects that were last modified before then (templated).
    :param kinds: manifest kind by file name extension, ``""`` for names without one; by default the common ones, with
        NIfTI only in a folder. Other objects are left out (templated).
    :param include_archived: register objects, too, that cannot be read before they are restored.
    :param group_images: make one image group of the images in each folder, in natural order.
    :param create_video: make these groups image sequences; needs write permission on the bucket.
    :param object_url: how Encord reaches an object, with ``{bucket}`` and ``{key}`` (percent-encoded); by default the
        store's own URL, and for Azure the web address in the account (templated).
    :param client_metadata: a dict that Encord keeps with each item (templated).
    :param max_failed_items: how many items may fail: a count, or a share below 1. If more fail, the task fails.
    :param max_items_per_job: larger listings are split into several jobs.
    :raises EncordInputError: for a wrong argument, before the first request.
    """

    custom_operator_name = "Bucket to Encord"
    template_fields: Sequence[str] = (
        "encord_conn_id",
        "dataset_hash",
        "folder_uuid",
        "integration",
        "prefix",
        "source_conn_id",
        "pattern",
        "exclude",
        "modified_after",
        "modified_before",
        "kinds",
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
        "exclude": arguments.list_of(arguments.text, "globs", may_be_empty=True),
        "min_size": arguments.whole_number(0),
        "max_size": arguments.optional(arguments.whole_number(0)),
        "in_data_interval": arguments.flag,
        "modified_after": arguments.optional(arguments.moment),
        "modified_before": arguments.optional(arguments.moment),
        "include_archived": arguments.flag,
        "kinds": arguments.optional(_kinds),
        "group_images": arguments.flag,
        "create_video": arguments.flag,
        "object_url": arguments.optional(arguments.object_url),
        "client_metadata": arguments.optional(arguments.metadata()),
        "max_failed_items": arguments.count_or_share,
        "max_items_per_job": arguments.whole_number(),
    }
    prefix_is_folder: ClassVar[bool] = True

    def __init__(
        self,
        *,
        integration: str,
        prefix: Any,
        source_conn_id: str | None = None,
        pattern: str = "**",
        exclude: str | Sequence[str] = DEFAULT_EXCLUDE,
        min_size: int = 1,
        max_size: int | None = None,
        in_data_interval: bool = False,
        modified_after: str | date | None = None,
        modified_before: str | date | None = None,
        kinds: Mapping[str, str] | str | None = None,
        include_archived: bool = False,
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
        self.exclude = exclude
        self.min_size = min_size
        self.max_size = max_size
        self.in_data_interval = in_data_interval
        self.modified_after = modified_after
        self.modified_before = modified_before
        self.kinds = kinds
        self.include_archived = include_archived
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
        self, context: Context, event: dict[str, Any] | None = None, account: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        self.check_rendered()
        return self.resume_jobs(context, BucketRegistration(self, context, account), event)

    @property
    def store_conn_id(self) -> str | None:
        """The connection of the store."""
        return self.source_conn_id

    def search(self) -> Search:
        """Return what to list, and what to look for in it."""
        from airflow_provider_encord._storage.listing import search

        return search(self.prefix, self.pattern, is_folder=self.prefix_is_folder)

    def sources(self) -> list[Any]:
        """Return the prefix."""
        return [self.search().location]

    def objects(self) -> Iterable[StoredObject]:
        """Yield the objects below the prefix, sorted by key."""
        from airflow_provider_encord._storage.listing import stored_objects

        return stored_objects(self.search().location, self.store_conn_id)


class BucketRegistration(PrivateDataRegistration):
    """New objects of a bucket to register, in batches."""

    looks_again = True

    def __init__(
        self, task: BucketToEncordOperator, context: Context, account: Mapping[str, Any] | None = None
    ) -> None:
        from airflow_provider_encord._storage.selection import Account

        super().__init__(task, context)
        self._account = Account(**account or {})

    def identity(self) -> Mapping[str, Any]:
        """Return which objects are registered where."""
        task = self.task
        names = ("encord_conn_id", "dataset_hash", "integration", "pattern", "object_url", "kinds", "min_size")
        more = ("max_size", "in_data_interval", "group_images", "create_video", "client_metadata")
        newer = ("exclude", "modified_after", "modified_before", "include_archived")
        place = {"prefix": str(task.prefix), "folder": task.folder_uuid}  # a name that is stored already
        return place | {name: getattr(task, name) for name in (*names, *more, *newer)}

    def batches(self, memory: Memory) -> Iterator[ManifestBatch]:
        """List the bucket, leave out what is registered already, and yield the rest."""
        from airflow_provider_encord import manifest
        from airflow_provider_encord._storage.grouping import objects_in
        from airflow_provider_encord._storage.manifest_file import manifest_problems
        from airflow_provider_encord._storage.text_index import Index

        task = self.task
        selection = self._selection()
        self.to.check()
        add_inputs(self.hook, task.sources)
        integration_id = self.hook.find_cloud_integration(task.integration)
        metadata = {"clientMetadata": dict(task.client_metadata)} if task.client_metadata else {}
        account = self._account = selection.account
        with Index.of(self.to.names_held()) as held, manifest_problems():

            def new_entries() -> Iterator[tuple[str, dict[str, Any]]]:
                for kind, item in self._entries(selection):
                    if self.to.name_of(item) in held:
                        account.present += objects_in(item)
                    else:
                        account.new += objects_in(item)
                        account.new_items += 1
                        yield kind, item | metadata

            limits = {"max_items": task.max_items_per_job, "max_urls": manifest.MAX_URLS}
            for files in manifest.split(new_entries(), flags={"skip_duplicate_urls": True}, **limits):
                yield from self._batches_of(files, integration_id)
        task.log.info("Below %s: %s.", shown(task.prefix), account)
        memory.remember_made("account", {"account": account.to_dict()})

    def names(self) -> Iterator[str]:
        """Yield the names of all objects in the bucket."""
        return (self.to.name_of(item) for _, item in self._entries(self._selection()))

    def looked_until(self) -> datetime | None:
        """Return the end of the window."""
        return self._window()[1]

    def may_hold_more(self, outcome: RegistrationOutcome) -> bool:
        """Whether the folder may hold more to link: objects that it holds already are in no job."""
        return True

    def finish(self, job_ids: JobIds, verdicts: Iterable[Verdict], memory: Memory) -> dict[str, Any]:
        """Return the report, with the account of the listing; an earlier attempt may have made that."""
        if not self._account.listed and (kept := memory.recall_made("account")):
            self._account = replace(self._account, **kept["account"])
        return super().finish(job_ids, verdicts, memory)

    def place(self) -> dict[str, Any]:
        """Return where the data goes, and the account of the listing."""
        return {**super().place(), **self._account.to_dict()}

    def details(self) -> Iterator[dict[str, Any]]:
        """Yield the account of the listing."""
        yield {"outcome": "account", **self._account.to_dict()}

    def why_empty(self) -> str:
        """Tell an empty place from one that holds nothing new."""
        where = shown(self.task.prefix)
        if not self._account.listed:
            return f"There is no object below {where}: is the prefix right?"
        return f"Nothing is new below {where}: {self._account}."

    def resume_arguments(self) -> dict[str, Any]:
        """Keep the account of the listing."""
        return {"account": self._account.to_dict()}

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

    def _entries(self, selection: Selection) -> Iterator[tuple[str, dict[str, Any]]]:
        from airflow_provider_encord._storage.grouping import entries, object_url

        task = self.task
        objects = (
            (found.key, object_url(found.url, found.bucket, found.key, task.object_url), kind)
            for found, kind in selection.wanted(task.objects())
        )
        return entries(objects, group_images=task.group_images, create_video=task.create_video)

    def _selection(self) -> Selection:
        from airflow_provider_encord._storage.selection import Selection

        task = self.task
        _, top, pattern = task.search()
        after, before = self._window()
        return Selection(
            top,
            self._kinds(),
            pattern=pattern,
            exclude=task.exclude,
            min_size=task.min_size,
            max_size=task.max_size,
            modified_after=after,
            modified_before=before,
            include_archived=task.include_archived,
        )

    def _window(self) -> tuple[datetime | None, datetime | None]:
        from airflow_provider_encord._airflow.time_window import window

        task = self.task
        return window(self.context, task.in_data_interval, task.modified_after, task.modified_before)

    def _kinds(self) -> Mapping[str, str]:
        from airflow_provider_encord._storage.grouping import KIND_BY_EXTENSION

        kinds: Mapping[str, str] | None = self.task.kinds
        if kinds is not None:
            return kinds
        known = self.to.folder_uuid is not None  # what form NIfTI has in the manifest of a dataset is unconfirmed
        return {each: kind for each, kind in KIND_BY_EXTENSION.items() if known or kind != "nifti"}
