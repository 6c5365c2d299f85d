"""The v2 API: ordinary verbs and paths, the HTTP status decides.

The operations themselves are in the rooms under :mod:`resources`, marked with :func:`answers`.
"""

import asyncio
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web
from multidict import MultiMapping

from airflow_provider_encord.emulator.caller import Caller
from airflow_provider_encord.emulator.errors import Refusal, Unprocessable
from airflow_provider_encord.emulator.request_log import notes
from airflow_provider_encord.emulator.uuids import is_uuid

ROOT = "/v2/public"

LARGEST_BATCH = 1000
"""The most folders or items that Encord's client 0.1.211 names in one request."""

_OPERATIONS = "v2_operations"

Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass
class Call:
    """One request, understood."""

    caller: Caller
    query: MultiMapping[str]
    body: bytes
    path: dict[str, str]
    notes: dict[str, Any] = field(default_factory=dict)
    """What the request log is to say about it."""

    def flag(self, name: str) -> bool:
        """Return a yes-or-no parameter; Encord's client writes ``True`` and ``False``."""
        value = self.query.get(name, "false").lower()
        if value not in ("true", "false"):
            raise Unprocessable("query", name, "value is not a boolean")
        return value == "true"

    def number(self, name: str, default: int | None, low: int, high: int) -> int:
        """Return a parameter that is a whole number within bounds."""
        text = self.query.get(name, "" if default is None else str(default))
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise Unprocessable("query", name, f"value is not a whole number from {low} to {high}")
        return int(text)

    def optional_flag(self, name: str) -> bool | None:
        """Return a yes-or-no parameter, None if it is not given."""
        return self.flag(name) if name in self.query else None

    def json(self) -> dict[str, Any]:
        """Return the body, which must be an object."""
        value = self._json()
        if not isinstance(value, dict):
            raise Unprocessable("body", "", "body is not an object")
        return value

    def json_list(self) -> list[dict[str, Any]]:
        """Return the body, which must be a list of objects."""
        value = self._json()
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise Unprocessable("body", "", "body is not a list of objects")
        return value

    def _json(self) -> Any:
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Unprocessable("body", "", "body is not JSON") from error


@dataclass(frozen=True)
class Operation:
    """What a verb with a path stands for."""

    name: str
    method: str
    path: str


def answers(name: str, method: str, path: str) -> Callable[[Method], Method]:
    """Mark the method of a room that answers an operation; it takes a :class:`Call`.

    :param path: below ``/v2/public/``, with names in braces for its variable parts
    """

    def mark(work: Method) -> Method:
        setattr(work, _OPERATIONS, (*getattr(work, _OPERATIONS, ()), Operation(name, method, path)))
        return work

    return mark


class Rest:
    """Answers v2 requests.

    :param authenticate: tells who sent a method, a target, headers and a body
    :param rooms: objects with the answers
    """

    def __init__(
        self, authenticate: Callable[[str, str, Mapping[str, str], bytes], Caller], rooms: Iterable[object]
    ) -> None:
        self._authenticate = authenticate
        table = [
            (operation, work)
            for room in rooms
            for _, work in inspect.getmembers(room, inspect.ismethod)
            for operation in getattr(work, _OPERATIONS, ())
        ]
        # A word in a path goes before what may stand for any word.
        self._table = sorted(table, key=lambda entry: entry[0].path.count("{"))

    @property
    def operations(self) -> set[str]:
        """The names of all operations."""
        return {operation.name for operation, _ in self._table}

    def routes(self) -> list[web.RouteDef]:
        """Return all routes; their names are the names of the operations."""
        return [self._route(operation, work) for operation, work in self._table]

    def _route(self, operation: Operation, work: Callable[[Call], Any]) -> web.RouteDef:
        async def handle(request: web.Request) -> web.Response:
            said = notes.get()
            try:
                body = await request.read()
                caller = await asyncio.to_thread(
                    self._authenticate, request.method, request.raw_path, request.headers, body
                )
                said["user"] = caller.user[:8]
                call = Call(caller, request.query, body, dict(request.match_info), said)
                if inspect.iscoroutinefunction(work):
                    answer = await work(call)
                else:
                    answer = await asyncio.to_thread(work, call)
                return web.json_response(answer)
            except Refusal as refusal:
                return web.json_response({"message": refusal.text}, status=refusal.reason.status)
            except Unprocessable as error:
                return web.json_response({"detail": error.detail}, status=422)
            except (UnicodeEncodeError, OverflowError) as error:
                return web.json_response({"message": f"a value cannot be stored: {error}"}, status=400)

        return web.RouteDef(operation.method, f"{ROOT}/{operation.path}", handle, {"name": operation.name})


def as_string(given: dict[str, Any], name: str, *default: Any) -> Any:
    """Return a string of the body; without a default it must be there and not be empty."""
    value = given.get(name)
    if value is None and default:
        return default[0]
    if not isinstance(value, str) or (not value and not default):
        raise Unprocessable("body", name, "value is not a string, or is empty")
    return value


def as_object(given: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Return an object of the body, None if it is not given."""
    value = given.get(name)
    if value is not None and not isinstance(value, dict):
        raise Unprocessable("body", name, "value is not an object")
    return value


def as_flag(given: dict[str, Any], name: str, default: bool = False) -> bool:
    """Return a yes-or-no field of the body."""
    value = given.get(name, default)
    if not isinstance(value, bool):
        raise Unprocessable("body", name, "value is not a boolean")
    return value


def as_uuid(given: dict[str, Any], name: str) -> str | None:
    """Return a UUID of the body, None if it is not given."""
    value = given.get(name)
    if value is None:
        return None
    return checked_uuids([value], name)[0]


def as_uuids(given: dict[str, Any], name: str, most: int = LARGEST_BATCH) -> list[str]:
    """Return a list of UUIDs of the body."""
    value = given.get(name)
    if not isinstance(value, list) or len(value) > most:
        raise Unprocessable("body", name, f"value is not a list of at most {most}")
    return checked_uuids(value, name)


def checked_uuids(values: Iterable[Any], name: str) -> list[str]:
    """Return UUIDs in lower case, and refuse what is none."""
    values = list(values)
    if not all(map(is_uuid, values)):
        raise Unprocessable("body", name, "value is not a UUID")
    return [value.lower() for value in values]


def as_patches(given: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """Return the changes of several things, by their UUIDs."""
    patches = as_object(given, name)
    if not patches or len(patches) > LARGEST_BATCH or not all(isinstance(patch, dict) for patch in patches.values()):
        raise Unprocessable("body", name, f"value is not an object of 1 to {LARGEST_BATCH} objects")
    return dict(zip(checked_uuids(patches, name), patches.values(), strict=True))


def patched_metadata(patch: dict[str, Any], before: str | None, way: str) -> str | None:
    """Return client metadata as it is after a change: what was there is replaced, or merged with."""
    change = as_object(patch, "clientMetadata")
    if change is None:
        return before
    return json.dumps({**json.loads(before or "{}"), **change} if way == "merge" else change)
