"""API keys of datasets: what one is for, make, list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ErrorKind
from airflow_provider_encord._client.fields import Fields, Model, read_list


@dataclass(frozen=True)
class ApiKey(Model):
    """A dataset API key. The key itself is a secret and never shown."""

    dataset_hash: str
    api_key: str = field(repr=False)
    title: str
    key_hash: str
    scopes: tuple[str, ...]


def get_api_key_meta() -> Call[str]:
    """Get what kind of resource an API key is for: ``dataset`` or ``project``."""
    return Call(
        operation="look at the API key",
        method="GET",
        query_type="apikeymeta",
        read=lambda value: Fields(value, "the answer").text("resource_type"),
        repeatable=True,
        empty=ErrorKind.NOT_FOUND,
    )


def create_dataset_api_key(dataset_hash: str, title: str, scopes: Sequence[str]) -> Call[ApiKey]:
    """Make a key for one dataset, as Encord's client 0.1.145 did. The answer holds a secret."""
    return Call(
        operation=f"create API key for dataset {dataset_hash}",
        method="POST",
        query_type="datasetapikey",
        payload={"dataset_hash": dataset_hash, "title": title, "scopes": list(scopes)},
        read=read_api_key,
        repeatable=False,
        answers_secret=True,
        empty=ErrorKind.SERVER,
    )


def get_dataset_api_keys(dataset_hash: str) -> Call[tuple[ApiKey, ...]]:
    """List the keys of one dataset, as Encord's client 0.1.145 did. The answer holds secrets."""
    return Call(
        operation=f"list API keys of dataset {dataset_hash}",
        method="GET",
        query_type="datasetapikey",
        payload={"dataset_hash": dataset_hash},
        read=lambda value: read_list(value, read_api_key, "the answer"),
        repeatable=True,
        answers_secret=True,
        empty=ErrorKind.NOT_FOUND,
        empty_list_is_fine=True,
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
        dataset_hash=fields.id("resource_hash", "dataset_hash"),
        api_key=fields.text("api_key"),
        title=fields.optional_text("title") or "",
        key_hash=fields.optional_text("key_hash") or "",
        scopes=tuple(str(scope) for scope in scopes) if isinstance(scopes, list) else (),
    )
