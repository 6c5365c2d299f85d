"""One signature, in whatever spelling and container: no sink shows it, and what is harmless stays as it is."""

from __future__ import annotations

import html
import json
import re
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_encord import manifest
from airflow_provider_encord._airflow.errors import from_api_error
from airflow_provider_encord._client.errors import ApiError, ErrorKind
from airflow_provider_encord._client.jobs import UploadJobWatch
from airflow_provider_encord._client.redaction import redacted, server_text, shown, without_credentials
from airflow_provider_encord._client.resources import data_rows, datasets, integrations, registration
from airflow_provider_encord._compat import ObjectStoragePath
from airflow_provider_encord._storage.details_file import write_json_lines
from airflow_provider_encord._storage.files import find_files
from airflow_provider_encord._storage.manifest_file import load_manifest
from airflow_provider_encord.exceptions import EncordError
from airflow_provider_encord.operators._base import EncordOperator
from airflow_provider_encord.operators.data_rows import EncordLinkItemsOperator, EncordListDataRowsOperator
from airflow_provider_encord.operators.datasets import (
    EncordCreateDatasetOperator,
    EncordDeleteDataOperator,
    EncordListDatasetsOperator,
)
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.operators.uploads import (
    EncordCreateDicomSeriesOperator,
    EncordCreateImageGroupOperator,
    EncordUploadImageOperator,
    EncordUploadVideoOperator,
)
from airflow_provider_encord.sensors.encord import EncordDataRowSensor, EncordReEncodeSensor, EncordUploadJobSensor
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator
from airflow_provider_encord.transfers.s3_to_encord import S3ToEncordOperator
from airflow_provider_encord.triggers._events import summary

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG

HASH = "8f2e1c5a-0b1c-4d2e-9f3a-5b6c7d8e9f00"
D = {"dataset_hash": HASH}
FILES = D | {"file_paths": ["f"]}
PREFIX = D | {"integration": "AWS", "prefix": "s3://bucket/"}
OPERATORS: dict[type[Any], dict[str, Any]] = {
    EncordCreateDatasetOperator: {"title": "t"},
    EncordListDatasetsOperator: {},
    EncordDeleteDataOperator: D | {"data_hashes": [HASH]},
    EncordLinkItemsOperator: D | {"item_uuids": [HASH]},
    EncordListDataRowsOperator: D,
    EncordAddPrivateDataOperator: D | {"integration": "AWS", "manifest": {}},
    EncordReEncodeDataOperator: D | {"data_hashes": [HASH]},
    EncordUploadVideoOperator: FILES,
    EncordUploadImageOperator: FILES,
    EncordCreateImageGroupOperator: FILES,
    EncordCreateDicomSeriesOperator: FILES,
    BucketToEncordOperator: PREFIX,
    S3ToEncordOperator: PREFIX,
    EncordReEncodeSensor: D | {"job_id": 1},
    EncordUploadJobSensor: D | {"job_ids": [HASH]},
    EncordDataRowSensor: D,
}
FIELDS = [(each, field) for each in OPERATORS for field in each.template_fields]

# What holds a credential, SECRET, and nothing but its place tells that it is one.
FORMS = [
    "https://b.example/k.mp4?X-Amz-Signature=SECRET&X-Amz-Expires=60",
    "https://b.example/k.mp4?a=1&b=SECRET",
    "HTTPS://b.example:8443?SECRET",
    "https://b.example/k.mp4#sig=SECRET",
    "https://SECRET@b.example/k.mp4",
    "https://me:SECRET@b.example/k.mp4",
    "git+https://me:x/SECRET@b.example/k.mp4",
    "s3://me:SECRET@bucket/k.mp4",
    "s3://bucket/k.mp4?X-Amz-Security-Token=SECRET",
    "gs://bucket/k.mp4?X-Goog-Signature=SECRET",
    "b.s3.amazonaws.com/k.mp4?X-Amz-Signature=SECRET",
    "/k.mp4?sv=2024&sig=SECRET",
    "sig=SECRET",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=SECRET;EndpointSuffix=core.windows.net",
    "BlobEndpoint=https://a.blob.core.windows.net/;SharedAccessSignature=sv=2024&sig=SECRET",
    "SharedAccessSignature=SECRET",
    "access_token:SECRET",
]


