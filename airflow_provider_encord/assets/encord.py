"""The scheme ``encord://``: which places in Encord it names, and what Airflow and OpenLineage make of it.

Airflow imports this module for each asset whose URI has the scheme, so it loads little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from airflow_provider_encord._client.regions import DEFAULT_DOMAIN

if TYPE_CHECKING:
    from airflow_provider_encord._compat import Asset

SCHEME = "encord"
_FORMS = "/datasets/HASH, /projects/HASH, /projects/HASH/stages/UUID or /folders/UUID"
_KINDS = (("datasets",), ("projects",), ("projects", "stages"), ("folders",))


def create_asset(
    *,
    dataset_hash: str | UUID | None = None,
    project_hash: str | UUID | None = None,
    stage_uuid: str | UUID | None = None,
    folder_uuid: str | UUID | None = None,
    host: str = DEFAULT_DOMAIN,
    extra: dict[str, Any] | None = None,
) -> Asset:
    """Return the asset (in Airflow 2, the dataset) of one place in Encord.

    :param dataset_hash: the dataset.
    :param project_hash: or the project.
    :param stage_uuid: with ``project_hash``: a stage of its workflow.
    :param folder_uuid: or the storage folder.
    :param host: host of the Encord connection, such as ``https://api.us.encord.com``; it tells regions apart.
    :param extra: what Airflow keeps with the asset.
    :raises ValueError: it is not certain which place is meant, or an id is no UUID.
    """
    from airflow_provider_encord._compat import Asset

    uri = asset_uri(
        host, dataset_hash=dataset_hash, project_hash=project_hash, stage_uuid=stage_uuid, folder_uuid=folder_uuid
    )
    return Asset(uri=uri, extra=extra)


def asset_uri(
    host: str, *, dataset_hash: Any = None, project_hash: Any = None, stage_uuid: Any = None, folder_uuid: Any = None
) -> str:
    """Return the URI of one place; arguments are those of :func:`create_asset`."""
    given = [each for each in (dataset_hash, project_hash, folder_uuid) if each is not None]
    if len(given) != 1 or (stage_uuid is not None and project_hash is None):
        raise ValueError("Give one of dataset_hash, project_hash and folder_uuid; stage_uuid goes with project_hash.")
    kind = "folders" if folder_uuid is not None else "projects" if project_hash is not None else "datasets"
    stage = "" if stage_uuid is None else f"/stages/{stage_uuid}"
    authority = host.partition("://")[2] or host
    return sanitize_uri(urlsplit(f"{SCHEME}://{authority.rstrip('/')}/{kind}/{given[0]}{stage}")).geturl()


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Return the one form of a URI: host and UUIDs in lower case, no query.

    :raises ValueError: it has a user or password, or names no place in Encord.
    """
    if "@" in uri.netloc:
        raise ValueError("An encord:// URI has no user and no password: credentials belong in the Airflow connection.")
    if not uri.hostname:
        raise ValueError(f"An encord:// URI needs Encord's host: encord://api.encord.com and {_FORMS}.")
    host = f"[{uri.hostname}]" if ":" in uri.hostname else uri.hostname
    port = f":{uri.port}" if uri.port not in (None, 443) else ""
    names = uri.path.strip("/").split("/")
    if tuple(names[::2]) not in _KINDS or len(names) % 2:
        raise ValueError(f"An encord:// URI ends with {_FORMS}.")
    try:
        names[1::2] = [str(UUID(each)) for each in names[1::2]]
    except ValueError:
        raise ValueError(f"An encord:// URI ends with {_FORMS}, where HASH and UUID are UUIDs.") from None
    return SplitResult(SCHEME, host + port, "/" + "/".join(names), "", "")


def convert_asset_to_openlineage(asset: Asset, lineage_context: Any) -> Any:
    """Return the OpenLineage dataset of an asset.

    :param lineage_context: the hook that reported it; not needed.
    """
    from openlineage.client.event_v2 import Dataset

    uri = urlsplit(asset.uri)
    return Dataset(namespace=f"{SCHEME}://{uri.netloc}", name=uri.path.lstrip("/"))


def triggering_extras(context: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the ``extra`` of each event that started the run, the oldest first; on all supported Airflow releases.

    :param context: context of a task, as ``get_current_context()`` returns it.
    """
    return [dict(event.extra or {}) for event in sorted(_events(context), key=lambda event: event.timestamp)]


def _events(context: Mapping[str, Any]) -> Iterator[Any]:
    for name in ("triggering_asset_events", "triggering_dataset_events"):  # the second one in Airflow 2
        if name in context:
            for events in context[name].values():
                yield from events
            return
