"""What a hostile, broken or foreign server may answer, and a server before the local Encord that answers so."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

# Compressed answers would have to be unpacked to read them.
NOT_PASSED_ON = ("accept-encoding", "connection", "content-length", "date", "server", "transfer-encoding")


@dataclass(frozen=True)
class Answer:
    """An answer to the question how a job stands."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"


def hostile_answers(marker: str, visible: str) -> dict[str, Answer]:
    """Return answers by kind.

    :param marker: each answer quotes a signed URL whose signature begins so.
    :param visible: a word that texts of failed jobs begin with.
    """

    def url(kind: str) -> str:
        return f"https://bucket.test/clip.mp4?X-Goog-Expires=60&X-Goog-Signature={marker}-{kind}"

    def job(status: str, **fields: Any) -> Answer:
        return Answer(json.dumps({"status": 200, "response": {"status": status, **fields}}).encode())

    def failed(kind: str, text: str, quoted: str | None = None) -> Answer:
        return job("ERROR", errors=[f"{visible} cannot read {quoted or url(kind)} {text}"], units_error_count=1)

    def added(**fields: Any) -> Answer:
        item = {"data_hash": "0f0f0f0f-0000-4000-8000-000000000001", "title": "clip.mp4", **fields}
        return job("DONE", units_done_count=1, data_hashes_with_titles=[item])

    def page(kind: str, status: int) -> Answer:
        return Answer(f"<html><body><a href='{url(kind)}'>Sign in</a></body></html>".encode(), status, "text/html")

    quoted_by_go_and_php = json.dumps({"url": url("escaped")}).replace("&", r"\u0026").replace("/", r"\/")
    nested = "[" * 10_000 + json.dumps(url("nested")) + "]" * 10_000
    return {
        "nul": failed("nul", "a\0b"),
        "surrogates": failed("surrogates", "\ud800 \udfff"),
        "controls": failed("controls", "\x1b[31mred\x07 \x9b2J \x85 \r\n[2026-01-01] forged line"),
        "escaped": failed("escaped", "", quoted_by_go_and_php),
        "long": failed("long", "A" * 10_000_000),
        "huge-count": job("DONE", units_done_count=10**25, units_error_count=-(10**25)),
        "nan": job("DONE", units_done_count=float("nan"), units_error_count=float("-inf"), note=url("nan")),
        "nested": Answer(f'{{"status": 200, "response": {{"status": "DONE", "errors": {nested}}}}}'.encode()),
        "title": added(title="a\0b \ud800 \x1b[31m"),
        "huge-id": added(data_hash=10**25, backing_item_uuid=10**25),
        "not-found-page": page("not-found-page", 404),
        "firewall-page": page("firewall-page", 403),
        "null": Answer(b'{"status": 200, "response": null}'),
        "foreign": Answer(json.dumps({"message": f"no route {url('foreign')}"}).encode(), 404),
        "not-utf-8": Answer('{"status": 200, "response": "\xff'.encode("latin-1")),
    }


class HostileFront:
    """Passes all on to the local Encord, but answers itself for registration jobs whose item bears the name of a kind.

    :param answers: by kind.
    """

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self.jobs: dict[str, str] = {}
        """The name of the item by job."""
        self.started: Counter[str] = Counter()
        self.served: Counter[str] = Counter()
        self.hostile = threading.Event()
        """Until it is set, these jobs are pending."""
        self._encord = ""
        self._lock = threading.Lock()

    @contextmanager
    def before(self, url: str) -> Iterator[str]:
        """Serve before the local Encord of this URL; give the own URL."""
        self._encord = urlsplit(url).netloc
        with _Server(("127.0.0.1", 0), partial(_Handler, self)) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                self.hostile.set()
                server.shutdown()

    def passed_on(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask the local Encord."""
        connection = HTTPConnection(self._encord, timeout=120)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def answer(self, body: bytes) -> Answer | None:
        """Return an answer of our own, if it is one of these jobs that is asked for; a pending one is held."""
        asked = _envelope(body, "GET")
        kind = self.jobs.get(asked.get("process_hash", ""))
        if kind not in self.answers:
            return None
        if not self.hostile.wait(asked["timeout_seconds"]):
            return Answer(b'{"status": 200, "response": {"status": "PENDING", "units_pending_count": 1}}')
        with self._lock:
            self.served[kind] += 1
        return self.answers[kind]

    def note_start(self, body: bytes, answered: bytes) -> None:
        """Remember a job that was just started."""
        for items in _envelope(body, "POST").get("files", {}).values():
            if isinstance(items, list):
                with self._lock:
                    self.started[items[0]["title"]] += 1
                    self.jobs[json.loads(answered)["response"]["process_hash"]] = items[0]["title"]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 200

    def handle_error(self, *_: object) -> None:
        """Stay silent when a client went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, front: HostileFront, *arguments: Any) -> None:
        self.front = front
        super().__init__(*arguments)

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if own := self.front.answer(body):
            self._send(own.status, {"Content-Type": own.content_type}, own.body)
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in NOT_PASSED_ON}
        status, answered, content = self.front.passed_on(self.command, self.path, headers, body)
        self.front.note_start(body, content)
        self._send(status, answered, content)

    do_GET = do_POST = do_PUT = do_DELETE = _handle

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in NOT_PASSED_ON:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Stay silent: what is served is searched for in all logs."""


def _envelope(body: bytes, method: str) -> dict[str, Any]:
    """Return the payload of a request about registration jobs, or nothing."""
    with suppress(ValueError, TypeError, KeyError):
        asked = json.loads(body)
        if (asked["query_type"], asked["query_method"]) == ("datasetdatalongpolling", method):
            return dict(asked["values"]["payload"])
    return {}
