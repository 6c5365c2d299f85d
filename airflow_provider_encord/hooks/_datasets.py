"""Verbs of the hook: datasets and their rows."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any
from uuid import UUID

from airflow_provider_encord._airflow.arguments import data_type, list_of, optional
from airflow_provider_encord._airflow.errors import argument_errors
from airflow_provider_encord._airflow.lineage import add_output
from airflow_provider_encord._client import parameters
from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.resources import data_rows, datasets, re_encoding, storage_location
from airflow_provider_encord.hooks._verbs import AskForList, Steps, Verbs, ask, ask_for_list, verb

_DATA_TYPES = optional(list_of(data_type, "kinds of data", may_be_empty=True))


class DatasetVerbs(Verbs):
    """Datasets, their rows, and the re-encoding of their videos."""

    @verb
    def create_dataset(
        self,
        dataset_title: str,
        dataset_type: storage_location.StorageLocation | str | int = storage_location.StorageLocation.CORD_STORAGE,
        dataset_description: str | None = None,
        create_backing_folder: bool = True,
    ) -> Steps[datasets.CreatedDataset]:
        """Make a dataset.

        :param dataset_title: its title.
        :param dataset_type: storage location; today's API takes none, so it is only echoed.
        :param dataset_description: its description.
        :param create_backing_folder: make a mirror dataset with a storage folder of its own.
        """
        call = datasets.create_dataset(
            dataset_title,
            description=dataset_description,
            storage_location=storage_location.StorageLocation.parse(dataset_type),
            create_backing_folder=create_backing_folder,
        )
        return (yield from ask(call))

    @verb
    def get_datasets(
        self,
        title_eq: str | None = None,
        title_like: str | None = None,
        desc_eq: str | None = None,
        desc_like: str | None = None,
        created_before: parameters.When = None,
        created_after: parameters.When = None,
        edited_before: parameters.When = None,
        edited_after: parameters.When = None,
        include_org_access: bool = False,
    ) -> Steps[list[datasets.DatasetInfo]]:
        """List datasets; ``*_like`` take SQL patterns, a time without zone is UTC."""
        with argument_errors():
            call = datasets.list_datasets(
                title_eq=title_eq,
                title_like=title_like,
                desc_eq=desc_eq,
                desc_like=desc_like,
                created_before=created_before,
                created_after=created_after,
                edited_before=edited_before,
                edited_after=edited_after,
                include_org_access=include_org_access,
            )
        return list((yield from ask(call)))

    @verb
    def get_dataset(
        self, dataset_hash: str, *, fetch_client_metadata: bool = False, include_data_rows: bool = True
    ) -> Steps[datasets.Dataset]:
        """Get one dataset, with all its rows unless told otherwise."""
        with argument_errors():
            call = datasets.get_dataset(
                dataset_hash, fetch_client_metadata=fetch_client_metadata, fetch_rows=include_data_rows
            )
        return (yield from ask(call))

    @verb
    def list_data_rows(
        self,
        dataset_hash: str,
        title_eq: str | None = None,
        title_like: str | None = None,
        created_before: parameters.When = None,
        created_after: parameters.When = None,
        data_types: Sequence[str] | None = None,
        data_hashes: Sequence[str] | None = None,
        *,
        fetch_client_metadata: bool = False,
    ) -> Steps[list[data_rows.DataRow]]:
        """List data rows; arguments as for :meth:`iter_data_rows`, which does not hold all of them at once."""
        call = _data_rows_call(
            dataset_hash,
            title_eq=title_eq,
            title_like=title_like,
            created_before=created_before,
            created_after=created_after,
            data_types=data_types,
            data_hashes=data_hashes,
            fetch_client_metadata=fetch_client_metadata,
        )
        return (yield from ask_for_list(call, data_rows.read_data_row))

    def iter_data_rows(
        self,
        dataset_hash: str,
        title_eq: str | None = None,
        title_like: str | None = None,
        created_before: parameters.When = None,
        created_after: parameters.When = None,
        data_types: Sequence[str] | None = None,
        data_hashes: Sequence[str] | None = None,
        *,
        fetch_client_metadata: bool = False,
    ) -> Generator[data_rows.DataRow]:
        """Yield data rows one by one, of a dataset of any size; ``data_types`` are names such as ``VIDEO``."""
        call = _data_rows_call(
            dataset_hash,
            title_eq=title_eq,
            title_like=title_like,
            created_before=created_before,
            created_after=created_after,
            data_types=data_types,
            data_hashes=data_hashes,
            fetch_client_metadata=fetch_client_metadata,
        )
        yield from self._perform(AskForList(call, data_rows.read_data_row))

    @verb
    def get_data_row(
        self,
        dataset_hash: str,
        data_hash: str,
        *,
        signed_url: bool = False,
        images_signed_urls: bool | None = None,
        client_metadata: bool = False,
    ) -> Steps[data_rows.DataRow]:
        """Get one data row with details.

        :param signed_url: with a URL from which its file can be read for some time.
        :param images_signed_urls: with the images of a group, and True for a URL of each.
        :param client_metadata: with its client metadata.
        """
        with argument_errors():
            call = data_rows.get_data_row(
                dataset_hash,
                data_hash,
                signed_url=signed_url,
                images_signed_urls=images_signed_urls,
                client_metadata=client_metadata,
            )
        return (yield from ask(call))

    @verb
    def link_items(
        self, dataset_hash: str, item_uuids: Sequence[str | UUID], duplicates_behavior: str = "SKIP"
    ) -> Steps[list[data_rows.DataRow]]:
        """Link items of Encord's storage; duplicates are ``SKIP``, ``FAIL`` or ``DUPLICATE``."""
        behavior = str(getattr(duplicates_behavior, "value", duplicates_behavior))
        with argument_errors():
            call = data_rows.link_items(dataset_hash, item_uuids, duplicates_behavior=behavior)
        rows = list((yield from ask(call)))
        add_output(self, dataset_hash=dataset_hash)
        return rows

    @verb
    def delete_data(self, dataset_hash: str, data_hashes: Sequence[str] | str) -> Steps[None]:
        """Delete data of any kind; files in Encord's storage are destroyed, unknown hashes ignored."""
        several = [data_hashes] if isinstance(data_hashes, str) else data_hashes
        with argument_errors():
            call = data_rows.delete_data(dataset_hash, several)
        yield from ask(call)

    @verb
    def re_encode_data(self, dataset_hash: str, data_hashes: Sequence[str]) -> Steps[int | str]:
        """Start to re-encode videos and return the task's id; videos of other datasets are ignored by Encord."""
        with argument_errors():
            call = re_encoding.re_encode_data(dataset_hash, data_hashes)
        task_id = yield from ask(call)
        self.log.info("Started re-encode task %s for dataset %s.", task_id, dataset_hash)
        return task_id

    @verb
    def re_encode_data_status(self, dataset_hash: str, job_id: int | str) -> Steps[re_encoding.ReEncodeTask]:
        """Get a re-encode task as it stands."""
        with argument_errors():
            call = re_encoding.re_encode_data_status(dataset_hash, job_id)
        return (yield from ask(call))


def _data_rows_call(dataset_hash: str, *, data_types: Any, **filters: Any) -> Call[tuple[data_rows.DataRow, ...]]:
    with argument_errors():
        kinds = _DATA_TYPES(data_types, "data_types")
        return data_rows.list_data_rows(dataset_hash, data_types=kinds, **filters)
