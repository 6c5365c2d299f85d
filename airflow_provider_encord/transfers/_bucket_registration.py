"""The objects of a bucket that are registered: those that are new or have changed, in batches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_encord import manifest
from airflow_provider_encord._airflow.arguments import JobIds
from airflow_provider_encord._airflow.lineage import add_inputs
from airflow_provider_encord._airflow.outcome import RegisteredItem, RegistrationOutcome
from airflow_provider_encord._airflow.time_window import window
from airflow_provider_encord._client.jobs import Verdict
from airflow_provider_encord._client.redaction import shown
from airflow_provider_encord._client.resources import data_items
from airflow_provider_encord._compat import Context
from airflow_provider_encord._resume.task_store import Memory, Started
from airflow_provider_encord._storage.grouping import (
    KIND_BY_EXTENSION,
    Candidate,
    NotedEntry,
    candidates,
    noted_entry,
    title_maker,
    title_of,
)
from airflow_provider_encord._storage.item_metadata import ItemMetadata
from airflow_provider_encord._storage.manifest_file import manifest_problems
from airflow_provider_encord._storage.presence import Presence
from airflow_provider_encord._storage.selection import Account, Selection
from airflow_provider_encord._storage.sources import is_same, note_of, title_name, version_of
from airflow_provider_encord._storage.spool import Spool
from airflow_provider_encord._storage.title_index import TitleIndex
from airflow_provider_encord.manifest._splitting import BYTES_PER_PART
from airflow_provider_encord.operators import _item_metadata
from airflow_provider_encord.operators.private_data import ManifestBatch, PrivateDataRegistration

if TYPE_CHECKING:
    from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator

_MOST_TITLES = 20
_ITEMS_AT_ONCE = 1000


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
        super().__init__(task, context)
        self._account = Account(**account or {})
        self._shared_titles = dict(shared_titles or {})
        self._added = Spool()

    def identity(self) -> Mapping[str, Any]:
        """Return which objects are registered where."""
        task = self.task
        names = (
            *("encord_conn_id", "dataset_hash", "integration", "pattern", "object_url", "kinds", "min_size"),
            *("max_size", "in_data_interval", "group_images", "create_video", "client_metadata", "exclude"),
            *("modified_after", "modified_before", "include_archived", "title", "group_title", "on_changed"),
        )
        place = {"prefix": str(task.prefix), "folder": task.folder_uuid}  # a name that is stored already
        given = {name: getattr(task, name) for name in names}
        return place | given | _item_metadata.identity(task)

    def batches(self, memory: Memory) -> Iterator[ManifestBatch]:
        """Read the metadata of single items, before the first request, and yield what is to be registered."""
        with _item_metadata.open_metadata(self.task) as metadata:
            yield from self._wanted_batches(memory, metadata)

    def _wanted_batches(self, memory: Memory, metadata: ItemMetadata) -> Iterator[ManifestBatch]:
        """List the bucket, leave out what is registered already, and yield the rest: what is new, then what changed."""
        task = self.task
        selection = self._selection()
        self.to.check()
        add_inputs(self.hook, task.sources)
        integration_id = self.hook.find_cloud_integration(task.integration)
        account = self._account = selection.account
        with self.to.presence() as there, TitleIndex() as titles, Spool() as changed, manifest_problems():
            yield from self._split(self._new_entries(selection, there, titles, changed, metadata), integration_id)
            account.title_collisions, self._shared_titles = titles.shared(_MOST_TITLES)
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
        task, account = self.task, selection.account
        title_for = title_maker(task.title, task.group_title)
        for candidate in self._candidates(selection):
            title = title_for(candidate)
            titles.add(title)
            held = None if there.is_empty else there.find(candidate.name)
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
        limits = {"max_items": self.task.max_items_per_job, "max_urls": manifest.MAX_URLS}
        limits["max_bytes"] = BYTES_PER_PART // 2  # a note is hardly longer than its entry
        for files in manifest.split(entries, flags={"skip_duplicate_urls": not again}, **limits):
            for entry in (each for items in files.values() if isinstance(items, list) for each in items):
                entry.write_note()
            nifti = files.pop("nifti", []) if self.to.folder_uuid is not None else []
            if any(isinstance(each, list) for each in files.values()):
                yield ManifestBatch(files, None, integration_id, again=again)
            if nifti:
                items = data_items.single_files("nifti", [(item["objectUrl"], item["title"]) for item in nifti])
                items = data_items.tagged(items, [item["clientMetadata"] for item in nifti])
                items["skipDuplicateUrls"] = not again
                yield ManifestBatch(items, None, integration_id, structured=True, again=again)
            del files  # memory holds one batch at a time

    def _candidates(self, selection: Selection) -> Iterator[Candidate]:
        task = self.task
        wanted = selection.wanted(task.objects())
        return candidates(wanted, url_form=task.object_url, group_images=task.group_images)

    def _selection(self) -> Selection:
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

    def _kinds(self) -> Mapping[str, str]:
        kinds: Mapping[str, str] | None = self.task.kinds
        if kinds is not None:
            return kinds
        known = self.to.folder_uuid is not None  # what form NIfTI has in the manifest of a dataset is unconfirmed
        return {each: kind for each, kind in KIND_BY_EXTENSION.items() if known or kind != "nifti"}

    def _window(self) -> tuple[datetime | None, datetime | None]:
        task = self.task
        return window(self.context, task.in_data_interval, task.modified_after, task.modified_before)

    def _where(self) -> str:
        after, before = self._window()
        limits = [f"{word} {end.isoformat()}" for word, end in (("from", after), ("until", before)) if end is not None]
        return " ".join([shown(self.task.prefix), *(["modified", *limits] if limits else [])])

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
