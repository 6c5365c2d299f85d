"""The local Encord as a web application: everything put together, watched and, on demand, made to misbehave."""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from aiohttp import web

from airflow_provider_encord.emulator import control, legacy
from airflow_provider_encord.emulator.auth import Doorkeeper
from airflow_provider_encord.emulator.bucket import Bucket
from airflow_provider_encord.emulator.clock import Clock, SystemClock
from airflow_provider_encord.emulator.datasets import INTEGRATIONS, Datasets, is_uuid
from airflow_provider_encord.emulator.faults import Action, Faults
from airflow_provider_encord.emulator.folders import Folders
from airflow_provider_encord.emulator.jobs import Jobs
from airflow_provider_encord.emulator.legacy import Legacy
from airflow_provider_encord.emulator.re_encoding import ReEncoding
from airflow_provider_encord.emulator.registration import Registrations
from airflow_provider_encord.emulator.request_log import RequestLog, notes
from airflow_provider_encord.emulator.rest import Rest
from airflow_provider_encord.emulator.settings import Settings
from airflow_provider_encord.emulator.storage import Storage
from airflow_provider_encord.emulator.store import Store
from airflow_provider_encord.emulator.users import Users

log = logging.getLogger(__name__)

LARGEST_BODY = 1 << 31
"""Bytes of an API request; uploads are not bounded by it."""

_TRACE = re.compile(r"(?P<id>[0-9a-fA-F]{32})(/\d+(;o=\d)?)?")
_TRACE_HEADER = "X-Cloud-Trace-Context"


