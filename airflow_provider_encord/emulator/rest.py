"""The v2 API: ordinary verbs and paths, the HTTP status decides."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from airflow_provider_encord.emulator import moments
from airflow_provider_encord.emulator.auth import Caller, Doorkeeper
from airflow_provider_encord.emulator.datasets import Datasets, is_uuid
from airflow_provider_encord.emulator.errors import Reason, Refusal, Unprocessable
from airflow_provider_encord.emulator.folders import Folders
from airflow_provider_encord.emulator.request_log import notes
from airflow_provider_encord.emulator.storage import UPLOAD_TYPES, URLS_PER_REQUEST, Storage
from airflow_provider_encord.emulator.users import Users

ROOT = "/v2/public"

_TEXT_FILTERS = {
    "titleEq": "title_eq",
    "titleLike": "title_like",
    "descriptionEq": "description_eq",
    "descriptionLike": "description_like",
}
_DATE_FILTERS = {
    "createdBefore": "created_before",
    "createdAfter": "created_after",
    "editedBefore": "edited_before",
    "editedAfter": "edited_after",
}


@dataclass
class Call:
    """One request, understood."""

    caller: Caller
    query: MultiMapping[str]
    body: bytes
    path: dict[str, str]
    notes: dict[str, Any] = field(default_factory=dict)

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

    def json(self) -> dict[str, Any]:
        """Return the body, which must be an object."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Unprocessable("body", "", "body is not JSON") from error
        if not isinstance(value, dict):
            raise Unprocessable("body", "", "body is not an object")
        return value


