"""The legacy API: one envelope for every operation, POSTed to ``/public`` or ``/public/user``."""

import asyncio
import inspect
import json
import sqlite3
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from airflow_provider_encord.emulator import moments
from airflow_provider_encord.emulator.auth import Caller, Doorkeeper
from airflow_provider_encord.emulator.datasets import SCOPES, STORAGE_LOCATIONS, Datasets, is_uuid
from airflow_provider_encord.emulator.errors import Reason, Refusal
from airflow_provider_encord.emulator.jobs import Jobs
from airflow_provider_encord.emulator.re_encoding import ReEncoding
from airflow_provider_encord.emulator.registration import Registrations
from airflow_provider_encord.emulator.request_log import notes
from airflow_provider_encord.emulator.storage import Storage

USER_PATH = "/public/user"
RESOURCE_PATH = "/public"

envelope: ContextVar[Any] = ContextVar("envelope")
"""The parsed body of the request being answered; it may be big, so it is parsed only once."""

_READ, _WRITE = "dataset.read", "dataset.write"
_DATES = ("created_before", "created_after", "edited_before", "edited_after")


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

    def texts(self, name: str) -> list[str] | None:
        """Return a list of texts from the payload, or None if it is not given."""
        return None if self.payload.get(name) is None else _texts(self.payload[name], name)


@dataclass(frozen=True)
class Operation:
    """What a ``query_type`` with a verb stands for."""

    name: str
    work: Callable[["Legacy", Call], Any]
    scope: str | None = None
    """What a dataset API key must allow."""
    needs_dataset: bool = True


