"""An Encord over TLS where every task is still running and every dataset has 50,000 rows: as cheap as Python can do it.

`python -m tests.benchmarks.waits_server CERTIFICATE KEY` prints its port. `GET /` tells how many polls it has answered.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

_ROW = (
    b'{"data_hash": "da7a0000-0000-4000-8000-000000000001", "data_title": "night/camera-1/000001.jpg", '
    b'"data_type": "IMAGE", "created_at": "2026-01-01 00:00:00", "last_edited_at": "2026-01-01 00:00:00", '
    b'"width": 1920, "height": 1080, "file_link": "s3://bucket/night/camera-1/000001.jpg", "file_size": 123456, '
    b'"file_type": "image/jpeg", "storage_location": 1, "client_metadata": null, "backing_item_uuid": null}'
)
_ROWS = b'{"status": 200, "response": [' + b", ".join([_ROW] * 50_000) + b"]}"
_RUNNING = b'{"status": 200, "response": {"status": "SUBMITTED", "result": null}}'
_polls = 0


class Running(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers go to."""
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that is there as a whole."""
        self._received += data
        while True:
            head, end, rest = self._received.partition(b"\r\n\r\n")
            _, _, length = head.lower().partition(b"content-length:")
            size = int(length.split(b"\r\n", 1)[0] or 0)
            if not end or len(rest) < size:
                return
            self._received = rest[size:]
            self._transport.write(_answer(head, rest[:size]))  # type: ignore[attr-defined]


def _answer(head: bytes, asked: bytes) -> bytes:
    global _polls
    body = str(_polls).encode() if head.startswith(b"GET") else _ROWS if b'"datarows"' in asked else _RUNNING
    _polls += head.startswith(b"POST")
    return (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)) + body


async def main(certificate: str, key: str) -> None:
    """Serve until the input ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Running, "127.0.0.1", 0, ssl=context, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
