"""What goes when an item goes: its rows, the frames that nothing else shows, the bytes that Encord holds."""

from collections.abc import Iterable
from pathlib import Path

from airflow_provider_encord.emulator.resources.storage import Storage
from airflow_provider_encord.emulator.store import Store


class Removal:
    """Removes items. To be used within a transaction; the caller unlinks the files once that is committed."""

    def __init__(self, store: Store, storage: Storage) -> None:
        self._store = store
        self._storage = storage

    def remove(self, items: Iterable[str], *, frames: bool = True) -> tuple[int, list[Path]]:
        """Remove items and return how many those were, and the files that are of no more use.

        :param frames: remove frames that no other group shows, too
        """
        count, paths = 0, list[Path]()
        for item in items:
            found = self._store.one("DELETE FROM items WHERE uuid = ? RETURNING url, storage_location", (item,))
            if found is None:
                continue
            count += 1
            files = self._store.all("DELETE FROM files WHERE item = ? RETURNING uuid, url", (item,))
            self._store.run("DELETE FROM rows WHERE item = ?", (item,))
            urls = {file["url"] for file in files if file["uuid"] == item}
            if found["url"] is not None and found["storage_location"] == 0:
                urls.add(found["url"])
            paths += self._storage.forget([url for url in urls if not self._is_used(url)])
            if frames:
                unused = [file["uuid"] for file in files if file["uuid"] != item and self._is_idle_frame(file["uuid"])]
                more, left = self.remove(unused)
                count, paths = count + more, paths + left
        return count, paths

    def _is_used(self, url: str) -> bool:
        return self._store.one("SELECT 1 FROM files WHERE url = ?", (url,)) is not None

    def _is_idle_frame(self, item: str) -> bool:
        return self._store.one(
            "SELECT 1 FROM items WHERE uuid = ? AND frame AND NOT EXISTS (SELECT 1 FROM files WHERE files.uuid = ?)"
            " AND NOT EXISTS (SELECT 1 FROM rows WHERE rows.item = ?)",
            (item, item, item),
        ) is not None  # fmt: skip
