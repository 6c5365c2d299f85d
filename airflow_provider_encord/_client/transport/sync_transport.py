"""Sends calls with ``requests``, through one connection pool."""

from __future__ import annotations

import io
import re
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError, ReadTimeoutError

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ApiError, ErrorKind
from airflow_provider_encord._client.exchange import Account, Pause, Renew, Send, exchange
from airflow_provider_encord._client.fields import read_list
from airflow_provider_encord._client.jobs import Verdict, Watch
from airflow_provider_encord._client.protocol import Answer, NoAnswer, Request
from airflow_provider_encord._client.retry import ONCE, RetryPolicy
from airflow_provider_encord._client.transport.causes import (
    causes_of,
    full_disk,
    no_proxy,
    proxy_name,
    proxy_refusal,
    tls_failure,
    why,
)
from airflow_provider_encord._client.transport.counted_body import CountedBody
from airflow_provider_encord._client.transport.network import CHUNK_BYTES, Timeouts, ca_bundle, proxy_for, tls_context
from airflow_provider_encord._client.transport.response_body import (
    ACCEPT_ENCODING,
    MAX_LARGE_ANSWER_BYTES,
    Body,
    BrokenBody,
)
from airflow_provider_encord._client.transport.step_runner import announce, drive
from airflow_provider_encord._client.transport.total_timeout import DeadlineAdapter, deadline
from airflow_provider_encord._client.wait import Patience, wait

T = TypeVar("T")

_MAX_IN_MEMORY = 16 * 1024 * 1024
_END_BYTES = 4096
_SUCCESS_FIRST = re.compile(rb'\s*\{\s*"status"\s*:\s*200\s*,')
_SUCCESS_LAST = re.compile(rb',\s*"status"\s*:\s*200\s*\}\s*$')


class BlockingTransport:
    """Runs calls one after the other.

    :param account: who is calling, and where.
    :param timeouts: time limits of each request.
    :param sleep: waits for seconds; tests pass one that does not.
    :param renew: looks the account up again after Encord refused it.
    """

    def __init__(
        self,
        account: Account,
        *,
        timeouts: Timeouts = Timeouts(),
        sleep: Callable[[float], None] = time.sleep,
        renew: Callable[[Account], Account | NoAnswer] = lambda refused: refused,
    ) -> None:
        self._account = account
        self._renew = renew
        self._timeouts = timeouts
        self._sleep = sleep
        self._session = _Session()

    def beside(self, seconds: float) -> BlockingTransport:
        """Return another transport, which sends each call once: for one that is due while another is under way.

        :param seconds: how long the answer may take.
        """
        account = replace(self._account, policy=ONCE)
        return BlockingTransport(account, timeouts=Timeouts(connect=seconds, read=seconds, total=seconds))

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def run(self, call: Call[T], *, policy: RetryPolicy | None = None) -> T:
        """Send a call, and repeat it where that helps, until it is answered.

        :raises ApiError: when Encord refused, or did not answer.
        """
        if not call.repeatable:
            # If the server has closed a pooled connection meanwhile, the outcome would be unclear.
            self._session.close()
        return drive(exchange(call, self._account, policy=policy), self._perform)

    def iterate(self, call: Call[tuple[T, ...]], read_item: Callable[[Any], T]) -> Iterator[T]:
        """Yield the items of a list that may be larger than memory: the answer is kept in a file.

        :param call: a call of the legacy API that answers with a list.
        :param read_item: makes the model of an item.
        :raises ApiError: when Encord refused, or did not answer.
        """
        with _TemporaryFile(_MAX_IN_MEMORY) as file:

            def read(value: Any) -> Any:
                return value if value is file else read_list(value, lambda item: item, "the answer")

            items: Any = drive(exchange(replace(call, read=read), self._account), partial(self._perform, into=file))
            if items is file:
                import ijson

                items = ijson.items(metered := _Metered(file), "response.item", use_float=True)
            else:
                metered = _Metered(file)
            models = map(read_item, items)
            while True:
                try:
                    metered.budget = _MAX_IN_MEMORY
                    model = next(models)
                except StopIteration:
                    return
                except Exception as error:  # from the parser or from read_item
                    reason = str(error) if isinstance(error, ValueError) else "it cannot be parsed"
                    break
                yield model
            raise ApiError(
                ErrorKind.UNREADABLE,
                operation=call.operation,
                reason=f"the answer is not what it should be: {reason}",
                dataset_hash=call.dataset_hash,
                domain=self._account.domain,
                conn_id=self._account.conn_id,
            )

    def wait(self, watch: Watch, patience: Patience, **reports: Any) -> Verdict:
        """Wait for a job to end; see :func:`airflow_provider_encord._client.wait.wait`."""
        account = self._account
        steps = wait(watch, patience, clock=account.clock, longest_pause=account.longest_pause, **reports)
        return drive(steps, self._perform_wait)

    def _perform_wait(self, step: Call[Any] | Pause) -> Any:
        if isinstance(step, Pause):
            return self._sleep(step.seconds)
        try:
            return self.run(step, policy=ONCE)
        except ApiError as error:
            return error

    def _perform(self, step: Send | Pause | Renew, into: IO[bytes] | None = None) -> Answer | NoAnswer | Account | None:
        if isinstance(step, Send):
            return self._send(step.request, into)
        if isinstance(step, Pause):
            announce(step)
            self._sleep(step.seconds)
            return None
        renewed = self._renew(step.refused)
        if isinstance(renewed, Account):
            self._account = renewed
        return renewed

    def _send(self, request: Request, into: IO[bytes] | None = None) -> Answer | NoAnswer:
        proxy_for(request.url)  # raises if it cannot be used
        total = self._timeouts.total + request.held_seconds
        try:
            with (
                deadline(total),
                self._session.request(
                    request.method,
                    request.url,
                    data=request.body or None,
                    headers={"Accept": None, "Accept-Encoding": ACCEPT_ENCODING, **request.headers},
                    timeout=(min(self._timeouts.connect, total), self._timeouts.read + request.held_seconds),
                    allow_redirects=False,
                    auth=_keep_headers,
                    verify=ca_bundle(),
                    stream=True,
                ) as response,
            ):
                encoding = response.headers.get("Content-Encoding")
                body = (
                    CountedBody(request, response.status_code, encoding)
                    if request.enough
                    else Body(request, response.status_code, encoding, into)
                )
                while piece := response.raw.read(CHUNK_BYTES, decode_content=False):
                    if not body.feed(piece) or (body.countable and not body.count()):
                        break
                else:
                    body.end()
                return _answer(response, body)
        except BrokenBody as error:
            return NoAnswer(str(error), sent=True)
        except Exception as error:  # requests does not document all that it raises for malformed answers
            broken = error
        if request.url.startswith("https:") and not isinstance(broken, requests.Timeout):
            tls_context()  # raises if the CA certificates cannot be used
        return _no_answer(broken, request.url)


