"""Lineage: which folders data was read from, and which dataset or folder of Encord it went to.

Nothing here may end a task, so whatever goes wrong is logged for debugging only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from airflow_provider_encord._compat import hook_lineage
from airflow_provider_encord.assets.encord import asset_uri

log = logging.getLogger(__name__)

_MOST_FOLDERS = 100  # as many as Airflow's collector takes
_WITH_ACCOUNT = ("abfs", "abfss", "wasb", "wasbs")
"""Schemes of URLs whose user is no user but the container."""
_PRINTABLE = "".join(map(chr, range(33, 127)))


def add_inputs(hook: Any, locations: Callable[[], Iterable[Any]]) -> None:
    """Tell Airflow's hook-level lineage from where data was read.

    :param locations: returns paths or URLs of folders; not called if no plugin asks.
    """
    with _harmless():
        if (adders := hook_lineage()) is not None:
            for uri in _uris(locations()):
                adders[0](hook, uri=uri)


def add_output(hook: Any, **place: Any) -> None:
    """Tell Airflow's hook-level lineage where data went.

    :param place: ``dataset_hash`` or ``folder_uuid``.
    """
    with _harmless():
        if (adders := hook_lineage()) is not None:
            adders[1](hook, uri=asset_uri(hook.settings.domain, **place))


def operator_lineage(task: Any) -> Any:
    """Return what OpenLineage tells of an operator: its sources as inputs, its dataset and folder as outputs.

    :return: None without OpenLineage, or if the task did not get as far as the connection.
    """
    try:
        from airflow.providers.openlineage.extractors import OperatorLineage
        from openlineage.client.event_v2 import Dataset
    except ImportError:
        return None
    if "settings" not in getattr(task.__dict__.get("hook"), "__dict__", {}):
        return None
    places = {"dataset_hash": task.dataset_hash, "folder_uuid": task.folder_uuid}
    outputs = [asset_uri(task.hook.settings.domain, **{name: place}) for name, place in places.items() if place]
    inputs, outputs = ([Dataset(*_named(uri)) for uri in uris] for uris in (_uris(task.sources()), outputs))
    return OperatorLineage(inputs=inputs, outputs=outputs)


def folders_of(locations: Iterable[str]) -> Iterator[str]:
    """Yield the folder of each file."""
    for location in locations:
        yield location.partition("?")[0].rpartition("/")[0] + "/" if "://" in location else str(Path(location).parent)


def _uris(locations: Iterable[Any]) -> list[str]:
    """Return the first different ones as URIs of assets, without credentials and queries."""
    return list(islice(dict.fromkeys(_uri(str(location)) for location in locations), _MOST_FOLDERS))


def _uri(location: str) -> str:
    if "://" not in location:
        return Path(location).absolute().as_uri()
    parts = urlsplit(location)
    user, _, host = parts.netloc.rpartition("@")
    if parts.scheme in _WITH_ACCOUNT and ":" not in user:
        host = parts.netloc
    return f"{parts.scheme}://{host}{quote(parts.path, safe=_PRINTABLE)}".rstrip("/")


def _named(uri: str) -> tuple[str, str]:
    """Return namespace and name, as OpenLineage has them."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return "file", parts.path
    return f"{parts.scheme}://{parts.netloc}", parts.path.strip("/") or "/"


@contextmanager
def _harmless() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        log.debug("No lineage: %s", type(error).__name__)
