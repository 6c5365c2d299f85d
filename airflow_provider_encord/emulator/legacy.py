"""The legacy API: one envelope for every operation, POSTed to ``/public`` or ``/public/user``.

The operations themselves are in the rooms under :mod:`resources`, marked with :func:`answers`.
"""

import asyncio
import inspect
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

from airflow_provider_encord.emulator import moments
from airflow_provider_encord.emulator.caller import Caller
from airflow_provider_encord.emulator.errors import Reason, Refusal
from airflow_provider_encord.emulator.request_log import UNKNOWN, notes

USER_PATH = "/public/user"
RESOURCE_PATH = "/public"
READ, WRITE = "dataset.read", "dataset.write"

_DATES = ("created_before", "created_after", "edited_before", "edited_after")
_OPERATIONS = "legacy_operations"

Method = TypeVar("Method", bound=Callable[..., Any])

_envelope: ContextVar[Any] = ContextVar("envelope")
"""The parsed body of the request being answered; it may be big, so it is parsed only once."""


@dataclass
class Call:
    """One request, understood."""

    caller: Caller
    dataset: sqlite3.Row | None
    uid: Any
    payload: dict[str, Any]
    notes: dict[str, Any] = field(default_factory=dict)
    """What the request log is to say about it."""

    @property
    def resource(self) -> sqlite3.Row:
        """The dataset the headers name."""
        assert self.dataset is not None  # noqa: S101 - the dispatcher has seen to it
        return self.dataset

    @property
    def id(self) -> str:
        """The UUID of that dataset."""
        name: str = self.resource["uuid"]
        return name

    def strings(self, name: str) -> list[str] | None:
        """Return a list of strings from the payload, or None if it is not given."""
        return None if self.payload.get(name) is None else as_strings(self.payload[name], name)

    def require_same_dataset(self) -> None:
        """Refuse a ``uid`` that is not the dataset of the headers."""
        if not isinstance(self.uid, str) or self.uid.lower() != self.id:
            raise Refusal(Reason.INVALID_ARGUMENTS, "uid is not the dataset the headers name")


@dataclass(frozen=True)
class Operation:
    """What a ``query_type`` with a verb stands for."""

    name: str
    query_type: str
    method: str
    path: str
    scope: str | None
    """What a dataset API key must allow."""
    needs_dataset: bool


def answers(
    name: str,
    query_type: str,
    method: str,
    *,
    path: str = RESOURCE_PATH,
    scope: str | None = None,
    needs_dataset: bool = True,
) -> Callable[[Method], Method]:
    """Mark the method of a room that answers an operation; it takes a :class:`Call`."""

    def mark(work: Method) -> Method:
        operation = Operation(name, query_type, method, path, scope, needs_dataset)
        setattr(work, _OPERATIONS, (*getattr(work, _OPERATIONS, ()), operation))
        return work

    return mark


