"""One call as a value, the request it becomes, and the reading of the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from airflow_provider_encord._client.auth import Credentials
from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import LEGACY_REASONS, V2_STATUSES, ApiError, ErrorKind
from airflow_provider_encord._client.fields import Unreadable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """What goes over the wire, once."""

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    held_seconds: float = 0.0
    large: bool = False

    @property
    def proofs(self) -> tuple[str, ...]:
        """What in its headers proves who is calling, whole and in part: a server that echoes it must not spread it."""
        signature, authorization = self.headers.get("Signature"), self.headers.get("Authorization")
        proofs = []
        if signature:
            proofs += [signature, signature.removeprefix("encord-sig=:").removesuffix(":")]
        if authorization:
            parts = {authorization.rpartition(mark)[2] for mark in " :"}
            proofs += [authorization, *sorted(parts - {authorization}, key=len, reverse=True)]
        return tuple(proof for proof in proofs if len(proof) >= 8)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    document: Any = field(default=None, repr=False)
    """What the body says, if the transport knows it already: it keeps very large answers in a file."""


@dataclass(frozen=True)
class NoAnswer:
    """Nothing came back; ``sent`` is False when the connection was never made."""

    reason: str
    sent: bool


def build(
    call: Call[Any], credentials: Credentials, *, domain: str, created: int, trace_id: str, agent: str
) -> Request:
    """Make the signed request of a call.

    :param created: signing time in Unix seconds.
    :param trace_id: 32 hex digits; Encord's support finds the request by it.
    """
    body = call.content
    headers = {"User-Agent": agent, "X-Cloud-Trace-Context": f"{trace_id}/1;o=1"}
    if call.path is None:
        headers |= {"Accept": "application/json", "Content-Type": "application/json", "Accept-Encoding": "gzip"}
        headers |= credentials.resource_headers(call.dataset_hash)
        headers |= credentials.legacy_headers(body)
        path = "/public" if headers["ResourceID"] else "/public/user"
        return Request("POST", domain + path, headers, body, call.held_seconds, call.large)
    pairs = [(name, value) for name, value in call.query if value is not None]
    query = urlencode(pairs, doseq=True)
    target = f"/v2/public/{call.path}" + (f"?{query}" if query else "")
    if body:
        headers["Content-Type"] = "application/json"
    headers |= credentials.v2_headers(call.method, target, body, created)
    return Request(call.method, domain + target, headers, body, call.held_seconds, call.large)


# Python's own writer says NaN and Infinity, which are no JSON and which nothing further on can store.
_decode = json.JSONDecoder(parse_constant=lambda name: None).decode


def read(call: Call[T], answer: Answer, *, domain: str, trace_id: str) -> T:
    """Read the answer to a call.

    :raises ApiError: when Encord refused, or answered something that can't be read.
    """
    response = (
        _v2_response(call, answer, domain, trace_id) if call.path else _legacy_response(call, answer, domain, trace_id)
    )
    try:
        model = call.read(response)
        problem = call.vet(model, domain) if call.vet else None
    except Unreadable as error:
        problem = str(error)
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        problem = f"it cannot be read ({type(error).__name__})"
    if problem:
        reason = f"the answer is not what it should be: {problem}"
        raise refusal(call, ErrorKind.UNREADABLE, reason, answer, domain, trace_id)
    return model


def refusal(
    call: Call[Any],
    kind: ErrorKind,
    reason: str,
    answer: Answer | None,
    domain: str,
    trace_id: str,
    **more: Any,
) -> ApiError:
    """Make the error of a call."""
    status = answer.status if answer else None
    # Only a front end that stops requests before they are handled answers with a real HTTP 429.
    taken = status != 429 and more.pop("taken", True)
    return ApiError(
        kind,
        operation=call.operation,
        reason=reason,
        http_status=status,
        retry_after=retry_after(answer) if status in (429, 503) and answer else None,
        dataset_hash=call.dataset_hash,
        domain=domain,
        trace_id=trace_id,
        taken=taken,
        **more,
    )


def _legacy_response(call: Call[Any], answer: Answer, domain: str, trace_id: str) -> Any:
    # The order of decisions is that of Encord's client 0.1.211: the envelope decides, whatever the HTTP status says.
    document = _document(call, answer, domain, trace_id)
    if answer.status in (413, 429):
        kind, reason = V2_STATUSES[answer.status]
        raise refusal(call, kind, reason, answer, domain, trace_id, said=_message(document))
    if document is _NOT_JSON or 300 <= answer.status < 400:
        raise _not_json(call, answer, domain, trace_id)
    envelope = document if isinstance(document, dict) else {}
    response, payload = envelope.get("response"), envelope.get("payload")
    if envelope.get("status") != 200:
        code = response[0] if isinstance(response, list) and len(response) == 1 else response
        said = _text(payload) if payload else _message(document)
        if not isinstance(code, str):
            kind, reason = V2_STATUSES.get(answer.status, (ErrorKind.SERVER, "Encord gives no reason"))
            raise refusal(call, kind, reason, answer, domain, trace_id, said=said)
        kind, reason = LEGACY_REASONS.get(code, (ErrorKind.SERVER, "Encord gives a reason unknown to this provider"))
        raise refusal(call, kind, reason, answer, domain, trace_id, said=said, code=code)
    if call.empty and not response and not (call.empty_list_is_fine and response == []):
        reason = "no such resource" if call.empty is ErrorKind.NOT_FOUND else "Encord answered with nothing"
        raise refusal(call, call.empty, reason, answer, domain, trace_id)
    return response


def _v2_response(call: Call[Any], answer: Answer, domain: str, trace_id: str) -> Any:
    document = _document(call, answer, domain, trace_id)
    if not 200 <= answer.status < 300:
        if 300 <= answer.status < 400:
            raise _not_json(call, answer, domain, trace_id)
        kind, reason = V2_STATUSES.get(answer.status, (ErrorKind.SERVER, "Encord could not handle the request"))
        raise refusal(call, kind, reason, answer, domain, trace_id, said=_message(document))
    if answer.status == 204:
        return None
    if document is _NOT_JSON:
        raise _not_json(call, answer, domain, trace_id)
    return document


_NOT_JSON = object()


# A value takes up to 250 bytes of memory, and as little as two bytes of JSON.
_MAX_VALUES = 1_000_000
_MAX_VALUES_OF_LARGE = 8_000_000


def _document(call: Call[Any], answer: Answer, domain: str, trace_id: str) -> Any:
    if answer.document is not None:
        return answer.document
    most = _MAX_VALUES_OF_LARGE if call.large else _MAX_VALUES
    if len(answer.body) > most and sum(answer.body.count(mark) for mark in (b",", b"[", b"{")) > most:
        raise refusal(call, ErrorKind.UNREADABLE, f"the answer has more than {most} values", answer, domain, trace_id)
    try:
        return _decode(answer.body.decode(json.detect_encoding(answer.body), "surrogatepass"))
    except (ValueError, RecursionError):
        return _NOT_JSON


def _not_json(call: Call[Any], answer: Answer, domain: str, trace_id: str) -> ApiError:
    if 300 <= answer.status < 400:
        reason = "the answer is a redirect, which is not followed because the signature would not fit"
    else:
        reason = "the answer is not JSON"
    default = ErrorKind.SERVER if answer.status >= 500 else ErrorKind.UNREADABLE
    kind, _ = V2_STATUSES.get(answer.status, (default, ""))
    return refusal(call, kind, reason, answer, domain, trace_id)


def _message(document: Any) -> str:
    if not isinstance(document, dict):
        return ""
    text = document.get("message") or document.get("detail") or ""
    return _text(text)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except (ValueError, RecursionError):
        return ""


_LONGEST_RETRY_AFTER = 365 * 86400.0


def retry_after(answer: Answer) -> float | None:
    """Read the ``Retry-After`` of an answer, given in seconds or as a date; None when there is none."""
    value = next((value for name, value in answer.headers.items() if name.lower() == "retry-after"), "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:20]), _LONGEST_RETRY_AFTER)
    try:
        until = parsedate_to_datetime(value)
        asked = parsedate_to_datetime(next(v for n, v in answer.headers.items() if n.lower() == "date"))
        if until.tzinfo is None or asked.tzinfo is None:
            until, asked = (moment.replace(tzinfo=UTC) for moment in (until, asked))
        seconds = (until - asked).total_seconds()
    except (ValueError, TypeError, ArithmeticError, LookupError, StopIteration):
        return None
    return min(max(0.0, seconds), _LONGEST_RETRY_AFTER)
