"""What a data unit becomes: its files looked at, as far as they can be."""

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from secrets import choice
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow_provider_encord.emulator import media
from airflow_provider_encord.emulator.bucket import Bucket, Unreadable
from airflow_provider_encord.emulator.media import Facts, NotThisMedia
from airflow_provider_encord.emulator.resources.storage import Storage, StoredObject
from airflow_provider_encord.emulator.store import Store
from airflow_provider_encord.emulator.units import COMPOSED, File, Unit

PROBED_FILES = 50
PROBED_BYTES = 64 << 20
"""Private files are fetched and probed only in jobs of so few, and only when so small."""

_METADATA = {
    **dict.fromkeys(("width", "height", "fps", "duration", "fileSize", "file_size"), int | float),
    **dict.fromkeys(("mimeType", "mime_type"), str),
}
_SPACE = re.compile(r"\s")


class UnitError(Exception):
    """A unit that cannot be added, and why."""


@dataclass(slots=True)
class NewFile:
    """A file of an item to be made."""

    url: str
    title: str
    facts: Facts
    uuid: str | None = None
    """The item that stands for the file, if it has one already or was promised one with its upload URL."""


@dataclass(slots=True)
class NewItem:
    """An item to be made."""

    data_type: str
    title: str
    url: str | None
    files: list[NewFile]
    facts: Facts
    storage_location: int
    client_metadata: Mapping[str, Any]
    optimised: bool | None = None
    uuid: str | None = None
    """The item that was promised with the upload URL."""
    placeholder: bool = False
    """Whether the job asks by name for that item, or for those of all its files."""
    settings: Mapping[str, Any] | None = None

    @property
    def identity(self) -> str:
        """What makes it a duplicate of another: the same file, or the same files in the same order."""
        if self.url is not None:
            return self.url
        return sha256("\n".join(file.url for file in self.files).encode("utf-8", "replace")).hexdigest()