def parse(body: bytes) -> Any:
    """Return what a body holds, or None if it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def operation_name(path: str, asked: Any) -> str:
    """Return the name of the operation an envelope asks for, as far as it can be told."""
    try:
        return _TABLES[path][asked["query_type"], asked["query_method"]].name
    except (LookupError, TypeError):
        return "unknown"


class Legacy:
    """Answers legacy requests."""

    def __init__(
        self,
        doorkeeper: Doorkeeper,
        datasets: Datasets,
        storage: Storage,
        registrations: Registrations,
        jobs: Jobs,
        re_encoding: ReEncoding,
    ) -> None:
        self._doorkeeper = doorkeeper
        self._datasets = datasets
        self._storage = storage
        self._registrations = registrations
        self._jobs = jobs
        self._re_encoding = re_encoding

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request. Errors are HTTP 200 with the real status inside, but for an unknown key."""
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
        caller = await asyncio.to_thread(self._doorkeeper.legacy, request.headers, body)
        said["user"] = caller.user[:8]
        query_type, method, uid, payload = _open(envelope.get())
        table = _TABLES[request.path]
        operation = table.get((query_type, method))
        if operation is None:
            if any(query_type == known for known, _ in table):
                raise Refusal(Reason.METHOD_NOT_ALLOWED, f"{query_type} offers no {method}")
            raise Refusal(Reason.INVALID_ARGUMENTS, f"{query_type!r} is no operation of {request.path}")
        self._check_scope(caller, operation, request.path)
        dataset = None
        if request.path == RESOURCE_PATH and operation.needs_dataset:
            if request.headers.get("ResourceType", "dataset") not in ("", "dataset"):
                raise Refusal(Reason.INVALID_ARGUMENTS, "the local Encord has only datasets")
            name = request.headers.get("ResourceID", "")
            dataset = await asyncio.to_thread(self._datasets.require, caller.user, name)
        call = Call(caller, dataset, uid, payload, said)
        try:
            if inspect.iscoroutinefunction(operation.work):
                return await operation.work(self, call)
            return await asyncio.to_thread(operation.work, self, call)
        except (UnicodeEncodeError, OverflowError) as error:
            raise Refusal(Reason.INVALID_ARGUMENTS, f"a value cannot be stored: {error}") from error

    @staticmethod
    def _check_scope(caller: Caller, operation: Operation, path: str) -> None:
        if caller.api_key is None:
            return
        if path == USER_PATH:
            raise Refusal(Reason.AUTHENTICATION, "an API key acts for a dataset, not for a user")
        if operation.scope is not None and operation.scope not in caller.api_key.scopes:
            raise Refusal(Reason.OPERATION_NOT_ALLOWED, f"the API key lacks the scope {operation.scope}")

    def create_dataset(self, call: Call) -> dict[str, Any]:
        """Create a dataset, the way of Encord's clients up to 0.1.152."""
        title, location = call.payload.get("title"), call.payload.get("type", 0)
        description = call.payload.get("description") or ""
        if not isinstance(title, str) or not title or not isinstance(description, str):
            raise Refusal(Reason.INVALID_ARGUMENTS, "title and description must be text, and the title not empty")
        if type(location) is not int or location not in range(len(STORAGE_LOCATIONS)):
            raise Refusal(Reason.INVALID_ARGUMENTS, "type is not a storage location")
        mirror = call.payload.get("create_backing_folder") is not False
        name, folder = self._datasets.create(call.caller.user, title, description, mirror, location)
        call.notes["dataset"] = name
        return {
            "title": title,
            "type": location,
            "dataset_hash": name,
            "user_hash": call.caller.user[:8],
            "backing_folder_uuid": folder,
        }

    def list_datasets(self, call: Call) -> list[dict[str, Any]]:
        """List datasets, the way of Encord's clients up to 0.1.152."""
        given = _object(call.payload.get("filter"), "filter")
        filters: dict[str, Any] = {
            "title_eq": _text(given.get("title_eq"), "title_eq"),
            "title_like": _text(given.get("title_like"), "title_like"),
            "description_eq": _text(given.get("desc_eq"), "desc_eq"),
            "description_like": _text(given.get("desc_like"), "desc_like"),
            **_dates(given),
        }
        return [
            {
                "dataset": {
                    "dataset_hash": row["uuid"],
                    "user_hash": row["owner"][:8],
                    "title": row["title"],
                    "description": row["description"],
                    "type": row["storage_location"],
                    "created_at": moments.legacy(row["created_at"]),
                    "last_edited_at": moments.legacy(row["edited_at"]),
                    "backing_folder_uuid": row["folder"],
                },
                "user_role": 0,
            }
            for row in self._datasets.search(call.caller.user, filters)
        ]

    def get_cloud_integrations(self, call: Call) -> list[dict[str, str]]:
        """List the cloud integrations, the way of Encord's clients up to 0.1.145."""
        return [{"id": row["uuid"], "title": row["title"]} for row in self._datasets.integrations()]

    def create_api_key(self, call: Call) -> dict[str, Any]:
        """Make a dataset API key."""
        dataset = self._datasets.require(call.caller.user, call.payload.get("dataset_hash", ""))
        title, scopes = call.payload.get("title"), call.texts("scopes")
        if not isinstance(title, str) or not scopes or not SCOPES.issuperset(scopes):
            raise Refusal(Reason.INVALID_ARGUMENTS, f"needed: a title and scopes out of {', '.join(sorted(SCOPES))}")
        return self._datasets.create_api_key(dataset["uuid"], title, scopes)

    def list_api_keys(self, call: Call) -> list[dict[str, Any]]:
        """List a dataset's API keys."""
        dataset = self._datasets.require(call.caller.user, call.payload.get("dataset_hash", ""))
        return self._datasets.api_keys(dataset["uuid"])

    def get_api_key(self, call: Call) -> dict[str, str]:
        """Tell an API key what it is."""
        if call.caller.api_key is None:
            raise Refusal(Reason.INVALID_ARGUMENTS, "the request was not made with an API key")
        return {"title": call.caller.api_key.title, "resource_type": "dataset"}

    def get_dataset(self, call: Call) -> dict[str, Any]:
        """Show a dataset, with its rows unless they are not wanted."""
        settings = _object(call.payload.get("dataset_access_settings"), "dataset_access_settings")
        row = call.resource
        answer: dict[str, Any] = {
            "dataset_hash": row["uuid"],
            "title": row["title"],
            "description": row["description"],
            "dataset_type": STORAGE_LOCATIONS[row["storage_location"]],
            "backing_folder_uuid": row["folder"],
        }
        if settings.get("fetch_rows", True):
            with_metadata = bool(settings.get("fetch_client_metadata"))
            answer["data_rows"] = self._datasets.rows(row["uuid"], with_metadata=with_metadata)
        return answer

    def list_data_rows(self, call: Call) -> list[dict[str, Any]]:
        """List the rows that pass all filters."""
        settings = _object(call.payload.get("dataset_access_settings"), "dataset_access_settings")
        filters: dict[str, Any] = {
            name: value for name, value in _dates(call.payload).items() if name.startswith("created")
        }
        filters |= {name: _text(call.payload.get(name), name) for name in ("title_eq", "title_like")}
        return self._datasets.rows(
            call.id,
            filters,
            call.texts("data_types"),
            call.texts("data_hashes"),
            bool(settings.get("fetch_client_metadata")),
        )

    def get_data_row(self, call: Call) -> dict[str, Any]:
        """Show one row with more about it."""
        wanted = _object(call.payload.get("additional_data"), "additional_data")
        images = wanted.get("images_data_fetch_options")
        return self._datasets.row(
            call.id,
            _text(call.uid, "uid") or "",
            signed_url=bool(wanted.get("signed_url")),
            images=images is not None,
            signed_images=bool(_object(images, "images_data_fetch_options").get("fetch_signed_urls")),
            with_metadata=bool(wanted.get("client_metadata")),
        )

    async def start_job(self, call: Call) -> dict[str, str]:
        """Start a registration job."""
        _same_dataset(call)
        order = self._jobs.take_order()
        job = await asyncio.to_thread(self._registrations.start, call.caller.user, call.resource, call.payload, order)
        call.notes["jobs"] = [job]
        await self._jobs.started(job)
        return {"process_hash": job}

    async def poll_job(self, call: Call) -> dict[str, Any]:
        """Tell how a job stands, as soon as it is over or when the asked time has gone by."""
        _same_dataset(call)
        seconds = call.payload.get("timeout_seconds", 0)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
            raise Refusal(Reason.INVALID_ARGUMENTS, "timeout_seconds must be a number that is not negative")
        row = await asyncio.to_thread(self._registrations.require, call.id, call.payload.get("process_hash"))
        await self._jobs.wait(row["uuid"], seconds)
        return await asyncio.to_thread(self._registrations.answer, row["uuid"])

    def link_items(self, call: Call) -> list[dict[str, Any]]:
        """Add existing storage items to the dataset."""
        _same_dataset(call)
        items = call.texts("item_uuids")
        duplicates = call.payload.get("duplicates_behavior", "SKIP")
        if not items or not all(map(is_uuid, items)) or duplicates not in ("SKIP", "FAIL", "DUPLICATE"):
            raise Refusal(Reason.INVALID_ARGUMENTS, "needed: item_uuids, and SKIP, FAIL or DUPLICATE for duplicates")
        return self._datasets.link(call.caller.user, call.id, [item.lower() for item in items], duplicates)

    def delete_data(self, call: Call) -> None:
        """Remove data from the dataset."""
        hashes = [call.uid] if isinstance(call.uid, str) else call.uid
        call.notes["removed"] = self._datasets.delete(call.id, _texts(hashes, "uid"))

    def start_re_encoding(self, call: Call) -> int:
        """Start a re-encode task."""
        hashes = call.payload.get("data_hash")
        task = self._re_encoding.start(call.id, [hashes] if isinstance(hashes, str) else _texts(hashes, "data_hash"))
        call.notes["tasks"] = [task]
        return task

    def get_re_encoding(self, call: Call) -> dict[str, Any] | None:
        """Tell how a re-encode task stands; null if there is none."""
        return self._re_encoding.status(call.id, call.uid)

    def signed_video_url(self, call: Call) -> dict[str, Any]:
        """Hand out one URL to upload a video to, the way of Encord's clients up to 0.1.165."""
        return self._upload_url(call, "video", _text(call.uid, "uid") or "")

    def signed_image_urls(self, call: Call) -> list[dict[str, Any]]:
        """Hand out URLs to upload images to, the way of Encord's clients up to 0.1.165."""
        return [self._upload_url(call, "image", name) for name in _texts(call.uid, "uid")]

    def signed_dicom_urls(self, call: Call) -> list[dict[str, Any]]:
        """Hand out URLs to upload DICOM files to, the way of Encord's clients up to 0.1.165."""
        return [self._upload_url(call, "dicomFile", name) for name in _texts(call.uid, "uid")]

    def _upload_url(self, call: Call, upload_type: str, title: str) -> dict[str, Any]:
        ticket = self._storage.issue(call.caller.user, upload_type, 1)[0]
        return {
            "signed_url": ticket["signedUrl"],
            "data_hash": ticket["itemUuid"],
            "title": title,
            "file_link": ticket["objectKey"],
        }


