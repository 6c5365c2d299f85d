"""Storage folders: as much of them as datasets without a folder of their own need."""

import sqlite3
import uuid
from collections.abc import Mapping
from typing import Any

from airflow_provider_encord.emulator import moments, rest
from airflow_provider_encord.emulator.clock import Clock
from airflow_provider_encord.emulator.errors import Reason, Refusal
from airflow_provider_encord.emulator.store import Store

_ORDERS = {"name": "name", "createdAt": "created_at"}


class Folders:
    """Folders that items lie in; a mirror dataset has one that goes by its name."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @rest.answers("create_folder", "POST", "storage/folders")
    def answer_create(self, call: rest.Call) -> dict[str, Any]:
        """Create a storage folder."""
        given, user = call.json(), call.caller.user
        if given.get("cloudSyncedFolderParams") is not None:
            raise Refusal(Reason.INVALID_ARGUMENTS, "the local Encord has no cloud-synced folders")
        parent = rest.as_string(given, "parent", None)
        if parent is not None:
            parent = self.require(user, parent)["uuid"]
        folder = self.create(
            user,
            rest.as_string(given, "name"),
            rest.as_string(given, "description", ""),
            parent=parent,
            client_metadata=rest.as_string(given, "clientMetadata", None),
        )
        return self.describe(self.require(user, folder))

    @rest.answers("get_folder", "GET", "storage/folders/{folder}")
    def answer_get(self, call: rest.Call) -> dict[str, Any]:
        """Show a storage folder."""
        return self.describe(self.require(call.caller.user, call.path["folder"]))

    @rest.answers("list_folders", "GET", "storage/folders")
    @rest.answers("list_subfolders", "GET", "storage/folders/{folder}/folders")
    def answer_list(self, call: rest.Call) -> dict[str, Any]:
        """List storage folders, at the top or below one, page by page."""
        parent = call.path.get("folder")
        if parent is not None:
            parent = self.require(call.caller.user, parent)["uuid"]
        offset, count = call.number("pageToken", 0, 0, 2**31), call.number("pageSize", 100, 1, 1000)
        found, more = self.search(call.caller.user, parent, call.query, offset, count)
        return {"results": found, "nextPageToken": str(offset + count) if more else None}

    def create(
        self,
        user: str,
        name: str,
        description: str = "",
        *,
        parent: str | None = None,
        dataset: str | None = None,
        client_metadata: str | None = None,
    ) -> str:
        """Make a folder and return its UUID."""
        folder = str(uuid.uuid4())
        with self._store.transaction():
            self._store.run(
                "INSERT INTO folders VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (folder, user, parent, dataset, name, description, client_metadata, self._clock.time()),
            )
        return folder

    def require(self, user: str, folder: str) -> sqlite3.Row:
        """Return a folder of the user's."""
        row = self._store.one("SELECT * FROM folders WHERE uuid = ?", (folder.lower(),))
        if row is None:
            raise Refusal(Reason.NOT_FOUND, f"there is no folder {folder}")
        if row["owner"] != user:
            raise Refusal(Reason.AUTHORISATION, f"folder {folder} belongs to someone else")
        return row

    def describe(self, row: sqlite3.Row) -> dict[str, Any]:
        """Return a folder the way v2 shows it."""
        return {
            "uuid": row["uuid"],
            "parent": row["parent"],
            "name": row["name"],
            "description": row["description"],
            "clientMetadata": row["client_metadata"],
            "owner": f"{row['owner'][:8]}@local-encord.invalid",
            "createdAt": moments.v2(row["created_at"]),
            "lastEditedAt": moments.v2(row["created_at"]),
            "userRole": "admin",
            "syncedDatasetHash": row["dataset"],
            "pathToRoot": self._path_to_root(row),
            "folderType": "generic",
        }

    def search(
        self, user: str, parent: str | None, query: Mapping[str, str], offset: int, count: int
    ) -> tuple[list[dict[str, Any]], bool]:
        """Return a page of folders below a parent (or at the top), and whether there are more."""
        sql, values = "", [user]
        if query.get("isRecursive", "").lower() != "true":
            sql += " AND parent IS ?"
            values.append(parent)  # type: ignore[arg-type]
        if search := query.get("search"):
            sql += " AND instr(lower(name), lower(?))"
            values.append(search)
        if synced := query.get("datasetSynced"):
            sql += " AND dataset IS NOT NULL" if synced.lower() == "true" else " AND dataset IS NULL"
        order = _ORDERS.get(query.get("order", "name"), "name")
        direction = "DESC" if query.get("desc", "").lower() == "true" else "ASC"
        rows = self._store.all(
            f"SELECT * FROM folders WHERE owner = ?{sql} ORDER BY {order} {direction}, rowid LIMIT ? OFFSET ?",  # noqa: S608
            (*values, count + 1, offset),
        )
        return [self.describe(row) for row in rows[:count]], len(rows) > count

    def _path_to_root(self, row: sqlite3.Row) -> list[dict[str, Any]]:
        path = []
        step: sqlite3.Row | None = row
        while step is not None:
            path.append(
                {
                    "uuid": step["uuid"],
                    "parentUuid": step["parent"],
                    "name": step["name"],
                    "syncedDatasetHash": step["dataset"],
                }
            )
            step = self._store.one("SELECT * FROM folders WHERE uuid = ?", (step["parent"],))
        return path
