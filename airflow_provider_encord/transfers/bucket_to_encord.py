"""From any bucket into a dataset or folder: registers new objects, which stay where they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check, JobIds
from airflow_provider_encord._airflow.lineage import add_inputs
from airflow_provider_encord._client.redaction import shown
from airflow_provider_encord._compat import Context
from airflow_provider_encord.operators import _item_metadata
from airflow_provider_encord.operators._registration import MAX_ITEMS_PER_JOB, EncordRegistrationOperator
from airflow_provider_encord.operators.private_data import ManifestBatch, PrivateDataRegistration

if TYPE_CHECKING:
    from airflow_provider_encord._airflow.outcome import RegisteredItem, RegistrationOutcome
    from airflow_provider_encord._client.jobs import Verdict
    from airflow_provider_encord._resume.task_store import Memory, Started
    from airflow_provider_encord._storage.grouping import Candidate, NotedEntry
    from airflow_provider_encord._storage.item_metadata import ItemMetadata
    from airflow_provider_encord._storage.listing import Search, StoredObject
    from airflow_provider_encord._storage.presence import Presence
    from airflow_provider_encord._storage.selection import Selection
    from airflow_provider_encord._storage.spool import Spool
    from airflow_provider_encord._storage.title_index import TitleIndex

DEFAULT_EXCLUDE = ("._*", ".DS_Store", "Thumbs.db", "desktop.ini", "*.metadata.json", "_SUCCESS")
"""What operating systems and data tools leave beside media."""
_MOST_TITLES = 20
_ITEMS_AT_ONCE = 1000


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
        return self.register(context, BucketRegistration(self, context))

    def execute_complete(
        self,
        context: Context,
        event: dict[str, Any] | None = None,
        account: dict[str, Any] | None = None,
        shared_titles: dict[str, int] | None = None,
    ) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        self.check_rendered()
        return self.resume_jobs(context, BucketRegistration(self, context, account, shared_titles), event)

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


class BucketRegistration(PrivateDataRegistration):
    """New and changed objects of a bucket to register, in batches."""

    looks_again = True

    def __init__(
        self,
        task: BucketToEncordOperator,
        context: Context,
        account: Mapping[str, Any] | None = None,
        shared_titles: Mapping[str, int] | None = None,
    ) -> None:
        from airflow_provider_encord._storage.selection import Account
        from airflow_provider_encord._storage.spool import Spool

        super().__init__(task, context)
        self._account = Account(**account or {})
        self._shared_titles = dict(shared_titles or {})
        self._added = Spool()

    def identity(self) -> Mapping[str, Any]:
        """Return which objects are registered where."""
        task = self.task
        names = ("encord_conn_id", "dataset_hash", "integration", "pattern", "object_url", "kinds", "min_size")
        more = ("max_size", "in_data_interval", "group_images", "create_video", "client_metadata")
        newer = (
            "exclude",
            "modified_after",
            "modified_before",
            "include_archived",
            "title",
            "group_title",
            "on_changed",
        )
        place = {"prefix": str(task.prefix), "folder": task.folder_uuid}  # a name that is stored already
        given = {name: getattr(task, name) for name in (*names, *more, *newer)}
        return place | given | _item_metadata.identity(task)

    def batches(self, memory: Memory) -> Iterator[ManifestBatch]:
        """Read the metadata of single items, before the first request, and yield what is to be registered."""
        with _item_metadata.open_metadata(self.task) as metadata:
            yield from self._wanted_batches(memory, metadata)

    def _wanted_batches(self, memory: Memory, metadata: ItemMetadata) -> Iterator[ManifestBatch]:
        """List the bucket, leave out what is registered already, and yield the rest: what is new, then what changed."""
        from airflow_provider_encord._storage.grouping import noted_entry
        from airflow_provider_encord._storage.manifest_file import manifest_problems
        from airflow_provider_encord._storage.spool import Spool
        from airflow_provider_encord._storage.title_index import TitleIndex

        task = self.task
        selection = self._selection()
        self.to.check()
        add_inputs(self.hook, task.sources)
        integration_id = self.hook.find_cloud_integration(task.integration)
        account = self._account = selection.account
        with self.to.presence() as there, TitleIndex() as titles, Spool() as changed, manifest_problems():
            yield from self._split(self._new_entries(selection, there, titles, changed, metadata), integration_id)
            self._shared_titles, account.title_collisions = titles.examples(_MOST_TITLES), titles.shared()
            yield from self._split(map(noted_entry, changed), integration_id, again=True)
        account.metadata_unused, account.without_metadata = metadata.unused, metadata.without
        _item_metadata.warn_of_shared_names(task, metadata)
        task.log.info("Below %s: %s.", self._where(), account)
        if account.title_collisions:
            some = ", ".join(f"{shown(title)} ({count:,} items)" for title, count in self._shared_titles.items())
            task.log.warning("%d titles are those of several items: %s.", account.title_collisions, some)
        memory.remember_made("account", self.resume_arguments())

    def _new_entries(
        self, selection: Selection, there: Presence, titles: TitleIndex, changed: Spool, metadata: ItemMetadata
    ) -> Iterator[tuple[str, NotedEntry]]:
        """Yield the entries of what is new, and put those of what has changed aside if they are to be registered."""
        from airflow_provider_encord._storage.grouping import title_maker, title_of
        from airflow_provider_encord._storage.sources import is_same, title_name, version_of

        task, account = self.task, selection.account
        title_for = title_maker(task.title, task.group_title)
        for candidate in self._candidates(selection):
            title = title_for(candidate)
            titles.add(title)
            held = there.find(candidate.name)
            if held is None and there.has_titles:
                held = there.find(title_name(candidate.old_title))
            count = len(candidate.urls)
            if held is None:
                account.new += count
                account.new_items += 1
                told = metadata.of(candidate.key)
                yield candidate.kind, candidate.entry(title, told, create_video=task.create_video)
            elif is_same(held.version, version_of(candidate.note)):
                account.present += count
                metadata.note(candidate.key)
            else:
                account.changed += count
                if task.on_changed == "register":
                    if candidate.is_group:
                        title = title_of(f"{title} ({held.items + 1})")
                    candidate.note["supersedes"] = held.ids
                    told = metadata.of(candidate.key)
                    entry = candidate.entry(title, told, create_video=task.create_video)
                    changed.add(json.dumps([candidate.kind, entry, entry.note]))
                else:
                    metadata.note(candidate.key)

    def _split(
        self, entries: Iterable[tuple[str, NotedEntry]], integration_id: str, *, again: bool = False
    ) -> Iterator[ManifestBatch]:
        """Yield batches; NIfTI goes into a folder as structured items, whose form is known.

        :param again: whether Encord has the same addresses already.
        """
        from airflow_provider_encord import manifest
        from airflow_provider_encord._client.resources import data_items
        from airflow_provider_encord.manifest._splitting import BYTES_PER_PART

        limits = {"max_items": self.task.max_items_per_job, "max_urls": manifest.MAX_URLS}
        limits["max_bytes"] = BYTES_PER_PART // 2  # a note is hardly longer than its entry
        for files in manifest.split(entries, flags={"skip_duplicate_urls": not again}, **limits):
            for items in files.values():
                if isinstance(items, list):
                    for number, entry in enumerate(items):
                        items[number] = entry.with_note()
            nifti = files.pop("nifti", []) if self.to.folder_uuid is not None else []
            if any(isinstance(each, list) for each in files.values()):
                yield ManifestBatch(files, None, integration_id, again=again)
            if nifti:
                items = data_items.single_files("nifti", [(item["objectUrl"], item["title"]) for item in nifti])
                items = data_items.tagged(items, [item["clientMetadata"] for item in nifti])
                items["skipDuplicateUrls"] = not again
                yield ManifestBatch(items, None, integration_id, structured=True, again=again)
            files.clear()  # frees its memory before the next batch is made, even if the caller still holds this one

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

    def unclear_start(self) -> bool:
        """Note that an earlier attempt may have started a job of the next batch; Encord skips what is new, not more."""
        known = super().unclear_start()
        self.start_is_unclear = known or self.task.on_changed == "register"
        return self.start_is_unclear

    def names(self) -> Iterator[str]:
        """Yield the names of all sources in the bucket."""
        from airflow_provider_encord._storage.sources import title_name

        for candidate in self._candidates(self._selection()):
            yield candidate.name
            yield title_name(candidate.old_title)

    def looked_until(self) -> datetime | None:
        """Return the end of the window."""
        return self._window()[1]

    def may_hold_more(self, outcome: RegistrationOutcome) -> bool:
        """Whether the folder may hold more to link: objects that it holds already are in no job."""
        return True

    def added(self, verdict: Verdict) -> Iterator[RegisteredItem]:
        """Yield what a job has added, and keep in mind what may supersede something."""
        for item in super().added(verdict):
            if item.item_uuid and self._account.changed and self.task.on_changed == "register":
                self._added.add(item.item_uuid)
            yield item

    def finish(self, job_ids: JobIds, verdicts: Iterable[Verdict], memory: Memory) -> dict[str, Any]:
        """Return the report, with the account of the listing; an earlier attempt may have made that."""
        if not self._account.listed and (kept := memory.recall_made("account")):
            self._account = replace(self._account, **kept["account"])
            self._shared_titles = kept.get("shared_titles", {})
        with self._added:
            return super().finish(job_ids, verdicts, memory)

    def place(self) -> dict[str, Any]:
        """Return where the data goes, and the account of the listing."""
        return {**super().place(), **self._account.to_dict()}

    def details(self) -> Iterator[dict[str, Any]]:
        """Yield what was superseded, titles of several items, and the account of the listing."""
        if self.task.details_path is not None:
            yield from self._superseded()
        for title, count in self._shared_titles.items():
            yield {"outcome": "title collision", "title": title, "items": count}
        yield {"outcome": "account", **self._account.to_dict()}

    def _superseded(self) -> Iterator[dict[str, Any]]:
        from airflow_provider_encord._storage.sources import note_of

        added = iter(self._added)
        while some := list(islice(added, _ITEMS_AT_ONCE)):
            for item in self.hook.get_items(some):
                note = note_of(item.client_metadata)
                if "supersedes" in note:  # ids in a place of their own: the next task works on what was added
                    ids = {"old": note["supersedes"], "new": {"item_uuid": item.uuid}}
                    yield {"outcome": "superseded", "url": note["url"], **ids}

    def why_empty(self) -> str:
        """Tell an empty place from one that holds nothing new."""
        if not self._account.listed:
            return f"There is no object below {shown(self.task.prefix)}: is the prefix right?"
        return f"Nothing is new below {self._where()}: {self._account}."

    def resume_arguments(self) -> dict[str, Any]:
        """Keep the account of the listing."""
        return {"account": self._account.to_dict(), "shared_titles": self._shared_titles}

    def _candidates(self, selection: Selection) -> Iterator[Candidate]:
        from airflow_provider_encord._storage.grouping import candidates

        task = self.task
        wanted = selection.wanted(task.objects())
        return candidates(wanted, url_form=task.object_url, group_images=task.group_images)

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

    def _where(self) -> str:
        after, before = self._window()
        limits = [f"{word} {end.isoformat()}" for word, end in (("from", after), ("until", before)) if end is not None]
        return " ".join([shown(self.task.prefix), *(["modified", *limits] if limits else [])])

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
