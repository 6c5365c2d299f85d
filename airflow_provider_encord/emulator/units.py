"""The data units of a registration job, from either form a client may send them in."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_encord.emulator.errors import Reason, Refusal
from airflow_provider_encord.emulator.uuids import is_uuid

MAX_UNITS = 500_000
MAX_URLS = 1_000_000
MAX_URL_BYTES = 16_384
"""Encord's documented limits of one registration."""


@dataclass(frozen=True)
class Kind:
    """One kind of data: its name in rows, and where a unit of it keeps its files and metadata."""

    data_type: str
    metadata: str = ""
    files: str = ""


_KINDS = {
    "videos": Kind("VIDEO", metadata="videoMetadata"),
    "images": Kind("IMAGE", metadata="imageMetadata"),
    "imageGroups": Kind("IMG_GROUP", files="images"),
    "imageGroupsFromItems": Kind("IMG_GROUP", files="imageItems"),
    "dicomSeries": Kind("DICOM", files="dicomFiles"),
    "audio": Kind("AUDIO", metadata="audioMetadata"),
    "text": Kind("PLAIN_TEXT", metadata="textMetadata"),
    "pdf": Kind("PDF", metadata="pdfMetadata"),
    "nifti": Kind("NIFTI"),
    "timeSeries": Kind("TIME_SERIES"),
    "scenes": Kind("SCENE"),
}
_SPELLINGS = {"image_groups": "imageGroups", "dicom_series": "dicomSeries", "time_series": "timeSeries", "pdfs": "pdf"}
_FLAGS = {"skipDuplicateUrls", "skip_duplicate_urls", "upsertMetadata", "upsert_metadata"}
COMPOSED = "scene:"
"""What the URL of a scene begins with that is made of several assets and has none of its own."""

_NUMBERED_URL = re.compile(r"objectUrl_(\d+)")


@dataclass(slots=True)
class File:
    """One file of a unit, or one existing storage item."""

    url: str
    title: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    placeholder: str | None = None
    """The item that was announced with the upload URL; it tells what was uploaded, whatever the URL says."""


@dataclass(slots=True)
class Unit:
    """One thing to add: a video, an image, a group, a series..."""

    kind: Kind
    title: str | None
    files: list[File]
    client_metadata: Mapping[str, Any]
    sequence: bool = False
    """An image sequence: its images become one video."""
    split: bool = False
    """Make one unit for each size the images have."""
    from_items: bool = False
    settings: Mapping[str, Any] | None = None
    """How a time series is to be shown."""

    @property
    def urls(self) -> list[str]:
        """All the unit's URLs."""
        return [file.url for file in self.files]

    @property
    def composite(self) -> bool:
        """Whether it may have several files."""
        return bool(self.kind.files)


@dataclass
class Manifest:
    """What a job is to add."""

    units: list[Unit]
    private: bool
    skip_duplicates: bool
    upsert_metadata: bool
    integration: str | None = None


def read(payload: Mapping[str, Any]) -> Manifest:
    """Read the payload of a job's start and refuse at once what can be refused at once."""
    private = payload.get("integrationId") is not None
    given = [name for name in ("dataItems", "files") if payload.get(name) is not None]
    if len(given) != 1:
        raise _refused("either dataItems or files is needed")
    source = payload[given[0]]
    if not isinstance(source, dict):
        raise _refused(f"{given[0]} is not an object")
    if given == ["files"] and not private:
        raise _refused("private data needs an integrationId")
    units = list(_units(source, needs_title=private))
    if not units:
        raise _refused("there is nothing to add")
    if len(units) > MAX_UNITS:
        raise _refused(f"{len(units)} items; the limit is {MAX_UNITS}")
    if sum(len(unit.files) for unit in units) > MAX_URLS:
        raise _refused(f"too many URLs; the limit is {MAX_URLS}")
    skip, upsert = (any(source.get(name) is True for name in _FLAGS if name.startswith(s)) for s in ("skip", "upsert"))
    return Manifest(units, private, skip, upsert, str(payload["integrationId"]).lower() if private else None)


def _units(source: Mapping[str, Any], needs_title: bool) -> Iterator[Unit]:
    for name, entries in source.items():
        if name in _FLAGS:
            continue
        kind = _KINDS.get(_SPELLINGS.get(name, name))
        if kind is None:
            raise _refused(f"{name!r} is no kind of data")
        if entries is None:
            continue
        if not isinstance(entries, list):
            raise _refused(f"{name} is not a list")
        for position, entry in enumerate(entries):
            where = f"{name}[{position}]"
            if not isinstance(entry, dict):
                raise _refused(f"{where} is not an object")
            unit = _unit(kind, entry, where)
            if needs_title and unit.composite and not unit.title:
                raise _refused(f"{where} needs a title")
            yield unit


def _unit(kind: Kind, entry: Mapping[str, Any], where: str) -> Unit:
    title = entry.get("title")
    client_metadata = entry.get("clientMetadata") or {}
    if not (title is None or isinstance(title, str)) or not isinstance(client_metadata, dict):
        raise _refused(f"{where}: title must be text and clientMetadata an object")
    files = list(_files(kind, entry, where))
    if not files:
        raise _refused(f"{where} names no files")
    for file in files:
        if not isinstance(file.url, str) or not file.url or len(file.url.encode("utf-8", "replace")) > MAX_URL_BYTES:
            raise _refused(f"{where}: a URL is missing or longer than {MAX_URL_BYTES} bytes")
    sequence = entry.get("createVideo") is True
    return Unit(
        kind,
        title or None,
        files,
        client_metadata,
        sequence=sequence,
        # Clients up to 0.1.197 could ask for a sequence that is not split; newer ones have no word for it.
        split=sequence and entry.get("clusterByResolution") is not False,
        from_items=kind.files == "imageItems",
        settings=_object(entry.get("settings")) or None,
    )


def _files(kind: Kind, entry: Mapping[str, Any], where: str) -> Iterator[File]:
    if kind.data_type == "SCENE":
        if not entry.get("title"):
            raise _refused(f"{where} needs a title")
        url = _object(entry.get("scene")).get("url", f"{COMPOSED}{entry['title']}")
        yield File(url, placeholder=_placeholder(entry, where))
    elif not kind.files:
        metadata = _object(entry.get(kind.metadata))
        yield File(entry.get("objectUrl", ""), None, metadata, _placeholder(entry, where))
    elif isinstance(entry.get(kind.files), list):
        for part in entry[kind.files]:
            if isinstance(part, dict):
                metadata = _object(part.get("imageMetadata"))
                yield File(part.get("url", ""), part.get("title"), metadata, _placeholder(part, where))
            elif kind.files == "imageItems" and is_uuid(part):
                yield File(part.lower())
            else:
                raise _refused(f"{where}: {part!r} is not a file")
    else:
        numbered = {int(match[1]): entry[match[0]] for match in map(_NUMBERED_URL.fullmatch, entry) if match}
        for number in sorted(numbered):
            yield File(numbered[number])


def _placeholder(entry: Mapping[str, Any], where: str) -> str | None:
    placeholder = entry.get("placeholderItemUuid")
    if placeholder is not None and not is_uuid(placeholder):
        raise _refused(f"{where}: placeholderItemUuid is not a UUID")
    return None if placeholder is None else str(placeholder).lower()


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _refused(text: str) -> Refusal:
    return Refusal(Reason.INVALID_ARGUMENTS, text)