class Legacy:
    """Answers legacy requests.

    :param authenticate: tells who sent headers and body
    :param find_dataset: returns a dataset of a user's, by its id
    :param rooms: objects with the answers
    """

    def __init__(
        self,
        authenticate: Callable[[Mapping[str, str], bytes], Caller],
        find_dataset: Callable[[str, str], sqlite3.Row],
        rooms: Iterable[object],
    ) -> None:
        self._authenticate = authenticate
        self._find_dataset = find_dataset
        self._table: dict[tuple[str, str, str], tuple[Operation, Callable[[Call], Any]]] = {
            (operation.path, operation.query_type, operation.method): (operation, work)
            for room in rooms
            for _, work in inspect.getmembers(room, inspect.ismethod)
            for operation in getattr(work, _OPERATIONS, ())
        }

    @property
    def operations(self) -> set[str]:
        """The names of all operations."""
        return {operation.name for operation, _ in self._table.values()}

    async def read(self, request: web.Request) -> str:
        """Parse the body, and return the name of the operation it asks for as far as it can be told."""
        asked = await asyncio.to_thread(_parse, await request.read())
        _envelope.set(asked)
        try:
            operation, _ = self._table[request.path, asked["query_type"], asked["query_method"]]
        except (LookupError, TypeError):
            return UNKNOWN
        return operation.name

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a request that was read. An error is HTTP 200 with its status inside, unless the key is unknown."""
        said = notes.get()
        http_status = 200
        try:
            result = await self._answer(request, said)
            answer = {"status": 200, "response": result}
        except Refusal as refusal:
            answer = refusal.envelope()
            said["refused"] = refusal.reason.legacy
            if refusal.reason is Reason.UNKNOWN_KEY:
                http_status = 400
        body = await asyncio.to_thread(json.dumps, answer)
        return web.Response(status=http_status, text=body, content_type="application/json")

    async def _answer(self, request: web.Request, said: dict[str, Any]) -> Any:
        body = await request.read()
        caller = await asyncio.to_thread(self._authenticate, request.headers, body)
        said["user"] = caller.user[:8]
        query_type, method, uid, payload = _open(_envelope.get())
        if (request.path, query_type, method) not in self._table:
            if any((path, known) == (request.path, query_type) for path, known, _ in self._table):
                raise Refusal(Reason.METHOD_NOT_ALLOWED, f"{query_type} offers no {method}")
            raise Refusal(Reason.INVALID_ARGUMENTS, f"{query_type!r} is no operation of {request.path}")
        operation, work = self._table[request.path, query_type, method]
        _check_scope(caller, operation)
        dataset = None
        if operation.path == RESOURCE_PATH and operation.needs_dataset:
            if request.headers.get("ResourceType", "dataset") not in ("", "dataset"):
                raise Refusal(Reason.INVALID_ARGUMENTS, "the local Encord has only datasets")
            name = request.headers.get("ResourceID", "")
            dataset = await asyncio.to_thread(self._find_dataset, caller.user, name)
        call = Call(caller, dataset, uid, payload, said)
        try:
            if inspect.iscoroutinefunction(work):
                return await work(call)
            return await asyncio.to_thread(work, call)
        except (UnicodeEncodeError, OverflowError) as error:
            raise Refusal(Reason.INVALID_ARGUMENTS, f"a value cannot be stored: {error}") from error


def _check_scope(caller: Caller, operation: Operation) -> None:
    if caller.api_key is None:
        return
    if operation.path == USER_PATH:
        raise Refusal(Reason.AUTHENTICATION, "an API key acts for a dataset, not for a user")
    if operation.scope is not None and operation.scope not in caller.api_key.scopes:
        raise Refusal(Reason.OPERATION_NOT_ALLOWED, f"the API key lacks the scope {operation.scope}")


def _parse(body: bytes) -> Any:
    """Return what a body holds, or None if it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _open(given: Any) -> tuple[str, str, Any, dict[str, Any]]:
    """Take an envelope apart."""
    try:
        query_type, method, values = given["query_type"], given["query_method"], given["values"]
        uid, payload = values["uid"], values["payload"]
    except (LookupError, TypeError) as error:
        raise Refusal(
            Reason.INVALID_ARGUMENTS, "the body is not an envelope of query_type, query_method and values"
        ) from error
    if not isinstance(query_type, str) or not isinstance(method, str):
        raise Refusal(Reason.INVALID_ARGUMENTS, "query_type and query_method must be strings")
    return query_type, method, uid, as_object(payload, "payload")


def as_object(value: Any, name: str) -> dict[str, Any]:
    """Return an object, empty if it is not given."""
    if value is not None and not isinstance(value, dict):
        raise Refusal(Reason.INVALID_ARGUMENTS, f"{name} is not an object")
    return value or {}


def as_string(value: Any, name: str) -> str | None:
    """Return a string, or None if it is not given."""
    if not isinstance(value, str | None):
        raise Refusal(Reason.INVALID_ARGUMENTS, f"{name} is not a string")
    return value


def as_strings(value: Any, name: str) -> list[str]:
    """Return a list of strings."""
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise Refusal(Reason.INVALID_ARGUMENTS, f"{name} is not a list of strings")
    return value


def dates(given: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the filters by date."""
    try:
        return {name: None if given.get(name) is None else moments.read(given[name]) for name in _DATES}
    except (ValueError, TypeError) as error:
        raise Refusal(Reason.INVALID_DATE, "a date is not in ISO 8601") from error
