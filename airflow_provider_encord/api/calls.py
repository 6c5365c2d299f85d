"""Every operation of Encord's API, once: one function per operation that returns its :class:`.wire.Call`.

Names, paths, argument order and JSON layout are those of Encord's client 0.1.211 unless a docstring says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import pendulum

from airflow_provider_encord.api import models
from airflow_provider_encord.api.errors import ErrorKind
from airflow_provider_encord.api.models import Fields, read_list
from airflow_provider_encord.api.upload_target import problem_with_target
from airflow_provider_encord.api.wire import Call

MAX_PRESIGNED_URLS = 200
When = str | datetime | None


def create_dataset(
    title: str,
    *,
    description: str | None = None,
    storage_location: models.StorageLocation = models.StorageLocation.CORD_STORAGE,
    create_backing_folder: bool = True,
) -> Call[models.CreatedDataset]:
    """Make a dataset.

    The v2 API has no field for the storage location, so it is only echoed: where data lives is decided item by item.
    """
    body: dict[str, Any] = {"title": title}
    if description is not None:
        body["description"] = description
    body |= {"createBackingFolder": create_backing_folder, "legacyCall": False}

    def read(value: Any) -> models.CreatedDataset:
        fields = Fields(value, "the new dataset")
        return models.CreatedDataset(
            dataset_hash=fields.text("dataset_uuid", "dataset_hash"),
            backing_folder_uuid=fields.optional_text("backing_folder_uuid"),
            title=title,
            storage_location=storage_location,
        )

    return Call(operation="create dataset", method="POST", path="datasets", body=body, read=read, repeatable=False)


def list_datasets(
    *,
    title_eq: str | None = None,
    title_like: str | None = None,
    desc_eq: str | None = None,
    desc_like: str | None = None,
    created_before: When = None,
    created_after: When = None,
    edited_before: When = None,
    edited_after: When = None,
    include_org_access: bool = False,
) -> Call[tuple[models.DatasetInfo, ...]]:
    """List datasets. ``*_like`` take SQL patterns; a text without zone is UTC."""
    query = (
        ("titleEq", title_eq),
        ("titleLike", title_like),
        ("descriptionEq", desc_eq),
        ("descriptionLike", desc_like),
        ("createdBefore", _query_moment(created_before)),
        ("createdAfter", _query_moment(created_after)),
        ("editedBefore", _query_moment(edited_before)),
        ("editedAfter", _query_moment(edited_after)),
        ("includeOrgAccess", include_org_access),
    )
    return Call(
        operation="list datasets",
        method="GET",
        path="datasets/list",
        query=query,
        read=lambda value: Fields(value, "the answer").each("result", models.read_dataset_info),
        repeatable=True,
        large=True,
    )


def get_dataset(
    dataset_hash: str, *, fetch_client_metadata: bool = False, fetch_rows: bool = True
) -> Call[models.Dataset]:
    """Get one dataset, with all its rows unless told otherwise."""
    return Call(
        operation="get dataset",
        method="GET",
        query_type="dataset",
        payload={"dataset_access_settings": _access_settings(fetch_client_metadata, fetch_rows)},
        dataset_hash=_hash(dataset_hash, "dataset_hash"),
        read=models.read_dataset,
        repeatable=True,
        large=True,
        empty=ErrorKind.NOT_FOUND,
    )


def list_data_rows(
    dataset_hash: str,
    *,
    title_eq: str | None = None,
    title_like: str | None = None,
    created_before: When = None,
    created_after: When = None,
    data_types: Sequence[str] | None = None,
    data_hashes: Sequence[str] | None = None,
    fetch_client_metadata: bool = False,
) -> Call[tuple[models.DataRow, ...]]:
    """List data rows of a dataset."""
    payload = {
        "title_eq": title_eq,
        "title_like": title_like,
        "created_before": _payload_moment(created_before),
        "created_after": _payload_moment(created_after),
        "data_types": None if data_types is None else [kind.upper() for kind in data_types],
        "dataset_access_settings": _access_settings(fetch_client_metadata, True),
        "data_hashes": None if data_hashes is None else list(data_hashes),
    }
    return Call(
        operation="list data rows",
        method="GET",
        query_type="datarows",
        payload=payload,
        dataset_hash=_hash(dataset_hash, "dataset_hash"),
        read=lambda value: read_list(value, models.read_data_row, "the answer"),
        repeatable=True,
        large=True,
        empty=ErrorKind.NOT_FOUND,
        empty_list_is_fine=True,
    )


def get_data_row(
    dataset_hash: str,
    data_hash: str,
    *,
    signed_url: bool = False,
    images_signed_urls: bool | None = None,
    client_metadata: bool = False,
) -> Call[models.DataRow]:
    """Get one data row with details; ``images_signed_urls`` None leaves the images of a group out."""
    images = None if images_signed_urls is None else {"fetch_signed_urls": images_signed_urls}
    additional = {
        "signed_url": signed_url,
        "images_data_fetch_options": images,
        "client_metadata": client_metadata,
    }
    return Call(
        operation=f"get data row {data_hash}",
        method="GET",
        query_type="datarow",
        uid=data_hash,
        payload={"additional_data": additional},
        dataset_hash=_hash(dataset_hash, "dataset_hash"),
        read=models.read_data_row,
        repeatable=True,
        large=True,
        empty=ErrorKind.NOT_FOUND,
    )


def get_cloud_integrations(
    *,
    filter_integration_uuids: Sequence[str | UUID] | None = None,
    filter_integration_titles: Sequence[str] | None = None,
    include_org_access: bool = False,
) -> Call[tuple[models.CloudIntegration, ...]]:
    """List cloud integrations; both filters together narrow."""
    uuids = (
        None
        if filter_integration_uuids is None
        else [_uuid(each, "filter_integration_uuids") for each in filter_integration_uuids]
    )
    titles = None if filter_integration_titles is None else list(filter_integration_titles)
    return Call(
        operation="list cloud integrations",
        method="GET",
        path="cloud-integrations",
        query=(
            ("filterIntegrationUuids", uuids),
            ("filterIntegrationTitles", titles),
            ("includeOrgAccess", include_org_access),
        ),
        read=lambda value: Fields(value, "the answer").each("result", models.read_cloud_integration),
        repeatable=True,
    )


def get_bearer_token() -> Call[str]:
    """Get a token for the user of the SSH key. It is a secret."""
    return Call(
        operation="get bearer token",
        method="GET",
        path="user/bearer-token",
        read=lambda value: Fields(value, "the answer").text("token"),
        repeatable=True,
        answers_secret=True,
    )


def get_presigned_urls(count: int, upload_item_type: str) -> Call[tuple[models.PresignedUrl, ...]]:
    """Get URLs that files can be put to: ``video``, ``image`` or ``dicomFile``; 200 at most."""

    def read(value: Any) -> tuple[models.PresignedUrl, ...]:
        urls = Fields(value, "the answer").each("results", models.read_presigned_url)
        if len(urls) != count:
            raise models.Unreadable(f"{count} signed URLs were asked for and {len(urls)} came")
        return urls

    return Call(
        operation="get signed upload URLs",
        method="GET",
        path="presigned-urls",
        query=(("count", count), ("uploadItemType", upload_item_type)),
        read=read,
        repeatable=True,
        vet=_problem_with_targets,
    )


# What `get_presigned_urls` asks for, in the form that dataset API keys may use.
_SIGNED_URL_QUERIES = {"video": "signedvideourl", "image": "signedimagesurl", "dicomFile": "signeddicomsurl"}


def get_signed_url(file_name: str, upload_item_type: str) -> Call[tuple[models.PresignedUrl, ...]]:
    """Get the URL that one file can be put to, as Encord's client 0.1.145 did; dataset API keys need this form."""
    single = upload_item_type == "video"

    def read(value: Any) -> tuple[models.PresignedUrl, ...]:
        urls = (value,) if single else read_list(value, lambda each: each, "the answer")
        return tuple(models.read_signed_url(each) for each in urls)

    return Call(
        operation="get signed upload URL",
        method="GET",
        query_type=_SIGNED_URL_QUERIES[upload_item_type],
        uid=file_name if single else [file_name],
        read=read,
        repeatable=True,
        vet=_problem_with_targets,
        empty=ErrorKind.NOT_FOUND,
    )


