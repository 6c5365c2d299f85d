"""All errors of Encord and of the way to it, as one exception with a ``kind``."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from airflow_provider_encord._client.redaction import server_text, without_secrets
from airflow_provider_encord._client.regions import OTHER_REGION


class ErrorKind(StrEnum):
    """What went wrong; it decides what to do next."""

    AUTHENTICATION = "authentication"
    KEY_NOT_FOUND = "key_not_found"
    LOOKUP = "lookup"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    INVALID = "invalid"
    EXISTS = "exists"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    SERVER = "server"
    FOREIGN = "foreign"
    """Something other than Encord answered: a proxy, a firewall, a login page."""
    UNREADABLE = "unreadable"
    NETWORK = "network"
    STORAGE = "storage"
    DISK = "disk"
    """This machine could not store the answer."""


TRANSIENT = frozenset(
    {
        ErrorKind.RATE_LIMITED,
        ErrorKind.SERVER,
        ErrorKind.FOREIGN,
        ErrorKind.UNREADABLE,
        ErrorKind.NETWORK,
        ErrorKind.LOOKUP,
    }
)
REFUSED_CREDENTIALS = frozenset({ErrorKind.AUTHENTICATION, ErrorKind.KEY_NOT_FOUND})

# Reasons of the legacy API, from the error table of Encord's client 0.1.211.
LEGACY_REASONS: dict[str, tuple[ErrorKind, str]] = {
    "AUTHENTICATION_ERROR": (ErrorKind.AUTHENTICATION, "the credentials were not accepted"),
    "SSH_KEY_NOT_FOUND_ERROR": (ErrorKind.KEY_NOT_FOUND, "the public key is not registered here"),
    "DUPLICATE_SSH_KEY_ERROR": (ErrorKind.AUTHENTICATION, "the public key is registered more than once"),
    "AUTHORISATION_ERROR": (ErrorKind.PERMISSION, "the user has no permission for this resource"),
    "OPERATION_NOT_ALLOWED": (ErrorKind.PERMISSION, "the scopes of the API key do not allow this"),
    "METHOD_NOT_ALLOWED_ERROR": (ErrorKind.INVALID, "Encord does not offer this operation here"),
    "RATE_LIMIT_ERROR": (ErrorKind.RATE_LIMITED, "too many requests"),
    "RESOURCE_NOT_FOUND_ERROR": (ErrorKind.NOT_FOUND, "no such resource"),
    "RESOURCE_EXISTS_ERROR": (ErrorKind.EXISTS, "it exists already"),
    "UNKNOWN_ERROR": (ErrorKind.SERVER, "Encord gives no reason"),
    "INVALID_ARGUMENTS_ERROR": (ErrorKind.INVALID, "the arguments were refused"),
    "INVALID_DATE_FORMAT_ERROR": (ErrorKind.INVALID, "a date could not be read"),
    "FILE_TYPE_NOT_SUPPORTED_ERROR": (ErrorKind.INVALID, "the media type is not supported"),
    "FILE_SIZE_NOT_SUPPORTED_ERROR": (ErrorKind.INVALID, "the files together are too large"),
    "UPLOAD_OPERATION_NOT_SUPPORTED_ERROR": (ErrorKind.INVALID, "the data of this dataset is not in Encord's storage"),
    "WRONG_PROJECT_TYPE_ERROR": (ErrorKind.INVALID, "the project's type does not support this"),
    "MULTI_LABEL_LIMIT_ERROR": (ErrorKind.INVALID, "too many labels were requested"),
    "CORRUPTED_LABEL_ERROR": (ErrorKind.INVALID, "label data is inconsistent"),
    "ANSWER_DICTIONARY_ERROR": (ErrorKind.INVALID, "label data is inconsistent"),
    "FEATURE_DOES_NOT_EXIST_ERROR": (ErrorKind.INVALID, "the ontology lacks the feature"),
    "MODEL_WEIGHTS_INCONSISTENT_ERROR": (ErrorKind.INVALID, "model input does not match"),
    "MODEL_FEATURES_INCONSISTENT_ERROR": (ErrorKind.INVALID, "model input does not match"),
    "DETECTION_RANGE_INVALID_ERROR": (ErrorKind.INVALID, "the frame range is invalid"),
    "MUST_SET_DETECTION_RANGE_ERROR": (ErrorKind.INVALID, "a frame range is missing"),
}

# Status codes of the v2 API, from the same client.
V2_STATUSES: dict[int, tuple[ErrorKind, str]] = {
    400: (ErrorKind.INVALID, "the arguments were refused"),
    401: (ErrorKind.AUTHENTICATION, "the credentials were not accepted"),
    403: (ErrorKind.PERMISSION, "the user has no permission for this resource"),
    404: (ErrorKind.NOT_FOUND, "no such resource"),
    405: (ErrorKind.INVALID, "Encord does not offer this operation here"),
    408: (ErrorKind.SERVER, "Encord gave up waiting for the request"),
    409: (ErrorKind.EXISTS, "it exists already"),
    413: (ErrorKind.TOO_LARGE, "the request is too large"),
    422: (ErrorKind.INVALID, "the arguments were refused"),
    429: (ErrorKind.RATE_LIMITED, "too many requests"),
}

_NEXT_STEP = {
    ErrorKind.AUTHENTICATION: "Check the key or token of the connection, and its region.",
    ErrorKind.KEY_NOT_FOUND: "Register the public key in Encord, or check the region of the connection.",
    ErrorKind.LOOKUP: "Check that Airflow can read the connection, and that it is complete.",
    ErrorKind.PERMISSION: "Ask an admin of the dataset or organisation for permission.",
    ErrorKind.NOT_FOUND: "Check the id, and that it belongs to this region.",
    ErrorKind.TOO_LARGE: "Send smaller batches; a retry cannot help.",
    ErrorKind.RATE_LIMITED: "Retry later, or limit concurrency with an Airflow pool.",
    ErrorKind.SERVER: "Retry later; if it does not help, give the trace id to Encord's support.",
    ErrorKind.FOREIGN: "Look for a proxy, a firewall or a login page on the way, and check the host; retry later.",
    ErrorKind.UNREADABLE: "Look for a proxy on the way; retry later.",
    ErrorKind.NETWORK: "Check network, proxy and the host of the connection.",
    ErrorKind.DISK: "Free space there, or set TMPDIR to a folder with more space; then retry.",
}


class ApiError(Exception):
    """A call failed. It holds all that a message for the person on duty needs, and no secret.

    :param kind: what went wrong.
    :param operation: the operation, such as ``get dataset``.
    :param reason: why, in our words.
    :param said: the server's own message.
    :param code: Encord's name of the error, such as ``RESOURCE_NOT_FOUND_ERROR``.
    :param http_status: HTTP status of the answer, if there was one.
    :param retry_after: seconds that the server asked to wait.
    :param dataset_hash: the dataset.
    :param domain: base URL of Encord's API.
    :param trace_id: id by which Encord's support finds the request.
    :param taken: False if the server surely did not act on the request.
    :param conn_id: id of the Airflow connection, if there is one.
    :param advice: what to do next, if it differs from the usual advice for the kind.
    """

    def __init__(
        self,
        kind: ErrorKind,
        *,
        operation: str,
        reason: str,
        said: str = "",
        code: str | None = None,
        http_status: int | None = None,
        retry_after: float | None = None,
        dataset_hash: str | None = None,
        domain: str | None = None,
        trace_id: str | None = None,
        taken: bool = True,
        conn_id: str = "",
        advice: str = "",
    ) -> None:
        operation, reason = server_text(operation), server_text(reason)
        super().__init__(operation, reason)
        self.kind = kind
        self.operation = operation
        self.reason = reason
        self.said = server_text(said)
        self.code = server_text(code)[:100] if code else None
        self.http_status = http_status
        self.retry_after = retry_after
        self.dataset_hash = dataset_hash
        self.domain = domain
        self.trace_id = trace_id
        self.taken = taken
        self.conn_id = conn_id
        self.advice = advice

    def hide(self, secrets: Iterable[str]) -> None:
        """Hide secrets in everything that it shows."""
        secrets = tuple(secrets)
        self.operation, self.reason = (without_secrets(text, secrets) for text in (self.operation, self.reason))
        self.said = without_secrets(self.said, secrets)
        self.code = self.code and without_secrets(self.code, secrets)
        self.args = (self.operation, self.reason)

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later without any change."""
        return self.kind in TRANSIENT

    def __str__(self) -> str:
        """Return what failed and where, what Encord said, the trace id and what to do next."""
        where = f" on dataset {self.dataset_hash}" if self.dataset_hash else ""
        where += f" at {self.domain}" if self.domain else ""
        where += f" (connection {self.conn_id!r})" if self.conn_id else ""
        sentences = [f"Encord: {self.operation}{where} failed: {self.reason}."]
        if self.said:
            sentences.append(f"The server said: '{self.said}'.")
        marks = [
            f"HTTP {self.http_status}" if self.http_status else "",
            self.code or "",
            f"trace id {self.trace_id}" if self.trace_id else "",
        ]
        if any(marks):
            sentences.append(f"({', '.join(mark for mark in marks if mark)})")
        if self.retry_after is not None:
            sentences.append(f"The server asks to wait {self.retry_after:g} s.")
        if next_step := self.advice or _NEXT_STEP.get(self.kind):
            sentences.append(next_step)
        other = OTHER_REGION.get(self.domain or "")
        if other and self.kind in (ErrorKind.AUTHENTICATION, ErrorKind.KEY_NOT_FOUND):
            sentences.append(f"Keys of the other region are registered at {other}.")
        return " ".join(sentences)

    def __reduce__(self) -> tuple[object, ...]:
        """Keep all attributes when the error is pickled."""
        return (_restore, (self.args, self.__dict__))


def _restore(args: tuple[str, str], attributes: dict[str, object]) -> ApiError:
    error = ApiError(ErrorKind.SERVER, operation=args[0], reason=args[1])
    error.__dict__.update(attributes)
    return error
