"""The local Encord as a web application: everything put together, watched and, on demand, made to misbehave."""

import logging
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from airflow_provider_encord.emulator import bodies, control, legacy
from airflow_provider_encord.emulator.additions import Additions
from airflow_provider_encord.emulator.auth import Authenticator
from airflow_provider_encord.emulator.bucket import Bucket
from airflow_provider_encord.emulator.clock import Clock, SystemClock
from airflow_provider_encord.emulator.faults import Action, Faults
from airflow_provider_encord.emulator.guard import Guard, is_loopback
from airflow_provider_encord.emulator.job_books import JobBooks
from airflow_provider_encord.emulator.job_work import JobWork
from airflow_provider_encord.emulator.jobs import Jobs
from airflow_provider_encord.emulator.legacy import Legacy
from airflow_provider_encord.emulator.page import routes as page
from airflow_provider_encord.emulator.placeholders import Placeholders
from airflow_provider_encord.emulator.removal import Removal
from airflow_provider_encord.emulator.request_log import UNKNOWN, Entry, RequestLog, notes
from airflow_provider_encord.emulator.resources.api_keys import ApiKeys
from airflow_provider_encord.emulator.resources.cloud_sync import CloudSync
from airflow_provider_encord.emulator.resources.data_rows import DataRows
from airflow_provider_encord.emulator.resources.datasets import Datasets
from airflow_provider_encord.emulator.resources.folder_facts import FolderFacts
from airflow_provider_encord.emulator.resources.folder_jobs import FolderJobs
from airflow_provider_encord.emulator.resources.folders import Folders
from airflow_provider_encord.emulator.resources.integrations import INTEGRATIONS, Integrations
from airflow_provider_encord.emulator.resources.item_changes import ItemChanges
from airflow_provider_encord.emulator.resources.items import Items
from airflow_provider_encord.emulator.resources.re_encoding import ReEncoding
from airflow_provider_encord.emulator.resources.registration import Registration
from airflow_provider_encord.emulator.resources.storage import OPERATIONS as STORAGE_OPERATIONS
from airflow_provider_encord.emulator.resources.storage import Storage
from airflow_provider_encord.emulator.resources.upload_urls import UploadUrls
from airflow_provider_encord.emulator.resources.users import Users
from airflow_provider_encord.emulator.rest import Rest
from airflow_provider_encord.emulator.settings import Settings
from airflow_provider_encord.emulator.state import State, count
from airflow_provider_encord.emulator.store import Store
from airflow_provider_encord.emulator.sync_work import SyncWork
from airflow_provider_encord.emulator.uuids import is_uuid

log = logging.getLogger(__name__)

