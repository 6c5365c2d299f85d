"""Carries calls with ``requests``: one pooled session."""

from __future__ import annotations

import io
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import IO, Any, TypeVar

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError

from airflow_provider_encord.api.errors import ApiError, ErrorKind
from airflow_provider_encord.api.exchange import Account, Pause, Send, exchange
from airflow_provider_encord.api.jobs import Verdict, Watch
from airflow_provider_encord.api.retry import ONCE, RetryPolicy
from airflow_provider_encord.api.wait import Patience, wait
from airflow_provider_encord.api.wire import Answer, Call, NoAnswer, Request
from airflow_provider_encord.transport.drive import drive
from airflow_provider_encord.transport.network import CHUNK_BYTES, MAX_ANSWER_BYTES, Timeouts

T = TypeVar("T")

_MAX_IN_MEMORY = 16 * 1024 * 1024
_END_BYTES = 4096
_SUCCESS_FIRST = re.compile(rb'\s*\{\s*"status"\s*:\s*200\s*,')
_SUCCESS_LAST = re.compile(rb',\s*"status"\s*:\s*200\s*\}\s*$')


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

    def iterate(self, call: Call[tuple[T, ...]], read_item: Callable[[Any], T]) -> Iterator[T]:
        """Yield the items of a list that may be larger than memory: it is kept in a file while they are read.

        :param call: a call of the legacy API that is answered with a list.
        :param read_item: makes one item's model.
        :raises ApiError: when Encord refused, or no answer was to be had.
        """
        with tempfile.SpooledTemporaryFile(_MAX_IN_MEMORY) as file:
            items: Any = drive(
                exchange(replace(call, read=lambda value: value), self._account), partial(self._perform, into=file)
            )
            if items is file:
                import ijson

                items = ijson.items(file, "response.item", use_float=True)
            try:
                for item in items:
                    yield read_item(item)
            except ValueError as error:  # of the parser, or of the item's reader
                raise ApiError(
                    ErrorKind.UNREADABLE,
                    operation=call.operation,
                    reason=f"the answer is not what it should be: {error}",
                    dataset_hash=call.dataset_hash,
                ) from None

    def wait(self, watch: Watch, patience: Patience, **reports: Any) -> Verdict:
        """Wait for a job to end; see :func:`airflow_provider_encord.api.wait.wait`."""
        return drive(wait(watch, patience, clock=self._account.clock, **reports), self._perform_wait)

    def _perform_wait(self, step: Call[Any] | Pause) -> Any:
        if isinstance(step, Pause):
            return self._sleep(step.seconds)
        try:
            return self.run(step, policy=ONCE)
        except ApiError as error:
            return error

    def _perform(self, step: Send | Pause, into: IO[bytes] | None = None) -> Answer | NoAnswer | None:
        if isinstance(step, Pause):
            self._sleep(step.seconds)
            return None
        return self._send(step.request, into)

    def _send(self, request: Request, into: IO[bytes] | None = None) -> Answer | NoAnswer:
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
                body = into or io.BytesIO()
                body.seek(0)
                body.truncate()
                for piece in response.iter_content(CHUNK_BYTES):
                    body.write(piece)
                    if into is None and body.tell() > MAX_ANSWER_BYTES:
                        return NoAnswer(f"the answer is larger than {MAX_ANSWER_BYTES} bytes", sent=True)
                    if time.monotonic() > deadline:
                        return NoAnswer(f"the answer took longer than {self._timeouts.total:g} s", sent=True)
                return _answer(response, body)
        except requests.RequestException as error:
            return NoAnswer(_reason(error), sent=_was_sent(error))


def _answer(response: requests.Response, body: IO[bytes]) -> Answer:
    headers = dict(response.headers)
    large = response.status_code == 200 and body.tell() > _MAX_IN_MEMORY
    body.seek(0)
    if large:
        # Of an answer that is too large to be parsed at once, the two ends tell whether it is one of success.
        head = body.read(_END_BYTES)
        body.seek(-_END_BYTES, io.SEEK_END)
        tail = body.read()
        body.seek(0)
        if _SUCCESS_FIRST.match(head) or _SUCCESS_LAST.search(tail):
            return Answer(response.status_code, headers, b"", document={"status": 200, "response": body})
    return Answer(response.status_code, headers, body.read(MAX_ANSWER_BYTES))


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
