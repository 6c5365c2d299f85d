"""Cloud integrations: list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ErrorKind
from airflow_provider_encord._client.fields import Fields, Model, read_list
from airflow_provider_encord._client.parameters import checked_uuid


@dataclass(frozen=True)
class CloudIntegration(Model):
    """A private cloud that Encord may read, by id and title."""

    id: str
    title: str


def get_cloud_integrations(
    *,
    filter_integration_uuids: Sequence[str | UUID] | None = None,
    filter_integration_titles: Sequence[str] | None = None,
    include_org_access: bool = False,
) -> Call[tuple[CloudIntegration, ...]]:
    """List cloud integrations; both filters together narrow."""
    uuids = (
        None
        if filter_integration_uuids is None
        else [checked_uuid(each, "filter_integration_uuids") for each in filter_integration_uuids]
    )
    titles = None if filter_integration_titles is None else list(filter_integration_titles)
    return Call(
        operation="list cloud integrations",
        method="GET",
        path="cloud-integrations",
        query=(
            ("filterIntegrationUuids", uuids),
            ("filterIntegrationTitles", titles),
            ("includeOrgAccess", include_org_access),
        ),
        read=lambda value: Fields(value, "the answer").all("result", read_cloud_integration),
        repeatable=True,
    )


def get_cloud_integrations_of_key() -> Call[tuple[CloudIntegration, ...]]:
    """List cloud integrations, as Encord's client 0.1.145 did; dataset API keys need this form."""
    return Call(
        operation="list cloud integrations",
        method="GET",
        query_type="cloudintegration",
        read=lambda value: read_list(value, read_cloud_integration, "the answer"),
        repeatable=True,
        empty=ErrorKind.NOT_FOUND,
        empty_list_is_fine=True,
    )


def read_cloud_integration(value: Any) -> CloudIntegration:
    """Read one cloud integration, of either generation of the API."""
    fields = Fields(value, "a cloud integration")
    return CloudIntegration(id=fields.id("integration_uuid", "id"), title=fields.optional_text("title") or "")
