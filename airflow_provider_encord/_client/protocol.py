"""Makes the signed request of a call, and reads its answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from airflow_provider_encord._client.auth import Credentials
from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import LEGACY_REASONS, V2_STATUSES, ApiError, ErrorKind
from airflow_provider_encord._client.fields import Unreadable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request."""

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    held_seconds: float = 0.0
    large: bool = False
    enough: int = 0

    @property
    def proofs(self) -> tuple[str, ...]:
        """The credentials in its headers, whole and in part, to be hidden if a server echoes them."""
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
    """The HTTP response to a request."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    document: Any = field(default=None, repr=False)
    """The parsed body, if the transport has it already: it keeps very large answers in a file."""


@dataclass(frozen=True)
class NoAnswer:
    """There is no response to a request.

    :param reason: why.
    :param sent: False if the request surely did not reach Encord.
    :param advice: what to do about it, if it differs from "check the network".
    :param kind: what went wrong, if it was not the network.
    """

    reason: str
    sent: bool
    advice: str = ""
    kind: ErrorKind = ErrorKind.NETWORK


def build(
    call: Call[Any], credentials: Credentials, *, domain: str, created: int, trace_id: str, agent: str
) -> Request:
    """Make the signed request of a call.

    :param created: signing time in Unix seconds.
    :param trace_id: 32 hex digits by which Encord's support finds the request.
    """
    body = call.content
    headers = {"User-Agent": agent, "X-Cloud-Trace-Context": f"{trace_id}/1;o=1"}
    if call.path is None:
        headers |= {"Accept": "application/json", "Content-Type": "application/json", "Accept-Encoding": "gzip"}
        headers |= credentials.resource_headers(call.dataset_hash)
        headers |= credentials.legacy_headers(body)
        path = "/public" if headers["ResourceID"] else "/public/user"
        return Request("POST", domain + path, headers, body, call.held_seconds, call.large, call.enough)
    pairs = [(name, value) for name, value in call.query if value is not None]
    query = urlencode(pairs, doseq=True)
    target = f"/v2/public/{call.path}" + (f"?{query}" if query else "")
    if body:
        headers["Content-Type"] = "application/json"
    headers |= credentials.v2_headers(call.method, target, body, created)
    return Request(call.method, domain + target, headers, body, call.held_seconds, call.large)


# Python reads NaN and Infinity, which are not JSON and cannot be stored. The hook does nothing, but calling it lets
# other threads run, which they could not while a large answer is decoded.
_decode = json.JSONDecoder(parse_constant=lambda name: None, object_hook=lambda value: value).decode


def read(call: Call[T], answer: Answer, *, domain: str, trace_id: str) -> T:
    """Read the answer to a call.

    Only an answer in Encord's form counts as Encord's. Anything else came from something in between, and a later
    attempt may succeed.

    :raises ApiError: when Encord refused, or the answer is not Encord's or cannot be read.
    """
    document = _document(call, answer, domain, trace_id)
    if answer.status in (413, 429):  # sent in any form by what stands in front of Encord's handlers
        kind, reason = V2_STATUSES[answer.status]
        raise refusal(call, kind, reason, answer, domain, trace_id, said=_message(document))
    if 300 <= answer.status < 400:
        raise _foreign(call, answer, domain, trace_id)
    respond = _v2_response if call.path else _legacy_response
    response = respond(call, answer, document, domain, trace_id)
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
    # A proxy (407) and Encord's front end (429) stop requests before they are handled.
    taken = more.pop("taken", True) and status not in (407, 429)
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


def _legacy_response(call: Call[Any], answer: Answer, document: Any, domain: str, trace_id: str) -> Any:
    # The envelope decides, whatever the HTTP status: Encord's client 0.1.211 does the same.
    if isinstance(document, dict) and {"status", "response"} <= document.keys():
        response, payload = document["response"], document.get("payload")
        if document["status"] == 200:
            if call.empty and not response and not (call.empty_list_is_fine and response == []):
                reason = "no such resource" if call.empty is ErrorKind.NOT_FOUND else "Encord answered with nothing"
                raise refusal(call, call.empty, reason, answer, domain, trace_id)
            return response
        code = response[0] if isinstance(response, list) and len(response) == 1 else response
        if isinstance(code, str) and _CODE.fullmatch(code):
            unknown = ErrorKind.SERVER, "Encord gives a reason that this provider does not know"
            kind, reason = LEGACY_REASONS.get(code, unknown)
            said = _text(payload) if payload else ""
            raise refusal(call, kind, reason, answer, domain, trace_id, said=said, code=code)
    if answer.status == 422 and isinstance(document, dict) and isinstance(document.get("detail"), list):
        # Encord's validation of requests answers without an envelope.
        raise refusal(call, *V2_STATUSES[422], answer, domain, trace_id, said=_message(document))
    raise _foreign(call, answer, domain, trace_id)


def _v2_response(call: Call[Any], answer: Answer, document: Any, domain: str, trace_id: str) -> Any:
    if answer.status == 204:
        return None
    if 200 <= answer.status < 300 and document is not _NOT_JSON:
        return document
    # Proxies report problems in JSON too, but with another media type.
    said = _message(document) if _media_type(answer) in ("", "application/json") else ""
    if not said or 200 <= answer.status < 300:
        raise _foreign(call, answer, domain, trace_id)
    kind, reason = V2_STATUSES.get(answer.status, (ErrorKind.SERVER, "Encord could not handle the request"))
    raise refusal(call, kind, reason, answer, domain, trace_id, said=said)


_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,99}")
_NOT_JSON = object()


# A value can take 250 bytes of memory, but only two bytes of JSON.
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


def _foreign(call: Call[Any], answer: Answer, domain: str, trace_id: str) -> ApiError:
    """Return the error for an answer that is not Encord's: what it is and where it came from."""
    status = answer.status
    if status >= 500:
        kind, who = ErrorKind.SERVER, "Encord or a proxy failed and gives no reason"
    else:
        kind, who = ErrorKind.FOREIGN, "this answer is not Encord's"
    if status == 407:
        what = "a proxy asks for a login"
    elif 300 <= status < 400:
        what = f"a redirect to {_place(_header(answer, 'location'))}, which is not followed"
    elif not answer.body:
        what = "an empty answer"
    else:
        what = _media_type(answer) or "content of no type"
        what += ", but not in Encord's form" if what.endswith("json") else ""
    signs = [f"{name} {_header(answer, name)[:80]!r}" for name in ("Server", "Via") if _header(answer, name)]
    return refusal(call, kind, f"{who}: {', '.join([what, *signs])}", answer, domain, trace_id)