def get_cloud_integrations_of_key() -> Call[tuple[models.CloudIntegration, ...]]:
    """List cloud integrations, as Encord's client 0.1.145 did; dataset API keys need this form."""
    return Call(
        operation="list cloud integrations",
        method="GET",
        query_type="cloudintegration",
        read=lambda value: read_list(value, models.read_cloud_integration, "the answer"),
        repeatable=True,
        empty=ErrorKind.NOT_FOUND,
        empty_list_is_fine=True,
    )


def get_api_key_meta() -> Call[str]:
    """Get what kind of resource an API key is for: ``dataset`` or ``project``."""
    return Call(
        operation="look at the API key",
        method="GET",
        query_type="apikeymeta",
        read=lambda value: Fields(value, "the answer").text("resource_type"),
        repeatable=True,
        empty=ErrorKind.NOT_FOUND,
    )


def start_upload_job(
    dataset_hash: str,
    *,
    data_items: Mapping[str, Any] | None = None,
    files: Mapping[str, Any] | None = None,
    integration_id: str | UUID | None = None,
    ignore_errors: bool = False,
    folder: str | UUID | None = None,
    file_name: str | None = None,
) -> Call[str]:
    """Start a registration job and return its id: ``data_items`` of an upload, or ``files`` of a private cloud."""
    payload: dict[str, Any] = {}
    if data_items is not None:
        payload["dataItems"] = data_items
    if files is not None:
        payload["files"] = files
    if integration_id is not None:
        payload["integrationId"] = _uuid(integration_id, "integration_id")
    payload["ignoreErrors"] = ignore_errors
    if folder is not None:
        payload["folderUuid"] = _uuid(folder, "folder")
    if file_name is not None:
        payload["fileName"] = file_name
    return Call(
        operation="start upload job",
        method="POST",
        query_type="datasetdatalongpolling",
        uid=dataset_hash,
        payload=payload,
        dataset_hash=_hash(dataset_hash, "dataset_hash"),
        read=lambda value: Fields(value, "the answer").text("process_hash"),
        repeatable=False,
        empty=ErrorKind.SERVER,
    )


