"""Datasets."""

import sqlite3
import uuid
from collections.abc import Mapping
from typing import Any

from airflow_provider_encord.emulator import legacy, moments, rest
from airflow_provider_encord.emulator.clock import Clock
from airflow_provider_encord.emulator.errors import Reason, Refusal, Unprocessable
from airflow_provider_encord.emulator.filters import conditions
from airflow_provider_encord.emulator.resources.data_rows import DataRows
from airflow_provider_encord.emulator.resources.folders import Folders
from airflow_provider_encord.emulator.store import Store
from airflow_provider_encord.emulator.uuids import is_uuid

STORAGE_LOCATIONS = ("CORD_STORAGE", "AWS_S3", "GCP_STR", "AZURE_STR", "S3_COMPATIBLE_STR")
"""Storage locations by number, named as Encord's client 0.1.211 reads them in a dataset."""

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


class Datasets:
    """The datasets; a mirror dataset has a folder of its own."""

    def __init__(self, store: Store, folders: Folders, rows: DataRows, clock: Clock) -> None:
        self._store = store
        self._folders = folders
        self._rows = rows
        self._clock = clock

    @rest.answers("create_dataset", "POST", "datasets")
    def answer_create(self, call: rest.Call) -> dict[str, Any]:
        """Create a dataset."""
        given = call.json()
        title, description = rest.as_string(given, "title"), rest.as_string(given, "description", "")
        mirror = given.get("createBackingFolder", True)
        if not isinstance(mirror, bool):
            raise Unprocessable("body", "createBackingFolder", "value is not a boolean")
        name, folder = self.create(call.caller.user, title, description, mirror)
        call.notes["dataset"] = name
        return {"datasetUuid": name, "backingFolderUuid": folder}

    @legacy.answers("create_dataset", "dataset", "POST", path=legacy.USER_PATH)
    def answer_old_create(self, call: legacy.Call) -> dict[str, Any]:
        """Create a dataset, the way of Encord's clients up to 0.1.152."""
        title, location = call.payload.get("title"), call.payload.get("type", 0)
        description = call.payload.get("description") or ""
        if not isinstance(title, str) or not title or not isinstance(description, str):
            raise Refusal(Reason.INVALID_ARGUMENTS, "title and description must be text, and the title not empty")
        if type(location) is not int or location not in range(len(STORAGE_LOCATIONS)):
            raise Refusal(Reason.INVALID_ARGUMENTS, "type is not a storage location")
        mirror = call.payload.get("create_backing_folder") is not False
        name, folder = self.create(call.caller.user, title, description, mirror, location)
        call.notes["dataset"] = name
        return {
            "title": title,
            "type": location,
            "dataset_hash": name,
            "user_hash": call.caller.user[:8],
            "backing_folder_uuid": folder,
        }

    @rest.answers("list_datasets", "GET", "datasets/list")
    def answer_list(self, call: rest.Call) -> dict[str, Any]:
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
                for row in self.search(user, filters, call.flag("includeOrgAccess"))
            ]
        }

    @legacy.answers("list_datasets", "datasetwithuserrole", "GET", path=legacy.USER_PATH)
    def answer_old_list(self, call: legacy.Call) -> list[dict[str, Any]]:
        """List datasets, the way of Encord's clients up to 0.1.152."""
        given = legacy.as_object(call.payload.get("filter"), "filter")
        filters: dict[str, Any] = {
            "title_eq": legacy.as_string(given.get("title_eq"), "title_eq"),
            "title_like": legacy.as_string(given.get("title_like"), "title_like"),
            "description_eq": legacy.as_string(given.get("desc_eq"), "desc_eq"),
            "description_like": legacy.as_string(given.get("desc_like"), "desc_like"),
            **legacy.dates(given),
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
            for row in self.search(call.caller.user, filters)
        ]

    @legacy.answers("get_dataset", "dataset", "GET", scope=legacy.READ)
    def answer_get(self, call: legacy.Call) -> dict[str, Any]:
        """Show a dataset, with its rows unless they are not wanted."""
        settings = legacy.as_object(call.payload.get("dataset_access_settings"), "dataset_access_settings")
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
            answer["data_rows"] = self._rows.search(row["uuid"], with_metadata=with_metadata)
        return answer

    def create(
        self, user: str, title: str, description: str, mirror: bool, storage_location: int = 0
    ) -> tuple[str, str | None]:
        """Make a dataset and, for a mirror dataset, its folder."""
        name, now = str(uuid.uuid4()), self._clock.time()
        with self._store.transaction():
            folder = self._folders.create(user, title, description, dataset=name) if mirror else None
            self._store.run(
                "INSERT INTO datasets VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (name, user, folder, title, description, storage_location, now, now),
            )
        return name, folder

    def search(self, user: str, filters: Mapping[str, Any], everyone: bool = False) -> list[sqlite3.Row]:
        """Return the user's datasets, or everyone's, that pass the filters."""
        sql, values = conditions(filters)
        return self._store.all(
            f"SELECT * FROM datasets WHERE (owner = ? OR ?){sql} ORDER BY created_at, rowid",  # noqa: S608
            (user, everyone, *values),
        )

    def require(self, user: str, dataset: str) -> sqlite3.Row:
        """Return a dataset of the user's."""
        if not is_uuid(dataset):
            raise Refusal(Reason.INVALID_ARGUMENTS, "the id of the dataset is not a UUID")
        row = self._store.one("SELECT * FROM datasets WHERE uuid = ?", (dataset.lower(),))
        if row is None:
            raise Refusal(Reason.NOT_FOUND, f"there is no dataset {dataset}")
        if row["owner"] != user:
            raise Refusal(Reason.AUTHORISATION, f"dataset {dataset} belongs to someone else")
        return row
