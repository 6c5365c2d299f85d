"""The body of an answer, within limits whatever a server sends. Both transports fill it."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import IO, Any

from airflow_provider_encord._client.protocol import Request

ACCEPT_ENCODING = "gzip"
LARGE_ANSWER_BYTES = 1024 * 1024
"""From this size on, parsing an answer would block an event loop for too long."""
MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_LARGE_ANSWER_BYTES = 256 * 1024 * 1024
MAX_STREAMED_BYTES = 4 * 1024 * 1024 * 1024
_MAX_ERROR_BYTES = 1024 * 1024
_PIECE = 256 * 1024
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class BrokenBody(ValueError):
    """The body is too large, or its compression cannot be read."""


class Body:
    """Receives a body and decompresses it.

    :param request: the request; it says how large the answer may be.
    :param status: HTTP status of the answer; only the first part of a refusal is kept.
    :param encoding: ``Content-Encoding`` of the answer.
    :param into: a file for an answer that may be larger than memory.
    """

    def __init__(self, request: Request, status: int, encoding: str | None, into: IO[bytes] | None = None) -> None:
        self.file = io.BytesIO() if into is None or not 200 <= status < 300 else into
        self.file.seek(0)
        self.file.truncate()
        self._refused = not 200 <= status < 300
        self._limit = (
            _MAX_ERROR_BYTES
            if self._refused
            else MAX_STREAMED_BYTES
            if into is not None
            else max(MAX_ANSWER_BYTES, MAX_LARGE_ANSWER_BYTES if request.large else 0)
        )
        encoding = (encoding or "").strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise BrokenBody("the answer has a compression that was not asked for")
        self._compressed = encoding not in ("", "identity")
        self._inflate: zlib._Decompress | None = None

    def feed(self, data: bytes) -> bool:
        """Add the next piece; return False when no more is needed.

        :raises BrokenBody: when it is too large or damaged.
        """
        for piece in self._inflated(data) if self._compressed else (data,):
            self.file.write(piece)
            if self.file.tell() > self._limit:
                if self._refused:
                    return False
                raise BrokenBody(f"the answer is larger than {self._limit} bytes")
        return True

    def end(self) -> None:
        """Finish the body.

        :raises BrokenBody: when the compressed content is incomplete.
        """
        if self._inflate and not self._inflate.eof:
            raise BrokenBody("the answer's compressed content was cut off")

    @property
    def countable(self) -> bool:
        """Whether enough data has come to count it."""
        return False

    def count(self) -> bool:
        """Count the objects so far and drop their data; return False when no more is needed."""
        return True

    def content(self) -> bytes:
        """Return the whole body, if it is kept in memory."""
        self.file.seek(0)
        return self.file.read()

    def document(self) -> Any:
        """Return the parsed body, if it is known already."""
        return None

    def _inflated(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                if self._inflate is None or self._inflate.eof:  # gzip allows several parts
                    self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
                yield self._inflate.decompress(data, _PIECE)
                data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
        except zlib.error:
            damaged = True
        else:
            damaged = False
        if damaged:
            raise BrokenBody("the answer's compressed content is damaged")
