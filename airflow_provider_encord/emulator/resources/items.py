"""Storage items: listed and shown."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from airflow_provider_encord.emulator import moments, rest
from airflow_provider_encord.emulator.caller import email
from airflow_provider_encord.emulator.errors import Reason, Refusal, Unprocessable
from airflow_provider_encord.emulator.item_rows import KIND, KINDS
from airflow_provider_encord.emulator.paging import fetch, page
from airflow_provider_encord.emulator.resources.folders import BELOW, Folders
from airflow_provider_encord.emulator.resources.storage import Storage
from airflow_provider_encord.emulator.settings import Settings
from airflow_provider_encord.emulator.store import Store

_ITEMS = f"""
SELECT items.*, {KIND} AS kind, (SELECT count(*) FROM rows WHERE rows.item = items.uuid) AS used,
       CASE WHEN items.url IS NULL
            THEN (SELECT count(*) FROM files WHERE files.item = items.uuid) END AS frames
FROM items
"""  # noqa: S608 - a constant
_GROUPS = f"""
SELECT items.uuid, items.title, items.folder, folders.name AS folder_name, {KIND} AS kind, items.owner
FROM files JOIN items ON items.uuid = files.item JOIN folders ON folders.uuid = items.folder
"""  # noqa: S608 - a constant
_USED = "EXISTS (SELECT 1 FROM rows WHERE rows.item = items.uuid)"
_ORDERS = {"name": "title", "createdAt": "created_at"}
_LOCATIONS = ("encord", "s3", "gcp", "azure", "s3Compatible")
_ITEM_TYPES = {item_type: kind for kind, item_type in KINDS.items()}


class Items:
    """The items of folders."""

    def __init__(self, store: Store, folders: Folders, storage: Storage, settings: Settings) -> None:
        self._store = store
        self._folders = folders
        self._storage = storage
        self._settings = settings

    @rest.answers("list_items", "GET", "storage/folders/{folder}/items")
    def answer_list(self, call: rest.Call) -> dict[str, Any]:
        """List the items of a folder, and with ``isRecursive`` of those below it, page by page."""
        folder = self._folders.require(call.caller.user, call.path["folder"])
        if not call.flag("isRecursive"):
            return self._list(call, "folder = ?", folder["uuid"])
        # The plus keeps SQLite from sorting all of them for each page: it goes along the owner's items instead.
        return self._list(call, f"owner = ? AND +folder IN ({BELOW})", folder["owner"], folder["uuid"])

    @rest.answers("search_items", "GET", "storage/search/items")
    def answer_search(self, call: rest.Call) -> dict[str, Any]:
        """List items wherever they are, page by page."""
        if not call.query.get("search") and not call.query.getall("itemTypes", []):
            raise Refusal(Reason.INVALID_ARGUMENTS, "search or itemTypes is needed")
        if call.flag("includeOrgAccess"):
            return self._list(call, "1")
        return self._list(call, "owner = ?", call.caller.user)

    @rest.answers("get_item", "GET", "storage/items/{item}")
    def answer_get(self, call: rest.Call) -> dict[str, Any]:
        """Show an item."""
        return self.describe(self.require(call.caller.user, call.path["item"]), signed=call.flag("signUrl"))

    @rest.answers("get_items", "POST", "storage/items/get-bulk")
    def answer_get_many(self, call: rest.Call) -> dict[str, Any]:
        """Show several items, in the order in which they are asked for."""
        given = call.json()
        wanted, signed = rest.as_uuids(given, "itemUuids"), rest.as_flag(given, "signUrls")
        found = {row["uuid"]: row for row in self.find(call.caller.user, wanted)}
        missing = [item for item in wanted if item not in found]
        if missing and rest.as_flag(given, "requireAll", self._settings.bulk_requires_all):
            raise Refusal(Reason.NOT_FOUND, f"there is no storage item {missing[0]}")
        return page([self.describe(found[item], signed=signed) for item in wanted if item in found])

    @rest.answers("list_child_items", "GET", "storage/folders/{folder}/items/{item}/child-items")
    def answer_children(self, call: rest.Call) -> dict[str, Any]:
        """List the items that a group or series is made of."""
        item, signed = self.require_in_folder(call)["uuid"], call.flag("signUrls")
        children = self._store.all(
            f"{_ITEMS} JOIN files ON files.uuid = items.uuid WHERE files.item = ? AND files.uuid <> files.item"
            " ORDER BY files.position",
            (item,),
        )
        return page([self.describe(row, signed=signed) for row in children])

    @rest.answers("get_item_summary", "GET", "storage/folders/{folder}/items/{item}/summary")
    def answer_summary(self, call: rest.Call) -> dict[str, Any]:
        """Tell where an item is used."""
        item = self.require_in_folder(call)
        groups = self._store.all(
            f"{_GROUPS} WHERE files.uuid = ? AND files.item <> files.uuid ORDER BY items.rowid", (item["uuid"],)
        )
        datasets = self._store.all(
            "SELECT datasets.*, json_group_array(rows.data_hash) AS hashes, min(rows.created_at) AS used_at"
            " FROM rows JOIN datasets ON datasets.uuid = rows.dataset WHERE rows.item = ?"
            " GROUP BY datasets.uuid ORDER BY min(rows.seq)",
            (item["uuid"],),
        )
        layout = json.loads(item["extra"]).get("layout") if call.flag("includeGroupLayout") else None
        return {
            "frameInGroups": len(groups),
            "accessibleGroupItems": [
                {
                    "uuid": group["uuid"],
                    "name": group["title"],
                    "parentUuid": group["folder"],
                    "parentName": group["folder_name"],
                    "itemType": KINDS[group["kind"]],
                }
                for group in groups
                if group["owner"] == call.caller.user
            ],
            "usedInDatasets": len(datasets),
            "accessibleDatasets": [
                {
                    "datasetHash": dataset["uuid"],
                    "backingFolderUuid": dataset["folder"],
                    "title": dataset["title"],
                    "dataHashes": json.loads(dataset["hashes"]),
                    "dataUnitsCreatedAt": moments.v2(dataset["used_at"]),
                }
                for dataset in datasets
                if dataset["owner"] == call.caller.user
            ],
            "groupLayout": layout,
        }

    def find(self, user: str, items: Sequence[str]) -> list[sqlite3.Row]:
        """Return those of the items that are there and the user's, in no order."""
        return self._store.all(
            f"{_ITEMS} WHERE items.owner = ? AND items.uuid IN (SELECT value FROM json_each(?))",  # noqa: S608
            (user, json.dumps(list(items))),
        )

    def require(self, user: str, item: str) -> sqlite3.Row:
        """Return an item of the user's."""
        row = self._store.one(f"{_ITEMS} WHERE items.uuid = ?", (item.lower(),))
        if row is None:
            raise Refusal(Reason.NOT_FOUND, f"there is no storage item {item}")
        if row["owner"] != user:
            raise Refusal(Reason.AUTHORISATION, f"storage item {item} belongs to someone else")
        return row

    def require_in_folder(self, call: rest.Call) -> sqlite3.Row:
        """Return the item that a path names, which must lie in the folder that it names."""
        folder = self._folders.require(call.caller.user, call.path["folder"])["uuid"]
        row = self.require(call.caller.user, call.path["item"])
        if row["folder"] != folder:
            raise Refusal(Reason.NOT_FOUND, f"there is no storage item {row['uuid']} in folder {folder}")
        return row

    def describe(
        self, row: sqlite3.Row, *, signed: bool = False, metadata: bool = True, metadata_url: bool = False
    ) -> dict[str, Any]:
        """Return an item the way v2 shows it. Its client metadata is a text, or lies under a URL of its own."""
        readable = signed and row["url"] is not None and not row["placeholder"]
        shown = {
            "uuid": row["uuid"],
            "parent": row["folder"],
            "itemType": KINDS[row["kind"]],
            "name": row["title"],
            "description": row["description"],
            "clientMetadata": "" if metadata_url else row["client_metadata"] if metadata else "{}",
            "owner": email(row["owner"]),
            "createdAt": moments.v2(row["created_at"]),
            "lastEditedAt": moments.v2(row["edited_at"] or row["created_at"]),
            "isTombstone": bool(row["tombstone"]),
            "isPlaceholder": bool(row["placeholder"]),
            "backedDataUnitsCount": row["used"],
            "storageLocation": _LOCATIONS[row["storage_location"]],
            "integrationHash": row["integration"],
            "url": row["url"],
            "signedUrl": self._storage.download_url(row["url"], row["storage_location"]) if readable else None,
            "fileSize": row["file_size"],
            "mimeType": row["file_type"],
            "duration": row["duration"],
            "fps": row["fps"],
            "height": row["height"],
            "width": row["width"],
            "frameCount": row["frames"] or _frames(row),
            "timeseriesSettings": json.loads(row["extra"]).get("settings"),
            **dict.fromkeys(_UNKNOWN),
        }
        if metadata_url:
            shown["clientMetadataSignedUrl"] = self._storage.text_url(row["uuid"])
        return shown

    def _list(self, call: rest.Call, sql: str, *values: Any) -> dict[str, Any]:
        conditions, given = [sql], [*values]
        if not self._settings.list_frames:
            conditions.append("NOT frame")
        if search := call.query.get("search"):
            conditions.append("instr(lower(title), lower(?))")
            given.append(search)
        if (used := call.optional_flag("isInDataset")) is not None:
            conditions.append(_USED if used else f"NOT {_USED}")
        if wanted := call.query.getall("itemTypes", []):
            if not _ITEM_TYPES.keys() >= set(wanted):
                raise Unprocessable("query", "itemTypes", f"value is none of: {', '.join(_ITEM_TYPES)}")
            conditions.append(f"{KIND} IN (SELECT value FROM json_each(?))")  # noqa: S608
            given.append(json.dumps([_ITEM_TYPES[kind] for kind in wanted]))
        signed = call.flag("signUrls")
        metadata = call.optional_flag("includeClientMetadata") is not False
        metadata_url = metadata and call.flag("clientMetadataAsSignedUrl")
        rows, token = fetch(self._store, call, f"{_ITEMS} WHERE {' AND '.join(conditions)}", given, _ORDERS)
        return page(
            [self.describe(row, signed=signed, metadata=metadata, metadata_url=metadata_url) for row in rows], token
        )


_UNKNOWN = (
    *("dicomInstanceUid", "dicomStudyUid", "dicomSeriesUid"),
    *("audioSampleRate", "audioBitDepth", "audioCodec", "audioNumChannels"),
)
"""What the local Encord never looks for."""


def _frames(row: sqlite3.Row) -> int | None:
    return round(row["fps"] * row["duration"]) if row["fps"] and row["duration"] else None