class Rest:
    """Answers v2 requests."""

    def __init__(
        self, doorkeeper: Doorkeeper, users: Users, datasets: Datasets, folders: Folders, storage: Storage
    ) -> None:
        self._doorkeeper = doorkeeper
        self._users = users
        self._datasets = datasets
        self._folders = folders
        self._storage = storage

    def routes(self) -> list[web.RouteDef]:
        """Return all routes; their names are the names of the operations."""
        return [
            self._route("POST", "datasets", "create_dataset", self.create_dataset),
            self._route("GET", "datasets/list", "list_datasets", self.list_datasets),
            self._route("GET", "cloud-integrations", "get_cloud_integrations", self.get_cloud_integrations),
            self._route("GET", "user/bearer-token", "get_bearer_token", self.get_bearer_token),
            self._route("GET", "presigned-urls", "presigned_urls", self.presigned_urls),
            self._route("POST", "storage/folders", "create_folder", self.create_folder),
            self._route("GET", "storage/folders", "list_folders", self.list_folders),
            self._route("GET", "storage/folders/{folder}", "get_folder", self.get_folder),
            self._route("GET", "storage/folders/{folder}/folders", "list_subfolders", self.list_folders),
        ]

    def _route(self, method: str, path: str, name: str, work: Callable[[Call], Any]) -> web.RouteDef:
        async def handle(request: web.Request) -> web.Response:
            said = notes.get()
            try:
                body = await request.read()
                caller = await asyncio.to_thread(
                    self._doorkeeper.v2, request.method, request.raw_path, request.headers, body
                )
                said["user"] = caller.user[:8]
                call = Call(caller, request.query, body, dict(request.match_info), said)
                return web.json_response(await asyncio.to_thread(work, call))
            except Refusal as refusal:
                return web.json_response({"message": refusal.text}, status=refusal.reason.status)
            except Unprocessable as error:
                return web.json_response({"detail": error.detail}, status=422)
            except (UnicodeEncodeError, OverflowError) as error:
                return web.json_response({"message": f"a value cannot be stored: {error}"}, status=400)

        return web.RouteDef(method, f"{ROOT}/{path}", handle, {"name": name})

    def create_dataset(self, call: Call) -> dict[str, Any]:
        """Create a dataset."""
        given = call.json()
        title, description = _text(given, "title"), _text(given, "description", "")
        mirror = given.get("createBackingFolder", True)
        if not isinstance(mirror, bool):
            raise Unprocessable("body", "createBackingFolder", "value is not a boolean")
        name, folder = self._datasets.create(call.caller.user, title, description, mirror)
        call.notes["dataset"] = name
        return {"datasetUuid": name, "backingFolderUuid": folder}

    def list_datasets(self, call: Call) -> dict[str, Any]:
        """List datasets. With ``includeOrgAccess`` everybody's: all users here are admins of one organisation."""
        filters: dict[str, Any] = {name: call.query.get(parameter) for parameter, name in _TEXT_FILTERS.items()}
        for parameter, name in _DATE_FILTERS.items():
            text = call.query.get(parameter)
            try:
                filters[name] = None if text is None else moments.read(text)
            except ValueError as error:
                raise Unprocessable("query", parameter, "value is not a date in ISO 8601") from error
        user = call.caller.user
        return {
            "result": [
                {
                    "datasetUuid": row["uuid"],
                    "title": row["title"],
                    "description": row["description"],
                    "createdAt": moments.v2(row["created_at"]),
                    "lastEditedAt": moments.v2(row["edited_at"]),
                    "userRole": "admin" if row["owner"] == user else None,
                    "storageLocation": row["storage_location"],
                    "backingFolderUuid": row["folder"],
                }
                for row in self._datasets.search(user, filters, call.flag("includeOrgAccess"))
            ]
        }

    def get_cloud_integrations(self, call: Call) -> dict[str, Any]:
        """List the cloud integrations that pass both filters."""
        wanted = [uuid.lower() for uuid in call.query.getall("filterIntegrationUuids", [])]
        if not all(map(is_uuid, wanted)):
            raise Unprocessable("query", "filterIntegrationUuids", "value is not a UUID")
        titles = call.query.getall("filterIntegrationTitles", [])
        call.flag("includeOrgAccess")
        return {
            "result": [
                {"integrationUuid": row["uuid"], "title": row["title"]}
                for row in self._datasets.integrations()
                if (not wanted or row["uuid"] in wanted) and (not titles or row["title"] in titles)
            ]
        }

    def get_bearer_token(self, call: Call) -> dict[str, str]:
        """Hand out the user's bearer token."""
        return {"token": self._users.token(call.caller.user)}

    def presigned_urls(self, call: Call) -> dict[str, Any]:
        """Hand out URLs to upload to."""
        count = call.number("count", None, 1, URLS_PER_REQUEST)
        upload_type = call.query.get("uploadItemType", "")
        if upload_type not in UPLOAD_TYPES:
            raise Unprocessable("query", "uploadItemType", f"value is none of: {', '.join(UPLOAD_TYPES)}")
        return {"results": self._storage.issue(call.caller.user, upload_type, count), "nextPageToken": None}

    def create_folder(self, call: Call) -> dict[str, Any]:
        """Create a storage folder."""
        given, user = call.json(), call.caller.user
        if given.get("cloudSyncedFolderParams") is not None:
            raise Refusal(Reason.INVALID_ARGUMENTS, "the local Encord has no cloud-synced folders")
        parent = _text(given, "parent", None)
        if parent is not None:
            parent = self._folders.require(user, parent)["uuid"]
        folder = self._folders.create(
            user,
            _text(given, "name"),
            _text(given, "description", ""),
            parent=parent,
            client_metadata=_text(given, "clientMetadata", None),
        )
        return self._folders.describe(self._folders.require(user, folder))

    def get_folder(self, call: Call) -> dict[str, Any]:
        """Show a storage folder."""
        return self._folders.describe(self._folders.require(call.caller.user, call.path["folder"]))

    def list_folders(self, call: Call) -> dict[str, Any]:
        """List storage folders, at the top or below one, page by page."""
        parent = call.path.get("folder")
        if parent is not None:
            parent = self._folders.require(call.caller.user, parent)["uuid"]
        offset, count = call.number("pageToken", 0, 0, 2**31), call.number("pageSize", 100, 1, 1000)
        found, more = self._folders.search(call.caller.user, parent, call.query, offset, count)
        return {"results": found, "nextPageToken": str(offset + count) if more else None}


def _text(given: dict[str, Any], name: str, *default: Any) -> Any:
    """Return a text of the body; without a default it must be there and not be empty."""
    value = given.get(name)
    if value is None and default:
        return default[0]
    if not isinstance(value, str) or (not value and not default):
        raise Unprocessable("body", name, "value is not a text, or is empty")
    return value