class Emulator:
    """One local Encord.

    :param users: who may come in, as public keys in hex
    :param state_dir: where to keep everything; without it, it is forgotten at the end
    :param s3_endpoint: where private data in S3 is really looked up
    :param domain_url: base of the links it hands out, if that is not its own address
    :param clock: for lifetimes, durations and time stamps
    :param signature_time: what the freshness of signatures is judged by; apart from ``clock``, so that a test may
        move that one without making every client stale
    """

    def __init__(
        self,
        users: Iterable[str],
        *,
        state_dir: Path | None = None,
        s3_endpoint: str | None = None,
        domain_url: str | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
        signature_time: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or Settings()
        self.faults = Faults()
        self.url = ""
        self._domain_url = domain_url and domain_url.rstrip("/")
        self._clock = clock or SystemClock()
        self._second = (0, 0)
        bucket = Bucket(s3_endpoint) if s3_endpoint else None
        self._store = store = Store(state_dir)
        self.log = RequestLog(state_dir / "requests.jsonl" if state_dir else None)
        self._storage = Storage(store, self.settings, self._clock)
        folders = Folders(store, self._clock)
        datasets = Datasets(store, self._storage, folders, self._clock, bucket)
        self.users = Users(store, users)
        doorkeeper = Doorkeeper(self.users, datasets.find_api_key, signature_time)
        self._registrations = Registrations(store, self._storage, datasets, folders, self.settings, self._clock, bucket)
        self.jobs = Jobs(self._registrations, self._clock)
        self.re_encoding = ReEncoding(store, datasets, self.settings, self._clock)
        self._legacy = Legacy(doorkeeper, datasets, self._storage, self._registrations, self.jobs, self.re_encoding)
        self._rest = Rest(doorkeeper, self.users, datasets, folders, self._storage)
        self._runner: web.AppRunner | None = None

    @property
    def integrations(self) -> dict[str, str]:
        """Title and UUID of the cloud integrations."""
        return {title: name for title, (name, _) in INTEGRATIONS.items()}

    async def start(self, host: str, port: int, patience: float = 2) -> str:
        """Begin to serve and return the URL.

        :param patience: seconds that requests under way get when the server is stopped
        """
        await self.jobs.resume()
        application = web.Application(middlewares=[self._watched], client_max_size=LARGEST_BODY)
        application.add_routes(
            [
                web.post(legacy.RESOURCE_PATH, self._legacy.handle, name="legacy"),
                web.post(legacy.USER_PATH, self._legacy.handle, name="legacy-user"),
                web.put("/storage/{key:.+}", self._storage.put, name="storage_put"),
                web.get("/storage/{key:.+}", self._storage.get, name="storage_get", allow_head=False),
                *self._rest.routes(),
                *control.routes(self),
            ]
        )
        # No access log: it would show the queries of signed URLs.
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=patience)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        bound = self._runner.addresses[0]
        shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound[0], bound[0])  # noqa: S104 - shown, not bound
        self.url = f"http://{f'[{shown}]' if ':' in shown else shown}:{bound[1]}"
        self._storage.base_url = self._domain_url or self.url
        return self.url

    async def stop(self) -> None:
        """Stop serving."""
        await self.jobs.stop()
        if self._runner:
            await self._runner.cleanup()

    def close(self) -> None:
        """Close the files; to be called when nothing runs any more."""
        self.log.close()
        self._store.close()

    def state(self) -> dict[str, Any]:
        """Count what there is."""
        rows = self._store.all(
            "SELECT datasets.uuid, count(rows.seq) AS count"
            " FROM datasets LEFT JOIN rows ON rows.dataset = datasets.uuid"
            " GROUP BY datasets.uuid ORDER BY datasets.rowid"
        )
        return {
            "datasets": len(rows),
            "rows": {row["uuid"]: row["count"] for row in rows},
            "objects": self._store.value("SELECT count(*) FROM objects WHERE size IS NOT NULL"),
            "urls_issued": self._store.value("SELECT count(*) FROM objects"),
            "puts": self._store.value("SELECT coalesce(sum(puts), 0) FROM objects"),
            "jobs": {
                row["uuid"]: row["status"] for row in self._store.all("SELECT uuid, status FROM jobs ORDER BY seq")
            },
            "re_encode_tasks": self._store.value("SELECT count(*) FROM tasks"),
        }

    @web.middleware
    async def _watched(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        """Answer a request of the API or the storage, log it, and let a fault befall it."""
        if request.path.startswith(control.ROOT):
            return await self._plain(request, handler)
        said: dict[str, Any] = {}
        notes.set(said)
        response: web.StreamResponse | None = None
        operation = "unknown"
        try:
            operation = await self._operation(request)
            action = self.faults.pick(operation, request.method, request.path)
            if action:
                said["fault"] = next(name for name in ("drop", "hang", "status", "delay") if getattr(action, name))
            response = await self._befallen(request, handler, action)
            if response is None:
                # Closed without a word; what is returned here goes nowhere.
                if request.transport:
                    request.transport.abort()
                return web.Response()
            if _TRACE_HEADER in request.headers and not response.prepared:
                response.headers[_TRACE_HEADER] = _trace(request)
            return response
        finally:
            status = None if response is None else response.status
            log.info("%s %s (%s): %s", request.method, request.path, operation, status or "no answer")
            self.log.add({**self._entry(request, operation, status), **said})

    async def _operation(self, request: web.Request) -> str:
        name = request.match_info.route.name or "unknown"
        if not name.startswith("legacy"):
            return name
        parsed = await asyncio.to_thread(legacy.parse, await request.read())
        legacy.envelope.set(parsed)
        return legacy.operation_name(request.path, parsed)

    async def _befallen(
        self, request: web.Request, handler: Callable[[web.Request], Any], action: Action | None
    ) -> web.StreamResponse | None:
        """Do the work unless a fault prevents it; None means that no answer is to be given."""
        if action is None:
            refused = self._over_limit(request)
            return await self._plain(request, handler) if refused is None else refused
        if action.delay:
            await self._clock.sleep(action.delay)
        if action.hang:
            await self._clock.sleep(action.hang)
            return None
        if action.drop == "before":
            return None
        if action.status is not None:
            ordered = web.Response(status=action.status, text=action.body_text(), content_type=action.content_type())
            ordered.headers.update(action.headers or {})
            return ordered
        response = await self._plain(request, handler)
        return None if action.drop == "after" else response

    @staticmethod
    async def _plain(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        """Do the work; errors of the web server are told as JSON."""
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            return web.json_response({"message": error.reason}, status=error.status)
        except Exception:
            log.exception("%s %s broke", request.method, request.path)
            return web.json_response({"message": "the local Encord broke; see its log"}, status=500)
        return response

    def _over_limit(self, request: web.Request) -> web.Response | None:
        """Count a request against the limit per second; storage is not counted."""
        limit = self.settings.rate_limit
        if limit is None or request.path.startswith("/storage/"):
            return None
        second, count = self._second
        now = int(self._clock.time())
        self._second = (now, count + 1 if second == now else 1)
        if self._second[1] <= limit:
            return None
        return web.json_response({"message": "too many requests"}, status=429, headers={"Retry-After": "1"})

    def _entry(self, request: web.Request, operation: str, status: int | None) -> dict[str, Any]:
        """Describe a request with nothing secret in it: no header with credentials, no value of a query, no body."""
        resource = request.headers.get("ResourceID", "")
        return {
            "time": self._clock.time(),
            "operation": operation,
            "method": request.method,
            "path": request.path,
            "query": sorted(set(request.query)),
            "status": status,
            "dataset": resource.lower() if is_uuid(resource) else None,
            "user": None,
            "trace_id": _trace(request)[:32] or None,
            "user_agent": request.headers.get("User-Agent", "")[:300],
        }


def _trace(request: web.Request) -> str:
    """Return the trace header if it is one."""
    match = _TRACE.fullmatch(request.headers.get(_TRACE_HEADER, ""))
    return match[0] if match else ""
