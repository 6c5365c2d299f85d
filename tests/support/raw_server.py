"""A server that sends exactly the bytes a test says, piece by piece, and nothing of HTTP on its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Script:
    """What to send on each connection once a request has come.

    :param pieces: bytes, one after the other; sent over and over if ``endless``.
    :param pause: seconds between them.
    :param hold: keep the connection open afterwards, in silence.
    """

    pieces: list[bytes] = field(default_factory=list)
    pause: float = 0.0
    endless: bool = False
    hold: bool = False


class RawServer:
    """Serves one script at a time; each connection answers one request."""

    def __init__(self) -> None:
        self.script = Script()
        self.requests: list[bytes] = []
        self._stop = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._socket.settimeout(0.05)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def _accept(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection, self.script), daemon=True).start()

    def _serve(self, connection: socket.socket, script: Script) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(30)
            self.requests.append(_read_request(connection))
            again = True
            while again and not self._stop.is_set():
                for piece in script.pieces:
                    connection.sendall(piece)
                    if script.pause:
                        self._stop.wait(script.pause)
                again = script.endless
            if script.hold:
                self._stop.wait(30)

    @contextlib.contextmanager
    def running(self) -> Iterator[RawServer]:
        """Serve while the block runs."""
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join()
            self._socket.close()


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
