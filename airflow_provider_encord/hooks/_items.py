"""Verbs of the hook: items of storage folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from airflow_provider_encord._airflow.errors import argument_errors
from airflow_provider_encord._client.pages import MAX_PAGE_SIZE
from airflow_provider_encord._client.parameters import checked_uuid, checked_uuids
from airflow_provider_encord._client.resources import items
from airflow_provider_encord._client.resources.items import MAX_ITEMS_PER_REQUEST
from airflow_provider_encord.exceptions import EncordNotFoundError
from airflow_provider_encord.hooks._verbs import LazySteps, Steps, Verbs, all_found, ask, ask_for_pages, lazy_verb, verb

T = TypeVar("T")


class ItemVerbs(Verbs):
    """Items of storage folders."""

    @lazy_verb
    def iter_items(
        self,
        folder_uuid: str | UUID,
        search: str | None = None,
        is_in_dataset: bool | None = None,
        item_types: Sequence[str] | None = None,
        *,
        recursive: bool = False,
        order: str = "name",
        desc: bool = False,
        sign_urls: bool = False,
        include_client_metadata: bool = True,
        page_size: int = MAX_PAGE_SIZE,
    ) -> LazySteps[items.StorageItem]:
        """Yield the items of a folder one by one; of a folder of any size no more than a page is held.

        Items that come or go meanwhile may be told twice or not at all.

        :param search: a part of the name.
        :param is_in_dataset: only items that a dataset holds, or only others.
        :param item_types: kinds of items, such as ``video``, ``imageGroup`` or ``dicomSeries``.
        :param recursive: also the items of the folders in it.
        :param order: ``name`` or ``createdAt``.
        :param sign_urls: with a URL of each, from which its file can be read for some time.
        :param page_size: how many one request asks for, 1,000 at most; fewer where client metadata is very large.
        """

        def page(token: str | None) -> Any:
            with argument_errors():
                return items.list_items(
                    folder_uuid,
                    search=search,
                    is_in_dataset=is_in_dataset,
                    item_types=item_types,
                    recursive=recursive,
                    order=order,
                    desc=desc,
                    sign_urls=sign_urls,
                    include_client_metadata=include_client_metadata,
                    page_size=page_size,
                    page_token=token,
                )

        return ask_for_pages(page)

    @verb
    def list_items(
        self,
        folder_uuid: str | UUID,
        search: str | None = None,
        is_in_dataset: bool | None = None,
        item_types: Sequence[str] | None = None,
        *,
        recursive: bool = False,
        order: str = "name",
        desc: bool = False,
        sign_urls: bool = False,
        include_client_metadata: bool = True,
    ) -> Steps[list[items.StorageItem]]:
        """List all items of a folder; arguments as for :meth:`iter_items`, which does not hold all of them at once."""
        return (
            yield from all_found(self.iter_items)(
                folder_uuid,
                search,
                is_in_dataset,
                item_types,
                recursive=recursive,
                order=order,
                desc=desc,
                sign_urls=sign_urls,
                include_client_metadata=include_client_metadata,
            )
        )

    @verb
    def get_item(self, item_uuid: str | UUID, *, sign_url: bool = False) -> Steps[items.StorageItem]:
        """Get one item; ``sign_url`` with a URL from which its file can be read for some time."""
        with argument_errors():
            call = items.get_item(item_uuid, sign_url=sign_url)
        return (yield from ask(call))

    @verb
    def get_items(self, item_uuids: Sequence[str | UUID], *, sign_urls: bool = False) -> Steps[list[items.StorageItem]]:
        """Get many items, 1,000 by each request, in the given order; those that Encord leaves out are left out."""
        found: list[items.StorageItem] = []
        for batch in _batches(_uuids(item_uuids)):
            found += yield from ask(items.get_items(batch, sign_urls=sign_urls))
        return found

    @verb
    def list_child_items(
        self, folder_uuid: str | UUID, item_uuid: str | UUID, *, sign_urls: bool = False
    ) -> Steps[list[items.StorageItem]]:
        """List the images of a group or sequence, or the files of a series; ``folder_uuid`` is the item's folder."""
        with argument_errors():
            call = items.list_child_items(folder_uuid, item_uuid, sign_urls=sign_urls)
        return list((yield from ask(call)))

    @verb
    def get_item_summary(self, folder_uuid: str | UUID, item_uuid: str | UUID) -> Steps[items.ItemSummary]:
        """Tell which datasets and groups use an item; ``folder_uuid`` is the item's folder."""
        with argument_errors():
            call = items.get_item_summary(folder_uuid, item_uuid)
        return (yield from ask(call))

    @verb
    def update_items(
        self, patches: Mapping[str, Mapping[str, Any]], *, merge_metadata: bool = True
    ) -> Steps[list[items.StorageItem]]:
        """Change many items, 1,000 by each request.

        :param patches: what to change, by the item's UUID: ``name``, ``description`` and ``client_metadata``.
        :param merge_metadata: keep the keys that ``client_metadata`` does not name, as they are just before. Somebody
            else's change between the two requests is lost.
        :raises EncordNotFoundError: when the metadata of an item can't be read, before the items of its request change.
        """
        with argument_errors():
            given = {checked_uuid(uuid, "item_uuid"): items.item_patch(**patch) for uuid, patch in patches.items()}
        changed: list[items.StorageItem] = []
        for batch in _batches([(uuid, patch) for uuid, patch in given.items() if patch]):
            merged = (yield from _merged(dict(batch))) if merge_metadata else dict(batch)
            changed += yield from ask(items.update_items(merged))
        return changed

    @verb
    def move_items(
        self,
        folder_uuid: str | UUID,
        item_uuids: Sequence[str | UUID],
        new_folder_uuid: str | UUID,
        *,
        allow_mirror_dataset_changes: bool = False,
    ) -> Steps[None]:
        """Move items of a folder into another one.

        :param allow_mirror_dataset_changes: also items of a dataset's mirror folder; the dataset loses them, with their
            labels.
        """
        for batch in _batches(_uuids(item_uuids)):
            with argument_errors():
                call = items.move_items(
                    folder_uuid, batch, new_folder_uuid, allow_mirror_dataset_changes=allow_mirror_dataset_changes
                )
            yield from ask(call)

    @verb
    def delete_items(
        self, folder_uuid: str | UUID, item_uuids: Sequence[str | UUID], *, remove_unused_frames: bool = True
    ) -> Steps[None]:
        """Delete items of a folder; files in Encord's storage are destroyed.

        :param remove_unused_frames: also the images and files that only these groups and series were made of.
        """
        for batch in _batches(_uuids(item_uuids)):
            with argument_errors():
                call = items.delete_items(folder_uuid, batch, remove_unused_frames=remove_unused_frames)
            yield from ask(call)

    @verb
    def re_encode_items(
        self, item_uuids: Sequence[str | UUID], process_title: str, *, force_full_re_encoding: bool = False
    ) -> Steps[str]:
        """Start to re-encode videos and return the job's id.

        :param process_title: what people see of it in Encord.
        :param force_full_re_encoding: also where a version that suits is there already.
        """
        with argument_errors():
            call = items.re_encode_items(item_uuids, process_title, force_full_re_encoding=force_full_re_encoding)
        job_id = yield from ask(call)
        self.log.info("Started re-encode job %s for %d items.", job_id, len(item_uuids))
        return job_id

    @verb
    def get_item_re_encoding(self, job_id: str | UUID) -> Steps[items.ItemReEncoding]:
        """Get a re-encode job of items as it stands."""
        with argument_errors():
            call = items.get_item_re_encoding(job_id)
        return (yield from ask(call))


def _merged(patches: Mapping[str, Mapping[str, Any]]) -> Steps[dict[str, Mapping[str, Any]]]:
    """Add to each patch the client metadata that the item has now."""
    wanted = [uuid for uuid, patch in patches.items() if "clientMetadata" in patch]
    found = (yield from ask(items.get_items(wanted))) if wanted else ()
    now = {item.uuid: item.client_metadata or {} for item in found}
    if missing := [uuid for uuid in wanted if uuid not in now]:
        raise EncordNotFoundError(
            f"Encord does not tell the client metadata of {len(missing)} items, so none of this batch of "
            f"{len(patches)} was changed: {', '.join(missing[:10])}."
        )
    return {
        uuid: {**patch, "clientMetadata": {**now[uuid], **patch["clientMetadata"]}} if uuid in now else patch
        for uuid, patch in patches.items()
    }


def _uuids(values: Sequence[str | UUID]) -> list[str]:
    with argument_errors():
        return checked_uuids(values, "item_uuids") if values or isinstance(values, str) else []


def _batches(values: Sequence[T]) -> Iterator[list[T]]:
    left = iter(values)
    while batch := list(islice(left, MAX_ITEMS_PER_REQUEST)):
        yield batch