def with_json_escapes(letters: str, form: str = "\\u{:04x}") -> Callable[[str], str]:
    return lambda text: "".join(form.format(ord(each)) if each in letters else each for each in text)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "Go": with_json_escapes("&<>"),
    "Gson": with_json_escapes("&<>='"),
    "all marks, upper hex": with_json_escapes("&?=/:#@;", "\\u{:04X}"),
    "all letters": lambda text: "".join(f"\\u{ord(each):04x}" for each in text),
    "bytes": with_json_escapes("&?=/:#@;", "\\x{:02x}"),
    "PHP": lambda text: text.replace("/", "\\/"),
    "twice escaped": lambda text: text.replace("/", "\\\\/").replace("&", "\\\\u0026").replace("=", "\\\\u003d"),
    "percent": lambda text: quote(text, safe=""),
    "percent, lower hex": lambda text: re.sub("%..", lambda code: code[0].lower(), quote(text, safe="")),
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "HTML": html.escape,
    "HTML, decimal": lambda text: re.sub(r"[&?=/:#@;]", lambda mark: f"&#{ord(mark[0])};", text),
    "HTML, hex": lambda text: re.sub(r"[&?=/:#@;]", lambda mark: f"&#x{ord(mark[0]):X};", text),
    "HTML, names": lambda text: text.replace("&", "&amp;").replace("=", "&equals;").replace("?", "&quest;"),
    "JSON in percent": lambda text: quote(json.dumps({"url": text}), safe=""),
    "percent in JSON": lambda text: quote(text, safe="").replace("%", "\\u0025"),
}
AROUND = ["{}", "see {} for more", "({})", "'{}'", '"{}"', "<{}>", "x\n{}\ny", "{} and {}", "error: {{'url': '{}'}}"]

Pair = namedtuple("Pair", ["one", "other"])


@dataclass(frozen=True)
class Box:
    content: Any


CONTAINERS: dict[str, Callable[[Any], Any]] = {
    "list": lambda value: ["harmless", value],
    "tuple": lambda value: (value, 1),
    "namedtuple": lambda value: Pair(1, value),
    "dict": lambda value: {"key": value},
    "dict key": lambda value: {value: "value"},
    "set": lambda value: {value, 1},
    "frozenset": lambda value: frozenset((value, "harmless")),
    "dataclass": Box,
    "bytes": lambda value: value.encode(),
    "path": PurePosixPath,
    "JSON": lambda value: json.dumps({"key": value, "other": 1}),
    "JSON list": lambda value: json.dumps([value]).replace("/", "\\/").replace("&", "\\u0026"),
}


@st.composite
def spelled(draw: st.DrawFn) -> tuple[str, str]:
    """Return a secret, and a text that holds it."""
    secret = draw(st.text("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789", min_size=16, max_size=24))
    text = draw(st.sampled_from(FORMS)).replace("SECRET", secret)
    text = SPELLINGS[draw(st.sampled_from(sorted(SPELLINGS)))](text)
    return secret, draw(st.sampled_from(AROUND)).format(text, text)


@st.composite
def contained(draw: st.DrawFn, kinds: list[str]) -> tuple[str, Any]:
    """Return a secret, and a value that holds it somewhere in up to three containers."""
    secret, value = draw(spelled())
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=3)):
        try:
            value = CONTAINERS[kind](value)
        except (TypeError, AttributeError):  # not hashable, no text
            value = [value]
    return secret, value


def readings(text: str) -> Iterator[str]:
    """Yield a text as it is, and what it says below its escapes."""
    yield text
    for _ in range(4):
        text = re.sub(r"\\+(?:u(....)|x(..))", lambda code: chr(int(code[1] or code[2], 16)), text)
        text = unquote(html.unescape(text.replace("\\/", "/")))
        yield text


def hides(secret: str, *sinks: Any) -> bool:
    return not any(secret in each for sink in sinks for each in readings(str(sink)))


def rendered(task: Any) -> dict[str, Any]:
    """Render a task's fields and return what Airflow stores of them."""
    task.render_template_fields({})
    return stored(task)


def stored(task: Any) -> dict[str, Any]:
    try:
        from airflow.sdk.execution_time.task_runner import _serialize_rendered_fields
    except ImportError:
        from airflow.models.renderedtifields import get_serialized_template_fields as _serialize_rendered_fields
    fields: dict[str, Any] = _serialize_rendered_fields(task)
    return fields


