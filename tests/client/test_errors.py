"""What the person on duty reads."""

import pickle

import pytest

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import LEGACY_REASONS, TRANSIENT, V2_STATUSES, ApiError, ErrorKind
from airflow_provider_encord._client.exchange import Send, exchange
from airflow_provider_encord._client.protocol import Answer, read
from airflow_provider_encord._client.redaction import server_text, without_credentials
from airflow_provider_encord._client.resources import datasets
from vectors import DATASET, Clock, account

SIGNED = "https://storage.example/bucket/key?X-Amz-Signature=topsecret&x=1"
TRACE = "f" * 32
GET = datasets.get_dataset(DATASET)


def refused(body: bytes, status: int = 200, call: Call = GET, domain: str = "https://api.encord.com") -> ApiError:
    with pytest.raises(ApiError) as caught:
        read(call, Answer(status, {"Retry-After": "9"}, body), domain=domain, trace_id=TRACE)
    return caught.value


def test_message_has_all_that_helps() -> None:
    error = refused(b'{"status": 404, "response": ["RESOURCE_NOT_FOUND_ERROR"], "payload": "no such thing"}')
    assert str(error) == (
        f"Encord: get dataset on dataset {DATASET} at https://api.encord.com failed: no such resource. "
        "The server said: 'no such thing'. "
        f"(HTTP 200, RESOURCE_NOT_FOUND_ERROR, trace id {TRACE}) Check the id, and that it belongs to this region."
    )
    assert (error.dataset_hash, error.trace_id, error.code) == (DATASET, TRACE, "RESOURCE_NOT_FOUND_ERROR")


@pytest.mark.parametrize(
    "kind", [kind for kind in ErrorKind if kind in TRANSIENT or kind.value.startswith(("auth", "key", "perm"))]
)
def test_every_error_of_operation_tells_the_next_step(kind: ErrorKind) -> None:
    text = str(ApiError(kind, operation="it", reason="because"))
    assert not text.endswith("because.")


@pytest.mark.parametrize(
    ("domain", "other"),
    [
        ("https://api.encord.com", "https://api.us.encord.com"),
        ("https://api.us.encord.com", "https://api.encord.com"),
    ],
)
@pytest.mark.parametrize("code", ["AUTHENTICATION_ERROR", "SSH_KEY_NOT_FOUND_ERROR"])
def test_wrong_key_names_the_other_region(code: str, domain: str, other: str) -> None:
    text = str(refused(f'{{"status": 401, "response": ["{code}"]}}'.encode(), domain=domain))
    assert f" at {domain} failed" in text
    assert f"Keys of the other region are registered at {other}." in text


def test_own_installations_have_no_other_region() -> None:
    text = str(refused(b'{"message": "no"}', 401, datasets.list_datasets(), "https://encord.internal"))
    assert " at https://encord.internal failed" in text
    assert "region live" not in text


def test_missing_rights_do_not_hint_at_a_region() -> None:
    assert "region live" not in str(refused(b'{"status": 403, "response": ["AUTHORISATION_ERROR"]}'))


@pytest.mark.parametrize(
    "body",
    [
        f'{{"status": 400, "response": ["INVALID_ARGUMENTS_ERROR"], "payload": "cannot read {SIGNED} today"}}',
        f'{{"status": 400, "response": ["INVALID_ARGUMENTS_ERROR"], "payload": {{"url": "{SIGNED}"}}}}',
        f'{{"status": 400, "response": ["cannot read {SIGNED}"]}}',
        f'{{"status": 400, "message": "{SIGNED}"}}',
    ],
)
def test_no_query_of_a_url_gets_through(body: str) -> None:
    error = refused(body.encode())
    assert "topsecret" not in f"{error} {error!r} {vars(error)}"


def test_server_text_is_cut_and_keeps_its_path() -> None:
    assert server_text(f"see {SIGNED}.") == "see https://storage.example/bucket/key?..."
    assert len(server_text("x" * 10_000)) < 1100
    assert without_credentials("https://user:pass@host:1/p?sig=1#frag") == "https://***@host:1/p?..."


