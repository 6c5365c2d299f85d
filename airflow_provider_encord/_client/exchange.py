"""The steps of one call: send, read, pause, send again. The transports carry them out."""

from __future__ import annotations

import math
import random
import secrets
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from airflow_provider_encord._client.auth import Credentials
from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import REFUSED_CREDENTIALS, ApiError, ErrorKind
from airflow_provider_encord._client.protocol import Answer, NoAnswer, Request, build, clock_advice, read, refusal
from airflow_provider_encord._client.retry import RetryPolicy, next_delay

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Send:
    """Step: send this request and return its :class:`Answer`, or :class:`NoAnswer`."""

    request: Request


@dataclass(frozen=True, slots=True)
class Pause:
    """Step: wait for this many seconds.

    :param reason: why, for the log; a wait between polls has none.
    """

    seconds: float
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Who is calling, where, and by which clock.

    :param credentials: prove who is calling.
    :param domain: base URL of Encord's API, without a trailing slash.
    :param agent: the ``User-Agent`` of all requests.
    :param policy: when to repeat requests.
    :param clock: Unix time in seconds.
    :param trace_id: makes a new 32-digit hex id.
    :param jitter: a number from 0 to 1.
    :param conn_id: id of the Airflow connection, for messages.
    :param longest_pause: seconds at most between two requests of a call, or two polls.
    """

    credentials: Credentials
    domain: str
    agent: str
    policy: RetryPolicy = RetryPolicy()
    clock: Callable[[], float] = field(default=time.time, repr=False, compare=False)
    trace_id: Callable[[], str] = field(default=lambda: secrets.token_hex(16), repr=False, compare=False)
    jitter: Callable[[], float] = field(default=random.random, repr=False, compare=False)
    conn_id: str = ""
    longest_pause: float = math.inf


@dataclass(frozen=True, slots=True)
class Renew:
    """Step: look the account up again and return it, or :class:`NoAnswer` if that fails.

    :param refused: the account whose credentials Encord has just refused.
    """

    refused: Account


def exchange(
    call: Call[T], account: Account, *, policy: RetryPolicy | None = None
) -> Generator[Send | Pause | Renew, Answer | NoAnswer | Account | None, T]:
    """Yield the steps of a call; the generator returns the model of the answer.

    Each request gets a new signature, and all requests of a call share one trace id. If Encord refused the credentials,
    it did nothing, so any call is sent again with new ones.

    :param policy: when to repeat requests; by default the account's policy.

    :raises ApiError: when Encord refused, or did not answer.
    """
    trace_id = account.trace_id()
    attempt = 0
    refused: list[Account] = []
    while True:
        attempt += 1
        request = build(
            call,
            account.credentials,
            domain=account.domain,
            created=int(account.clock()),
            trace_id=trace_id,
            agent=account.agent,
        )
        answer = yield Send(request)
        try:
            if isinstance(answer, Answer):
                if not call.answers_secret:
                    answer = _without_proofs(answer, request)
                return read(call, answer, domain=account.domain, trace_id=trace_id)
            broke = answer if isinstance(answer, NoAnswer) else NoAnswer("nothing was sent", sent=False)
            more = {"taken": broke.sent, "advice": broke.advice}
            raise refusal(call, broke.kind, broke.reason, None, account.domain, trace_id, **more)
        except ApiError as error:
            error.hide(request.proofs)
            error.conn_id = account.conn_id
            if error.kind in REFUSED_CREDENTIALS:
                refused.append(account)
                renewed = yield Renew(account)
                if isinstance(renewed, Account) and renewed not in refused:
                    account = renewed
                    attempt -= 1
                    continue
                if isinstance(renewed, NoAnswer):
                    error.kind, error.taken = ErrorKind.LOOKUP, False
                    error.reason += f", and new ones could not be looked up: {renewed.reason.rstrip('.')}"
                elif error.kind is ErrorKind.AUTHENTICATION and isinstance(answer, Answer):
                    error.advice = clock_advice(answer, account.clock())
            delay = next_delay(call, error, attempt=attempt, policy=policy or account.policy, jitter=account.jitter)
            if delay is None:
                raise
            reason = str(error)
        yield Pause(min(delay, account.longest_pause), reason)


def _without_proofs(answer: Answer, request: Request) -> Answer:
    """Hide our credentials in an answer that echoes them, so that they get into no message, event or XCom."""
    body = answer.body
    for proof in request.proofs:
        body = body.replace(proof.encode(), b"***")
    return answer if body is answer.body else replace(answer, body=body)
