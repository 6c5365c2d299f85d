"""Whatever a server answers, there is a model or an Encord error within the time limit."""

from __future__ import annotations

import gzip
import json
import os
import random
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.protocol import Answer, retry_after
from airflow_provider_encord._client.resources import datasets
from airflow_provider_encord._client.transport import response_body
from airflow_provider_encord._client.transport.network import Timeouts
from airflow_provider_encord.exceptions import EncordError
from every_call import CALLS
from raw_server import RawServer, Script
from vectors import DATASET

SEED = int(os.environ.get("ENCORD_FUZZ_SEED", "20"))
CASES = int(os.environ.get("ENCORD_FUZZ_CASES", "500"))

NAMES = [
    *("dataset_hash", "dataset_uuid", "title", "data_rows", "result", "results"),
    *("status", "response", "payload", "message", "detail", "errors"),
    *("token", "data_unit_errors", "object_urls", "units_done_count", "width", "fileSize"),
    *("created_at", "storage_location", "signed_url", "object_key", "upload_headers", "process_hash"),
    *("resource_type", "api_key", "scopes", "data_hash", "data_hashes_with_titles", "images_data"),
]
ODD = [
    *("null", "true", "-1", "1e999", "NaN", "-Infinity", "9" * 5000, "0.1", '""', '"\\ud800"', '"x\\u0000\\r\\ny"'),
    *("[" * 100_000, '{"a":' * 50_000, "[[]]", '{"":{}}', '"' + "x" * 100_000 + '"', "[null]", '"DONE"', "200", "{"),
    '"2026-13-99T99:99:99"',
]


def random_json(rng: random.Random, depth: int = 0) -> str:
    kind = rng.random()
    if depth > 4 or kind < 0.4:
        return rng.choice(ODD)
    if kind < 0.6:
        return "[" + ",".join(random_json(rng, depth + 1) for _ in range(rng.randrange(4))) + "]"
    fields = (f'"{rng.choice(NAMES)}":{random_json(rng, depth + 1)}' for _ in range(rng.randrange(8)))
    return "{" + ",".join(fields) + "}"


def random_body(rng: random.Random) -> bytes:
    inner = random_json(rng)
    text = rng.choice([inner, f'{{"status":200,"response":{inner}}}', f'{{"status":400,"response":[{inner}]}}'])
    raw = text.encode()
    return rng.choice(
        [raw, raw, raw, raw[: rng.randrange(len(raw) + 1)], rng.randbytes(50), b"<html>", b"\xff\xfe" + raw]
    )


def random_answer(rng: random.Random) -> bytes:
    content = random_body(rng)
    status = rng.choice(
        [b"200 OK"] * 8 + [b"400 X", b"429", b"500 \xff", b"302 Found", b"204 No", b"999 X", b"0 X", b"-1"]
    )
    version = rng.choice([b"HTTP/1.1"] * 12 + [b"HTTP/9.9", b"ICY", b"\x00\xff", b""])
    length = rng.choice([str(len(content))] * 8 + [str(len(content) + 9), "-5", "abc", "9" * 30, "", "0"])
    headers = [b"Connection: close"]
    framing = rng.random()
    if framing < 0.7:
        headers.append(b"Content-Length: " + length.encode())
    elif framing < 0.9:
        headers.append(b"Transfer-Encoding: chunked")
        size = rng.choice([b"%x" % len(content), b"%x" % len(content), b"zz", b"-1", b"f" * 20])
        content = size + b"\r\n" + content + rng.choice([b"\r\n0\r\n\r\n", b"\r\n0\r\n\r\n", b""])
    if rng.random() < 0.3:
        headers.append(
            b"Content-Encoding: " + rng.choice([b"gzip", b"deflate", b"br", b"zstd", b"gzip, gzip", b"\xff"])
        )
        content = rng.choice([content, gzip.compress(content), gzip.compress(content)[:-5], zlib.compress(content)])
    headers += rng.choice(
        [
            [],
            [],
            [],
            [b"Location: \xff\xfehttp://[::1"],
            [b"X: " + b"y" * 100_000],
            [b"X-%d: y" % number for number in range(300)],
            [b"no colon here"],
            [b": empty", b"\x00: x", b"Set-Cookie: \xff=\x00; expires=Thu, 99"],
            [b"Retry-After: " + rng.choice([b"9" * 400, b"-5", b"Fri, 31 Dec 99999 23:59:59 GMT", b"\xff", b"1e9"])],
        ]
    )
    rng.shuffle(headers)
    return b"\r\n".join([version + b" " + status, *headers, b"", content])


