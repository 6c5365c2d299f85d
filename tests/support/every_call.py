"""One call of each kind, for tests of what their answers may hold."""

from __future__ import annotations

from typing import Any

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.resources import (
    api_keys,
    data_rows,
    datasets,
    integrations,
    re_encoding,
    registration,
    upload_urls,
    users,
)
from vectors import DATASET, ITEM, JOB, VIDEO

ROOMS = (api_keys, data_rows, datasets, integrations, re_encoding, registration, upload_urls, users)

CALLS: dict[str, Call[Any]] = {
    "create_dataset": datasets.create_dataset("t"),
    "list_datasets": datasets.list_datasets(),
    "get_dataset": datasets.get_dataset(DATASET),
    "list_data_rows": data_rows.list_data_rows(DATASET),
    "count_data_rows": data_rows.count_data_rows(DATASET, 2),
    "get_data_row": data_rows.get_data_row(DATASET, VIDEO),
    "get_cloud_integrations": integrations.get_cloud_integrations(),
    "get_bearer_token": users.get_bearer_token(),
    "get_presigned_urls": upload_urls.get_presigned_urls(1, "video"),
    "get_signed_url": upload_urls.get_signed_url("v", "video"),
    "get_cloud_integrations_of_key": integrations.get_cloud_integrations_of_key(),
    "get_api_key_meta": api_keys.get_api_key_meta(),
    "start_upload_job": registration.start_upload_job(DATASET, files={}),
    "get_upload_job": registration.get_upload_job(DATASET, JOB),
    "link_items": data_rows.link_items(DATASET, [ITEM]),
    "delete_data": data_rows.delete_data(DATASET, [VIDEO]),
    "re_encode_data": re_encoding.re_encode_data(DATASET, [VIDEO]),
    "re_encode_data_status": re_encoding.re_encode_data_status(DATASET, 1),
    "create_dataset_api_key": api_keys.create_dataset_api_key(DATASET, "t", []),
    "get_dataset_api_keys": api_keys.get_dataset_api_keys(DATASET),
}
