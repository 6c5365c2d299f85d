"""Storage items: changed, moved, grouped and deleted."""

import json
import sqlite3
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow_provider_encord.emulator import rest
from airflow_provider_encord.emulator.clock import Clock
from airflow_provider_encord.emulator.errors import Reason, Refusal, Unprocessable
from airflow_provider_encord.emulator.item_rows import item_row
from airflow_provider_encord.emulator.paging import page
from airflow_provider_encord.emulator.removal import Removal
from airflow_provider_encord.emulator.resources.data_rows import DataRows
from airflow_provider_encord.emulator.resources.folders import Folders
from airflow_provider_encord.emulator.resources.integrations import Integrations
from airflow_provider_encord.emulator.resources.items import Items
from airflow_provider_encord.emulator.settings import Settings
from airflow_provider_encord.emulator.store import Store

LARGEST_GROUP, LARGEST_GRID = 50, 12
"""How many items a data group may show, in general and as a grid, as Encord's documentation says."""


class ItemChanges:
    """What can be done to items."""

    def __init__(
        self,
        store: Store,
        folders: Folders,
        items: Items,
        rows: DataRows,
        integrations: Integrations,
        removal: Removal,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._store = store
        self._folders = folders
        self._items = items
        self._rows = rows
        self._integrations = integrations
        self._removal = removal
        self._settings = settings
        self._clock = clock

    @rest.answers("update_item", "PATCH", "storage/folders/{folder}/items/{item}")
    def answer_update(self, call: rest.Call) -> dict[str, Any]:
        """Change an item's name, description, client metadata or settings."""
        item = self._items.require_in_folder(call)
        with self._store.transaction():
            self._update(item, call.json())
        return self._items.describe(self._items.require(call.caller.user, item["uuid"]))

    @rest.answers("update_items", "PATCH", "storage/items/patch-bulk")
    def answer_update_many(self, call: rest.Call) -> dict[str, Any]:
        """Change several items, all or none of them."""
        user, patches = call.caller.user, rest.as_patches(call.json(), "itemPatches")
        with self._store.transaction():
            for item, patch in patches.items():
                self._update(self._items.require(user, item), patch)
        found = {row["uuid"]: row for row in self._items.find(user, list(patches))}
        return page([self._items.describe(found[item]) for item in patches])

    @rest.answers("delete_items", "POST", "storage/folders/{folder}/items/delete")
    def answer_delete(self, call: rest.Call) -> dict[str, int]:
        """Delete items of a folder, and their rows in datasets with them."""
        folder, given = self._folders.require(call.caller.user, call.path["folder"]), call.json()
        frames = rest.as_flag(given, "removeUnusedFrames", True)
        with self._store.transaction():
            items = self._in_folder(call.caller.user, folder["uuid"], rest.as_uuids(given, "childUuids"))
            count, paths = self._removal.remove(items, frames=frames)
        _unlink(paths)
        return {"removedItemsCount": count, "removedFoldersCount": 0}

    @rest.answers("delete_folder", "DELETE", "storage/folders/{folder}")
    def answer_delete_folder(self, call: rest.Call) -> None:
        """Delete a folder, and what is in it if that is allowed."""
        folder = self._folders.require(call.caller.user, call.path["folder"])
        if folder["dataset"] is not None:
            raise Refusal(Reason.INVALID_ARGUMENTS, "the folder is that of a mirror dataset")
        with self._store.transaction():
            doomed = self._folders.below(folder["uuid"])
            names = json.dumps(doomed)
            items = self._store.all("SELECT uuid FROM items WHERE folder IN (SELECT value FROM json_each(?))", (names,))
            if (items or len(doomed) > 1) and not self._settings.delete_full_folders:
                raise Refusal(Reason.EXISTS, "the folder is not empty")
            _, paths = self._removal.remove([item["uuid"] for item in items])
            self._store.run("DELETE FROM folder_groups WHERE folder IN (SELECT value FROM json_each(?))", (names,))
            self._store.run("DELETE FROM folders WHERE uuid IN (SELECT value FROM json_each(?))", (names,))
        _unlink(paths)

    @rest.answers("move_items", "POST", "storage/folders/{folder}/items/move")
    def answer_move(self, call: rest.Call) -> None:
        """Put items of a folder into another one; mirror datasets follow their folders."""
        user, given = call.caller.user, call.json()
        folder = self._folders.require(user, call.path["folder"])
        target = self._folders.require(user, rest.as_uuid(given, "newParentUuid") or "")
        allowed = rest.as_flag(given, "allowSyncedDatasetMove")
        with self._store.transaction():
            items = self._in_folder(user, folder["uuid"], rest.as_uuids(given, "itemUuids"))
            if folder["dataset"] is not None and folder["uuid"] != target["uuid"]:
                if not allowed:
                    raise Refusal(Reason.INVALID_ARGUMENTS, "the items would leave a mirror dataset")
                self._rows.remove_items(folder["dataset"], items)
            for item in items:
                self._store.run(
                    "UPDATE items SET folder = ?, edited_at = ? WHERE uuid = ?",
                    (target["uuid"], self._clock.time(), item),
                )
                if target["dataset"] is not None and not self._rows.holds(target["dataset"], item):
                    self._rows.add(target["dataset"], item, self._items.require(user, item)["title"])

    @rest.answers("migrate_storage", "POST", "storage/items/migrate-storage")
    def answer_migrate(self, call: rest.Call) -> list[str]:
        """Say that private data lies elsewhere now: under other URLs, or behind another integration."""
        user, given = call.caller.user, call.json()
        urls, items = rest.as_object(given, "urlsMap") or {}, rest.as_object(given, "itemsMap") or {}
        if (not urls and not items) or len(urls) + len(items) > rest.LARGEST_BATCH:
            raise Unprocessable("body", "urlsMap", f"needed: 1 to {rest.LARGEST_BATCH} entries in urlsMap or itemsMap")
        integration = rest.as_uuid(given, "toIntegrationHash")
        location = None if integration is None else self._integrations.provider(integration)
        before, skip = rest.as_uuid(given, "fromIntegrationHash"), rest.as_flag(given, "skipMissing")
        moved = []
        with self._store.transaction():
            for name, new_url in [*urls.items(), *items.items()]:
                column = "url" if name in urls else "uuid"
                found = self._store.all(
                    f"SELECT * FROM items WHERE {column} = ? AND owner = ? AND storage_location > 0"  # noqa: S608
                    " AND (? IS NULL OR integration = ?)",
                    (name, user, before, before),
                )
                if not found and not skip:
                    raise Refusal(Reason.NOT_FOUND, f"there is no private storage item {name}")
                for item in found:
                    self._store.run(
                        "UPDATE items SET url = coalesce(?, url), identity = coalesce(?, identity),"
                        " integration = coalesce(?, integration), storage_location = coalesce(?, storage_location)"
                        " WHERE uuid = ?",
                        (new_url, new_url, integration, location, item["uuid"]),
                    )
                    moved.append(item["uuid"])
        return moved

    @rest.answers("create_group_items", "POST", "storage/folders/{folder}/create-group-items")
    def answer_group(self, call: rest.Call) -> list[str]:
        """Make data groups, each of several items."""
        folder = self._folders.require(call.caller.user, call.path["folder"])
        with self._store.transaction():
            return [self._group(folder, given) for given in call.json_list()]

    def _group(self, folder: sqlite3.Row, given: dict[str, Any]) -> str:
        layout_type, contents = given.get("layoutType"), given.get("layoutContents")
        if isinstance(contents, list):
            contents = {str(number): item for number, item in enumerate(contents)}
        if layout_type not in ("default-list", "default-grid", "custom") or not isinstance(contents, dict):
            raise Unprocessable("body", "layoutType", "value is none of: default-list, default-grid, custom")
        most = LARGEST_GRID if layout_type == "default-grid" else LARGEST_GROUP
        if not 1 <= len(contents) <= most:
            raise Refusal(Reason.INVALID_ARGUMENTS, f"a group of this layout has 1 to {most} items")
        children = rest.checked_uuids(contents.values(), "layoutContents")
        found = {row["uuid"]: row for row in self._items.find(folder["owner"], children)}
        for child in children:
            if child not in found or found[child]["placeholder"]:
                raise Refusal(Reason.NOT_FOUND, f"there is no storage item {child}")
        name, layout = str(uuid.uuid4()), {
            "layoutContents": {key: {"uuid": child} for key, child in zip(contents, children, strict=True)},
            "layout": given.get("layout"),
            "layoutSettings": given.get("settings") or {},
            "timeline": given.get("timeline") or [],
        }  # fmt: skip
        row = item_row(
            name,
            owner=folder["owner"],
            folder=folder["uuid"],
            data_type="GROUP",
            title=rest.as_string(given, "name", None) or f"data-group-{name[:8]}",
            url=None,
            identity=f"group:{name}",
            client_metadata=json.dumps(rest.as_object(given, "clientMetadata") or {}),
            extra=json.dumps({"layout": layout}),
            now=self._clock.time(),
        )
        self._store.insert("items", [row])
        self._store.insert(
            "files",
            [
                (name, number, child, found[child]["url"] or "", found[child]["title"], None, None, None, None)
                for number, child in enumerate(children)
            ],
        )
        if folder["dataset"] is not None:
            self._rows.add(folder["dataset"], name, row[5])
        return name

    def _update(self, item: sqlite3.Row, patch: dict[str, Any]) -> None:
        extra = json.loads(item["extra"])
        if "timeseriesSettings" in patch:
            extra["settings"] = rest.as_object(patch, "timeseriesSettings")
        self._store.run(
            "UPDATE items SET title = ?, description = ?, client_metadata = ?, extra = ?, edited_at = ? WHERE uuid = ?",
            (
                rest.as_string(patch, "name", item["title"]),
                rest.as_string(patch, "description", item["description"]),
                rest.patched_metadata(patch, item["client_metadata"], self._settings.metadata_patch),
                *(json.dumps(extra), self._clock.time(), item["uuid"]),
            ),
        )

    def _in_folder(self, user: str, folder: str, items: list[str]) -> list[str]:
        """Return items, which must all lie in the folder itself."""
        found = {row["uuid"] for row in self._items.find(user, items) if row["folder"] == folder}
        for item in items:
            if item not in found:
                raise Refusal(Reason.NOT_FOUND, f"there is no storage item {item} in folder {folder}")
        return items


def _unlink(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