GROUPS = 20


@pytest.mark.parametrize("group", range(GROUPS))
def test_no_answer_breaks_a_call(group: int, send: Callable[..., Any], raw_server: RawServer) -> None:
    rng = random.Random(SEED * 1000 + group)
    for number in range(-(-CASES // GROUPS)):
        name, answer = rng.choice(list(CALLS)), random_answer(rng)
        raw_server.script = Script([answer])
        try:
            send(CALLS[name], raw_server.url)
        except EncordError as error:
            assert 20 < len(str(error)) < 5000
            str(error).encode()
        except Exception as error:
            pytest.fail(f"case {number} of {name}: {type(error).__name__}: {error}\n{answer[:300]!r}")


HEAD = b"HTTP/1.1 200 OK\r\n"
DRIP = 0.02
SLOW = {
    "silence": Script(hold=True),
    "headers that drip": Script([HEAD[:1], *[b"X: y\r\n"] * 5], pause=DRIP, hold=True),
    "a header that never ends": Script([b"HTTP/1.1 200 OK\r\nX: "], hold=True),
    "endless header bytes, slowly": Script([b"H", *[b"T"] * 2], pause=DRIP, endless=True),
    "endless 1xx": Script([b"HTTP/1.1 102 Processing\r\n\r\n"], pause=DRIP, endless=True),
    "a body that drips": Script([HEAD + b"Content-Length: 9999\r\n\r\n", *[b" "] * 500], pause=DRIP, hold=True),
    "chunks that drip": Script(
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 500], pause=DRIP, hold=True
    ),
    "a body that stops": Script([HEAD + b'Content-Length: 99\r\n\r\n{"status"'], hold=True),
}


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("call", [datasets.get_dataset(DATASET), datasets.list_datasets()], ids=["legacy", "v2"])
def test_a_slow_answer_is_given_up(call: Call[Any], name: str, send: Callable[..., Any], raw_server: RawServer) -> None:
    raw_server.script = SLOW[name]
    with pytest.raises(EncordError):  # the server would go on for 10 seconds and more
        send(call, raw_server.url, Timeouts(connect=2, read=2, total=0.3))


BOMB = gzip.compress(b" " * 40_000_000)


@pytest.mark.parametrize("status", [200, 500])
def test_a_bomb_is_not_blown_up(
    status: int, send: Callable[..., Any], raw_server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_body, "MAX_LARGE_ANSWER_BYTES", 1_000_000)
    monkeypatch.setattr(response_body, "MAX_ANSWER_BYTES", 1_000_000)
    head = f"HTTP/1.1 {status} X\r\nContent-Encoding: gzip\r\nContent-Length: {len(BOMB)}\r\n\r\n".encode()
    raw_server.script = Script([head + BOMB])
    with pytest.raises(EncordError, match="larger than" if status == 200 else "HTTP 500"):
        send(CALLS["get_dataset"], raw_server.url, Timeouts(total=20))


def test_an_answer_of_very_many_values_is_not_parsed(send: Callable[..., Any], raw_server: RawServer) -> None:
    content = b"[" + b"[]," * 1_000_000 + b"1]"
    raw_server.script = Script([HEAD + b"Content-Length: %d\r\n\r\n" % len(content) + content])
    with pytest.raises(EncordError, match="more than 1000000 values"):
        send(CALLS["get_api_key_meta"], raw_server.url, Timeouts(total=20))


@pytest.mark.parametrize("location", [b"http://127.0.0.1:1/x", b"\xff\xfe", b"http://[", b""])
def test_a_redirect_is_not_even_looked_at(location: bytes, send: Callable[..., Any], raw_server: RawServer) -> None:
    raw_server.script = Script([b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"])
    with pytest.raises(EncordError, match="redirect"):
        send(CALLS["list_datasets"], raw_server.url)


@pytest.mark.parametrize(
    "value", ["9" * 5000, "-1", "Fri, 31 Dec 99999 23:59:59 GMT", "Mon, 01 Jan 0000 00:00:00 GMT", "²", "\x00", "1e99"]
)
def test_an_absurd_retry_after_is_bounded(value: str) -> None:
    for date in ("Mon, 01 Jan 2026 00:00:00 GMT", "x", "Fri, 31 Dec 9999 23:59:59 -2359"):
        seconds = retry_after(Answer(429, {"Retry-After": value, "Date": date}, b""))
        assert seconds is None or 0 <= seconds <= 365 * 86400


def test_the_echo_of_our_login_is_in_no_error(send: Callable[..., Any], raw_server: RawServer) -> None:
    for auth, secret in (("bearer", "test-only-bearer-token"), ("api_key", "test-only-dataset-api-key")):
        for text in (secret, f"Authorization: {secret}", "".join(f"\\u{ord(letter):04x}" for letter in secret)):
            content = json.dumps({"status": 400, "message": "@", "response": "@", "payload": "@"}).replace("@", text)
            head = b"HTTP/1.1 400 X\r\nContent-Length: %d\r\n\r\n" % len(content)
            raw_server.script = Script([head + content.encode()])
            with pytest.raises(EncordError) as caught:
                send(CALLS["get_dataset"], raw_server.url, auth=auth)
            assert secret not in repr(caught.value) + str(caught.value.__context__)


def test_a_broken_proxy_variable_is_named(send: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("https_proxy", "http://me:hush@:x:y")
    with pytest.raises(EncordError, match="https_proxy") as caught:
        send(CALLS["list_datasets"], "https://encord.invalid")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("content", [None, "no certificates"])
def test_a_broken_ca_bundle_is_named(
    content: str | None, send: Callable[..., Any], raw_server: RawServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    if content:
        (tmp_path / "ca.pem").write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with pytest.raises(EncordError, match="REQUESTS_CA_BUNDLE"):
        send(CALLS["list_datasets"], raw_server.url.replace("http:", "https:"))


@pytest.mark.parametrize("api", ["https://api.encord.com"])
@pytest.mark.parametrize(
    ("url", "headers"),
    [
        *((url, {}) for url in ("ftp://h/x?HUSH", "https://?HUSH", "https://u:p@h/?HUSH", "http://h/?HUSH", "x?HUSH")),
        *((f"https://{host}/x?HUSH", {}) for host in ("127.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1")),
        *(
            (f"https://{host}/x?HUSH", {})
            for host in ("999.1.1.1", "[::1%25lo]", "[::1", "a..b", ".", "", "h:0", "h:x")
        ),
        *((f"https://h/x{mark}?HUSH", {}) for mark in ("\r\nX: y", "é", " ")),
        *(("https://h/x?HUSH", {name: "v"}) for name in ("Host", "content-length", "a b", "", "X\r\nY", "é", "x")),
        *(("https://h/x?HUSH", {name: "v"}) for name in ("X-Vault-Token", "X-HTTP-Method-Override", "Metadata-Flavor")),
        *(("https://h/x?HUSH", {name: "v"}) for name in ("Cookie", "Authorization", "Connection", "x-ms-", "x-ms-é")),
        *(("https://h/x?HUSH", {"x-ms-x": value}) for value in ("HUSH\r\nY: z", "HUSHé", "\x00")),
    ],
)
def test_a_bad_upload_target_is_refused(url: str, headers: dict[str, str], api: str) -> None:
    call = CALLS["get_presigned_urls"]
    model = call.read({"results": [{"objectKey": "k", "signedUrl": url, "uploadHeaders": headers}]})
    problem = call.vet(model, api) if call.vet else None
    assert problem
    assert "HUSH" not in problem


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-goog-meta-a": "1", "X-Amz-Acl": "private", "x-ms-blob-type": "BlockBlob"},
        {"content-TYPE": "a/b", "Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg==", "Cache-Control": "no-store"},
    ],
)
@pytest.mark.parametrize("host", ["storage.googleapis.com", "b.s3.eu-west-1.amazonaws.com:443", "minio", "[2606::1]"])
def test_a_good_upload_target_passes(host: str, headers: dict[str, str]) -> None:
    call = CALLS["get_presigned_urls"]
    url = f"https://{host}/b/k?X-Goog-Signature=1"
    model = call.read({"results": [{"objectKey": "k", "signedUrl": url, "uploadHeaders": headers}]})
    assert call.vet is not None
    assert call.vet(model, "https://api.encord.com") is None


@pytest.mark.parametrize("name", ["X-Vault-Token", "X-HTTP-Method-Override", "Content-Length"])
def test_a_refused_upload_header_is_named(name: str) -> None:
    call = CALLS["get_presigned_urls"]
    model = call.read(
        {"results": [{"objectKey": "k", "signedUrl": "https://h/x?HUSH", "uploadHeaders": {name: "HUSH"}}]}
    )
    problem = call.vet(model, "https://api.encord.com") if call.vet else None
    assert problem
    assert repr(name) in problem
    assert "HUSH" not in problem
