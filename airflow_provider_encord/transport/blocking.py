"""Carries calls with ``requests``: one pooled session."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError

from airflow_provider_encord.api.errors import ApiError
from airflow_provider_encord.api.exchange import Account, Pause, Send, exchange
from airflow_provider_encord.api.jobs import Verdict, Watch
from airflow_provider_encord.api.retry import ONCE, RetryPolicy
from airflow_provider_encord.api.wait import Patience, wait
from airflow_provider_encord.api.wire import Answer, Call, NoAnswer, Request
from airflow_provider_encord.transport.drive import drive
from airflow_provider_encord.transport.network import CHUNK_BYTES, MAX_ANSWER_BYTES, Timeouts

T = TypeVar("T")


class BlockingTransport:
    """Runs calls one after the other.

    :param account: who asks, and where.
    :param timeouts: time limits of each request.
    :param sleep: lets seconds pass; a test's replacement need not.
    """

    def __init__(
        self, account: Account, *, timeouts: Timeouts = Timeouts(), sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._account = account
        self._timeouts = timeouts
        self._sleep = sleep
        self._session = requests.Session()

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def run(self, call: Call[T], *, policy: RetryPolicy | None = None) -> T:
        """Send a call until it is answered or nothing more can be done.

        :raises ApiError: when Encord refused, or no answer was to be had.
        """
        if not call.repeatable:
            # A pooled connection that the server has closed meanwhile would leave the outcome unclear.
            self._session.close()
        return drive(exchange(call, self._account, policy=policy), self._perform)

    def wait(self, watch: Watch, patience: Patience, **reports: Callable[..., None]) -> Verdict:
        """Wait for a job to end; see :func:`airflow_provider_encord.api.wait.wait`."""
        return drive(wait(watch, patience, clock=self._account.clock, **reports), self._perform_wait)

    def _perform_wait(self, step: Call[Any] | Pause) -> Any:
        if isinstance(step, Pause):
            return self._sleep(step.seconds)
        try:
            return self.run(step, policy=ONCE)
        except ApiError as error:
            return error

    def _perform(self, step: Send | Pause) -> Answer | NoAnswer | None:
        if isinstance(step, Pause):
            self._sleep(step.seconds)
            return None
        return self._send(step.request)

    def _send(self, request: Request) -> Answer | NoAnswer:
        deadline = time.monotonic() + self._timeouts.total + request.held_seconds
        try:
            with self._session.request(
                request.method,
                request.url,
                data=request.body or None,
                headers={"Accept": None, **request.headers},
                timeout=(self._timeouts.connect, self._timeouts.read + request.held_seconds),
                allow_redirects=False,
                auth=_keep_headers,
                stream=True,
            ) as response:
                body = bytearray()
                for piece in response.iter_content(CHUNK_BYTES):
                    body += piece
                    if len(body) > MAX_ANSWER_BYTES:
                        return NoAnswer(f"the answer is larger than {MAX_ANSWER_BYTES} bytes", sent=True)
                    if time.monotonic() > deadline:
                        return NoAnswer(f"the answer took longer than {self._timeouts.total:g} s", sent=True)
                return Answer(response.status_code, dict(response.headers), bytes(body))
        except requests.RequestException as error:
            return NoAnswer(_reason(error), sent=_was_sent(error))


def _keep_headers(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep ``requests`` from replacing our Authorization header by a login from a ``.netrc`` file."""
    return prepared


def _cause(error: requests.RequestException) -> BaseException:
    inner = error.args[0] if error.args else error
    return getattr(inner, "reason", None) or (inner if isinstance(inner, BaseException) else error)


def _was_sent(error: requests.RequestException) -> bool:
    return not isinstance(_cause(error), NewConnectionError | ConnectTimeoutError | ProxyError)


def _reason(error: requests.RequestException) -> str:
    cause = _cause(error)
    if isinstance(error, requests.Timeout):
        return "no connection in time" if isinstance(error, requests.ConnectTimeout) else "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return f"TLS failed ({cause})"
    if isinstance(cause, NewConnectionError):
        return f"no connection ({str(cause).rpartition(': ')[2]})"
    return f"the connection broke ({type(cause).__name__})"
