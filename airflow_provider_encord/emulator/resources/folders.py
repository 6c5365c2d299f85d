"""Storage folders."""

import json
import sqlite3
import uuid
from collections.abc import Mapping
from typing import Any

from airflow_provider_encord.emulator import moments, rest
from airflow_provider_encord.emulator.caller import email
from airflow_provider_encord.emulator.clock import Clock
from airflow_provider_encord.emulator.errors import Reason, Refusal, Unprocessable
from airflow_provider_encord.emulator.paging import fetch, page
from airflow_provider_encord.emulator.resources.integrations import Integrations
from airflow_provider_encord.emulator.settings import Settings
from airflow_provider_encord.emulator.store import Store

BELOW = (
    "WITH RECURSIVE below(uuid) AS (SELECT ? UNION SELECT folders.uuid FROM folders JOIN below"
    " ON folders.parent = below.uuid) SELECT uuid FROM below"
)
"""SQL for a folder and all folders below it."""

_ORDERS = {"name": "name", "createdAt": "created_at"}


class Folders:
    """Folders that items lie in; a mirror dataset has one that goes by its name."""

    def __init__(self, store: Store, integrations: Integrations, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._integrations = integrations
        self._settings = settings
        self._clock = clock

    @rest.answers("create_folder", "POST", "storage/folders")
    def answer_create(self, call: rest.Call) -> dict[str, Any]:
        """Create a storage folder, synced with a bucket if one is named."""
        given, user = call.json(), call.caller.user
        parent = rest.as_uuid(given, "parent")
        if parent is not None:
            parent = self.require(user, parent)["uuid"]
        integration, remote_url = self._remote(given)
        folder = self.create(
            user,
            rest.as_string(given, "name"),
            rest.as_string(given, "description", ""),
            parent=parent,
            client_metadata=_metadata_text(given),
            integration=integration,
            remote_url=remote_url,
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
        return self._list(call, parent, everywhere=call.flag("isRecursive"))

    @rest.answers("search_folders", "GET", "storage/search/folders")
    def answer_search(self, call: rest.Call) -> dict[str, Any]:
        """List storage folders wherever they are, page by page."""
        return self._list(call, None, everywhere=True)

    @rest.answers("update_folder", "PATCH", "storage/folders/{folder}")
    def answer_update(self, call: rest.Call) -> dict[str, Any]:
        """Change a folder's name, description or client metadata."""
        folder = self.require(call.caller.user, call.path["folder"])["uuid"]
        with self._store.transaction():
            self._update(folder, call.json())
        return self.describe(self.require(call.caller.user, folder))

    @rest.answers("update_folders", "PATCH", "storage/folders/patch-bulk")
    def answer_update_many(self, call: rest.Call) -> dict[str, Any]:
        """Change several folders, all or none of them."""
        patches = rest.as_patches(call.json(), "folderPatches")
        with self._store.transaction():
            for folder, patch in patches.items():
                self._update(self.require(call.caller.user, folder)["uuid"], patch)
        return page([self.describe(self.require(call.caller.user, folder)) for folder in patches])

    @rest.answers("move_folders", "POST", "storage/folders/move")
    def answer_move(self, call: rest.Call) -> None:
        """Put folders below another one, or at the top."""
        given, user = call.json(), call.caller.user
        target = rest.as_uuid(given, "newParentUuid")
        above = [entry["uuid"] for entry in self.path_to_root(self.require(user, target))] if target else []
        with self._store.transaction():
            for folder in rest.as_uuids(given, "folderUuids"):
                if self.require(user, folder)["uuid"] in above:
                    raise Refusal(Reason.INVALID_ARGUMENTS, f"folder {folder} cannot be put below itself")
                self._store.run(
                    "UPDATE folders SET parent = ?, edited_at = ? WHERE uuid = ?", (target, self._clock.time(), folder)
                )

    def create(
        self,
        user: str,
        name: str,
        description: str = "",
        *,
        parent: str | None = None,
        dataset: str | None = None,
        client_metadata: str | None = None,
        integration: str | None = None,
        remote_url: str | None = None,
    ) -> str:
        """Make a folder and return its UUID."""
        folder, now = str(uuid.uuid4()), self._clock.time()
        with self._store.transaction():
            self._store.insert(
                "folders",
                [
                    (
                        *(folder, user, parent, dataset, name, description, client_metadata, now),
                        *(now, integration, remote_url, "{}"),
                    )
                ],
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
            "owner": email(row["owner"]),
            "createdAt": moments.v2(row["created_at"]),
            "lastEditedAt": moments.v2(row["edited_at"] or row["created_at"]),
            "userRole": "admin",
            "syncedDatasetHash": row["dataset"],
            "pathToRoot": self.path_to_root(row),
            "folderType": "generic" if row["remote_url"] is None else "cloudLinked",
            "integrationHash": row["integration"],
            "remoteUrl": row["remote_url"],
        }

    def path_to_root(self, row: sqlite3.Row) -> list[dict[str, Any]]:
        """Return a folder and those above it."""
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

    def below(self, folder: str) -> list[str]:
        """Return a folder and all those below it."""
        return [row["uuid"] for row in self._store.all(BELOW, (folder,))]

    def _list(self, call: rest.Call, parent: str | None, everywhere: bool) -> dict[str, Any]:
        sql, values = "", list[Any]()
        if not call.flag("includeOrgAccess"):
            sql, values = " AND owner = ?", [call.caller.user]
        if not everywhere:
            sql, values = f"{sql} AND parent IS ?", [*values, parent]
        elif parent is not None:
            sql, values = f"{sql} AND uuid <> ? AND uuid IN ({BELOW})", [*values, parent, parent]
        if search := call.query.get("search"):
            sql, values = f"{sql} AND instr(lower(name), lower(?))", [*values, search]
        if (synced := call.optional_flag("datasetSynced")) is not None:
            sql += f" AND dataset IS {'NOT ' if synced else ''}NULL"
        rows, token = fetch(self._store, call, f"SELECT * FROM folders WHERE 1{sql}", values, _ORDERS)  # noqa: S608
        return page([self.describe(row) for row in rows], token)

    def _remote(self, given: Mapping[str, Any]) -> tuple[str | None, str | None]:
        """Return integration and URL of the bucket that a new folder is to be synced with."""
        params = rest.as_object(dict(given), "cloudSyncedFolderParams")
        if params is None:
            return None, None
        integration, url = rest.as_uuid(params, "integrationUuid"), rest.as_string(params, "remoteUrl")
        self._integrations.provider(integration)
        if not url.startswith(("s3://", "gs://", "https://", "http://")) or not url.endswith("/"):
            raise Refusal(
                Reason.INVALID_ARGUMENTS,
                "remoteUrl must be the URL of a bucket or a folder in one, ending with a slash",
            )
        return integration, url

    def _update(self, folder: str, patch: Mapping[str, Any]) -> None:
        row = self._store.one("SELECT * FROM folders WHERE uuid = ?", (folder,))
        assert row is not None  # noqa: S101 - the caller has looked
        metadata = rest.patched_metadata(dict(patch), row["client_metadata"], self._settings.metadata_patch)
        self._store.run(
            "UPDATE folders SET name = ?, description = ?, client_metadata = ?, edited_at = ? WHERE uuid = ?",
            (
                rest.as_string(dict(patch), "name", row["name"]),
                rest.as_string(dict(patch), "description", row["description"]),
                *(metadata, self._clock.time(), folder),
            ),
        )


def _metadata_text(given: dict[str, Any]) -> str | None:
    """Return client metadata, which is JSON in a string here."""
    text: str | None = rest.as_string(given, "clientMetadata", None)
    try:
        if text is not None and not isinstance(json.loads(text), dict):
            raise ValueError
    except ValueError as error:
        raise Unprocessable("body", "clientMetadata", "value is not the text of a JSON object") from error
    return text
