"""The body of a list whose length alone matters: a long list is neither parsed nor kept."""

from __future__ import annotations

import re
from typing import Any

from airflow_provider_encord._client.call import Counted
from airflow_provider_encord._client.protocol import Request
from airflow_provider_encord._client.transport.response_body import (
    LARGE_ANSWER_BYTES,
    MAX_LARGE_ANSWER_BYTES,
    Body,
    BrokenBody,
)

# A legacy answer up to its list; only short members may come before it.
_HEAD = re.compile(rb'\s*\{\s*(("\w{1,50}"\s*:\s*(null|\d{1,9}|"[^"\\]{0,500}")\s*,\s*){0,9})"response"\s*:\s*\[')
_SUCCESS = re.compile(rb'"status"\s*:\s*200\s*,')
_SUCCESS_LAST = re.compile(rb',\s*"status"\s*:\s*200\s*\}\s*$')
_END_BYTES = 1024
_PIECE = 64 * 1024
_SLICE = 16 * 1024
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class CountedBody(Body):
    """Receives a list of the legacy API; once it is long, its objects are only counted.

    :param request: the request; it says how many objects are enough.
    :param status: HTTP status of the answer.
    :param encoding: ``Content-Encoding`` of the answer.
    """

    def __init__(self, request: Request, status: int, encoding: str | None) -> None:
        super().__init__(request, status, encoding)
        self._enough = request.enough
        self._can_count = 200 <= status < 300
        self._is_success = False
        self._objects = self._bytes = 0
        self._open = bytearray()
        self._list_ended = False
        self._brackets = _Brackets()
        self._end = b""

    @property
    def countable(self) -> bool:
        """Whether enough data has come to count it."""
        return self._can_count and self.file.tell() > (_PIECE if self._bytes else LARGE_ANSWER_BYTES)

    def count(self) -> bool:
        """Count the objects so far and drop their data; return False when a successful answer has enough.

        :raises BrokenBody: when it is too large, or not an answer.
        """
        data = self.content()
        if not self._bytes:
            if not (head := _HEAD.match(data)):
                self._can_count = False  # it is read like any other answer
                return True
            self._is_success = bool(_SUCCESS.search(head[1]))
        self.file.seek(0)
        self.file.truncate()
        self._bytes += len(data)
        if self._bytes > MAX_LARGE_ANSWER_BYTES:
            raise BrokenBody(f"the answer is larger than {MAX_LARGE_ANSWER_BYTES} bytes")
        for at in range(0, len(data), _SLICE):
            for bracket in self._brackets.in_next(data[at : at + _SLICE]):
                self._nest(bracket)
            if self._has_enough:
                break
        self._end = (self._end + data)[-_END_BYTES:]
        return not self._has_enough

    def document(self) -> Any:
        """Return an answer with the number of objects, if they were counted.

        :raises BrokenBody: when the answer is not a complete, successful one.
        """
        if not self._bytes:
            return None
        if self.count() and (self._open or not (self._is_success or _SUCCESS_LAST.search(self._end))):
            raise BrokenBody("the answer does not end like a successful one")
        return {"status": 200, "response": Counted(self._objects)}

    @property
    def _has_enough(self) -> bool:
        return self._is_success and self._objects >= self._enough

    def _nest(self, bracket: int) -> None:
        if bracket in b"[{":
            self._open.append(bracket)
            self._objects += self._open == b"{[{" and not self._list_ended
        elif self._open:
            self._open.pop()
            self._list_ended |= self._open == b"{"
        else:
            raise BrokenBody("the answer is not JSON")


class _Brackets:
    """Finds the brackets of JSON outside of its strings, without looking at most of it."""

    def __init__(self) -> None:
        self._held = b""
        self._in_string = 0

    def in_next(self, data: bytes) -> bytes:
        data = self._held + data
        # An odd backslash at the end escapes the next byte.
        odd = (len(data) - len(data.rstrip(b"\\"))) % 2
        data, self._held = data[: len(data) - odd], data[len(data) - odd :]
        parts = data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        outside = b"".join(parts[self._in_string :: 2])
        self._in_string = (self._in_string + len(parts) - 1) % 2
        return outside.translate(None, _ALL_BUT_BRACKETS)
