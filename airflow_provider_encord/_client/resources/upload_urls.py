"""Signed URLs that files are put to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ErrorKind
from airflow_provider_encord._client.fields import Fields, Model, Unreadable, is_id, read_list
from airflow_provider_encord._client.parameters import checked_uuid
from airflow_provider_encord._client.upload_target import problem_with_target

MAX_PRESIGNED_URLS = 200


@dataclass(frozen=True)
class PresignedUrl(Model):
    """Where one file may be put. The URL is a credential and never shown."""

    item_uuid: str | None
    object_key: str
    signed_url: str = field(repr=False)
    upload_headers: Mapping[str, str] = field(repr=False)


def get_presigned_urls(count: int, upload_item_type: str) -> Call[tuple[PresignedUrl, ...]]:
    """Get URLs that files can be put to: ``video``, ``image`` or ``dicomFile``; 200 at most."""
    return Call(
        operation="get signed upload URLs",
        method="GET",
        path="presigned-urls",
        query=(("count", count), ("uploadItemType", upload_item_type)),
        read=partial(_read_presigned_urls, count),
        repeatable=True,
        vet=_problem_with_targets,
    )


def get_folder_upload_urls(
    folder_uuid: str | UUID, count: int, item_type: str, *, frames_subfolder_name: str | None = None
) -> Call[tuple[PresignedUrl, ...]]:
    """Get URLs that files of a storage folder can be put to; the folder holds a placeholder for each from then on.

    :param item_type: ``video``, ``image``, ``dicomFile``, ``audio``, ``nifti``, ``plainText``, ``pdf`` or
        ``timeseries``.
    """
    folder = checked_uuid(folder_uuid, "folder_uuid")
    body: dict[str, Any] = {"itemType": item_type, "count": count}
    if frames_subfolder_name is not None:
        body["framesSubfolderName"] = frames_subfolder_name

    def read(value: Any) -> tuple[PresignedUrl, ...]:
        urls = _read_presigned_urls(count, value)
        if not all(is_id(url.item_uuid or "") for url in urls):
            raise Unreadable("a signed URL comes without the id of its item")
        return urls

    return Call(
        operation=f"get signed upload URLs of folder {folder}",
        method="POST",
        path=f"storage/folders/{folder}/upload-signed-urls",
        body=body,
        read=read,
        repeatable=True,  # placeholders that nothing is put to do no harm
        vet=_problem_with_targets,
    )


# What `get_presigned_urls` asks for, in the form that dataset API keys may use.
_SIGNED_URL_QUERIES = {"video": "signedvideourl", "image": "signedimagesurl", "dicomFile": "signeddicomsurl"}


def get_signed_url(file_name: str, upload_item_type: str) -> Call[tuple[PresignedUrl, ...]]:
    """Get the URL that one file can be put to, as Encord's client 0.1.145 did; dataset API keys need this form."""
    single = upload_item_type == "video"

    def read(value: Any) -> tuple[PresignedUrl, ...]:
        urls = (value,) if single else read_list(value, lambda each: each, "the answer")
        return tuple(read_signed_url(each) for each in urls)

    return Call(
        operation="get signed upload URL",
        method="GET",
        query_type=_SIGNED_URL_QUERIES[upload_item_type],
        uid=file_name if single else [file_name],
        read=read,
        repeatable=True,
        vet=_problem_with_targets,
        empty=ErrorKind.NOT_FOUND,
    )


def _read_presigned_urls(count: int, value: Any) -> tuple[PresignedUrl, ...]:
    urls = Fields(value, "the answer").all("results", read_presigned_url)
    if len(urls) != count:
        raise Unreadable(f"{count} signed URLs were asked for and {len(urls)} came")
    return urls


def read_presigned_url(value: Any) -> PresignedUrl:
    """Read one signed upload URL."""
    fields = Fields(value, "a signed URL")
    headers = fields.mapping("upload_headers") or {}
    return PresignedUrl(
        item_uuid=fields.optional_text("item_uuid"),
        object_key=fields.object_key("object_key"),
        signed_url=fields.text("signed_url"),
        upload_headers={str(name): str(value) for name, value in headers.items()},
    )


def read_signed_url(value: Any) -> PresignedUrl:
    """Read one signed upload URL of the older form."""
    fields = Fields(value, "a signed URL")
    return PresignedUrl(None, fields.object_key("file_link"), fields.text("signed_url"), {})


def _problem_with_targets(urls: Sequence[PresignedUrl], domain: str) -> str | None:
    problems = (problem_with_target(url.signed_url, url.upload_headers, domain) for url in urls)
    return next((problem for problem in problems if problem), None)
