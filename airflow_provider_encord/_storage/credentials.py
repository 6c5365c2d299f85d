"""Airflow connections -> clients of the clouds' own SDKs, made by the hooks of their providers.

So whatever a hook can log in with works here: assumed roles, workload identities, keys, SAS tokens, emulators.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_provider_encord._client.redaction import cause_of, server_text, shown
from airflow_provider_encord.exceptions import (
    EncordConnectionError,
    EncordError,
    EncordInputError,
    EncordStorageError,
)

_log = logging.getLogger(__name__)
_SDKS = {"botocore", "boto3", "urllib3", "google", "azure", "requests", "msal"}
_REFUSALS = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "ProfileNotFound",
    "DefaultCredentialsError",
    "InvalidOperation",
    "MalformedError",
    "RefreshError",
    "ClientAuthenticationError",
}
"""Exceptions of the SDKs that tell of credentials without an HTTP status."""
_TRANSIENT = {408, 425, 429}


def s3_client(conn_id: str | None) -> Any:
    """Return boto3's client; unsigned requests if neither a connection nor the machine has credentials."""
    with extra("s3", "s3"):
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook
        from botocore import UNSIGNED
        from botocore.config import Config
    hook = S3Hook(aws_conn_id=conn_id)
    if hook.get_session().get_credentials() is not None:
        return hook.get_conn()
    _log.warning("S3 is asked without credentials. To ask with some, name a connection, as in s3://my_aws@bucket/.")
    return hook.get_client_type(config=(hook.config or Config()).merge(Config(signature_version=UNSIGNED)))


def gcs_client(conn_id: str | None) -> Any:
    """Return Google's client; an anonymous one if neither a connection nor the machine has credentials."""
    with extra("gcs", "gs"):
        from airflow.providers.google.cloud.hooks.gcs import GCSHook
        from google.auth.exceptions import DefaultCredentialsError
        from google.cloud.storage import Client
    if conn_id:
        return GCSHook(gcp_conn_id=conn_id).get_conn()
    try:
        return Client()
    except (DefaultCredentialsError, OSError):  # the latter: credentials, but no project
        _log.warning(
            "GCS is asked without credentials. To ask with some, name a connection, as in gs://my_gcp@bucket/."
        )
        return Client.create_anonymous_client()


def azure_client(conn_id: str | None, host: str | None) -> Any:
    """Return Azure's client of the connection's account, or of the one that a URL names."""
    with extra("azure", "abfs"):
        from airflow.providers.microsoft.azure.hooks.wasb import WasbHook
        from azure.identity import DefaultAzureCredential
        from azure.storage.blob import BlobServiceClient
    if conn_id:
        client = WasbHook(wasb_conn_id=conn_id).get_conn()
        if host and client.account_name != host.partition(".")[0]:
            raise EncordInputError(
                f"The connection {shown(conn_id)} is for the storage account {shown(client.account_name)}, "
                f"but the URL names {shown(host)}."
            )
        return client
    if not host:
        raise EncordInputError(
            "The URL of an Azure container names no storage account: name a connection, as in "
            "'abfs://my_azure@container/folder/', or the account, as in "
            "'https://account.blob.core.windows.net/container/folder/'."
        )
    return BlobServiceClient(f"https://{host}", credential=DefaultAzureCredential())


@contextmanager
def extra(name: str, scheme: str) -> Iterator[None]:
    """Turn a failed import of a provider into an error that names the extra."""
    try:
        yield
    except ImportError as error:
        raise EncordInputError(
            f"{scheme}://: this needs the extra '{name}': pip install 'airflow-provider-encord[{name}]' "
            f"({server_text(str(error))})"
        ) from cause_of(error)


@contextmanager
def store_errors(where: str, bucket: str, conn_id: str | None) -> Iterator[None]:
    """Translate errors of the SDKs, told apart: no such bucket, credentials refused, refused, and what may pass.

    :param where: the location, for messages.
    :param conn_id: the Airflow connection, for messages.
    """
    try:
        yield
    except EncordError:
        raise
    except Exception as error:
        if not any(each.__module__.partition(".")[0] in _SDKS for each in type(error).__mro__):
            raise
        by = f"with connection {shown(conn_id)}" if conn_id else "without a connection"
        kind, what = _judged(error)
        raise kind(
            what.format(where=where, bucket=shown(bucket), by=by) + f" The store says: {server_text(str(error))}"
        ) from cause_of(error)


def _judged(error: Exception) -> tuple[type[EncordError], str]:
    status = _status(error)
    if type(error).__name__ == "ParamValidationError":  # boto3's, before any request
        return EncordInputError, "{where}: {bucket} is no name of a bucket."
    if status == 404:
        return EncordInputError, (
            "{where}: there is no bucket {bucket} (asked {by}). Check its name, and the account of the connection."
        )
    if status in (401, 403) or _no_credentials(error, status):
        return EncordConnectionError, (
            "{where}: the credentials are refused, or may not list this bucket (asked {by}). Give them the right "
            "to list it, or name another connection."
        )
    if status is not None and 400 <= status < 500 and status not in _TRANSIENT:
        return EncordInputError, "{where}: the store refuses the listing (asked {by})."
    return EncordStorageError, "{where}: the store could not be asked {by}; a later retry can pass."


def _no_credentials(error: Exception, status: int | None) -> bool:
    """Whether there are none that could be tried, or a token that S3 answers with 400, since it is too old."""
    if status is None:
        return type(error).__name__ in _REFUSALS and not getattr(error, "retryable", False)
    told = getattr(error, "response", None)
    code = told.get("Error", {}).get("Code") if isinstance(told, dict) else None
    return code in ("ExpiredToken", "InvalidToken", "TokenRefreshRequired")


def _status(error: Exception) -> int | None:
    """Return the HTTP status of an answer, as boto3, Google's and Azure's clients tell it."""
    told = getattr(error, "response", None)
    if isinstance(told, dict):
        status = told.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        status = getattr(error, "status_code", None) or getattr(error, "code", None)
    return int(status) if isinstance(status, int) else None