def get_upload_job(dataset_hash: str, job_id: str, *, held_seconds: int = 0) -> Call[models.UploadJob]:
    """Get a registration job; the server may hold the request until the job ends or the seconds are over."""
    return Call(
        operation=f"get upload job {job_id}",
        method="GET",
        query_type="datasetdatalongpolling",
        uid=dataset_hash,
        payload={"process_hash": job_id, "timeout_seconds": held_seconds},
        dataset_hash=_hash(dataset_hash, "dataset_hash"),
        read=models.read_upload_job,
        repeatable=True,
        large=True,
        empty=ErrorKind.NOT_FOUND,
        held_seconds=held_seconds,
    )


def link_items(
    dataset_hash: str, item_uuids: Sequence[str | UUID], *, duplicates_behavior: str = "SKIP"
) -> Call[tuple[models.DataRow, ...]]:
    """Link items of Encord's storage into a dataset; duplicates are ``SKIP``, ``FAIL`` or ``DUPLICATE``."""
    return Call(
        operation="link items",
        method="POST",
        query_type="datasetlinkitems",
        uid=dataset_hash,
        payload={
            "item_uuids": [_uuid(each, "item_uuids") for each in item_uuids],
            "duplicates_behavior": duplicates_behavior,
        },
        dataset_hash=_hash(dataset_hash, "dataset_hash"),
        read=lambda value: read_list(value, models.read_data_row, "the answer"),
        repeatable=duplicates_behavior == "SKIP",
        large=True,
        empty=ErrorKind.SERVER,
        empty_list_is_fine=True,
    )


def delete_data(dataset_hash: str, data_hashes: Sequence[str]) -> Call[None]:
    """Delete data of any kind from a dataset; files in Encord's storage go too, unknown hashes are ignored."""
    hashes = _hashes(data_hashes)
    return Call(
        operation=f"delete {len(hashes)} data item(s)",
        method="DELETE",
        query_type="video",
        uid=hashes,
        dataset_hash=_hash(dataset_hash, "dataset_hash"),
        read=lambda value: None,
        repeatable=True,
    )


