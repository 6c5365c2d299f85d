"""One call of each kind, for tests of what their answers may hold."""

from __future__ import annotations

from typing import Any

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.resources import (
    api_keys,
    data_rows,
    datasets,
    folder_jobs,
    folder_sync,
    folders,
    integrations,
    items,
    re_encoding,
    registration,
    upload_urls,
    users,
)
from vectors import DATASET, FOLDER, ITEM, JOB, VIDEO

ROOMS = (
    api_keys,
    data_rows,
    datasets,
    folder_jobs,
    folder_sync,
    folders,
    integrations,
    items,
    re_encoding,
    registration,
    upload_urls,
    users,
)

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
    "get_current_user": users.get_current_user(),
    "list_folders": folders.list_folders(),
    "get_folder": folders.get_folder(FOLDER),
    "create_folder": folders.create_folder("f"),
    "update_folder": folders.update_folder(FOLDER, name="f"),
    "move_folders": folders.move_folders([FOLDER], None),
    "delete_folder": folders.delete_folder(FOLDER),
    "get_folder_summary": folders.get_folder_summary(FOLDER),
    "list_items": items.list_items(FOLDER),
    "get_item": items.get_item(ITEM),
    "get_items": items.get_items([ITEM]),
    "list_child_items": items.list_child_items(FOLDER, ITEM),
    "get_item_summary": items.get_item_summary(FOLDER, ITEM),
    "update_items": items.update_items({ITEM: items.item_patch(name="i")}),
    "move_items": items.move_items(FOLDER, [ITEM], FOLDER),
    "delete_items": items.delete_items(FOLDER, [ITEM]),
    "re_encode_items": items.re_encode_items([ITEM], "t"),
    "get_item_re_encoding": items.get_item_re_encoding(JOB),
    "get_folder_upload_urls": upload_urls.get_folder_upload_urls(FOLDER, 1, "image"),
    "start_folder_upload_job": folder_jobs.start_folder_upload_job(FOLDER, files={}),
    "get_folder_upload_job": folder_jobs.get_folder_upload_job(FOLDER, JOB),
    "cancel_folder_upload_job": folder_jobs.cancel_folder_upload_job(FOLDER, JOB),
    "start_folder_sync": folder_sync.start_folder_sync(FOLDER),
    "get_folder_sync": folder_sync.get_folder_sync(FOLDER, JOB),
    "get_dataset_api_keys": api_keys.get_dataset_api_keys(DATASET),
}