def said(use: Callable[..., Any], *args: Any) -> str:
    """Return all that an exception shows, if there is one."""
    try:
        use(*args)
    except EncordError as error:
        return f"{error} {error!r} {vars(error)}"
    except (ValueError, TypeError, AttributeError) as problem:  # a wrong manifest or parameter
        return f"{problem} {problem!r}"
    return ""


def test_the_test_finds_what_is_not_hidden() -> None:
    for name, spelling in SPELLINGS.items():
        assert not hides("SECRET", spelling("https://b.example/k?sig=SECRET&x")), name


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_a_credential_is_shown(spelling: str, form: str) -> None:
    for around in AROUND:
        text = around.format(SPELLINGS[spelling](form), form)
        told = without_credentials(text)
        assert hides("SECRET", told, server_text(text), shown(text)), text
        assert without_credentials(told) == told


@pytest.mark.parametrize("secret", ["SECRET==", "SECRET%3D", "ab+SECRET", "ab/SECRET", "ab%2BSECRET", "ab%252FSECRET"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_all_of_a_signature_is_hidden(spelling: str, secret: str) -> None:
    for form in ("https://b.example/k?sig=SECRET&x=1", "/k?x=1&sig=SECRET", "AccountKey=SECRET;x=1"):
        assert hides("SECRET", without_credentials(SPELLINGS[spelling](form.replace("SECRET", secret))))


@pytest.mark.parametrize(
    "text",
    [
        '{"token": "SECRET"}',
        '{"a": "https://h/k?x=SECRET", "a": "twice"}',
        '\ufeff{"password": "SECRET"}',
        '"{\\"token\\": \\"SECRET\\"}"',
        "{'token': 'SECRET'}",
        "{'password': 'two SECRET words'}",
        'error: {\\"api_key\\": \\"SECRET\\"}',
        '{"token": {"SECRET": 1}}',
        '{"token": ["SECRET"]}',
        "Authorization: SharedKey account:SECRET",
        "Authorization=[Basic SECRET-SECRET]",
        "url=https://h/k?u=https://i/j&b=SECRET",
        "s3://b/https://h/k?b=SECRET",
        "s3://b/k,https://h/k?b=SECRET",
        "token=password: SECRET",
        "token => SECRET",
        '<a href="https://h/k?a=1&amp;b=SECRET">',
        "https:/me:SECRET@h/k",
        "%7B%22token%22%3A%22SECRET%22%7D",
        "%2525252525252525252525253Fsig%2525252525252525252525253DSECRET",
    ],
)
def test_siblings(text: str) -> None:
    assert hides("SECRET", without_credentials(text))


@pytest.mark.parametrize(
    "text",
    [
        "https://bucket.s3.amazonaws.com/incoming/a b/1.mp4",
        "https://b.example:8443/what%3F%20is%23this.mp4",
        "s3://bucket/what?is=this#1.mp4",
        "s3://my_aws@bucket/k.mp4",
        "abfss://container@account.dfs.core.windows.net/k",
        "file:///data/a#1?.mp4",
        "a = b, c=d; e: f",
        "folder/frame?id=3.png",
        "2026-01-31T00:00:00Z",
        "50% & more",
        "me@example.com",
        "C:\\new\\x.mp4",
        "tokens: 7",
        '{"videos": [{"objectUrl": "s3://bucket/1.mp4", "title": "a=b"}], "skip_duplicate_urls": true}',
        "\ud800 = x",
    ],
)
def test_what_is_harmless_stays_the_same_object(text: str) -> None:
    for value in (
        text,
        [text],
        {"k": (text,)},
        {text: {1}},
        frozenset([text]),
        Box(text),
        text.encode(errors="replace"),
    ):
        assert redacted(value) is value
    assert without_credentials(text) is text


def test_what_is_shown_keeps_its_form() -> None:
    signed = "https://h/k?sig=SECRET"
    assert redacted({"a": [signed, 1], "b": Pair(signed, None)}) == {
        "a": ["https://h/k?...", 1],
        "b": Pair("https://h/k?...", None),
    }
    assert without_credentials('{"a":  "https:\\/\\/h\\/k?sig\\u003dSECRET"}') == '{"a": "https://h/k?..."}'
    assert redacted({f"{signed}{number}": number for number in range(3)}).__len__() == 3
    assert redacted({signed.encode()}) == {b"https://h/k?..."}
    assert without_credentials("AccountName=a;AccountKey=SECRET==;x=y") == "AccountName=a;AccountKey=***;x=y"


def test_nothing_is_gone_through_that_can_be_gone_through_once() -> None:
    several = (each for each in ["https://h/k?sig=SECRET"])
    assert redacted([several]) == [several]
    assert len(list(several)) == 1


def test_what_holds_itself_comes_to_an_end() -> None:
    loop: list[Any] = ["https://h/k?sig=SECRET"]
    loop.append(loop)
    many: Any = "https://h/k?sig=SECRET"
    for _ in range(90):
        many = [many, many]
    deep: Any = "https://h/k?sig=SECRET"
    for _ in range(100_000):
        deep = [deep]
    assert hides("SECRET", redacted(loop), redacted(deep))
    assert redacted(many) is not many
    assert without_credentials("[" * 10**6).startswith("[")


def test_an_object_shows_no_credential_by_any_of_its_ways() -> None:
    class Odd:
        def __init__(self, text: str, quoted: str, content: Any) -> None:
            self.text, self.quoted, self.content = text, quoted, content

        def __str__(self) -> str:
            return self.text

        def __repr__(self) -> str:
            return self.quoted

        def serialize(self) -> Any:
            return self.content

    harmless, signed = "x", "https://h/k?sig=SECRET"
    assert redacted(odd := Odd(harmless, harmless, harmless)) is odd
    for odd in (Odd(signed, harmless, 1), Odd(harmless, signed, 1), Odd(harmless, harmless, {"a": signed})):
        assert hides("SECRET", *redacted([odd]), redacted([odd]))
    path = ObjectStoragePath("s3://me:SECRET@bucket/k?sig=SECRET")
    assert hides("SECRET", redacted(path), redacted([path]))


def test_shown_is_one_short_line() -> None:
    assert shown("a\nb") == "'a\\nb'"
    assert shown(None) == "None"
    assert len(shown("x" * 10**6)) == 200
    assert shown("https://h/k?sig=SECRET", 12) == "'https://..."
    assert shown(10**5000) == "<int>"
    assert shown({"token": "SECRET"}) == "{'token': '***'}"
    assert shown(type("Odd", (), {"__repr__": lambda self: "a\nb\ud800"})()) == "a\\nb\\ud800"


LONG = {
    **{
        text: text * (10**6 // len(text))
        for text in ("a", "-", "\\", "%25", "&", "=", ":", "@", "?", '"', "[", '\\"', "&#")
    },
    **{
        text: text * (10**5)
        for text in ("http://", "token", "token=", "s3://a:b@", "a?", "a=b&", "bearer ", "\\u", "%3a%2f")
    },
    "spaces": f"token{' ' * 10**6}",
    "slashes": "https://u:x/" * 10**5 + "@",
    "percent": "%" + "25" * (5 * 10**5),
}


MOST_SECONDS = 20
"""A text takes a few seconds on any machine; with a pattern that looks at it again and again, it would take hours."""


def seconds(text: str) -> float:
    """Return how much of the processor a text takes."""
    started = time.process_time()
    without_credentials(text)
    return time.process_time() - started


@pytest.mark.parametrize("name", LONG)
def test_no_text_takes_long(name: str) -> None:
    assert seconds(LONG[name]) < MOST_SECONDS


@pytest.mark.parametrize("spelling", ["JSON", "PHP", "half", "JSON in JSON"])
def test_a_manifest_of_ten_megabytes_takes_no_minute(spelling: str) -> None:
    signed = "https://bucket.s3.amazonaws.com/incoming/{}.mp4?X-Amz-Signature=SECRET&x=1"
    videos = [{"objectUrl": signed.format(number), "title": f"{number}.mp4"} for number in range(90_000)]
    text = json.dumps({"videos": videos})
    text = {
        "JSON": text,
        "PHP": text.replace("/", "\\/").replace("&", "\\u0026"),
        "half": text[:-1],
        "JSON in JSON": json.dumps({"manifest": text}),
    }[spelling]
    assert len(text) > 10**7
    assert seconds(text) < MOST_SECONDS
    told = without_credentials(text)
    assert "SECRET" not in told
    assert told.count("incoming/") == 90_000


# Sinks


@given(st.sampled_from(FIELDS), contained(sorted(CONTAINERS)))
def test_no_rendered_field_shows_it_and_the_task_gets_it(
    where: tuple[type[Any], str], planted: tuple[str, Any]
) -> None:
    (kind, field), (secret, value) = where, planted
    task = kind(task_id="task", **OPERATORS[kind])
    setattr(task, field, value)
    fields = rendered(task)
    assert hides(secret, json.dumps(fields), repr(getattr(task, field)))
    with task._real_values():
        assert getattr(task, field) == value
    assert rendered(task) == fields


class Echo(EncordOperator):
    """Returns its argument, or raises it."""

    template_fields = ("value",)

    def __init__(self, *, value: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value = value
        self.got: Any = None

    def execute(self, context: Any) -> Any:
        self.got = self.value
        if context.get("raises"):
            raise EncordError("it failed")
        self.value = [self.value] if context.get("changes") else self.value
        return self.got

    execute_complete = execute


@given(contained(sorted(CONTAINERS)), st.sampled_from(["", "raises", "changes"]))
def test_what_runs_has_it_and_what_looks_at_the_task_afterwards_has_not(planted: tuple[str, Any], how: str) -> None:
    secret, value = planted
    task = Echo(task_id="echo", value=value)
    rendered(task)
    for entry in (task.execute, task.execute_complete):
        result = None
        if how == "raises":
            with pytest.raises(EncordError):
                entry({how: True})
        else:
            result = entry({how: True})
        assert task.got == value or task.got == [value]
        assert hides(secret, result, vars(task) | {"got": None})


def test_a_mapped_task_hides_it_too() -> None:
    with DAG("dag", schedule=None):
        mapped = Echo.partial(task_id="echo").expand(value=["https://h/k?sig=SECRET"])
    instance = SimpleNamespace(map_index=0, is_mapped=True, task=None, _upstream_map_lengths={}, run_id="run")
    run = SimpleNamespace(conf={}, run_id="run")
    context = {"ti": instance, "run_id": "run", "params": {}, "task": mapped, "dag": mapped.dag, "dag_run": run}
    mapped.render_template_fields(context)
    task = instance.task or context["task"]
    assert hides("SECRET", stored(task))
    task.execute({})
    assert task.got == "https://h/k?sig=SECRET"
    assert hides("SECRET", stored(task))


@given(spelled())
def test_no_error_answer_or_event_shows_it(planted: tuple[str, str]) -> None:
    secret, text = planted
    error = ApiError(ErrorKind.SERVER, operation=text, reason=text, said=text, code=text)
    own = EncordError(text)
    assert hides(secret, own, repr(own), vars(own))
    assert hides(secret, error, repr(error), vars(error), from_api_error(error), repr(from_api_error(error)))
    unit = {"object_urls": [text], "error": text, "subtask_uuid": None, "action_description": None}
    answer = {"status": text, "errors": [text], "data_unit_errors": [unit], "units_error_count": 1}
    verdict = UploadJobWatch("d", "j").judge(registration.read_upload_job(answer))
    assert hides(secret, verdict.message, verdict.status, summary([verdict, verdict]) if verdict.known else "")


@given(contained(sorted(CONTAINERS)))
def test_no_refused_argument_shows_it(planted: tuple[str, Any]) -> None:
    secret, value = planted
    item = {"objectUrl": value, "title": value, str(value): value, "clientMetadata": {str(value): object()}}
    for content in (value, {"videos": value}, {str(value): [item]}, {"videos": [item]}, {"image_groups": [item]}):
        assert hides(secret, said(manifest.check, content))
        assert hides(
            secret, said(load_manifest, content), said(load_manifest, json.dumps(content, default=str, skipkeys=True))
        )
    assert hides(secret, said(load_manifest, value), said(find_files, value), said(find_files, [value, None]))
    calls = (
        lambda: datasets.get_dataset(value),
        lambda: datasets.list_datasets(created_before=value),
        lambda: data_rows.delete_data("d", [value]),
        lambda: integrations.get_cloud_integrations(filter_integration_uuids=[value]),
    )
    assert hides(secret, shown(value), *map(said, calls))


@given(value=contained(["list", "dict", "JSON", "JSON list"]))
def test_no_line_of_details_shows_it(tmp_path_factory: pytest.TempPathFactory, value: tuple[str, Any]) -> None:
    secret, line = value
    file: Path = tmp_path_factory.getbasetemp() / "details.jsonl"
    assert write_json_lines(str(file), [{"title": line}, {"error": "harmless"}]) == 2
    assert hides(secret, file.read_text())