def _place(location: str) -> str:
    try:
        parts = urlsplit(location)
        place = parts.netloc.rpartition("@")[2]
    except ValueError:
        place = "?"
    if not place:
        return "another page of this host"
    return place if re.fullmatch(r"[A-Za-z0-9.:\[\]_-]{1,260}", place) else "an unreadable address"


def _header(answer: Answer, name: str) -> str:
    return next((value for key, value in answer.headers.items() if key.lower() == name.lower()), "").strip()


def _media_type(answer: Answer) -> str:
    media_type = _header(answer, "content-type").partition(";")[0].strip().lower()
    return media_type if re.fullmatch(r"[a-z0-9.+/_-]{0,80}", media_type) else "content of a strange type"


def _message(document: Any) -> str:
    """Return the server's message in the form of the v2 API: a string, or the list of problems of a validation."""
    if not isinstance(document, dict):
        return ""
    text = document.get("message") or document.get("detail")
    good = isinstance(text, str) or (isinstance(text, list) and all(isinstance(problem, dict) for problem in text))
    return _text(text) if text and good else ""


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
    value = _header(answer, "retry-after")
    if value.isascii() and value.isdigit():
        return min(float(value[:20]), _LONGEST_RETRY_AFTER)
    try:
        seconds = (_moment(value) - _moment(_header(answer, "date"))).total_seconds()
    except (ValueError, TypeError, ArithmeticError, LookupError):
        return None
    return min(max(0.0, seconds), _LONGEST_RETRY_AFTER)


def clock_advice(answer: Answer, now: float) -> str:
    """Return the advice to set this machine's clock, if it is more than a minute away from the date of a refusal."""
    try:
        ahead = now - _moment(_header(answer, "date")).timestamp()
    except (ValueError, TypeError, ArithmeticError, LookupError):
        return ""
    if abs(ahead) <= 60:
        return ""
    size, unit = next((size, unit) for size, unit in _UNITS if abs(ahead) >= 2 * size)
    return (
        f"Set this machine's clock: it is {abs(ahead) / size:.0f} {unit} {'ahead of' if ahead > 0 else 'behind'} "
        "Encord's, and signatures contain the time. If that does not help, check the key or token, and its region."
    )


_UNITS = ((86400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))


def _moment(value: str) -> datetime:
    moment = parsedate_to_datetime(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
