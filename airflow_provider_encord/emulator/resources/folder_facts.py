"""What else there is to a folder: what it holds in numbers, and the groups of users that may see it."""

from typing import Any

from airflow_provider_encord.emulator import moments, rest
from airflow_provider_encord.emulator.errors import Unprocessable
from airflow_provider_encord.emulator.item_rows import KIND
from airflow_provider_encord.emulator.paging import page
from airflow_provider_encord.emulator.resources.folders import Folders
from airflow_provider_encord.emulator.store import Store

_COUNTED = {
    "VIDEO": "videos",
    "IMAGE": "images",
    "IMG_GROUP": "imageGroups",
    "IMG_SEQUENCE": "imageSequences",
    "DICOM_FILE": "dicomFiles",
    "DICOM": "dicomSeries",
    "NIFTI": "niftis",
    "AUDIO": "audios",
    "PDF": "pdfs",
    "PLAIN_TEXT": "plainTexts",
}


class FolderFacts:
    """Numbers and groups of folders. There are no groups of users: any UUID is one, and nobody gets in by it."""

    def __init__(self, store: Store, folders: Folders) -> None:
        self._store = store
        self._folders = folders

    @rest.answers("get_folder_summary", "GET", "storage/folders/{folder}/summary")
    def answer_summary(self, call: rest.Call) -> dict[str, Any]:
        """Count what a folder holds."""
        folder = self._folders.require(call.caller.user, call.path["folder"])["uuid"]
        kinds = self._store.all(
            f"SELECT {KIND} AS kind, count(*) AS count, sum(file_size) AS size, sum(tombstone) AS tombstones"  # noqa: S608
            " FROM items WHERE folder = ? GROUP BY 1",
            (folder,),
        )
        counts = {row["kind"]: row["count"] for row in kinds}
        return {
            "files": sum(counts.values()),
            "folders": self._store.value("SELECT count(*) FROM folders WHERE parent = ?", (folder,)),
            **{name: counts.get(kind, 0) for kind, name in _COUNTED.items()},
            "tombstones": sum(row["tombstones"] for row in kinds),
            "uploadJobs": self._store.value("SELECT count(*) FROM jobs WHERE folder = ? AND NOT settled", (folder,)),
            "totalSize": sum(row["size"] or 0 for row in kinds),
        }

    @rest.answers("list_folder_groups", "GET", "storage/folders/{folder}/groups")
    def answer_groups(self, call: rest.Call) -> dict[str, Any]:
        """List the groups of users that may see a folder."""
        folder = self._folders.require(call.caller.user, call.path["folder"])
        groups = self._store.all("SELECT * FROM folder_groups WHERE folder = ? ORDER BY rowid", (folder["uuid"],))
        return page(
            [
                {
                    "groupHash": group["group_hash"],
                    "name": f"group {group['group_hash'][:8]}",
                    "description": "",
                    "createdAt": moments.v2(folder["created_at"]),
                    "isSameOrganisation": True,
                    "userRole": group["role"],
                }
                for group in groups
            ]
        )

    @rest.answers("add_folder_groups", "POST", "storage/folders/{folder}/groups")
    def answer_add_groups(self, call: rest.Call) -> None:
        """Let groups of users see a folder."""
        folder, given = self._folders.require(call.caller.user, call.path["folder"])["uuid"], call.json()
        role = given.get("userRole")
        if role not in ("user", "admin"):
            raise Unprocessable("body", "userRole", "value is none of: user, admin")
        with self._store.transaction():
            self._store.run_many(
                "INSERT OR REPLACE INTO folder_groups VALUES (?, ?, ?)",
                [(folder, group, role) for group in rest.as_uuids(given, "groupHashList")],
            )

    @rest.answers("remove_folder_groups", "DELETE", "storage/folders/{folder}/groups")
    def answer_remove_groups(self, call: rest.Call) -> None:
        """Let groups of users see a folder no longer."""
        folder = self._folders.require(call.caller.user, call.path["folder"])["uuid"]
        groups = rest.checked_uuids(call.query.getall("groupHashList", []), "groupHashList")
        self._store.run_many(
            "DELETE FROM folder_groups WHERE folder = ? AND group_hash = ?", [(folder, group) for group in groups]
        )