class Inspector:
    """Looks at the units of one job.

    :param storage: where uploaded files are
    :param bucket: where private files can be read, if they can
    :param user: whose uploads count
    :param folder: where the units are to go
    :param storage_location: 0 for uploads, else the number of the cloud provider
    :param probing: whether private files may be read
    :param refilling: whether a placeholder that was filled before is as good as one that is filled now
    """

    def __init__(
        self,
        store: Store,
        storage: Storage,
        bucket: Bucket | None,
        user: str,
        folder: str,
        storage_location: int,
        probing: bool,
        refilling: bool,
    ) -> None:
        self._store = store
        self._storage = storage
        self._bucket = bucket
        self._user = user
        self._folder = folder
        self._refilling = refilling
        self._storage_location = storage_location
        self._probing = probing

    @property
    def slow(self) -> bool:
        """Whether looking at a unit takes longer than a moment."""
        return self._storage_location == 0 or self._bucket is not None

    def inspect(self, unit: Unit) -> list[NewItem]:
        """Return the items a unit becomes.

        :raises UnitError: if it cannot be added
        """
        if unit.composite:
            return list(self._composite(unit))
        file = unit.files[0]
        title = unit.title or default_title(file.url)
        uploaded = self._uploaded(file)
        url = uploaded.key if uploaded else file.url
        facts = self._look(unit.kind.data_type, file, title)
        return [
            NewItem(
                unit.kind.data_type,
                title,
                url,
                [NewFile(url, title, facts)] if uploaded else [],
                facts,
                0 if uploaded else self._storage_location,
                unit.client_metadata,
                uuid=uploaded.uuid if uploaded else None,
                placeholder=file.placeholder is not None,
                settings=unit.settings,
            )
        ]

    def _composite(self, unit: Unit) -> Iterator[NewItem]:
        group = unit.kind.data_type == "IMG_GROUP"
        if unit.from_items:
            files, location = self._existing(unit)
        else:
            location = self._storage_location
            kind = "IMAGE" if group else unit.kind.data_type
            files = [self._file(kind, file) for file in unit.files]
        parts = _by_size(files) if unit.split else [files]
        title = unit.title or f"{'image-group' if group else 'dicom-series'}-{_invented()}"
        for number, part in enumerate(parts, start=1):
            first = part[0].facts
            sizes = [file.facts.file_size for file in part]
            yield NewItem(
                unit.kind.data_type,
                title if len(parts) == 1 else f"{title}-{number}",
                None,
                part,
                Facts(
                    width=first.width if unit.sequence else None,
                    height=first.height if unit.sequence else None,
                    file_size=None if None in sizes else sum(size or 0 for size in sizes),
                    file_type=first.file_type,
                ),
                location,
                unit.client_metadata,
                optimised=unit.sequence if group else None,
                placeholder=all(file.placeholder for file in unit.files),
            )

    def _file(self, data_type: str, file: File) -> NewFile:
        title = file.title or _name(file.url)
        facts = self._look(data_type, file, title)
        uploaded = self._uploaded(file)
        return NewFile(uploaded.key, title, facts, uploaded.uuid) if uploaded else NewFile(file.url, title, facts)

    def _uploaded(self, file: File) -> StoredObject | None:
        """Return what was uploaded for a file, None for private data."""
        if file.placeholder is None:
            return self._storage.find(self._user, file.url) if self._storage_location == 0 else None
        uploaded = self._storage.find_item(self._user, file.placeholder)
        if uploaded is None or uploaded.folder != self._folder:
            raise UnitError(f"{file.placeholder}: nothing has been uploaded for this placeholder in this folder")
        if not self._refilling and self._store.one(
            "SELECT 1 FROM items WHERE uuid = ? AND NOT placeholder", (file.placeholder,)
        ):
            raise UnitError(f"{file.placeholder}: this placeholder was filled before")
        return uploaded

    def _look(self, data_type: str, file: File, title: str) -> Facts:
        try:
            if self._storage_location == 0 or file.placeholder:
                return self._look_at_upload(data_type, file)
            return self._look_at_private(data_type, file)
        except (NotThisMedia, Unreadable) as error:
            raise UnitError(f"{file.url if self._storage_location else title}: {error}") from error

    def _look_at_upload(self, data_type: str, file: File) -> Facts:
        if data_type == "SCENE" and file.url.startswith(COMPOSED):
            return Facts()
        uploaded = self._uploaded(file)
        if uploaded is None:
            raise UnitError(f"{file.url}: nothing has been uploaded under this key")
        return media.probe(data_type, uploaded.path)

    def _look_at_private(self, data_type: str, file: File) -> Facts:
        if file.url.startswith(COMPOSED):
            return Facts()
        if _SPACE.search(file.url):
            raise UnitError(f"{file.url}: the URL contains white space")
        for name, value in file.metadata.items():
            if value is not None and not isinstance(value, _METADATA.get(name, object)):
                raise UnitError(f"{file.url}: {name} in the metadata has the wrong type")
        guess = media.guess_type(file.url)
        if self._bucket is None or (file.metadata and not self._probing):
            return media.stated(file.metadata, None, guess)
        size, kind = self._bucket.look(file.url)
        if file.metadata or not self._probing or size > PROBED_BYTES:
            return media.stated(file.metadata, size, kind or guess)
        with self._bucket.fetched(file.url) as copy:
            return media.probe(data_type, copy)

    def _existing(self, unit: Unit) -> tuple[list[NewFile], int]:
        files, location = [], 0
        for file in unit.files:
            item = self._store.one(
                "SELECT * FROM items WHERE uuid = ? AND owner = ? AND data_type = 'IMAGE' AND NOT placeholder",
                (file.url, self._user),
            )
            if item is None:
                raise UnitError(f"{file.url}: there is no image with this id")
            location = item["storage_location"]
            facts = Facts(item["width"], item["height"], file_size=item["file_size"], file_type=item["file_type"])
            files.append(NewFile(item["url"], item["title"], facts, item["uuid"]))
        return files, location


def _by_size(files: list[NewFile]) -> list[list[NewFile]]:
    groups: dict[tuple[int | None, int | None], list[NewFile]] = {}
    for file in files:
        groups.setdefault((file.facts.width, file.facts.height), []).append(file)
    return list(groups.values())


def default_title(url: str) -> str:
    """Title of private data without one: the path part of its URL, as Encord's documentation says."""
    if url.startswith("user-uploads/"):
        return _name(url)
    return unquote(urlsplit(url).path).lstrip("/") or url


def _name(url: str) -> str:
    return unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2] or url


def _invented() -> str:
    return "".join(choice(string.ascii_lowercase) for _ in range(5))
