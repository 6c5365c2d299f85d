"""From any bucket into a dataset or folder: registers new objects, which stay where they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check
from airflow_provider_encord._compat import Context
from airflow_provider_encord.operators import _item_metadata
from airflow_provider_encord.operators._registration import MAX_ITEMS_PER_JOB, EncordRegistrationOperator

if TYPE_CHECKING:
    from airflow_provider_encord._storage.listing import Search, StoredObject
    from airflow_provider_encord.transfers._bucket_registration import BucketRegistration

DEFAULT_EXCLUDE = ("._*", ".DS_Store", "Thumbs.db", "desktop.ini", "*.metadata.json", "_SUCCESS")
"""What operating systems and data tools leave beside media."""


def _kinds(value: Any, name: str) -> dict[str, str]:
    from airflow_provider_encord.manifest import KINDS

    given = arguments.parsed_text(value) if isinstance(value, str) else value
    return dict(arguments.kinds_by_extension(tuple(KINDS))(value if given is None else given, name))


class BucketToEncordOperator(EncordRegistrationOperator):
    """Register the new objects below a prefix of any bucket in a dataset or folder.

    An object is new if nothing in the dataset or folder comes from its address, whatever the titles are; a group, if
    nothing comes from its folder. What was registered keeps its address, size and ETag in its client metadata, as
    ``airflow_source``; so an object that was overwritten, or a group of other objects, is seen as changed. If there is
    nothing to register, no job is started.
    What it returns and pushes to XCom: :class:`.EncordRegistrationOperator`, and what became of the objects that were
    listed: ``{"listed", "left_out", "present", "changed", "new", "new_items", "title_collisions"}``. ``left_out`` has a
    count for each reason: ``kind``, ``pattern``, ``exclude``, ``size``, ``interval``, ``empty`` and ``archived``; the
    first one that holds counts. ``listed`` is the sum of these, ``present``, ``changed`` and ``new``. In ``new_items``,
    a group counts once; ``title_collisions`` counts titles that several items have.

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
    :param title: title of an item, with ``{key}``, ``{name}`` (the last part of the key) and ``{bucket}`` (templated).
    :param group_title: title of a group or series, with ``{folder}``, ``{name}`` (its last part) and ``{bucket}``; that
        of a series ends with ``(DICOM)`` besides (templated).
    :param on_changed: ``report`` counts objects that are registered with another content; ``register`` registers them
        again, once for each content, beside what is there.
    :param client_metadata: a dict that Encord keeps with each item (templated).
    :param client_metadata_by_item: more for single items: a dict of dicts by key or base name, for a group by its
        folder; or the path or URL of a CSV or JSONL file with a column ``key`` or ``name`` (templated). Where it has a
        key of ``client_metadata``, it wins. Then the report has ``metadata_unused``, rows that fit no item, and
        ``without_metadata``, new items without a row.
    :param client_metadata_conn_id: Airflow connection of the store of that file (templated).
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
        "title",
        "group_title",
        "client_metadata",
        "client_metadata_by_item",
        "client_metadata_conn_id",
        "details_path",
        "details_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "client_metadata": "json",
        "client_metadata_by_item": "json",
    }
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
        "title": arguments.title_form("key", "name", "bucket"),
        "group_title": arguments.title_form("folder", "name", "bucket"),
        "on_changed": arguments.one_of("report", "register"),
        **_item_metadata.CHECKS,
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
        title: str = "{key}",
        group_title: str = "{folder}",
        on_changed: str = "report",
        client_metadata: Mapping[str, Any] | None = None,
        client_metadata_by_item: Any = None,
        client_metadata_conn_id: str | None = None,
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
        self.title = title
        self.group_title = group_title
        self.on_changed = on_changed
        self.client_metadata = client_metadata
        self.client_metadata_by_item = client_metadata_by_item
        self.client_metadata_conn_id = client_metadata_conn_id
        self.max_failed_items = max_failed_items
        self.max_items_per_job = max_items_per_job
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Register new objects, or recall the jobs of earlier attempts, and wait."""
        self.check_rendered()
        return self.register(context, self._registration(context))

    def execute_complete(
        self,
        context: Context,
        event: dict[str, Any] | None = None,
        account: dict[str, Any] | None = None,
        shared_titles: dict[str, int] | None = None,
    ) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        self.check_rendered()
        return self.resume_jobs(context, self._registration(context, account, shared_titles), event)

    def _registration(self, context: Context, *kept: Mapping[str, Any] | None) -> BucketRegistration:
        from airflow_provider_encord.transfers._bucket_registration import BucketRegistration

        return BucketRegistration(self, context, *kept)

    def check_together(self) -> None:
        """Check that there is a file for its connection."""
        super().check_together()
        _item_metadata.check_form(self)

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
