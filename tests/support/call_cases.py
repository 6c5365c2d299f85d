"""The vectors that are one call each: which of our calls makes the same request, and where we differ on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ErrorKind
from airflow_provider_encord._client.resources import (
    api_keys,
    data_rows,
    datasets,
    integrations,
    re_encoding,
    registration,
    storage_location,
    users,
)
from folder_cases import CALLS as FOLDER_CALLS
from vectors import DATASET, FOLDER, GROUP, INTEGRATION, ITEM, KEY, PROTECTED_KEY, RSA_KEY, VECTORS, VIDEO

_READ_WRITE = ("dataset.read", "dataset.write")
_FILES = {"videos": [{"objectUrl": "https://bucket.example/v.mp4"}]}


def _zone(hours: float) -> timezone:
    return timezone(timedelta(hours=hours))


def _recorded_payload(name: str) -> dict:
    return json.loads(VECTORS[name]["requests"][0]["body"])["values"]["payload"]


CALLS: dict[str, Call] = {
    "create_dataset": datasets.create_dataset(
        "Example Title", description="Example description", storage_location=storage_location.StorageLocation.AWS
    ),
    "create_dataset_minimal": datasets.create_dataset("Example Title", create_backing_folder=False),
    "create_dataset_unicode": datasets.create_dataset('Größe "1" \u2013 東京', description="é"),
    "list_datasets": datasets.list_datasets(),
    "list_datasets_bearer": datasets.list_datasets(),
    "list_datasets_filtered": datasets.list_datasets(
        title_like="Validation%",
        desc_eq="a b&c",
        created_before="2025-01-31",
        created_after=datetime(2024, 12, 31, 22, tzinfo=_zone(2)),
        edited_before="2025-02-01 03:04:05",
        edited_after=datetime(2024, 6, 1),
        include_org_access=True,
    ),
    "list_datasets_all_filters": datasets.list_datasets(
        title_eq="t",
        title_like="t%",
        desc_eq="d",
        desc_like="d%",
        created_before=datetime(2025, 1, 1, tzinfo=UTC),
        created_after=datetime(2025, 1, 2, 0, 0, 0, 500_000, tzinfo=UTC),
        edited_before=datetime(2025, 1, 3, tzinfo=_zone(5.5)),
        edited_after="2025-01-04T00:00:00Z",
    ),
    "get_dataset": datasets.get_dataset(DATASET),
    "get_dataset_bearer": datasets.get_dataset(DATASET),
    "get_dataset_client_metadata": datasets.get_dataset(DATASET, fetch_client_metadata=True),
    "get_dataset_metadata_only": datasets.get_dataset(DATASET, fetch_rows=False),
    "list_data_rows": data_rows.list_data_rows(DATASET),
    "list_data_rows_empty": data_rows.list_data_rows(DATASET, title_eq="nothing"),
    "list_data_rows_filtered": data_rows.list_data_rows(
        DATASET,
        title_eq="sample_data.mp4",
        title_like="sample%",
        created_before="2025-06-01",
        created_after=datetime(2025, 1, 1, tzinfo=_zone(2)),
        data_types=["VIDEO", "img_group"],
        data_hashes=[VIDEO],
    ),
    "refetch_data_row": data_rows.get_data_row(
        DATASET, VIDEO, signed_url=True, images_signed_urls=True, client_metadata=True
    ),
    "get_cloud_integrations": integrations.get_cloud_integrations(),
    "get_cloud_integrations_filtered": integrations.get_cloud_integrations(
        filter_integration_uuids=[INTEGRATION, INTEGRATION[:-1] + "2"],
        filter_integration_titles=["AWS", "my gcp"],
        include_org_access=True,
    ),
    "get_bearer_token": users.get_bearer_token(),
    "get_bearer_token_passphrase_key": users.get_bearer_token(),
    "user_agent_suffix": users.get_bearer_token(),
    "old145_v2_signature_backdated": users.get_bearer_token(),
    "link_items": data_rows.link_items(DATASET, [ITEM, ITEM[:-1] + "2"]),
    "link_items_fail": data_rows.link_items(DATASET, [ITEM.upper()], duplicates_behavior="FAIL"),
    "delete_data": data_rows.delete_data(DATASET, [VIDEO, GROUP]),
    "delete_data_single": data_rows.delete_data(DATASET, [VIDEO]),
    "re_encode_data": re_encoding.re_encode_data(DATASET, [VIDEO, GROUP]),
    "re_encode_data_null_response": re_encoding.re_encode_data(DATASET, [VIDEO]),
    "re_encode_data_retried": re_encoding.re_encode_data(DATASET, [VIDEO]),
    "re_encode_data_status_done": re_encoding.re_encode_data_status(DATASET, 1337),
    "re_encode_data_status_error": re_encoding.re_encode_data_status(DATASET, 1337),
    "re_encode_data_status_submitted": re_encoding.re_encode_data_status(DATASET, 1337),
    "re_encode_data_status_unknown_task": re_encoding.re_encode_data_status(DATASET, 999),
    "job_start_data_items_all_kinds": registration.start_upload_job(
        DATASET,
        data_items=_recorded_payload("job_start_data_items_all_kinds")["dataItems"],
        integration_id=INTEGRATION,
        ignore_errors=True,
    ),
    "add_private_data_start": registration.start_upload_job(
        DATASET,
        files=_recorded_payload("add_private_data_start")["files"],
        integration_id=INTEGRATION,
        ignore_errors=True,
        folder=FOLDER,
    ),
    "apikey_create": api_keys.create_dataset_api_key(DATASET, "Full Access API Key", _READ_WRITE),
    "apikey_create_http_500": api_keys.create_dataset_api_key(DATASET, "x", ["dataset.read"]),
    "apikey_create_read_only": api_keys.create_dataset_api_key(DATASET, "read only", ["dataset.read"]),
    "apikey_operation_not_allowed": api_keys.create_dataset_api_key(DATASET, "x", ["dataset.read"]),
    "apikey_list": api_keys.get_dataset_api_keys(DATASET),
    "apikey_list_empty": api_keys.get_dataset_api_keys(DATASET),
    "apikey_auth_init": api_keys.get_api_key_meta(),
    "apikey_auth_init_generic": api_keys.get_api_key_meta(),
    "apikey_auth_init_project_key": api_keys.get_api_key_meta(),
    "apikey_auth_refused": api_keys.get_api_key_meta(),
    "apikey_auth_cloud_integrations": integrations.get_cloud_integrations_of_key(),
    "old145_get_cloud_integrations": integrations.get_cloud_integrations_of_key(),
    "apikey_auth_get_dataset": datasets.get_dataset(DATASET),
    "apikey_auth_list_data_rows": data_rows.list_data_rows(DATASET, title_like="a%"),
    "apikey_auth_re_encode": re_encoding.re_encode_data(DATASET, [VIDEO]),
    "apikey_auth_delete_data_read_only": data_rows.delete_data(DATASET, [VIDEO]),
    "apikey_auth_add_private_data_start": registration.start_upload_job(
        DATASET, files=_FILES, integration_id=INTEGRATION
    ),
    "error_connection_dropped_retried": datasets.get_dataset(DATASET, fetch_rows=False),
    "error_connection_dropped_not_retried": data_rows.delete_data(DATASET, [VIDEO]),
    "error_legacy_http_400_status_200_body": datasets.get_dataset(DATASET, fetch_rows=False),
    "error_legacy_http_500_recovers": datasets.get_dataset(DATASET, fetch_rows=False),
    "error_legacy_http_429_not_retried": data_rows.delete_data(DATASET, [VIDEO]),
    "error_legacy_post_500_not_retried": registration.start_upload_job(
        DATASET, files={"images": []}, integration_id=INTEGRATION
    ),
    "error_v2_201_unexpected": datasets.create_dataset("Example Title"),
}
CALLS |= FOLDER_CALLS
for _name in VECTORS:
    if _name.startswith("error_legacy_"):
        CALLS.setdefault(_name, datasets.get_dataset(DATASET))
    elif _name.startswith("error_v2_"):
        own = (
            datasets.create_dataset("Example Title") if _name.endswith("_create_dataset") else datasets.list_datasets()
        )
        CALLS.setdefault(_name, own)


@dataclass(frozen=True)
class Deliberate:
    """Where we differ from Encord's client, on purpose.

    :param reason: why.
    :param plays: the recorded answers that we get, by position; all in their order if left out.
    :param kind: our error, where the kind is what differs.
    :param reads: what we read, where Encord's client returns something else or raises.
    :param older_body: the recorded body lacks ``fetch_rows``, which came with a later release.
    """

    reason: str
    plays: tuple[int, ...] | None = None
    kind: ErrorKind | None = None
    reads: Callable[[Any], bool] | None = None
    older_body: bool = False


_FOUR = (0, 0, 0, 0)
_REPEATED_READ = "a read that failed for a passing reason is repeated"
_NO_KIND_CALL = "we do not ask for the kind of an API key first; the first request is the operation's own"
_FOREIGN = "without Encord's message it is somebody else's answer, and tried again like no answer at all"
_KIND = "we return the kind of the key; who asked decides"
_TOO_LARGE = "413 is never repeated: the same request stays too large"

_NOT_READ_AFTER = "what was moved is not read again"
_ASKED_ONCE = "a call asks once; waiting is the watch's, and polls are held no longer than 60 seconds"
_EITHER_CASE = "a status counts in either case"

DELIBERATE: dict[str, Deliberate] = {
    "re_encode_data_retried": Deliberate(
        "the start of a re-encode task is never repeated after an unclear outcome: a repeat may start a second task",
        plays=(0,),
        kind=ErrorKind.SERVER,
    ),
    "re_encode_data_null_response": Deliberate(
        "an empty answer is the server's failure, not the network's", kind=ErrorKind.SERVER
    ),
    "error_legacy_http_413": Deliberate(_TOO_LARGE, plays=(0,)),
    "error_v2_413": Deliberate(_TOO_LARGE, plays=(0,)),
    "error_connection_dropped_not_retried": Deliberate("deleting is repeatable", plays=_FOUR),
    "error_legacy_http_429_not_retried": Deliberate(
        "a real HTTP 429 was refused before any handler, so every operation may be repeated", plays=_FOUR
    ),
    "error_v2_429_create_dataset": Deliberate(
        "a real HTTP 429 was refused before any handler, so every operation may be repeated", plays=_FOUR
    ),
    "error_v2_201_unexpected": Deliberate(
        "any 2xx with JSON is a success", reads=lambda made: made.dataset_hash == DATASET
    ),
    "error_legacy_bare_string": Deliberate("the reason may come as a bare text", kind=ErrorKind.PERMISSION),
    "error_legacy_no_envelope": Deliberate(
        "a list of problems without an envelope is Encord's check of a request's form, and means bad arguments",
        kind=ErrorKind.INVALID,
    ),
    "error_legacy_not_json": Deliberate(_FOREIGN, plays=_FOUR),
    "error_v2_403_no_body": Deliberate(_FOREIGN, plays=_FOUR, kind=ErrorKind.FOREIGN),
    "re_encode_data_status_unknown_task": Deliberate(
        "only Encord's own words say that a task is unknown: nothing as an answer would start it a second time",
        kind=ErrorKind.UNREADABLE,
    ),
    "error_v2_422": Deliberate("422 means bad arguments, which no retry cures", kind=ErrorKind.INVALID),
    "error_legacy_MUST_SET_DETECTION_RANGE_ERROR": Deliberate(
        "a missing argument, which no retry cures", kind=ErrorKind.INVALID
    ),
    "error_legacy_http_504": Deliberate(_REPEATED_READ, plays=_FOUR),
    "error_v2_504": Deliberate(_REPEATED_READ, plays=_FOUR),
    "error_legacy_RATE_LIMIT_ERROR": Deliberate(_REPEATED_READ, plays=_FOUR),
    "error_legacy_UNKNOWN_ERROR": Deliberate(_REPEATED_READ, plays=_FOUR),
    "error_legacy_unlisted": Deliberate(_REPEATED_READ, plays=_FOUR),
    "old145_v2_signature_backdated": Deliberate("we sign with the local time, as releases from 0.1.195 on do"),
    "user_agent_suffix": Deliberate("we send our own product token"),
    "apikey_auth_init": Deliberate(_KIND, reads=lambda kind: kind == "dataset"),
    "apikey_auth_init_generic": Deliberate(_KIND, reads=lambda kind: kind == "dataset"),
    "apikey_auth_init_project_key": Deliberate(_KIND, reads=lambda kind: kind == "project"),
    "apikey_auth_cloud_integrations": Deliberate(_NO_KIND_CALL, plays=(1,)),
    "apikey_auth_get_dataset": Deliberate(
        _NO_KIND_CALL + "; fetch_rows is sent, as 0.1.200 and later do", plays=(1,), older_body=True
    ),
    "apikey_auth_list_data_rows": Deliberate(
        _NO_KIND_CALL + "; fetch_rows is sent, as 0.1.200 and later do", plays=(1,), older_body=True
    ),
    "apikey_auth_re_encode": Deliberate(_NO_KIND_CALL, plays=(1,)),
    "apikey_auth_delete_data_read_only": Deliberate(_NO_KIND_CALL, plays=(1,)),
    "apikey_auth_add_private_data_start": Deliberate(_NO_KIND_CALL, plays=(1,)),
    "folder_delete_http_503": Deliberate("deleting is repeatable", plays=_FOUR),
    "folder_move": Deliberate(_NOT_READ_AFTER, plays=(0,)),
    "folder_move_to_root": Deliberate(_NOT_READ_AFTER, plays=(0,)),
    "item_move": Deliberate(_NOT_READ_AFTER, plays=(0,)),
    "folder_job_done": Deliberate(_ASKED_ONCE, plays=(1,)),
    "folder_job_timeout": Deliberate(_ASKED_ONCE, plays=(0,)),
    "cloud_sync_done": Deliberate(_ASKED_ONCE, plays=(1,)),
    "cloud_sync_timeout": Deliberate(_ASKED_ONCE, plays=(0,)),
    "folder_job_poll_gives_up": Deliberate(_FOREIGN, plays=_FOUR),
    "folder_job_lower_case_status": Deliberate(_EITHER_CASE, reads=lambda job: job.status == "done"),
    "cloud_sync_upper_case_status": Deliberate(_EITHER_CASE, reads=lambda sync: sync.status == "DONE"),
    "folder_list_unknown_type": Deliberate(
        "what is unknown keeps its name", reads=lambda page: page.results[0].folder_type == "somethingNew"
    ),
    "item_list_unknown_type": Deliberate(
        "an item of an unknown kind is an item", reads=lambda page: page.results[0].item_type == "somethingNew"
    ),
    "item_update_bulk": Deliberate(
        "we return the items as they are then", reads=lambda changed: {item.uuid for item in changed} >= {ITEM}
    ),
}

# Forms that we do not send. Their signatures are checked all the same, and their answers read where we have a reader.
_LEGACY = "superseded by the v2 form of {}, which we send"
NOT_SENT: dict[str, str] = {
    "old145_create_dataset": _LEGACY.format("create_dataset"),
    "old145_create_dataset_minimal": _LEGACY.format("create_dataset"),
    "old145_list_datasets": _LEGACY.format("list_datasets"),
    "old145_upload_video": _LEGACY.format("presigned URLs (upload_video)"),
    "old145_create_image_group": _LEGACY.format("presigned URLs (create_image_group)"),
    "old145_create_dicom_series": _LEGACY.format("presigned URLs (create_dicom_series)"),
}

# Keys that are refused before any request: text, passphrase, and what the error says.
KEY_CASES: dict[str, tuple[str, str | None, str]] = {
    "key_garbage": ("this is no key", None, "neither an OpenSSH key nor its base64"),
    "key_passphrase_missing": (PROTECTED_KEY, None, "set 'passphrase'"),
    "key_passphrase_wrong": (PROTECTED_KEY, "wrong", "wrong passphrase"),
    "key_password_not_needed": (KEY, "some", "remove it"),
    "key_rsa_rejected": (RSA_KEY, None, "RSA"),
}