def test_a_message_is_one_line_that_no_terminal_obeys() -> None:
    odd = "a\nb\r\x1b[31mc\x00\u202ed\u2028e"
    error = ApiError(ErrorKind.INVALID, operation=f"upload of {odd}", reason=odd, said=odd, code=odd, conn_id=odd)
    assert str(error).isprintable()
    assert "a\\nb\\r\\x1b[31mc\\x00\\u202ed\\u2028e" in error.reason
    assert f"{error.operation}{error.code}".isprintable()


def test_list_of_problems_of_the_v2_api_is_shown() -> None:
    detail = b'{"detail": [{"loc": ["query", "createdBefore"], "msg": "bad date", "type": "x"}]}'
    error = refused(detail, 422, datasets.list_datasets())
    assert error.kind is ErrorKind.INVALID
    assert "createdBefore" in str(error)
    assert "bad date" in str(error)


ODD_ANSWERS = {
    "empty": (b"", 200, ErrorKind.FOREIGN),
    "HTML": (b"<html>login</html>", 200, ErrorKind.FOREIGN),
    "HTML 502": (b"<html>", 502, ErrorKind.SERVER),
    "list": (b"[1]", 200, ErrorKind.FOREIGN),
    "number": (b"7", 500, ErrorKind.SERVER),
    "not UTF-8": (b"\xff\xfe\x00", 200, ErrorKind.FOREIGN),
    "half a JSON": (b'{"status": 20', 200, ErrorKind.FOREIGN),
    "very deep": (b"[" * 100_000, 200, ErrorKind.FOREIGN),
    "huge number": (b'{"status": ' + b"9" * 10_000 + b"}", 200, ErrorKind.FOREIGN),
    "NaN": (b'{"status": NaN}', 200, ErrorKind.FOREIGN),
    "redirect": (b"", 302, ErrorKind.FOREIGN),
    "redirect with an envelope": (b'{"status": 200, "response": {}}', 307, ErrorKind.FOREIGN),
    "two reasons": (b'{"status": 400, "response": ["A", "B"]}', 200, ErrorKind.FOREIGN),
    "reason is a number": (b'{"status": 400, "response": [7]}', 200, ErrorKind.FOREIGN),
    "no reason, but a status": (b'{"status": 403}', 403, ErrorKind.FOREIGN),
    "answer of another kind": (b'{"status": 200, "response": [1, 2]}', 200, ErrorKind.UNREADABLE),
}


@pytest.mark.parametrize("name", ODD_ANSWERS)
def test_odd_answers_are_errors_like_any_other(name: str) -> None:
    body, status, kind = ODD_ANSWERS[name]
    error = refused(body, status)
    assert error.kind is kind
    assert TRACE in str(error)


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_any_2xx_of_the_v2_api_is_a_success(status: int) -> None:
    answer = Answer(status, {}, b'{"result": []}')
    assert read(datasets.list_datasets(), answer, domain="", trace_id="") == ()


@pytest.mark.parametrize(("status", "known"), sorted(V2_STATUSES.items()))
def test_v2_status(status: int, known: tuple[ErrorKind, str]) -> None:
    error = refused(b'{"message": "text"}', status, datasets.list_datasets())
    assert error.kind is known[0]
    assert "'text'" in str(error)
    assert error.retry_after == (9.0 if status in (429, 503) else None)
    assert error.taken is (status != 429)


def test_codes_of_the_documentation_are_all_known() -> None:
    assert len(LEGACY_REASONS) == 24


def test_error_survives_pickling() -> None:
    error = ApiError(ErrorKind.RATE_LIMITED, operation="it", reason="because", retry_after=3.0, taken=False, said="s")
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_request_shows_neither_headers_nor_body() -> None:
    step = next(exchange(datasets.get_dataset(DATASET), account("http://x.test", Clock(), "bearer")))
    assert isinstance(step, Send)
    assert "Bearer" not in repr(step)
