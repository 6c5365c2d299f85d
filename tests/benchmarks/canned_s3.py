"""An S3 of one bucket that answers listings only, and as fast as Python can send: `python -m ... KEYS` prints its port.

Every page is one template, made before the first request, in which four digits are replaced. Hundreds of megabytes a
second come of it, which :mod:`tests.benchmarks.listing` measures beside the contestants.
"""

from __future__ import annotations

import re
import socket
import sys
import threading

PAGE = 1000
_ENTRY = (
    b"<Contents><Key>incoming/batch-@@@@/clip-@@@@%03d.mp4</Key><LastModified>2026-11-%02dT10:20:30.000Z</LastModified>"
    b"<ETag>&quot;d41d8cd98f00b204e98009%010d&quot;</ETag><Size>%d</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
_BODY = b"".join(_ENTRY % (number, number % 28 + 1, number, 1000 + number) for number in range(PAGE))
_HEAD = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Name>bucket</Name><Prefix>incoming/</Prefix><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType>"
)
_TOKEN = re.compile(rb"continuation-token=(\d+)")


def answer(page: int, pages: int) -> bytes:
    """Return a page of a listing of so many pages."""
    more = b"<IsTruncated>false</IsTruncated>"
    if page + 1 < pages:
        more = b"<IsTruncated>true</IsTruncated><NextContinuationToken>%d</NextContinuationToken>" % (page + 1)
    body = b"".join((_HEAD, more, _BODY.replace(b"@@@@", b"%04d" % page), b"</ListBucketResult>"))
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def serve(connection: socket.socket, pages: int) -> None:
    """Answer one connection until it is closed."""
    received = b""
    with connection:
        while True:
            while b"\r\n\r\n" not in received:
                more = connection.recv(65536)
                if not more:
                    return
                received += more
            head, _, received = received.partition(b"\r\n\r\n")
            token = _TOKEN.search(head)
            connection.sendall(answer(int(token[1]) if token else 0, pages))


def main() -> None:
    """Serve until killed."""
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
    while True:
        connection, _ = server.accept()
        threading.Thread(target=serve, args=(connection, int(sys.argv[1]) // PAGE), daemon=True).start()


if __name__ == "__main__":
    main()
