"""What is sent again, and after how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_encord._client.errors import ApiError, ErrorKind
from airflow_provider_encord._client.protocol import Answer, retry_after
from airflow_provider_encord._client.resources import (
    api_keys,
    data_rows,
    datasets,
    integrations,
    re_encoding,
    registration,
    upload_urls,
)
from airflow_provider_encord._client.retry import ONCE, RetryPolicy, may_repeat, next_delay
from vectors import DATASET, VIDEO

READ = datasets.get_dataset(DATASET)
START = registration.start_upload_job(DATASET, files={})


def error(kind: ErrorKind, **more) -> ApiError:
    return ApiError(kind, operation="it", reason="because", **more)


REPEATABLE = {
    "list datasets": (datasets.list_datasets(), True),
    "get dataset": (READ, True),
    "list data rows": (data_rows.list_data_rows(DATASET), True),
    "data row": (data_rows.get_data_row(DATASET, VIDEO), True),
    "integrations": (integrations.get_cloud_integrations(), True),
    "presigned URLs": (upload_urls.get_presigned_urls(1, "video"), True),
    "poll": (registration.get_upload_job(DATASET, "job"), True),
    "re-encode status": (re_encoding.re_encode_data_status(DATASET, 1), True),
    "delete": (data_rows.delete_data(DATASET, [VIDEO]), True),
    "link, skipping duplicates": (data_rows.link_items(DATASET, [VIDEO]), True),
    "link, failing on duplicates": (data_rows.link_items(DATASET, [VIDEO], duplicates_behavior="FAIL"), False),
    "create dataset": (datasets.create_dataset("t"), False),
    "start job": (START, False),
    "start re-encoding": (re_encoding.re_encode_data(DATASET, [VIDEO]), False),
    "create API key": (api_keys.create_dataset_api_key(DATASET, "t", []), False),
}


@pytest.mark.parametrize("name", REPEATABLE)
def test_unclear_outcome_is_repeated_only_where_it_does_no_harm(name: str) -> None:
    call, repeatable = REPEATABLE[name]
    for kind in (ErrorKind.NETWORK, ErrorKind.FOREIGN, ErrorKind.SERVER):
        assert may_repeat(call, error(kind)) is repeatable
    assert may_repeat(call, error(ErrorKind.NETWORK, taken=False))
    assert may_repeat(call, error(ErrorKind.RATE_LIMITED, taken=False))
    assert may_repeat(call, error(ErrorKind.LOOKUP, taken=False))


REPEATED = (ErrorKind.NETWORK, ErrorKind.FOREIGN, ErrorKind.SERVER, ErrorKind.RATE_LIMITED, ErrorKind.LOOKUP)


@pytest.mark.parametrize("kind", [kind for kind in ErrorKind if kind not in REPEATED])
def test_what_no_repeat_cures_is_not_repeated(kind: ErrorKind) -> None:
    assert not may_repeat(READ, error(kind))
    assert not may_repeat(READ, error(kind, taken=False))


def delay(attempt: int, problem: ApiError, policy: RetryPolicy = RetryPolicy(), jitter: float = 1.0) -> float | None:
    return next_delay(READ, problem, attempt=attempt, policy=policy, jitter=lambda: jitter)


def test_pauses_double_and_end() -> None:
    assert [delay(attempt, error(ErrorKind.SERVER)) for attempt in (1, 2, 3, 4)] == [1, 2, 4, None]
    assert delay(1, error(ErrorKind.SERVER), ONCE) is None


def test_jitter_takes_at_most_half() -> None:
    assert delay(3, error(ErrorKind.SERVER), jitter=0.0) == 2.0


def test_no_pause_is_longer_than_the_longest() -> None:
    assert delay(9, error(ErrorKind.SERVER), RetryPolicy(tries=20)) == 60.0
    assert delay(1, error(ErrorKind.RATE_LIMITED, retry_after=86400.0)) == 60.0
    assert delay(1, error(ErrorKind.RATE_LIMITED, retry_after=float("inf"))) == 60.0


def test_retry_after_wins_over_our_own_pause() -> None:
    assert delay(3, error(ErrorKind.RATE_LIMITED, retry_after=0.0)) == 0.0
    assert delay(1, error(ErrorKind.RATE_LIMITED, retry_after=7.0)) == 7.0


DATE = "Fri, 02 Jan 2026 03:04:05 GMT"
RETRY_AFTER = {
    "seconds": ({"Retry-After": "7"}, 7.0),
    "any case": ({"rEtRy-AfTeR": " 7 "}, 7.0),
    "none": ({}, None),
    "empty": ({"Retry-After": ""}, None),
    "negative": ({"Retry-After": "-3"}, None),
    "fraction": ({"Retry-After": "1.5"}, None),
    "words": ({"Retry-After": "soon"}, None),
    "other digits": ({"Retry-After": "٣"}, None),
    "date": ({"Retry-After": "Fri, 02 Jan 2026 03:05:05 GMT", "Date": DATE}, 60.0),
    "date in the past": ({"Retry-After": "Fri, 02 Jan 2026 03:00:05 GMT", "Date": DATE}, 0.0),
    "date, but no clock to compare": ({"Retry-After": "Fri, 02 Jan 2026 03:05:05 GMT"}, None),
    "date without zone": ({"Retry-After": "Fri, 02 Jan 2026 03:05:05 -0000", "Date": DATE}, 60.0),
    "impossible date": ({"Retry-After": "Fri, 99 Jan 2026 03:05:05 GMT", "Date": DATE}, None),
}


@pytest.mark.parametrize("form", RETRY_AFTER)
def test_retry_after_forms(form: str) -> None:
    headers, seconds = RETRY_AFTER[form]
    assert retry_after(Answer(429, headers, b"")) == seconds


@given(st.text(), st.text())
def test_no_retry_after_breaks_us(value: str, date: str) -> None:
    seconds = retry_after(Answer(429, {"Retry-After": value, "Date": date}, b""))
    assert seconds is None or seconds >= 0
