"""Only Encord's own form of answer counts as its word: all else is no answer, named as what it is, and passes."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import TRANSIENT, ApiError, ErrorKind
from airflow_provider_encord._client.protocol import Answer, read
from airflow_provider_encord._client.resources import (
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
)
from airflow_provider_encord._client.retry import may_repeat
from vectors import DATASET, FOLDER, ITEM, JOB, VIDEO

LEGACY: dict[str, Call[Any]] = {
    "get dataset": datasets.get_dataset(DATASET),
    "rows": data_rows.list_data_rows(DATASET),
    "job": registration.get_upload_job(DATASET, JOB),
    "re-encode task": re_encoding.re_encode_data_status(DATASET, 1),
    "delete": data_rows.delete_data(DATASET, [VIDEO]),
}
FOLDERS: dict[str, Call[Any]] = {
    "folder job": folder_jobs.get_folder_upload_job(FOLDER, JOB),
    "cancel": folder_jobs.cancel_folder_upload_job(FOLDER, JOB),
    "sync": folder_sync.get_folder_sync(FOLDER, JOB),
    "items": items.list_items(FOLDER),
    "delete folder": folders.delete_folder(FOLDER),
}
CALLS = LEGACY | {"list datasets": datasets.list_datasets()} | FOLDERS
V2 = [datasets.list_datasets(), integrations.get_cloud_integrations(), upload_urls.get_presigned_urls(1, "image")]
V2 += [items.list_items(FOLDER), folders.list_folders(), items.get_items([ITEM])]
STARTS: dict[str, Call[Any]] = {
    "start job": registration.start_upload_job(DATASET, files={}),
    "re-encode": re_encoding.re_encode_data(DATASET, [VIDEO]),
    "create dataset": datasets.create_dataset("t"),
    "start folder job": folder_jobs.start_folder_upload_job(FOLDER, files={}),
    "start sync": folder_sync.start_folder_sync(FOLDER),
    "create folder": folders.create_folder("f"),
}


def refused(call: Call[Any], status: int, body: Any, **headers: str) -> ApiError:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)
    with pytest.raises(ApiError) as caught:
        read(call, answer, domain="https://api.encord.com", trace_id="f" * 32)
    return caught.value


PAGE = b"<html><body>404 Not Found<hr>nginx</body></html>"
PAGES: dict[str, Any] = {
    "HTML": PAGE,
    "empty": b"",
    "text": b"Not Found",
    "foreign JSON": {"error": "forbidden"},
    "foreign JSON with a code": {"code": "RESOURCE_NOT_FOUND_ERROR", "status": 404},
    "half an envelope": {"status": 404},
    "the other half": {"response": ["RESOURCE_NOT_FOUND_ERROR"]},
    "an envelope with prose": {"status": 404, "response": "Not found"},
    "an envelope with an object": {"status": 404, "response": {"error": "AUTHENTICATION_ERROR"}},
    "a list": ["RESOURCE_NOT_FOUND_ERROR"],
    "a text": "RESOURCE_NOT_FOUND_ERROR",
    "a message that is none": {"message": None, "detail": {}},
}


@pytest.mark.parametrize("name", [*CALLS, *STARTS])
def test_a_page_of_somebody_else_is_no_answer(name: str) -> None:
    call = (CALLS | STARTS)[name]
    for page, status in product(PAGES.values(), [400, 401, 403, 404, 405, 407, 408, 409, 418, 422, 451]):
        error = refused(call, status, page, Content_Type="text/html; charset=x", Server="nginx/1.2")
        assert error.kind is ErrorKind.FOREIGN, (page, status)
        assert error.transient
        assert error.code is None
        assert error.taken is (status != 407)
        assert may_repeat(call, error) is (name in CALLS or status == 407)


@pytest.mark.parametrize("name", LEGACY)
def test_it_is_none_with_a_good_status_either(name: str) -> None:
    for page in PAGES.values():
        assert refused(LEGACY[name], 200, page).kind is ErrorKind.FOREIGN


@pytest.mark.parametrize("call", V2)
def test_foreign_json_with_a_good_status_is_not_taken_for_an_empty_list(call: Call[Any]) -> None:
    for page in (*PAGES.values(), {}, {"result": None}):
        assert refused(call, 200, page).kind in (ErrorKind.FOREIGN, ErrorKind.UNREADABLE)


@pytest.mark.parametrize("name", LEGACY)
@pytest.mark.parametrize("text", [{"message": "Forbidden"}, {"detail": "Not Found"}, {"status": 200}])
def test_the_form_of_the_other_api_is_foreign_to_the_legacy_one(text: dict[str, Any], name: str) -> None:
    for status in (200, 401, 403, 404, 422):
        assert refused(LEGACY[name], status, text).kind is ErrorKind.FOREIGN


def test_problems_that_a_proxy_tells_in_json_are_foreign() -> None:
    problem = {"type": "about:blank", "title": "Forbidden", "status": 403, "detail": "blocked by a rule"}
    error = refused(CALLS["list datasets"], 403, problem, Content_Type="application/problem+json")
    assert error.kind is ErrorKind.FOREIGN
    assert "application/problem+json, but not in Encord's form" in str(error)


@pytest.mark.parametrize("name", ["job", "re-encode task"])
@pytest.mark.parametrize("nothing", [None, [], {}, "", 0, False])
def test_nothing_as_an_answer_never_means_that_a_job_is_lost(nothing: Any, name: str) -> None:
    error = refused(LEGACY[name], 200, {"status": 200, "response": nothing})
    assert error.kind in TRANSIENT


@pytest.mark.parametrize("name", ["get dataset", "rows"])
def test_where_the_protocol_says_so_nothing_means_not_found(name: str) -> None:
    assert refused(LEGACY[name], 200, {"status": 200, "response": None}).kind is ErrorKind.NOT_FOUND


ENCORDS_WORDS = {
    "not found": ("job", 404, {"status": 404, "response": ["RESOURCE_NOT_FOUND_ERROR"]}, ErrorKind.NOT_FOUND),
    "with any HTTP status": ("job", 200, {"status": 404, "response": ["RESOURCE_NOT_FOUND_ERROR"]}, "not_found"),
    "bare": ("rows", 403, {"status": 403, "response": "AUTHORISATION_ERROR"}, ErrorKind.PERMISSION),
    "check of the form": ("rows", 422, {"detail": [{"loc": ["x"], "msg": "m"}]}, ErrorKind.INVALID),
    "too large, in any form": ("rows", 413, PAGE, ErrorKind.TOO_LARGE),
    "too many, in any form": ("rows", 429, PAGE, ErrorKind.RATE_LIMITED),
    "v2": ("list datasets", 404, {"message": "no such dataset"}, ErrorKind.NOT_FOUND),
    "v2 detail": ("list datasets", 401, {"detail": "who?"}, ErrorKind.AUTHENTICATION),
    "v2 too large": ("list datasets", 413, b"", ErrorKind.TOO_LARGE),
}


@pytest.mark.parametrize("name", ENCORDS_WORDS)
def test_what_encord_says_counts(name: str) -> None:
    call, status, body, kind = ENCORDS_WORDS[name]
    assert refused(CALLS[call], status, body, Content_Type="application/json").kind == kind


@pytest.mark.parametrize("name", CALLS)
def test_a_broken_server_may_be_encords_own(name: str) -> None:
    error = refused(CALLS[name], 502, PAGE, Content_Type="text/html", Server="cloudflare")
    assert error.kind is ErrorKind.SERVER
    assert "Encord or a proxy failed and gives no reason: text/html, Server 'cloudflare'" in str(error)


def test_it_is_named_as_what_it_is() -> None:
    error = refused(CALLS["job"], 403, PAGE, Content_Type="text/html; x=y", Server="BigIP", Via="1.1 gate\x1b[1m")
    assert "this answer is not Encord's: text/html, Server 'BigIP', Via '1.1 gate\\x1b[1m'. (HTTP 403" in str(error)
    assert "Look for a proxy" in str(error)


REDIRECTS = {
    "https://login.corp.example:8443/sso?token=hush#hush": "login.corp.example:8443",
    "https://me:hush@login.example/": "login.example",
    "//login.example/hush": "login.example",
    "/login?next=hush": "another page of this host",
    "": "another page of this host",
    "http://[hush": "an unreadable address",
    "http://hu\x1b[1msh/": "an unreadable address",
}


@pytest.mark.parametrize("location", REDIRECTS)
@pytest.mark.parametrize("name", ["job", "list datasets"])
def test_of_a_redirect_only_the_host_is_told(name: str, location: str) -> None:
    good = {"status": 200, "response": {"status": "DONE"}, "result": []}
    error = refused(CALLS[name], 302, good, Location=location)
    assert error.kind is ErrorKind.FOREIGN
    assert f"a redirect to {REDIRECTS[location]}, which is not followed" in str(error)
    assert "hush" not in f"{error} {vars(error)}"


def test_a_header_shows_no_secret() -> None:
    error = refused(CALLS["job"], 403, PAGE, Server="x https://h/p?sig=hush", Via="a" * 5000)
    assert "hush" not in f"{error} {vars(error)}"
    assert len(str(error)) < 600
