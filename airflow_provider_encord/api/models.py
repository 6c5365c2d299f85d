"""What Encord answers, as typed values. Unknown fields and unknown enum values are tolerated."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, TypeVar

from airflow_provider_encord.api.redact import printable, without_credentials

T = TypeVar("T")


class Unreadable(ValueError):
    """A part of an answer is missing or of the wrong kind."""


class StorageLocation(IntEnum):
    """Where the files of a dataset live; numbers as on the wire."""

    CORD_STORAGE = 0
    AWS = 1
    GCP = 2
    AZURE = 3
    S3_COMPATIBLE = 4
    UNKNOWN = -99

    @classmethod
    def parse(cls, value: Any) -> StorageLocation:
        """Read a number, its text, or the legacy name such as ``AWS_S3``; anything else is UNKNOWN."""
        if isinstance(value, str):
            if value.upper() in _STORAGE_NAMES:
                return _STORAGE_NAMES[value.upper()]
            value = int(value) if re.fullmatch("-?[0-9]{1,4}", value) else None
        return cls(value) if isinstance(value, int) and value in cls._value2member_map_ else cls.UNKNOWN


_STORAGE_NAMES = {
    "CORD_STORAGE": StorageLocation.CORD_STORAGE,
    "ENCORD": StorageLocation.CORD_STORAGE,
    "AWS": StorageLocation.AWS,
    "AWS_S3": StorageLocation.AWS,
    "GCP": StorageLocation.GCP,
    "GCP_STR": StorageLocation.GCP,
    "AZURE": StorageLocation.AZURE,
    "AZURE_STR": StorageLocation.AZURE,
    "S3_COMPATIBLE": StorageLocation.S3_COMPATIBLE,
    "S3_COMPATIBLE_STR": StorageLocation.S3_COMPATIBLE,
    "OTC": StorageLocation.S3_COMPATIBLE,
}


@dataclass(frozen=True)
class CreatedDataset:
    """A dataset just made; ``backing_folder_uuid`` is None without a mirror folder."""

    dataset_hash: str
    backing_folder_uuid: str | None
    title: str
    storage_location: StorageLocation


@dataclass(frozen=True)
class DatasetInfo:
    """One dataset of a listing; ``user_role`` is ``admin``, ``user`` or None."""

    dataset_hash: str
    title: str
    description: str
    created_at: datetime | None
    last_edited_at: datetime | None
    user_role: str | None
    storage_location: StorageLocation
    backing_folder_uuid: str | None


@dataclass(frozen=True)
class DataRow:
    """One unit of data in a dataset: a video, image, group or series. ``file_size`` is in bytes."""

    data_hash: str
    data_title: str
    data_type: str
    created_at: datetime | None
    last_edited_at: datetime | None
    width: int | None
    height: int | None
    file_link: str | None
    file_size: float | None
    file_type: str | None
    storage_location: StorageLocation
    frames_per_second: float | None
    duration: float | None
    client_metadata: Mapping[str, Any] | None
    signed_url: str | None = field(repr=False)
    images_data: Sequence[Mapping[str, Any]] | None = field(repr=False)
    is_optimised_image_group: bool | None
    backing_item_uuid: str | None


@dataclass(frozen=True)
class Dataset:
    """A dataset with its rows; ``data_rows`` is empty when they were not asked for.

    ``has_mirror_folder`` is None when the server does not tell.
    """

    dataset_hash: str
    title: str
    description: str
    storage_location: StorageLocation
    backing_folder_uuid: str | None
    has_mirror_folder: bool | None
    data_rows: tuple[DataRow, ...] = field(repr=False)


@dataclass(frozen=True)
class CloudIntegration:
    """A private cloud that Encord may read, by id and title."""

    id: str
    title: str


@dataclass(frozen=True)
class PresignedUrl:
    """Where one file may be put. The URL is a credential and never shown."""

    item_uuid: str | None
    object_key: str
    signed_url: str = field(repr=False)
    upload_headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class UploadedItem:
    """A unit of data that a registration job added."""

    data_hash: str
    title: str
    backing_item_uuid: str | None = None


@dataclass(frozen=True)
class UnitError:
    """A unit that a registration job could not add."""

    object_urls: tuple[str, ...]
    error: str
    subtask_uuid: str | None = None
    action_description: str | None = None


@dataclass(frozen=True)
class UploadJob:
    """A registration job as it stands. ``status`` is Encord's text; see :mod:`.jobs` for its meaning."""

    status: str
    items: tuple[UploadedItem, ...] = field(default=(), repr=False)
    errors: tuple[str, ...] = field(default=(), repr=False)
    unit_errors: tuple[UnitError, ...] = field(default=(), repr=False)
    pending: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0


