"""What the client makes of errors; the vectors hold the answers."""

from encord.orm.dataset import StorageLocation

from tests.recorder import VECTORS
from tests.recorder.ids import DATASET, INTEGRATION, VIDEO
from tests.recorder.scenario import Client, Scenario, kept


def _get(client: Client) -> object:
    return client.user.get_dataset(DATASET)


def _get_without_rows(client: Client) -> object:
    return client.user.get_dataset(DATASET, include_data_rows=False)


def _list(client: Client) -> object:
    return client.user.get_datasets()


def _create(client: Client) -> object:
    return client.user.create_dataset("Example Title", StorageLocation.CORD_STORAGE)


def _delete(client: Client) -> object:
    return client.dataset.delete_data([VIDEO])


def _of_error(name: str) -> Scenario:
    if name.startswith("error_legacy_"):
        return Scenario(_get)
    return Scenario(_create if name.endswith("_create_dataset") else _list)


SCENARIOS = {path.stem: _of_error(path.stem) for path in sorted(VECTORS.glob("error_*.json"))} | kept(
    {
        "error_connection_dropped_retried": _get_without_rows,
        "error_connection_dropped_not_retried": _delete,
        "error_legacy_http_400_status_200_body": _get_without_rows,
        "error_legacy_http_500_recovers": _get_without_rows,
        "error_legacy_http_429_not_retried": _delete,
        "error_legacy_post_500_not_retried": lambda client: client.dataset.add_private_data_to_dataset_start(
            INTEGRATION, {"images": []}
        ),
        "error_v2_201_unexpected": _create,
    }
)
