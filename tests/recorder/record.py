"""Runs one scenario with the official client that Python finds, and returns its vector."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock
from uuid import UUID

os.environ.setdefault("TQDM_DISABLE", "1")

import encord
import encord.http.utils
from encord import EncordUserClient
from encord._version import __version__ as client_version
from encord.http.constants import RequestsSettings
from encord.http.v2 import request_signer
from pydantic import BaseModel

from tests.recorder.answers import dataset, folder, item
from tests.recorder.ids import DATASET, FOLDER, OTHER_FOLDER
from tests.recorder.wire import Answer, Connection, Wire, answer, legacy

DATA = Path(__file__).parents[1] / "data"
VECTORS = DATA / "vectors"
API = "http://encord.test"
FROZEN = {
    "created": 1767323045,
    "utc": "2026-01-02T03:04:05Z",
    "trace": "0123456789abcdef0123456789abcdef/1;o=1",
}
TOKEN = "test-only-bearer-token"
API_KEY = "test-only-dataset-api-key"
# What the answers to errors say, so that a vector can tell whether the caller gets to read it.
SERVER_TEXT = "text from the stub"

# Releases of other libraries and of Python are no part of a vector.
_PYTHON = {"0.1.145": "3.11.7"}
_AGENTS = {
    r"python/\S+ pydantic/\S+": f"python/{_PYTHON.get(client_version, '3.12.1')} pydantic/2.14.3",
    r"python-requests/\S+": "python-requests/2.34.2",
    r"python-urllib3/\S+": "python-urllib3/2.8.0",
}
# Filled in by the client, not by the server.
_FILLER = "<constant text filled in by the SDK, not from the server>"

Vector = dict[str, Any]


@dataclass(frozen=True)
class Scenario:
    """One row of a table of scenarios. What is left out is kept from the vector that is there already.

    :param run: what the client does; its result is recorded.
    :param operation: the operation, in our words.
    :param call: the call, in prose.
    :param answers: what the client is answered, in this order.
    :param notes: what is worth knowing about it.
    :param auth: ``ssh``, ``bearer`` or ``api_key``.
    :param held: how many seconds the server holds each request.
    :param kept: how many requests the vector keeps; all if left out.
    """

    run: Callable[[Client], Any]
    operation: str = ""
    call: str = ""
    answers: Sequence[Answer] | None = None
    notes: str = ""
    auth: str = ""
    held: Sequence[float] = ()
    kept: int | None = None

    def completed(self, vector: Vector) -> Scenario:
        """Return this scenario with what it leaves out filled in from its vector."""
        return Scenario(
            self.run,
            self.operation or vector["operation"],
            self.call or vector["call"],
            vector["responses"] if self.answers is None else self.answers,
            self.notes or vector.get("notes", ""),
            self.auth or vector.get("auth", "ssh"),
            self.held,
            self.kept,
        )


@dataclass
class Client:
    """What scenarios work with: the official client, objects of it, and files to upload."""

    auth: str
    files: Path
    _network: Network

    @cached_property
    def user(self) -> EncordUserClient:
        if self.auth == "bearer":
            return EncordUserClient.create_with_bearer_token(TOKEN, domain=API, requests_settings=_SETTINGS)
        return self.user_with_key("TEST_ONLY_ed25519")

    def user_with_key(self, file: str, **arguments: Any) -> EncordUserClient:
        key = (DATA / "keys" / file).read_text()
        given: dict[str, Any] = {"domain": API, "requests_settings": _SETTINGS} | arguments
        return EncordUserClient.create_with_ssh_private_key(key, **given)

    @cached_property
    def dataset(self) -> Any:
        with self._network.aside(legacy(dataset())):
            return self.user.get_dataset(DATASET)

    @cached_property
    def folder(self) -> Any:
        with self._network.aside(answer(folder())):
            return self.user.get_storage_folder(FOLDER)

    @cached_property
    def other_folder(self) -> Any:
        with self._network.aside(answer(folder(OTHER_FOLDER))):
            return self.user.get_storage_folder(OTHER_FOLDER)

    def item(self, **fields: Any) -> Any:
        with self._network.aside(answer(made := item(**fields))):
            return self.user.get_storage_item(made["uuid"])

    def file(self, name: str, text: str = "not really media\n") -> str:
        """Return the path of a file of this name."""
        path = self.files / name
        path.write_text(text)
        return str(path)


@dataclass
class Network:
    """The wire that connections are made on, and the clock."""

    wire: Wire
    held: list[float]
    now: float = 1000.0
    sleeps: list[float] = field(default_factory=list)

    @contextmanager
    def aside(self, *answers: Answer) -> Iterator[None]:
        """Let the client prepare something that is no part of the vector."""
        aside = Network(Wire(answers), [])
        with mock.patch.object(self, "connect", aside.connect):
            yield

    def connect(self, _: Any) -> Connection:
        if self.held:
            self.now += self.held.pop(0)
        return Connection(self.wire)

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


class _Datetime(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime.fromtimestamp(FROZEN["created"], tz)


_SETTINGS = RequestsSettings(trace_id_provider=lambda: str(FROZEN["trace"]))


@contextmanager
def _frozen(network: Network) -> Iterator[None]:
    """Nothing leaves the process, and nothing changes from run to run."""
    with (
        mock.patch("urllib3.connection.HTTPConnection._new_conn", lambda of: network.connect(of)),
        mock.patch.dict(os.environ, {"NO_PROXY": "*", "no_proxy": "*"}),
        mock.patch.object(time, "sleep", network.sleep),
        mock.patch.object(time, "perf_counter", lambda: network.now),
        mock.patch.object(request_signer, "datetime", _Datetime),
        mock.patch.object(encord.http.utils, "UPLOAD_TO_SIGNED_URL_LIST_MAX_WORKERS", 1, create=True),
    ):
        yield


def record(name: str, scenario: Scenario) -> Vector:
    """Run a scenario and return its vector."""
    path = VECTORS / f"{name}.json"
    complete = scenario.completed(json.loads(path.read_text()) if path.exists() else {})
    network = Network(wire := Wire(complete.answers or ()), list(complete.held))
    with TemporaryDirectory() as files, _frozen(network):
        result = _result(complete.run, Client(complete.auth, Path(files), network), wire)
    vector = {
        "operation": complete.operation,
        "sdk_version": client_version,
        "auth": complete.auth,
        "call": complete.call,
        "frozen": FROZEN,
        "requests": [_with_frozen_agent(request) for request in wire.requests[: complete.kept]],
        "responses": wire.answered[: complete.kept],
        "sleeps": network.sleeps,
        "result": result,
    }
    return vector | ({"notes": complete.notes} if complete.notes else {})


def text_of(vector: Vector) -> str:
    """Return a vector as its file holds it."""
    return json.dumps(vector, indent=2) + "\n"


def _result(run: Callable[[Client], Any], client: Client, wire: Wire) -> dict[str, Any]:
    try:
        return {"returned": plain(run(client))}
    except Exception as error:
        result: dict[str, Any] = {"raised": type(error).__name__}
        for name in ("retry_after", "maximum_labels_allowed"):
            if hasattr(error, name):
                result[name] = getattr(error, name)
        if wire.answered and SERVER_TEXT in wire.answered[-1]["body"]:
            result["server_text_in_message"] = SERVER_TEXT in str(error)
        return result


def plain(value: Any) -> Any:
    """Return what the client returned, as JSON: the client's names, and the values that it read."""
    for wrapped in ("_orm_folder", "_orm_item", "_dataset_instance"):
        if hasattr(value, wrapped):
            return plain(getattr(value, wrapped))
    if isinstance(value, BaseModel):
        return plain({name: getattr(value, name) for name in type(value).model_fields})
    if is_dataclass(value):
        return plain({each.name: getattr(value, each.name) for each in fields(value)})
    if isinstance(value, Mapping):
        return {name: _FILLER if _is_filler(name, each) else plain(each) for name, each in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Sequence | Iterator):
        return [plain(each) for each in value]
    return type(value).__name__


def _is_filler(name: str, value: Any) -> bool:
    return name == "user_hash" and isinstance(value, str) and len(value) > 1


def _with_frozen_agent(request: dict[str, Any]) -> dict[str, Any]:
    if agent := request["headers"].get("User-Agent"):
        for pattern, frozen in _AGENTS.items():
            agent = re.sub(pattern, frozen, agent)
        request["headers"]["User-Agent"] = agent
    return request
