"""Datasets and what they hold: create, list, get, link, delete."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

from encord.constants import enums
from encord.orm import dataset as orm

from tests.recorder.ids import DATASET, IMAGE_GROUP, ITEM, OTHER_ITEM, VIDEO
from tests.recorder.scenario import Client, kept


def _zone(hours: float) -> timezone:
    return timezone(timedelta(hours=hours))


def _refetched(client: Client) -> object:
    row = client.dataset.data_rows[0]
    row.refetch_data(
        signed_url=True,
        images_data_fetch_options=orm.ImagesDataFetchOptions(fetch_signed_urls=True),
        client_metadata=True,
    )
    return row


SCENARIOS = kept(
    {
        "create_dataset": lambda client: client.user.create_dataset(
            "Example Title", orm.StorageLocation.AWS, "Example description"
        ),
        "create_dataset_minimal": lambda client: client.user.create_dataset(
            "Example Title", orm.StorageLocation.CORD_STORAGE, create_backing_folder=False
        ),
        "create_dataset_unicode": lambda client: client.user.create_dataset(
            'Größe "1" \u2013 東京', orm.StorageLocation.CORD_STORAGE, "é"
        ),
        "list_datasets": lambda client: client.user.get_datasets(),
        "list_datasets_bearer": lambda client: client.user.get_datasets(),
        "list_datasets_filtered": lambda client: client.user.get_datasets(
            title_like="Validation%",
            desc_eq="a b&c",
            created_before="2025-01-31",
            created_after=datetime(2024, 12, 31, 22, tzinfo=_zone(2)),
            edited_before="2025-02-01 03:04:05",
            edited_after=datetime(2024, 6, 1),
            include_org_access=True,
        ),
        "list_datasets_all_filters": lambda client: client.user.get_datasets(
            title_eq="t",
            title_like="t%",
            desc_eq="d",
            desc_like="d%",
            created_before=datetime(2025, 1, 1, tzinfo=UTC),
            created_after=datetime(2025, 1, 2, 0, 0, 0, 500_000, tzinfo=UTC),
            edited_before=datetime(2025, 1, 3, tzinfo=_zone(5.5)),
            edited_after=datetime(2025, 1, 4, tzinfo=UTC),
        ),
        "get_dataset": lambda client: client.user.get_dataset(DATASET),
        "get_dataset_bearer": lambda client: client.user.get_dataset(DATASET),
        "get_dataset_client_metadata": lambda client: client.user.get_dataset(
            DATASET, dataset_access_settings=orm.DatasetAccessSettings(fetch_client_metadata=True)
        ),
        "get_dataset_metadata_only": lambda client: client.user.get_dataset(DATASET, include_data_rows=False),
        "list_data_rows": lambda client: client.dataset.list_data_rows(),
        "list_data_rows_empty": lambda client: client.dataset.list_data_rows(title_eq="nothing"),
        "list_data_rows_filtered": lambda client: client.dataset.list_data_rows(
            title_eq="sample_data.mp4",
            title_like="sample%",
            created_before="2025-06-01",
            created_after=datetime(2025, 1, 1, tzinfo=_zone(2)),
            data_types=[enums.DataType.VIDEO, enums.DataType.IMG_GROUP],
            data_hashes=[VIDEO],
        ),
        "refetch_data_row": _refetched,
        "link_items": lambda client: client.dataset.link_items([UUID(ITEM), UUID(OTHER_ITEM)]),
        "link_items_fail": lambda client: client.dataset.link_items(
            [UUID(ITEM)], duplicates_behavior=orm.DataLinkDuplicatesBehavior.FAIL
        ),
        "delete_data": lambda client: client.dataset.delete_data([VIDEO, IMAGE_GROUP]),
        "delete_data_single": lambda client: client.dataset.delete_data(VIDEO),
        "re_encode_data": lambda client: client.dataset.re_encode_data([VIDEO, IMAGE_GROUP]),
        "re_encode_data_null_response": lambda client: client.dataset.re_encode_data([VIDEO]),
        "re_encode_data_retried": lambda client: client.dataset.re_encode_data([VIDEO]),
        "re_encode_data_status_done": lambda client: client.dataset.re_encode_data_status(1337),
        "re_encode_data_status_error": lambda client: client.dataset.re_encode_data_status(1337),
        "re_encode_data_status_submitted": lambda client: client.dataset.re_encode_data_status(1337),
        "re_encode_data_status_unknown_task": lambda client: client.dataset.re_encode_data_status(999),
    }
)