STORAGE_PATH = "/storage/"

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
    :param allow_hosts: host names by which it may be called, besides those of the loopback interface, the one it is
        started with and the one of ``domain_url``
    :param keep_bodies: log the bodies of API requests and of their answers
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
        allow_hosts: Iterable[str] = (),
        keep_bodies: bool = False,
        settings: Settings | None = None,
        clock: Clock | None = None,
        signature_time: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or Settings()
        self.url = ""
        self.addresses: list[str] = []
        """What it listens on, with ports."""
        self._domain_url = domain_url and domain_url.rstrip("/")
        self._clock = clock or SystemClock()
        self._keep_bodies = keep_bodies
        self._second = (0, 0)
        self._names = [*allow_hosts]
        if domain := domain_url and urlsplit(domain_url).hostname:
            self._names.append(domain)
        self._guard = Guard(self._names)
        bucket = Bucket(s3_endpoint) if s3_endpoint else None
        self._store = store = Store(state_dir)
        placeholders = Placeholders(store, self._clock)
        self._storage = Storage(store, placeholders, self.settings, self._clock, bucket)
        self.users = Users(store, users, self.settings)
        integrations = Integrations(store)
        folders = Folders(store, integrations, self.settings, self._clock)
        removal = Removal(store, self._storage)
        rows = DataRows(store, self._storage, removal, self._clock)
        datasets = Datasets(store, folders, rows, self._clock)
        api_keys = ApiKeys(store, datasets.require)
        books, additions = JobBooks(store, self._clock), Additions(store, rows, self._clock)
        work = JobWork(store, self._storage, integrations, books, additions, self.settings, bucket)
        sync = SyncWork(store, integrations, books, self.settings, self._clock, bucket, work.stopping)
        self.jobs = Jobs(books, work, sync, self._clock)
        self.re_encoding = ReEncoding(store, self._storage, self.settings, self._clock)
        items = Items(store, folders, self._storage, self.settings)
        rooms = (
            *(datasets, rows, UploadUrls(self._storage, folders), self.re_encoding),
            Registration(store, folders, integrations, books, self.jobs, self.settings),
            FolderJobs(folders, integrations, placeholders, books, self.jobs, self.settings),
            CloudSync(store, folders, books, self.jobs, self.settings),
            ItemChanges(store, folders, items, rows, integrations, removal, self.settings, self._clock),
            *(integrations, folders, FolderFacts(store, folders), items, api_keys, self.users),
        )
        authenticator = Authenticator(self.users, api_keys.find, signature_time)
        self._legacy = Legacy(authenticator.legacy, datasets.require, rooms)
        self._rest = Rest(authenticator.v2, rooms)
        self.operations = self._legacy.operations | self._rest.operations | STORAGE_OPERATIONS
        """The names of all operations, as the log and the rules of faults use them."""
        self.faults = Faults(self.operations)
        self.log = RequestLog(self.operations, state_dir / "requests.jsonl" if state_dir else None)
        self._page = page.Page(self, store)
        self._runner: web.AppRunner | None = None

    @property
    def public_url(self) -> str:
        """Base of the links it hands out."""
        return self._domain_url or self.url

    @property
    def integrations(self) -> dict[str, str]:
        """Title and UUID of the cloud integrations."""
        return {title: name for title, (name, _) in INTEGRATIONS.items()}

    async def start(self, host: str, port: int, patience: float = 2) -> str:
        """Begin to serve and return the URL.

        :param patience: seconds that requests under way get when the server is stopped
        """
        self._guard = Guard([*self._names, host])
        await self.jobs.resume()
        application = web.Application(middlewares=[self._watched], client_max_size=LARGEST_BODY)
        application.add_routes(
            [
                web.post(legacy.RESOURCE_PATH, self._legacy.handle, name="legacy"),
                web.post(legacy.USER_PATH, self._legacy.handle, name="legacy-user"),
                *self._storage.routes(),
                *self._rest.routes(),
                *control.routes(self),
                *self._page.routes(),
            ]
        )
        # No access log: it would show the queries of signed URLs.
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=patience)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.addresses = [
            f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            for address, port, *_ in self._runner.addresses
        ]
        bound = self._runner.addresses[0]
        if not all(is_loopback(address) for address, *_ in self._runner.addresses):
            log.warning(
                "Others than this machine can reach %s: whoever does may use the control API, which asks for no"
                " credentials, and see and change everything here",
                ", ".join(self.addresses),
            )
        shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound[0], bound[0])  # noqa: S104 - shown, not bound
        self.url = f"http://{f'[{shown}]' if ':' in shown else shown}:{bound[1]}"
        self._storage.base_url = self.public_url
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

    def state(self) -> State:
        """Count what there is."""
        return count(self._store)

    @web.middleware
    async def _watched(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        """Answer a request of the API or the storage, log it, and carry out a fault that is meant for it."""
        if refusal := self._guard.refusal(request):
            log.warning("refused %s %s: %s", request.method, request.path, refusal[1])
            return web.json_response({"message": refusal[1]}, status=refusal[0])
        if request.path.startswith(control.ROOT) or (request.match_info.route.name or "").startswith(page.NAME):
            return await self._plain(request, handler)
        said: dict[str, Any] = {}
        notes.set(said)
        response: web.StreamResponse | None = None
        operation = UNKNOWN
        with_bodies = self._keep_bodies and not request.path.startswith(STORAGE_PATH)
        sent = await request.read() if with_bodies else b""
        try:
            operation = await self._operation(request)
            action = self.faults.pick(operation, request.method, request.path)
            if action:
                said["fault"] = action.kind
            response = await self._answer_or_fault(request, handler, action)
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
            entry: Entry = {**self._entry(request, operation, status), **said}  # type: ignore[typeddict-item]
            answered = response.body if isinstance(response, web.Response) else None
            self.log.add(entry, _bodies(sent, answered) if with_bodies else {})

    async def _operation(self, request: web.Request) -> str:
        name = request.match_info.route.name or UNKNOWN
        if not name.startswith("legacy"):
            return name
        return await self._legacy.read(request)

    async def _answer_or_fault(
        self, request: web.Request, handler: Callable[[web.Request], Any], action: Action | None
    ) -> web.StreamResponse | None:
        """Do the work unless a fault prevents it; None means that no answer is to be given."""
        if action is None:
            refused = self._over_limit(request)
            return await self._plain(request, handler) if refused is None else refused
        if action.delay:
            await self._clock.sleep(action.delay)
        if action.hang is not None:
            await self._clock.sleep(action.hang)
            return None
        if action.drop == "before":
            return None
        if action.status is not None:
            return web.Response(status=action.status, body=action.body_bytes(), headers=action.answer_headers())
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
        if limit is None or request.path.startswith(STORAGE_PATH):
            return None
        second, count = self._second
        now = int(self._clock.time())
        self._second = (now, count + 1 if second == now else 1)
        if self._second[1] <= limit:
            return None
        return web.json_response({"message": "too many requests"}, status=429, headers={"Retry-After": "1"})

    def _entry(self, request: web.Request, operation: str, status: int | None) -> Entry:
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


def _bodies(sent: bytes, answered: Any) -> Entry:
    return {
        "request_body": bodies.shown(sent),
        "response_body": bodies.shown(answered if isinstance(answered, bytes) else None),
    }


def _trace(request: web.Request) -> str:
    """Return the trace header if it is one."""
    match = _TRACE.fullmatch(request.headers.get(_TRACE_HEADER, ""))
    return match[0] if match else ""
