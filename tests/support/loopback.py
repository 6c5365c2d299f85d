"""A real HTTP server on the loopback interface that records what it gets and answers what a test says."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, eq=False)
class Received:
    """One request as it came over the wire; header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    port: int

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Reply:
    """One answer.

    :param cut: close the connection after that many bytes of the answer; 0 for no answer at all.
    :param early: answer before the request's body is read, and close.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    early: bool = False


Respond = Callable[[Received], Reply]


class Loopback:
    """The server's state: what to answer, and what came in."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.respond: Respond = lambda received: Reply(404)
        self.refuse_body: Callable[[str], bool] = lambda path: False
        self.lock = threading.Lock()
        self.url = ""

    def answers(self, *replies: Reply) -> None:
        """Answer with these, one after the other; the last one for good."""
        left = list(replies)
        self.respond = lambda received: left.pop(0) if len(left) > 1 else left[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        loopback: Loopback = self.server.loopback  # type: ignore[attr-defined]
        path, _, query = self.path.partition("?")
        early = loopback.refuse_body(path)
        received = Received(
            method=self.command,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=b"" if early else self._body(),
            port=self.client_address[1],
        )
        with loopback.lock:
            loopback.received.append(received)
            respond = loopback.respond
        reply = respond(received)
        headers = {"Content-Length": str(len(reply.body)), **reply.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        raw = f"HTTP/1.1 {reply.status} X\r\n{head}\r\n".encode() + reply.body
        self.wfile.write(raw if reply.cut is None else raw[: reply.cut])
        self.close_connection = reply.cut is not None or early

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve

    def log_message(self, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, *args: Any) -> None:
        pass  # clients hang up on purpose

    server_bind = socketserver.TCPServer.server_bind  # no name lookup


@contextmanager
def serve(tls: ssl.SSLContext | None = None) -> Iterator[Loopback]:
    """Run a server while the block runs; with TLS if a context is given."""
    loopback = Loopback()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.loopback = loopback  # type: ignore[attr-defined]
    loopback.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
    thread.start()
    try:
        yield loopback
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
