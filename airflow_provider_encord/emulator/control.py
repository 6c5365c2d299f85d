"""The control API under ``/_emulator/``: for the people running the local Encord.

It asks for no credentials, so whoever can reach the port can use it; it shows and changes nothing secret.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from airflow_provider_encord.emulator.users import Users

if TYPE_CHECKING:
    from airflow_provider_encord.emulator.server import Emulator

ROOT = "/_emulator"


def routes(emulator: "Emulator") -> list[web.RouteDef]:
    """Return the routes of the control API."""

    def route(method: str, path: str, work: Callable[[web.Request], Awaitable[Any]]) -> web.RouteDef:
        async def handle(request: web.Request) -> web.Response:
            try:
                return web.json_response(await work(request))
            except LookupError as error:
                return web.json_response({"message": str(error.args[0])}, status=404)
            except ValueError as error:
                return web.json_response({"message": str(error)}, status=400)

        return web.RouteDef(method, f"{ROOT}/{path}", handle, {})

    async def get_requests(request: web.Request) -> Any:
        return {"requests": emulator.log.entries(request.query.get("operation"))}

    async def delete_requests(request: web.Request) -> Any:
        emulator.log.clear()
        return {}

    async def add_fault(request: web.Request) -> Any:
        return asdict(emulator.faults.add(await _object(request)))

    async def get_faults(request: web.Request) -> Any:
        return {"faults": emulator.faults.describe()}

    async def delete_faults(request: web.Request) -> Any:
        emulator.faults.clear()
        return {}

    async def get_settings(request: web.Request) -> Any:
        return asdict(emulator.settings)

    async def change_settings(request: web.Request) -> Any:
        emulator.settings.update(await _object(request))
        return asdict(emulator.settings)

    async def force_job(request: web.Request) -> Any:
        return await emulator.jobs.force(request.match_info["id"], await _object(request))

    async def force_task(request: web.Request) -> Any:
        return emulator.re_encoding.force(request.match_info["id"], await _object(request))

    async def change_keys(request: web.Request) -> Any:
        return _change_keys(emulator.users, await _object(request))

    async def get_state(request: web.Request) -> Any:
        return emulator.state()

    return [
        route("GET", "requests", get_requests),
        route("DELETE", "requests", delete_requests),
        route("POST", "faults", add_fault),
        route("GET", "faults", get_faults),
        route("DELETE", "faults", delete_faults),
        route("GET", "settings", get_settings),
        route("POST", "settings", change_settings),
        route("POST", "jobs/{id}", force_job),
        route("POST", "tasks/{id}", force_task),
        route("POST", "keys", change_keys),
        route("GET", "state", get_state),
    ]


def _change_keys(users: Users, change: Mapping[str, Any]) -> dict[str, str]:
    """Add or revoke one key."""
    match dict(change):
        case {"add": key, "same_user_as": owner, **others} if not others:
            user = users.add_key(key, owner)
        case {"add": key, **others} if not others:
            user = users.add_key(key)
        case {"revoke": key, **others} if not others:
            user = users.revoke_key(key)
        case _:
            raise ValueError('needed: {"add": key}, {"add": key, "same_user_as": key} or {"revoke": key}')
    return {"user": user}


async def _object(request: web.Request) -> dict[str, Any]:
    value = json.loads(await request.read())
    if not isinstance(value, dict):
        raise ValueError("the body must be a JSON object")
    return value