def re_encode_data(dataset_hash: str, data_hashes: Sequence[str]) -> Call[int | str]:
    """Start to re-encode videos and return the task's id, in the type the server uses.

    Never repeated after an unclear outcome, unlike Encord's client: a repeat may start a second task.
    """

    def read(value: Any) -> int | str:
        single = value[0] if isinstance(value, list) and len(value) == 1 else value
        if isinstance(single, bool) or not isinstance(single, int | str):
            raise models.Unreadable("the task id should be a number or a text")
        return single

    return Call(
        operation="start re-encoding",
        method="PUT",
        query_type="reencodevideotask",
        payload={"data_hash": _hashes(data_hashes)},
        dataset_hash=_hash(dataset_hash, "dataset_hash"),
        read=read,
        repeatable=False,
        empty=ErrorKind.SERVER,
    )


def re_encode_data_status(dataset_hash: str, task_id: int | str) -> Call[models.ReEncodeTask]:
    """Get a re-encode task.

    Encord takes the id as the number it handed out; an Airflow template may have made a text of it.
    """
    if isinstance(task_id, str) and task_id.isascii() and task_id.isdigit():
        task_id = int(task_id)
    return Call(
        operation=f"get re-encode task {task_id}",
        method="GET",
        query_type="reencodevideotask",
        uid=task_id,
        dataset_hash=_hash(dataset_hash, "dataset_hash"),
        read=models.read_re_encode_task,
        repeatable=True,
        large=True,
        empty=ErrorKind.NOT_FOUND,
    )


def create_dataset_api_key(dataset_hash: str, title: str, scopes: Sequence[str]) -> Call[models.ApiKey]:
    """Make a key for one dataset, as Encord's client 0.1.145 did. The answer holds a secret."""
    return Call(
        operation=f"create API key for dataset {dataset_hash}",
        method="POST",
        query_type="datasetapikey",
        payload={"dataset_hash": dataset_hash, "title": title, "scopes": list(scopes)},
        read=models.read_api_key,
        repeatable=False,
        answers_secret=True,
        empty=ErrorKind.SERVER,
    )


def get_dataset_api_keys(dataset_hash: str) -> Call[tuple[models.ApiKey, ...]]:
    """List the keys of one dataset, as Encord's client 0.1.145 did. The answer holds secrets."""
    return Call(
        operation=f"list API keys of dataset {dataset_hash}",
        method="GET",
        query_type="datasetapikey",
        payload={"dataset_hash": dataset_hash},
        read=lambda value: read_list(value, models.read_api_key, "the answer"),
        repeatable=True,
        answers_secret=True,
        empty=ErrorKind.NOT_FOUND,
        empty_list_is_fine=True,
    )


def _problem_with_targets(urls: Sequence[models.PresignedUrl], domain: str) -> str | None:
    problems = (problem_with_target(url.signed_url, url.upload_headers, domain) for url in urls)
    return next((problem for problem in problems if problem), None)


def _hash(value: str, name: str) -> str:
    if not isinstance(value, str) or not value or not value.isascii() or not value.replace("-", "").isalnum():
        raise ValueError(f"{name} must be a hash such as '8f2e...-...', not {value!r}")
    return value


def _hashes(values: Sequence[str]) -> list[str]:
    if isinstance(values, str) or not values:
        raise ValueError("data_hashes must be a list with at least one data hash")
    return [_hash(value, "data_hashes") for value in values]


def _uuid(value: str | UUID, name: str) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise ValueError(f"{name} must be a UUID, not {value!r}") from None


def _access_settings(fetch_client_metadata: bool, fetch_rows: bool) -> dict[str, bool]:
    return {"fetch_client_metadata": fetch_client_metadata, "fetch_rows": fetch_rows}


def _moment(value: str | datetime) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        moment = pendulum.parse(value, tz="UTC", strict=False)
    except (TypeError, ValueError, OverflowError):
        moment = None
    if not isinstance(moment, datetime):
        raise ValueError(f"{value!r} is not a date and time in ISO 8601, such as '2026-01-31T00:00:00Z'")
    return moment


def _payload_moment(value: When) -> str | None:
    return _moment(value).isoformat() if value else None


def _query_moment(value: When) -> str | None:
    if not value:
        return None
    moment = _moment(value)
    text = moment.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
