"""Reading answers: whatever comes, we read it or say what is wrong with it."""

import dataclasses
import inspect
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_encord._client import fields
from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ApiError
from airflow_provider_encord._client.protocol import Answer, read
from airflow_provider_encord._client.resources import (
    api_keys,
    data_rows,
    datasets,
    re_encoding,
    registration,
    storage_location,
    upload_urls,
)
from every_call import CALLS, ROOMS
from vectors import DATASET, VIDEO

# Field names that readers look for, so that random objects get past the first check.
NAMES = sorted(
    {
        field.name
        for room in ROOMS
        for model in vars(room).values()
        if dataclasses.is_dataclass(model) and model is not Call
        for field in dataclasses.fields(model)
    }
    | {
        "dataset_uuid",
        "dataset_type",
        "integration_uuid",
        "process_hash",
        "resource_hash",
        "result",
        "results",
        "items_with_names",
        "upload_jobs_units_error",
        "next_page_token",
        "token",
    }
    | {"data_hashes_with_titles", "data_unit_errors", "units_done_count", "upload_headers", "images_data", "scopes"}
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        [10**400, -(10**400), float("nan"), float("inf"), "²", "--5", "9" * 5000, "[" * 5000, "AWS_S3", "\ud800"]
    )
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=8)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("name", CALLS)
@given(value=JSON)
@example(value={"storage_location": {}, "dataset_type": [], "data_hash": "x", "dataset_hash": "x", "title": 7})
@example(value={"dataset_type": "²", "dataset_hash": "x"})
@example(value=[{"data_hash": "x", "storage_location": "--5", "width": 10**400, "duration": float("nan")}])
@example(value={"result": [{"dataset_uuid": "x", "storage_location": []}]})
@example(value={"status": "DONE", "units_done_count": 10**400})
@example(value={"dataset_hash": "x", "api_key": "k", "scopes": "[" * 5000})
def test_any_json_is_read_or_unreadable(name: str, value: Any) -> None:
    try:
        CALLS[name].read(value)
    except fields.Unreadable as problem:
        assert str(problem)


@pytest.mark.parametrize("name", CALLS)
@given(body=st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()), status=st.integers(100, 599))
@example(body=b'{"status": 200, "response": {"dataset_hash": "x", "data_rows": [{}]}}', status=200)
def test_any_answer_is_read_or_an_api_error(name: str, body: bytes, status: int) -> None:
    try:
        read(CALLS[name], Answer(status, {}, body), domain="https://api.encord.com", trace_id="0" * 32)
    except ApiError as error:
        assert str(error)


def test_camel_case_is_read_like_snake_case() -> None:
    row = {"data_hash": "h", "data_title": "t", "data_type": "VIDEO", "created_at": "2025-03-01 10:00:00", "width": 4}
    row |= {"file_link": "l", "frames_per_second": 25, "storage_location": 1, "is_optimised_image_group": True}
    camel = {"".join([name.split("_")[0], *(part.title() for part in name.split("_")[1:])]): row[name] for name in row}
    assert camel["createdAt"]
    assert data_rows.read_data_row(camel) == data_rows.read_data_row(row)
    assert data_rows.read_data_row(row).storage_location is storage_location.StorageLocation.AWS


def test_unknown_fields_are_ignored_and_missing_ones_are_none() -> None:
    row = data_rows.read_data_row({"data_hash": "h", "new_field": {"x": 1}})
    assert (row.data_hash, row.width, row.created_at, row.images_data) == ("h", None, None, None)


