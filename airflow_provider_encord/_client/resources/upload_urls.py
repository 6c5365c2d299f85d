"""Signed URLs that files are put to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ErrorKind
from airflow_provider_encord._client.fields import Fields, Model, Unreadable, read_list
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

    def read(value: Any) -> tuple[PresignedUrl, ...]:
        urls = Fields(value, "the answer").all("results", read_presigned_url)
        if len(urls) != count:
            raise Unreadable(f"{count} signed URLs were asked for and {len(urls)} came")
        return urls

    return Call(
        operation="get signed upload URLs",
        method="GET",
        path="presigned-urls",
        query=(("count", count), ("uploadItemType", upload_item_type)),
        read=read,
        repeatable=True,
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
