"""The network as a client sees it: requests are taken down to the byte, answers are canned."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from http.client import parse_headers, responses
from typing import Any

Answer = dict[str, Any]

STORAGE = "http://storage.encord.test"
_KEPT_HEADERS = {
    "accept",
    "accept-encoding",
    "authorization",
    "cache-control",
    "content-digest",
    "content-length",
    "content-type",
    "resourceid",
    "resourcetype",
    "signature",
    "signature-input",
    "transfer-encoding",
    "user-agent",
    "x-cloud-trace-context",
    "x-ms-blob-type",
}


def answer(body: Any, status: int = 200) -> Answer:
    """Return an answer of the v2 API."""
    return {"status": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}


def legacy(response: Any) -> Answer:
    """Return a success of the legacy API."""
    return answer({"status": 200, "response": response})


def nothing(status: int = 200) -> Answer:
    """Return an answer without a body: what storage says to a PUT, and v2 with 204."""
    return {"status": status, "headers": {}, "body": ""}


class Wire:
    """One conversation: what was sent, and what is left to be answered, in this order."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self.requests: list[dict[str, Any]] = []
        self.answered: list[Answer] = []
        self._left = list(answers)

    def exchange(self, sent: bytes) -> bytes:
        """Take down one request and return the bytes of its answer."""
        self.requests.append(_read(sent))
        given = self._left.pop(0) if self._left else answer({"message": "no answer is left"}, 599)
        self.answered.append(given)
        return b"" if given.get("drop") else _write(given)


class Connection:
    """Stands in for the socket of one HTTP connection; a connection carries one request."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._sent = b""

    def sendall(self, data: bytes) -> None:
        self._sent += data

    def makefile(self, *_: Any) -> io.BytesIO:
        """Return the answer: the HTTP library asks for it when the request is complete."""
        return io.BytesIO(self._wire.exchange(self._sent))

    def settimeout(self, _: float | None) -> None: ...

    def shutdown(self, _: int) -> None: ...

    def close(self) -> None: ...


def _read(sent: bytes) -> dict[str, Any]:
    stream = io.BytesIO(sent)
    method, target, _ = stream.readline().decode().split()
    headers = parse_headers(stream)
    body = stream.read()
    if headers["Transfer-Encoding"] == "chunked":
        body = b"".join(_chunks(io.BytesIO(body)))
    path, _, query = target.partition("?")
    return {
        "base": f"http://{headers['Host']}",
        "method": method,
        "path": path,
        "query": query,
        "headers": {name: value for name, value in headers.items() if name.lower() in _KEPT_HEADERS},
        "body": body.decode(),
    }


def _chunks(stream: io.BytesIO) -> Iterable[bytes]:
    while size := int(stream.readline(), 16):
        yield stream.read(size)
        stream.readline()


def _write(given: Answer) -> bytes:
    status, body = given["status"], str(given["body"]).encode()
    reason = responses.get(status, "Unknown")
    headers = given["headers"] | {"Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body