@pytest.mark.parametrize(
    ("value", "location"),
    [
        (0, "CORD_STORAGE"),
        (1, "AWS"),
        ("1", "AWS"),
        ("AWS_S3", "AWS"),
        ("aws_s3", "AWS"),
        ("GCP_STR", "GCP"),
        ("AZURE_STR", "AZURE"),
        ("S3_COMPATIBLE_STR", "S3_COMPATIBLE"),
        ("CORD_STORAGE", "CORD_STORAGE"),
        ("0", "CORD_STORAGE"),
        (4, "S3_COMPATIBLE"),
        (5, "UNKNOWN"),
        (-99, "UNKNOWN"),
        ("-99", "UNKNOWN"),
        ("MOON", "UNKNOWN"),
        (None, "UNKNOWN"),
        ("", "UNKNOWN"),
        ([], "UNKNOWN"),
        ({}, "UNKNOWN"),
        ("²", "UNKNOWN"),
        ("--5", "UNKNOWN"),
        pytest.param("9" * 5000, "UNKNOWN", id="many digits"),
        (1.5, "UNKNOWN"),
    ],
)
def test_storage_location(value: Any, location: str) -> None:
    assert storage_location.StorageLocation.parse(value) is storage_location.StorageLocation[location]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-03-01 10:00:00", datetime(2025, 3, 1, 10, tzinfo=UTC)),
        ("2025-03-01T10:00:00", datetime(2025, 3, 1, 10, tzinfo=UTC)),
        ("2025-03-01T10:00:00Z", datetime(2025, 3, 1, 10, tzinfo=UTC)),
        ("2025-03-01T10:00:00.123456+02:00", datetime(2025, 3, 1, 10, 0, 0, 123456, timezone(timedelta(hours=2)))),
        ("yesterday", None),
        (1700000000, None),
        ("2025-99-01", None),
    ],
)
def test_moments(text: Any, moment: datetime | None) -> None:
    assert fields.Fields({"created_at": text}, "it").moment("created_at") == moment


def test_each_call_is_read_here() -> None:
    made = {
        name
        for room in ROOMS
        for name, value in vars(room).items()
        if inspect.isfunction(value) and str(value.__annotations__.get("return")).startswith("Call[")
    }
    assert made == set(CALLS)


NO_COUNTS = [float("nan"), float("-inf"), -(10**400), True, "7", None, []]
TOO_LARGE = [2**53 + 1, 10**25, 1e300, float("inf"), 10**400]


@pytest.mark.parametrize("value", [*NO_COUNTS, *TOO_LARGE], ids=lambda value: repr(value)[:9])
def test_what_is_no_number_is_none(value: Any) -> None:
    assert fields.Fields({"n": value}, "it").number("n") is None


@pytest.mark.parametrize("value", NO_COUNTS, ids=lambda value: repr(value)[:9])
def test_what_is_no_count_is_zero(value: Any) -> None:
    assert fields.Fields({"n": value}, "it").count("n") == 0


@pytest.mark.parametrize("value", TOO_LARGE, ids=lambda value: repr(value)[:9])
def test_too_large_a_count_is_cut_to_what_json_readers_take(value: Any) -> None:
    count = fields.Fields({"n": value}, "it").count("n")
    assert (count, type(count)) == (2**53, int)


BAD_IDS = ["a b", "a\nb", "\x00", "é", "a/b", "<a>", "x" * 256, "\ud800", "https://x.test/?sig=1"]


@pytest.mark.parametrize("value", BAD_IDS, ids=ascii)
@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("create_dataset", lambda value: {"dataset_uuid": value}),
        ("list_datasets", lambda value: {"result": [{"datasetUuid": value}]}),
        ("get_dataset", lambda value: {"dataset_hash": value}),
        ("list_data_rows", lambda value: [{"data_hash": value}]),
        ("get_cloud_integrations", lambda value: {"result": [{"integrationUuid": value}]}),
        ("start_upload_job", lambda value: {"process_hash": value}),
        ("get_upload_job", lambda value: {"status": "DONE", "data_hashes_with_titles": [{"data_hash": value}]}),
        ("re_encode_data", lambda value: value),
        ("get_folder", lambda value: {"uuid": value}),
        ("list_folders", lambda value: {"results": [{"uuid": value}]}),
        ("list_items", lambda value: {"results": [{"uuid": value}]}),
        ("get_item_summary", lambda value: {"accessibleDatasets": [{"datasetHash": value}]}),
        ("get_folder_upload_job", lambda value: {"status": "DONE", "itemsWithNames": [{"itemUuid": value}]}),
        ("start_folder_upload_job", lambda value: value),
        ("re_encode_data_status", lambda value: {"status": "DONE", "result": [{"data_hash": value}]}),
    ],
)
def test_what_can_be_no_id_is_unreadable(call: str, answer: Any, value: str) -> None:
    with pytest.raises(fields.Unreadable) as caught:
        CALLS[call].read(answer(value))
    assert value not in str(caught.value)


@pytest.mark.parametrize("key", ["a\nb", "a\x00", "\ud800", "x" * 1025], ids=lambda key: ascii(key)[:9])
def test_what_can_be_no_object_key_is_unreadable(key: str) -> None:
    with pytest.raises(fields.Unreadable, match="object_key"):
        CALLS["get_presigned_urls"].read({"results": [{"objectKey": key, "signedUrl": "https://x.test/"}]})
    with pytest.raises(fields.Unreadable, match="file_link"):
        CALLS["get_signed_url"].read({"file_link": key, "signed_url": "https://x.test/"})