@dataclass(frozen=True)
class ReEncodedVideo:
    """A video that was re-encoded; ``signed_url`` only if it lies in Encord's storage, and never shown."""

    data_hash: str
    bucket_path: str | None
    signed_url: str | None = field(repr=False)


@dataclass(frozen=True)
class ReEncodeTask:
    """A re-encode task as it stands; ``videos`` is empty until it is done."""

    status: str
    videos: tuple[ReEncodedVideo, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class ApiKey:
    """A dataset API key. The key itself is a secret and never shown."""

    dataset_hash: str
    api_key: str = field(repr=False)
    title: str
    key_hash: str
    scopes: tuple[str, ...]


class Fields:
    """Careful access to one object of an answer, by snake_case names; camelCase fields are found too."""

    def __init__(self, value: Any, what: str) -> None:
        if not isinstance(value, Mapping):
            raise Unreadable(f"{what} should be an object, not {_kind(value)}")
        self._fields = value
        self._what = what

    def get(self, name: str) -> Any:
        """Return a field, or None."""
        value = self._fields.get(name)
        return self._fields.get(_camel(name)) if value is None else value

    def has(self, name: str) -> bool:
        """Whether the field is there, null or not."""
        return name in self._fields or _camel(name) in self._fields

    def text(self, *names: str) -> str:
        """Return the first of these fields that is a text with something in it."""
        for name in names:
            value = self.get(name)
            if isinstance(value, str) and value:
                return printable(value)
        raise Unreadable(f"{self._what} has no {names[0]!r}")

    def optional_text(self, name: str) -> str | None:
        """Return a text field, or None."""
        value = self.get(name)
        return printable(value) if isinstance(value, str) else None

    def number(self, name: str) -> float | None:
        """Return a number field, or None."""
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return value if abs(value) <= sys.float_info.max else None

    def count(self, name: str) -> int:
        """Return a counting field; 0 if it is missing."""
        return max(0, int(self.number(name) or 0))

    def moment(self, name: str) -> datetime | None:
        """Return a point in time; one without zone is UTC."""
        value = self.get(name)
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            return None
        return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)

    def mapping(self, name: str) -> Mapping[str, Any] | None:
        """Return an object field, or None."""
        value = self.get(name)
        return value if isinstance(value, Mapping) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts; items of other kinds as their text."""
        value = self.get(name)
        return tuple(printable(str(item)) for item in value) if isinstance(value, list) else ()

    def each(self, name: str, make: Callable[[Any], T]) -> tuple[T, ...]:
        """Return a list field with each item read; a missing list is empty."""
        value = self.get(name)
        return () if value is None else read_list(value, make, f"{name!r} of {self._what}")


def read_list(value: Any, make: Callable[[Any], T], what: str) -> tuple[T, ...]:
    """Read each item of a list."""
    if not isinstance(value, list):
        raise Unreadable(f"{what} should be a list, not {_kind(value)}")
    return tuple(make(item) for item in value)


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def _camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda match: match.group(1).upper(), name)


def read_dataset_info(value: Any) -> DatasetInfo:
    """Read one dataset of a v2 listing."""
    fields = Fields(value, "a dataset")
    location = fields.get("storage_location")
    return DatasetInfo(
        dataset_hash=fields.text("dataset_uuid", "dataset_hash"),
        title=fields.optional_text("title") or "",
        description=fields.optional_text("description") or "",
        created_at=fields.moment("created_at"),
        last_edited_at=fields.moment("last_edited_at"),
        user_role=fields.optional_text("user_role"),
        storage_location=StorageLocation.CORD_STORAGE if location is None else StorageLocation.parse(location),
        backing_folder_uuid=fields.optional_text("backing_folder_uuid"),
    )


def read_dataset(value: Any) -> Dataset:
    """Read one dataset with its rows."""
    fields = Fields(value, "the dataset")
    folder = fields.optional_text("backing_folder_uuid")
    return Dataset(
        dataset_hash=fields.text("dataset_hash"),
        title=fields.optional_text("title") or "",
        description=fields.optional_text("description") or "",
        storage_location=StorageLocation.parse(fields.get("dataset_type")),
        backing_folder_uuid=folder,
        has_mirror_folder=folder is not None if fields.has("backing_folder_uuid") else None,
        data_rows=fields.each("data_rows", read_data_row),
    )


def read_data_row(value: Any) -> DataRow:
    """Read one data row."""
    fields = Fields(value, "a data row")
    width, height, images = fields.number("width"), fields.number("height"), fields.get("images_data")
    optimised = fields.get("is_optimised_image_group")
    return DataRow(
        data_hash=fields.text("data_hash"),
        data_title=fields.optional_text("data_title") or "",
        data_type=fields.optional_text("data_type") or "",
        created_at=fields.moment("created_at"),
        last_edited_at=fields.moment("last_edited_at"),
        width=None if width is None else int(width),
        height=None if height is None else int(height),
        file_link=fields.optional_text("file_link"),
        file_size=fields.number("file_size"),
        file_type=fields.optional_text("file_type"),
        storage_location=StorageLocation.parse(fields.get("storage_location")),
        frames_per_second=fields.number("frames_per_second"),
        duration=fields.number("duration"),
        client_metadata=fields.mapping("client_metadata"),
        signed_url=fields.optional_text("signed_url"),
        images_data=images if isinstance(images, list) else None,
        is_optimised_image_group=optimised if isinstance(optimised, bool) else None,
        backing_item_uuid=fields.optional_text("backing_item_uuid"),
    )


def read_cloud_integration(value: Any) -> CloudIntegration:
    """Read one cloud integration, of either generation of the API."""
    fields = Fields(value, "a cloud integration")
    return CloudIntegration(id=fields.text("integration_uuid", "id"), title=fields.optional_text("title") or "")


def read_presigned_url(value: Any) -> PresignedUrl:
    """Read one signed upload URL."""
    fields = Fields(value, "a signed URL")
    headers = fields.mapping("upload_headers") or {}
    return PresignedUrl(
        item_uuid=fields.optional_text("item_uuid"),
        object_key=fields.text("object_key"),
        signed_url=fields.text("signed_url"),
        upload_headers={str(name): str(value) for name, value in headers.items()},
    )


def read_signed_url(value: Any) -> PresignedUrl:
    """Read one signed upload URL of the older form."""
    fields = Fields(value, "a signed URL")
    return PresignedUrl(None, fields.text("file_link"), fields.text("signed_url"), {})


def read_upload_job(value: Any) -> UploadJob:
    """Read a registration job; older servers may leave fields out."""
    fields = Fields(value, "the job")
    return UploadJob(
        status=fields.text("status"),
        items=fields.each("data_hashes_with_titles", _read_uploaded_item),
        errors=tuple(map(without_credentials, fields.texts("errors"))),
        unit_errors=fields.each("data_unit_errors", _read_unit_error),
        pending=fields.count("units_pending_count"),
        done=fields.count("units_done_count"),
        failed=fields.count("units_error_count"),
        cancelled=fields.count("units_cancelled_count"),
    )


def _read_uploaded_item(value: Any) -> UploadedItem:
    fields = Fields(value, "an added item")
    return UploadedItem(
        fields.text("data_hash"), fields.optional_text("title") or "", fields.optional_text("backing_item_uuid")
    )


def _read_unit_error(value: Any) -> UnitError:
    fields = Fields(value, "an item error")
    return UnitError(
        tuple(map(without_credentials, fields.texts("object_urls"))),
        without_credentials(fields.optional_text("error") or ""),
        fields.optional_text("subtask_uuid"),
        fields.optional_text("action_description"),
    )


def read_re_encode_task(value: Any) -> ReEncodeTask:
    """Read a re-encode task."""
    fields = Fields(value, "the re-encode task")
    return ReEncodeTask(fields.text("status"), fields.each("result", _read_re_encoded_video))


def _read_re_encoded_video(value: Any) -> ReEncodedVideo:
    fields = Fields(value, "a re-encoded video")
    return ReEncodedVideo(
        fields.text("data_hash"), fields.optional_text("bucket_path"), fields.optional_text("signed_url")
    )


def read_api_key(value: Any) -> ApiKey:
    """Read a dataset API key; its scopes come as a list or as that list in JSON text."""
    fields = Fields(value, "an API key")
    scopes = fields.get("scopes")
    if isinstance(scopes, str):
        try:
            scopes = json.loads(scopes)
        except (ValueError, RecursionError):
            scopes = [scopes]
    return ApiKey(
        dataset_hash=fields.text("resource_hash", "dataset_hash"),
        api_key=fields.text("api_key"),
        title=fields.optional_text("title") or "",
        key_hash=fields.optional_text("key_hash") or "",
        scopes=tuple(str(scope) for scope in scopes) if isinstance(scopes, list) else (),
    )
