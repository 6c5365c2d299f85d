"""Turns errors of the client into exceptions that a DAG author can catch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_encord._client.redaction import cause_of, server_text
from airflow_provider_encord.exceptions import (
    EncordAlreadyExistsError,
    EncordAuthenticationError,
    EncordConnectionError,
    EncordConnectionLookupError,
    EncordError,
    EncordInputError,
    EncordMachineError,
    EncordNetworkError,
    EncordNotFoundError,
    EncordPayloadTooLargeError,
    EncordPermissionError,
    EncordRateLimitError,
    EncordRequestRefusedError,
    EncordServerError,
    EncordUploadError,
)

if TYPE_CHECKING:
    from airflow_provider_encord._client.errors import ApiError


_BY_KIND: dict[str, type[EncordError]] = {
    "connection": EncordConnectionError,
    "machine": EncordMachineError,
    "input": EncordInputError,
    "authentication": EncordAuthenticationError,
    "key_not_found": EncordAuthenticationError,
    "lookup": EncordConnectionLookupError,
    "permission": EncordPermissionError,
    "not_found": EncordNotFoundError,
    "invalid": EncordRequestRefusedError,
    "exists": EncordAlreadyExistsError,
    "too_large": EncordPayloadTooLargeError,
    "rate_limited": EncordRateLimitError,
    "server": EncordServerError,
    "foreign": EncordServerError,
    "unreadable": EncordServerError,
    "network": EncordNetworkError,
    "storage": EncordUploadError,
    "disk": EncordMachineError,
}


def from_api_error(error: ApiError) -> EncordError:
    """Turn an error of the client into an exception that a DAG author can catch."""
    attributes: dict[str, Any] = {
        "dataset_hash": error.dataset_hash,
        "http_status": error.http_status,
        "trace_id": error.trace_id,
        "retry_after": error.retry_after,
        "conn_id": error.conn_id or None,
        "host": error.domain,
    }
    return _BY_KIND[error.kind.value](str(error), **attributes)


def by_kind(kind: str) -> type[EncordError]:
    """Return the exception class for the kind of error in a trigger's event."""
    return _BY_KIND.get(kind, EncordError)


def kind_of(error: EncordError) -> str | None:
    """Return the kind of error for a trigger's event."""
    return next((kind for kind, exception in _BY_KIND.items() if exception is type(error)), None)


@contextlib.contextmanager
def airflow_errors() -> Iterator[None]:
    """Turn errors of Encord and of the way to it into exceptions for DAG authors; other errors pass through."""
    from airflow_provider_encord._client.auth import KeyProblem
    from airflow_provider_encord._client.errors import ApiError
    from airflow_provider_encord._client.parameters import BadParameter
    from airflow_provider_encord._client.transport.network import NetworkSettingsProblem

    try:
        yield
    except ApiError as error:
        raise from_api_error(error) from error
    except (BadParameter, KeyProblem, NetworkSettingsProblem) as error:
        raise _not_sent(str(error)) from error


@contextlib.contextmanager
def argument_errors() -> Iterator[None]:
    """Turn errors of building a call from the caller's arguments into :class:`.EncordInputError`.

    Use it for nothing else: it would present a mistake of ours as the caller's.
    """
    try:
        yield
    except ValueError as error:
        raise _not_sent(server_text(str(error))) from cause_of(error)
    except (TypeError, AttributeError, ArithmeticError, LookupError, RecursionError) as error:
        text = server_text(str(error))
        raise _not_sent(f"An argument is of the wrong kind ({type(error).__name__}: {text})") from cause_of(error)


def _not_sent(problem: str) -> EncordInputError:
    return EncordInputError(f"{problem.rstrip('.')}. It was not sent to Encord.")
