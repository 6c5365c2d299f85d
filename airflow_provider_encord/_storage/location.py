"""The URL of an object or prefix, taken apart."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import unquote

AZURE_SCHEMES = ("abfs", "abfss", "az", "wasb", "wasbs")
_AZURE_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)?\.(?:blob|dfs)\.[a-z0-9.-]+")


class Location(NamedTuple):
    """Where objects are listed, taken apart.

    :param scheme: ``s3``, ``gs``, ``az`` for all forms of Azure's, or another one.
    :param conn_id: the connection that the URL names; otherwise the one given.
    :param host: the host of Azure's account, if the URL names it.
    """

    scheme: str
    conn_id: str | None
    bucket: str
    prefix: str
    host: str | None = None


def located(location: Any, conn_id: str | None = None) -> Location:
    """Take the URL of a prefix apart; whatever comes after the bucket belongs to the key, ``?`` and ``#`` too.

    :param conn_id: Airflow connection of the store; one in the URL, as in ``s3://my_aws@bucket/``, wins.
    """
    if "://" not in str(location):
        return Location("", conn_id, "", str(location))
    scheme, _, rest = str(location).partition("://")
    scheme = scheme.lower()
    authority, _, key = rest.partition("/")
    user, _, host = authority.rpartition("@")
    own = user or getattr(location, "storage_options", {}).get("conn_id") or conn_id
    if hasattr(location, "fs") and key:  # a path of Airflow's names a folder
        key = key.rstrip("/") + "/"
    if _AZURE_HOST.fullmatch(account := host.lower().removesuffix(":443")):
        host = account.replace(".dfs.", ".blob.", 1)
        if scheme in ("http", "https"):
            container, _, key = key.partition("/")
            return Location("az", own, container, unquote(key), host)
        if scheme in AZURE_SCHEMES:  # Azure's own form: abfss://container@account.dfs.core.windows.net/key
            return Location("az", conn_id, user, key, host)
    return Location("az" if scheme in AZURE_SCHEMES else scheme, own, host, key)