def test_texts_stay_as_encord_sent_them() -> None:
    odd = "a\x00\x1b[31m\x85\ud800\r\n"
    row = data_rows.read_data_row({"data_hash": "h", "data_title": odd, "client_metadata": {odd: [odd, 10**25]}})
    assert (row.data_title, row.client_metadata) == (odd, {odd: [odd, 10**25]})
    job = {"status": "DONE", "data_hashes_with_titles": [{"data_hash": "h", "title": odd}], "errors": [odd]}
    assert registration.read_upload_job(job).items[0].title == odd


def test_file_size_may_be_a_fraction_and_counts_are_whole() -> None:
    row = data_rows.read_data_row({"data_hash": "h", "file_size": 1.5, "width": 1920.0})
    assert (row.file_size, row.width) == (1.5, 1920)
    assert registration.read_upload_job({"status": "DONE", "units_done_count": 3.0}).done == 3


@pytest.mark.parametrize(
    ("answer", "task"), [(1337, 1337), ("abc", "abc"), ([1337], 1337), (["abc"], "abc"), ("1337", "1337")]
)
def test_task_id_keeps_its_type(answer: Any, task: Any) -> None:
    read_task = re_encoding.re_encode_data(DATASET, [VIDEO]).read
    assert read_task(answer) == task
    assert type(read_task(answer)) is type(task)


@pytest.mark.parametrize(
    "answer", [[1, 2], {"id": 1}, True, 1.5, 10**25, -(10**25), [2**53 + 1], "", "\ud800", "x" * 256], ids=ascii
)
def test_task_id_of_another_kind_is_unreadable(answer: Any) -> None:
    with pytest.raises(fields.Unreadable):
        re_encoding.re_encode_data(DATASET, [VIDEO]).read(answer)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_as_many_signed_urls_as_asked_for_or_none_at_all(count: int) -> None:
    urls = [{"objectKey": "k", "signedUrl": "https://x.test/?sig=1"}] * count
    with pytest.raises(fields.Unreadable, match=f"2 signed URLs were asked for and {count} came"):
        upload_urls.get_presigned_urls(2, "image").read({"results": urls})


def test_secrets_are_not_in_the_repr_of_answers() -> None:
    secret = "https://x.test/?sig=topsecret"
    shown = [
        upload_urls.read_presigned_url(
            {"objectKey": "k", "signedUrl": secret, "uploadHeaders": {"x-token": "topsecret"}}
        ),
        re_encoding.read_re_encode_task({"status": "DONE", "result": [{"data_hash": "h", "signed_url": secret}]}),
        data_rows.read_data_row({"data_hash": "h", "signed_url": secret, "images_data": [{"signed_url": secret}]}),
        api_keys.read_api_key({"dataset_hash": "d", "api_key": "topsecret", "scopes": []}),
    ]
    assert "topsecret" not in repr(shown)


BAD_ARGUMENTS = {
    "dataset hash empty": lambda: datasets.get_dataset(""),
    "dataset hash None": lambda: datasets.get_dataset(None),
    "dataset hash with a line break": lambda: datasets.get_dataset("a\nAuthorization: x"),
    "dataset hash not ASCII": lambda: datasets.get_dataset("é"),
    "a text for a list of hashes": lambda: data_rows.delete_data(DATASET, VIDEO),
    "no hash": lambda: data_rows.delete_data(DATASET, []),
    "None for a list of hashes": lambda: data_rows.delete_data(DATASET, None),
    "an empty hash": lambda: data_rows.delete_data(DATASET, [VIDEO, ""]),
    "None among hashes": lambda: re_encoding.re_encode_data(DATASET, [None]),
    "integration no UUID": lambda: registration.start_upload_job(DATASET, integration_id="AWS"),
    "folder no UUID": lambda: registration.start_upload_job(DATASET, folder="x"),
    "item no UUID": lambda: data_rows.link_items(DATASET, ["x"]),
    "no date": lambda: datasets.list_datasets(created_before="yesterday"),
    "an interval for a date": lambda: datasets.list_datasets(created_before="2025-01-01/2025-01-02"),
}


@pytest.mark.parametrize("mistake", BAD_ARGUMENTS)
def test_bad_arguments_are_refused_before_any_request(mistake: str) -> None:
    with pytest.raises(ValueError, match=r"must be|not a date"):
        BAD_ARGUMENTS[mistake]()
