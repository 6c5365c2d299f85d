"""The page's requests: one document for all addresses, what it shows as JSON, and pictures.

All is read-only. Names and metadata only ever travel as JSON, and uploads only as pictures that were made of them here,
so nothing of a user's can run as a page of this server.
"""

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING

from aiohttp import web

from airflow_provider_encord.emulator import control
from airflow_provider_encord.emulator.page import pictures
from airflow_provider_encord.emulator.page.views import Views
from airflow_provider_encord.emulator.store import Store

if TYPE_CHECKING:
    from airflow_provider_encord.emulator.server import Emulator

NAME = "page"
"""What the names of the documents' routes begin with."""

ROOT = f"{control.ROOT}/page"

KINDS = ("datasets", "folders", "items", "jobs")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_CACHED = {**HEADERS, "Cache-Control": "private, max-age=86400"}

_STATIC = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_AT_ONCE = 2
"""Pictures that are made at the same time: requests of the API need threads, too."""


class Page:
    """Serves the page of one local Encord."""

    def __init__(self, emulator: "Emulator", store: Store) -> None:
        self._views = Views(emulator, store)
        self._store = store
        self._turns = asyncio.Semaphore(_AT_ONCE)
        folder = files(__package__) / "static"
        self._document = (folder / "page.html").read_bytes()
        self._static = {name: (folder / name).read_bytes() for name in _STATIC}

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        routes = [
            web.get(f"{ROOT}/pictures/{{size:small|large}}/{{name}}", self._picture),
            web.get(f"{ROOT}/{{file}}", self._file),
        ]
        for kind in (None, *KINDS):
            path = f"/{kind}/view/{{key}}" if kind else "/"
            routes.append(web.get(path, partial(self._show, kind), name=f"{NAME}-{kind}" if kind else NAME))
            routes.append(web.get(f"{ROOT}/view{path}", partial(self._tell, kind)))
        return routes

    async def _show(self, kind: str | None, request: web.Request) -> web.Response:
        """Answer with the document; it is the same for what is not there."""
        found = kind is None or await asyncio.to_thread(self._views.has, kind, request.match_info["key"])
        return _response(self._document, "text/html", 200 if found else 404)

    async def _tell(self, kind: str | None, request: web.Request) -> web.Response:
        """Answer with what the document is to show."""
        key, query = request.match_info.get("key", ""), dict(request.query)
        text = await asyncio.to_thread(self._text, kind, key, query)
        if text is None:
            return _nothing("there is nothing of this name")
        return web.json_response(text=text, headers=HEADERS)

    def _text(self, kind: str | None, key: str, query: Mapping[str, str]) -> str | None:
        """Return what a page shows as JSON."""
        view = self._views.view(kind, key, query)
        return None if view is None else json.dumps(view, default=vars)

    async def _picture(self, request: web.Request) -> web.Response:
        """Answer with a picture of an upload."""
        name, size = request.match_info["name"], request.match_info["size"]
        found = await asyncio.to_thread(
            self._store.one, "SELECT uuid, type, etag FROM objects WHERE uuid = ? AND size IS NOT NULL", (name,)
        )
        if found is None:
            return _nothing("there is no upload of this name")
        path = self._store.objects / found["uuid"]
        try:
            async with self._turns:
                if size == "small":
                    made = await asyncio.to_thread(pictures.small, path, found["type"], found["etag"])
                else:
                    made = await asyncio.to_thread(pictures.picture, path, found["type"], pictures.SIZES[size])
        except pictures.NoPicture as error:
            return _nothing(f"no picture: {error}")
        return web.Response(body=made[0], content_type=made[1], headers=_CACHED)

    async def _file(self, request: web.Request) -> web.Response:
        """Answer with the style sheet, the script or the icon."""
        name = request.match_info["file"]
        if name not in _STATIC:
            raise web.HTTPNotFound
        return _response(self._static[name], _STATIC[name])


def _response(body: bytes, content_type: str, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type=content_type, charset="utf-8", headers=HEADERS)


def _nothing(text: str) -> web.Response:
    return web.json_response({"message": text}, status=404, headers=HEADERS)