class _Session(requests.Session):
    """A session that keeps no cookies and does not parse redirects, which it would even without following them."""

    def __init__(self) -> None:
        super().__init__()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.mount("https://", DeadlineAdapter())
        self.mount("http://", DeadlineAdapter())

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


class _TemporaryFile(tempfile.SpooledTemporaryFile[bytes]):
    """A temporary file that closes without an error: on a full disk, closing it would write and fail once more."""

    def __exit__(self, *problem: Any) -> None:
        with suppress(OSError):
            super().__exit__(*problem)


class _Metered:
    """A file with a limit of bytes that may be read for one item."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.budget = 0

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self.budget -= len(piece)
        if self.budget < 0:
            raise ValueError(f"one item of it is larger than {_MAX_IN_MEMORY} bytes")
        return piece


def _answer(response: requests.Response, body: Body) -> Answer:
    headers, file = dict(response.headers), body.file
    size = file.seek(0, io.SEEK_END)
    if response.status_code == 200 and size > _MAX_IN_MEMORY and not isinstance(file, io.BytesIO):
        # If an answer is too large to be parsed at once, its two ends show whether it is a successful one.
        file.seek(0)
        head = file.read(_END_BYTES)
        file.seek(-_END_BYTES, io.SEEK_END)
        tail = file.read()
        file.seek(0)
        if _SUCCESS_FIRST.match(head) or _SUCCESS_LAST.search(tail):
            return Answer(response.status_code, headers, b"", document={"status": 200, "response": file})
        if size > MAX_LARGE_ANSWER_BYTES:
            raise BrokenBody(f"the answer is larger than {MAX_LARGE_ANSWER_BYTES} bytes")
    document = body.document()
    return Answer(response.status_code, headers, body.content(), document)


def _keep_headers(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep ``requests`` from replacing our Authorization header with a login from a ``.netrc`` file."""
    return prepared


_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")


def _no_answer(error: Exception, url: str) -> NoAnswer:
    causes = list(causes_of(error))
    kinds = tuple(type(cause) for cause in causes)
    sent = not any(issubclass(kind, NewConnectionError | ConnectTimeoutError | ProxyError) for kind in kinds)
    by_proxy = any(issubclass(kind, ProxyError) for kind in kinds)
    if full := full_disk(error):
        return full
    if refused := next(filter(None, (_TUNNEL.match(str(cause)) for cause in causes)), None):
        return proxy_refusal(url, int(refused[1]))
    if tls := next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None):
        host = proxy_name(url) if by_proxy else urlsplit(url).hostname or ""
        return tls_failure(tls, host, sent=sent)
    if by_proxy:
        return no_proxy(url, error)
    if isinstance(error, requests.Timeout | ReadTimeoutError | TimeoutError):
        late = "no connection in time" if isinstance(error, requests.ConnectTimeout) else "no answer in time"
        return NoAnswer(late, sent)
    what = "the connection broke" if sent else "no connection"
    return NoAnswer(f"{what} ({why(error)})", sent)
