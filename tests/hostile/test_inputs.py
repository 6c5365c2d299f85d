"""Whatever people, templates and databases hand in, there is a result or an Encord error, and nothing secret in it."""

from __future__ import annotations

import json
import os
import random
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_encord import manifest
from airflow_provider_encord._airflow.connection import read_connection
from airflow_provider_encord._airflow.errors import argument_errors
from airflow_provider_encord._client.errors import ApiError, ErrorKind
from airflow_provider_encord._client.redaction import server_text, without_credentials
from airflow_provider_encord._client.resources import data_rows, datasets, integrations, re_encoding, registration
from airflow_provider_encord._storage.files import find_files
from airflow_provider_encord._storage.manifest_file import load_manifest
from airflow_provider_encord.exceptions import EncordError
from airflow_provider_encord.triggers._events import raise_unless_ended, validate_event
from vectors import DATASET, KEY, PASSPHRASE, PROTECTED_KEY

SEED = int(os.environ.get("ENCORD_FUZZ_SEED", "20"))
CASES = int(os.environ.get("ENCORD_FUZZ_CASES", "500"))
GROUPS = 10

ODD: list[Any] = [
    *(None, "", "None", " ", "\x00", "\ud800", "é", "x" * 100_000, "[]", "{}", "[" * 50_000, "null", "9" * 5000),
    *(0, -1, 10**400, 1.5, float("nan"), float("inf"), True, b"x", [], [None], {}, {"a": {"b": []}}, object()),
    *(["\ud800"], "../..", "s3://", "nosuch://x/y", "http://[", "~nobody-here/x", "file://%00", "/", "C:\\x"),
]


def mangled(rng: random.Random, text: str) -> str:
    at, to = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    return rng.choice(
        [
            text[:at],
            text[at:],
            text[:at] + text[to:],
            text[:at] + rng.choice(["\x00", "\ud800", "é", "-----", "\\n", "*", "="]) + text[at:],
            text.replace("\n", rng.choice(["", " ", "\\n", "\r\n", "\\r\\n", "\n\n"])),
            text.swapcase(),
            text[::-1],
        ]
    )


def use_connection(rng: random.Random) -> None:
    extra: dict[Any, Any] = {
        "ssh_private_key": mangled(rng, rng.choice([KEY, PROTECTED_KEY])),
        "passphrase": PASSPHRASE,
    }
    for name in rng.sample(
        ["ssh_private_key", "ssh_key_file", "token", "api_key", "dataset_hash", "passphrase", "read_timeout"], 2
    ):
        if rng.random() < 0.5:
            extra[name] = rng.choice([odd for odd in ODD if not isinstance(odd, bytes) and type(odd) is not object])
    connection = SimpleNamespace(
        host=rng.choice([None, "", "us", "https://x", *ODD]) if rng.random() < 0.4 else "eu",
        port=rng.choice([None, 0, -1, 99999, "x", 443]),
        schema=rng.choice([None, "", "ftp", "https"]),
        extra=rng.choice([json.dumps(extra)] * 6 + [json.dumps(extra)[:-9], "[]", "null", "[" * 100_000, 7]),
    )
    read_connection(connection, "c")


def use_call(rng: random.Random) -> None:
    with argument_errors():
        one, two = rng.choice(ODD), rng.choice(ODD)
        rng.choice(
            [
                lambda: datasets.get_dataset(one),
                lambda: data_rows.list_data_rows(DATASET, data_types=one, data_hashes=two),
                lambda: data_rows.list_data_rows(DATASET, created_before=one),
                lambda: datasets.list_datasets(edited_after=one),
                lambda: data_rows.delete_data(DATASET, one),
                lambda: re_encoding.re_encode_data(one, two),
                lambda: data_rows.link_items(DATASET, one),
                lambda: registration.start_upload_job(DATASET, files={}, integration_id=one, folder=two),
                lambda: integrations.get_cloud_integrations(
                    filter_integration_uuids=one, filter_integration_titles=two
                ),
                lambda: re_encoding.re_encode_data_status(DATASET, one),
            ]
        )()


