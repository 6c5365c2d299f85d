"""The last release with API keys of datasets, and with older forms of requests."""

from typing import Any

from encord.client import EncordClient, EncordClientDataset
from encord.orm.dataset import DatasetScope, StorageLocation

from tests.recorder.ids import DATASET, INTEGRATION, VIDEO
from tests.recorder.scenario import API, API_KEY, Client, kept

_READ, _WRITE = DatasetScope.READ, DatasetScope.WRITE


def _of_key() -> Any:
    return EncordClientDataset.initialise(DATASET, API_KEY, domain=API)


def _video(dataset: Any, client: Client) -> object:
    return dataset.upload_video(client.file("sample.mp4"))


SCENARIOS = kept(
    {
        "apikey_create": lambda client: client.user.create_dataset_api_key(
            DATASET, "Full Access API Key", [_READ, _WRITE]
        ),
        "apikey_create_read_only": lambda client: client.user.create_dataset_api_key(DATASET, "read only", [_READ]),
        "apikey_create_http_500": lambda client: client.user.create_dataset_api_key(DATASET, "x", [_READ]),
        "apikey_operation_not_allowed": lambda client: client.user.create_dataset_api_key(DATASET, "x", [_READ]),
        "apikey_list": lambda client: client.user.get_dataset_api_keys(DATASET),
        "apikey_list_empty": lambda client: client.user.get_dataset_api_keys(DATASET),
        "apikey_get_or_create_existing": lambda client: client.user.get_or_create_dataset_api_key(DATASET),
        "apikey_get_or_create_new": lambda client: client.user.get_or_create_dataset_api_key(DATASET),
        "apikey_auth_init": lambda client: _of_key(),
        "apikey_auth_init_generic": lambda client: EncordClient.initialise(DATASET, API_KEY, domain=API),
        "apikey_auth_init_project_key": lambda client: _of_key(),
        "apikey_auth_refused": lambda client: _of_key(),
        "apikey_auth_get_dataset": lambda client: _of_key().get_dataset(),
        "apikey_auth_list_data_rows": lambda client: _of_key().list_data_rows(title_like="a%"),
        "apikey_auth_cloud_integrations": lambda client: _of_key().get_cloud_integrations(),
        "apikey_auth_delete_data_read_only": lambda client: _of_key().delete_data([VIDEO]),
        "apikey_auth_re_encode": lambda client: _of_key().re_encode_data([VIDEO]),
        "apikey_auth_add_private_data_start": lambda client: _of_key().add_private_data_to_dataset_start(
            INTEGRATION, {"videos": [{"objectUrl": "https://bucket.example/v.mp4"}]}
        ),
        "apikey_auth_bearer_token": lambda client: _of_key().get_bearer_token(),
        "old145_create_dataset": lambda client: client.user.create_dataset(
            "Example Title", StorageLocation.AWS, "Example description"
        ),
        "old145_create_dataset_minimal": lambda client: client.user.create_dataset(
            "Example Title", StorageLocation.CORD_STORAGE
        ),
        "old145_list_datasets": lambda client: client.user.get_datasets(
            title_like="Validation%", created_before="2025-01-31"
        ),
        "old145_get_cloud_integrations": lambda client: client.user.get_cloud_integrations(),
        "old145_upload_video": lambda client: _video(client.dataset, client),
        "old145_upload_video_api_key": lambda client: _video(_of_key(), client),
        "old145_create_image_group": lambda client: client.dataset.create_image_group(
            client.all_files("zebra.png", "apple.jpg")
        ),
        "old145_create_dicom_series": lambda client: client.dataset.create_dicom_series(
            client.all_files("b.dcm"), title="series 1"
        ),
        "old145_v2_signature_backdated": lambda client: client.user.get_bearer_token(),
    }
)