_TABLES: Mapping[str, Mapping[tuple[Any, Any], Operation]] = {
    USER_PATH: {
        ("dataset", "POST"): Operation("create_dataset", Legacy.create_dataset),
        ("datasetwithuserrole", "GET"): Operation("list_datasets", Legacy.list_datasets),
        ("cloudintegration", "GET"): Operation("get_cloud_integrations", Legacy.get_cloud_integrations),
        ("datasetapikey", "POST"): Operation("create_api_key", Legacy.create_api_key),
        ("datasetapikey", "GET"): Operation("list_api_keys", Legacy.list_api_keys),
    },
    RESOURCE_PATH: {
        ("apikeymeta", "GET"): Operation("get_api_key", Legacy.get_api_key, needs_dataset=False),
        ("cloudintegration", "GET"): Operation("get_cloud_integrations", Legacy.get_cloud_integrations),
        ("dataset", "GET"): Operation("get_dataset", Legacy.get_dataset, _READ),
        ("datarows", "GET"): Operation("list_data_rows", Legacy.list_data_rows, _READ),
        ("datarow", "GET"): Operation("get_data_row", Legacy.get_data_row, _READ),
        ("datasetdatalongpolling", "POST"): Operation("upload_job_start", Legacy.start_job, _WRITE),
        ("datasetdatalongpolling", "GET"): Operation("upload_job_poll", Legacy.poll_job),
        ("datasetlinkitems", "POST"): Operation("link_items", Legacy.link_items, _WRITE),
        ("video", "DELETE"): Operation("delete_data", Legacy.delete_data, _WRITE),
        ("reencodevideotask", "PUT"): Operation("re_encode_start", Legacy.start_re_encoding, _WRITE),
        ("reencodevideotask", "GET"): Operation("re_encode_status", Legacy.get_re_encoding, _READ),
        ("signedvideourl", "GET"): Operation("presigned_urls", Legacy.signed_video_url, _WRITE),
        ("signedimagesurl", "GET"): Operation("presigned_urls", Legacy.signed_image_urls, _WRITE),
        ("signeddicomsurl", "GET"): Operation("presigned_urls", Legacy.signed_dicom_urls, _WRITE),
    },
}


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
        raise Refusal(Reason.INVALID_ARGUMENTS, "query_type and query_method must be text")
    return query_type, method, uid, _object(payload, "payload")


def _object(value: Any, name: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise Refusal(Reason.INVALID_ARGUMENTS, f"{name} is not an object")
    return value or {}


def _text(value: Any, name: str) -> str | None:
    if not isinstance(value, str | None):
        raise Refusal(Reason.INVALID_ARGUMENTS, f"{name} is not text")
    return value


def _texts(value: Any, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise Refusal(Reason.INVALID_ARGUMENTS, f"{name} is not a list of texts")
    return value


def _dates(given: Mapping[str, Any]) -> dict[str, float | None]:
    try:
        return {name: None if given.get(name) is None else moments.read(given[name]) for name in _DATES}
    except (ValueError, TypeError) as error:
        raise Refusal(Reason.INVALID_DATE, "a date is not in ISO 8601") from error


def _same_dataset(call: Call) -> None:
    if not isinstance(call.uid, str) or call.uid.lower() != call.id:
        raise Refusal(Reason.INVALID_ARGUMENTS, "uid is not the dataset the headers name")