def use_manifest(rng: random.Random) -> None:
    good = {"videos": [{"objectUrl": "s3://b/k"}], "image_groups": [{"title": "t", "objectUrl_0": "s3://b/k"}]}
    if rng.random() < 0.5:
        good[rng.choice([*good, "x", "skip_duplicate_urls"])] = rng.choice(ODD)
    else:
        good["videos"][0][rng.choice(["objectUrl", "title", "clientMetadata"])] = rng.choice(ODD)  # type: ignore[index]
    content, _ = load_manifest(rng.choice([good, rng.choice(ODD), json.dumps(good, default=str)[: rng.randrange(99)]]))
    with argument_errors():
        manifest.check(content)


def use_files(rng: random.Random) -> None:
    find_files(rng.choice([rng.choice(ODD), [rng.choice(ODD) for _ in range(3)], (odd for odd in ODD[:4])]))


def use_event(rng: random.Random) -> None:
    names = ("status", "kind", "message", "dataset_hash", "counts")
    event = {name: rng.choice([*ODD, "error", "done", "timeout"]) for name in names if rng.random() < 0.8}
    raise_unless_ended(validate_event(rng.choice([event, event, rng.choice(ODD)])))


USES: list[Callable[[random.Random], None]] = [use_connection, use_call, use_manifest, use_files, use_event]
LINES = [line for line in (KEY + PROTECTED_KEY).splitlines() if not line.startswith("-----")]


@pytest.mark.parametrize("group", range(GROUPS))
@pytest.mark.parametrize("use", USES)
def test_no_input_breaks_anything_else_than_the_task(use: Callable[[random.Random], None], group: int) -> None:
    rng = random.Random(f"{SEED} {use.__name__} {group}")
    for number in range(-(-CASES // GROUPS)):
        try:
            use(rng)
        except EncordError as error:
            assert not leaks(error, [*LINES, PASSPHRASE])
        except Exception as error:
            pytest.fail(f"case {number}: {''.join(traceback.format_exception(error))[-1500:]}")


def leaks(error: BaseException | None, secrets: list[str]) -> list[str]:
    """Return the secrets that an exception shows, itself or in what led to it."""
    found = []
    while error is not None:
        shown = f"{error!r} {error} {vars(error)} {error.args}"
        found += [secret for secret in secrets if secret in shown]
        error = error.__cause__ or error.__context__
    return found


@pytest.mark.parametrize(
    "text",
    [
        "https://b.example/k?X-Amz-Signature=HUSH",
        "s3://b/k?sig=HUSH",
        "see https%3A%2F%2Fb.example%2Fk%3Fsig%3DHUSH",
        "https://me:HUSH@b.example/k",
        "X-Amz-Signature=HUSH&x=1",
        "x-goog-signature: HUSH",
        '{"token": "HUSH"}',
        "sig=HUSH",
        "access_token=HUSH",
        "api_key: HUSH",
        "Authorization: Bearer HUSH",
        "authorization=HUSH",
        '{"Authorization": "Bearer HUSH"}',
        "Bearer HUSH-HUSH",
        "X-Amz-Credential=HUSH",
        "X-Amz-Security-Token=HUSH",
        "aws_secret_access_key=HUSH",
        "password=HUSH",
    ],
)
def test_what_looks_like_a_credential_is_not_shown(text: str) -> None:
    error = ApiError(ErrorKind.SERVER, operation=text, reason=text, said=text, code=text)
    assert "HUSH" not in f"{error} {error!r} {vars(error)}"


@pytest.mark.parametrize(
    "text",
    [
        "The token is not valid.",
        "the signature would not fit",
        "get dataset d5000000-0000-4000-8000-000000000001",
        "https://bucket.example/a/b.mp4 was not found",
        "the key is unknown",
        "bearer of bad news",
    ],
)
def test_innocent_text_stays(text: str) -> None:
    assert server_text(text) == text


def test_redaction_of_long_text_takes_no_long_time() -> None:
    for text in ("a" * 10**6, "http://" * 10**5, "token" * 10**5, "https%3a%2f%2f" * 10**5, "-" * 10**6):
        assert len(server_text(text)) < 1100


def test_a_url_that_cannot_be_split_shows_no_query() -> None:
    assert "HUSH" not in without_credentials("http://[?HUSH")


def test_odd_file_names_are_taken_as_they_are(tmp_path: Path) -> None:
    names = ["a b", "a#b", "a%20b", "a\nb", "é", "a?b"]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    found = find_files(str(tmp_path / name) for name in [*names, *names])
    assert [file.name for file in found] == [*names, *names]
    assert re.fullmatch("x", found[0].open().__enter__().read().decode())
