"""What a DAG author can catch.

All derive from :class:`EncordError`. Errors that no retry can cure also derive from ``AirflowFailException``: the task
fails at once and keeps its retries. The import paths are stable: retry policies of Airflow 3.3 name them.

The table in ``docs/errors.md`` is made from these docstrings.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_encord._client.outgoing import storable
from airflow_provider_encord._client.redaction import without_credentials
from airflow_provider_encord._compat import AirflowException, AirflowFailException


class EncordError(AirflowException):
    """The base of all; raised itself when the event of a trigger cannot be read.

    :param message: what failed, where, what Encord said and what to do next.
    :param dataset_hash: the dataset.
    :param http_status: HTTP status of the answer.
    :param trace_id: id by which Encord's support finds the request.
    :param retry_after: seconds that Encord asked to wait.
    :param conn_id: id of the Airflow connection.
    :param host: base URL of Encord's API.
    :param job_ids: ids of the jobs.
    """

    def __init__(
        self,
        message: str = "",
        *,
        dataset_hash: str | None = None,
        http_status: int | None = None,
        trace_id: str | None = None,
        retry_after: float | None = None,
        conn_id: str | None = None,
        host: str | None = None,
        job_ids: Sequence[str | int] = (),
    ) -> None:
        super().__init__(storable(without_credentials(message)))
        self.dataset_hash: str | None = storable(dataset_hash)
        self.http_status: int | None = storable(http_status)
        self.trace_id: str | None = storable(trace_id)
        self.retry_after: float | None = storable(retry_after)
        self.conn_id: str | None = storable(conn_id)
        self.host: str | None = storable(host)
        self.job_ids: list[str | int] = storable(list(job_ids))


class EncordConnectionError(EncordError, AirflowFailException):
    """The Airflow connection is incomplete, or its key cannot be used."""


class EncordMachineError(EncordError):
    """This machine cannot read a file or the key file, or has no space left on its disk; another worker may."""


class EncordStorageError(EncordError):
    """A bucket could not be listed, since its store failed or did not answer; a later retry can pass."""


class EncordConnectionLookupError(EncordError):
    """The Airflow connection could not be read, for example because Airflow's database or API server was down."""

    undefined: bool = False
    """Whether Airflow has no such connection."""


class EncordInputError(EncordError, AirflowFailException):
    """An argument, a manifest or a file is wrong; nothing of it was sent to Encord."""


class EncordNothingToDoError(EncordError, AirflowFailException):
    """There was nothing to do, and ``on_empty`` is ``fail``."""


class EncordAuthenticationError(EncordError, AirflowFailException):
    """Encord does not accept the credentials, or does not know the key in this region."""


class EncordPermissionError(EncordError, AirflowFailException):
    """Encord knows the user, who may not do this."""


class EncordNotFoundError(EncordError, AirflowFailException):
    """Something that the request names does not exist."""


class EncordRequestRefusedError(EncordError, AirflowFailException):
    """Encord refuses the arguments of the request."""


class EncordAlreadyExistsError(EncordError, AirflowFailException):
    """Something that should be created exists already."""


class EncordPayloadTooLargeError(EncordError, AirflowFailException):
    """The request is too large (HTTP 413); send smaller batches."""


class EncordRateLimitError(EncordError):
    """Encord got too many requests, for longer than the provider waits."""


class EncordServerError(EncordError):
    """Encord or a proxy failed, the answer was not Encord's, or it could not be read."""


class EncordNetworkError(EncordError):
    """Encord did not answer."""


class EncordUploadError(EncordError):
    """Files could not be uploaded to Encord's storage; no registration job was started for them."""


class EncordDownloadError(EncordError):
    """Files of items could not be copied; those that could are in place, and a retry copies the rest."""


class EncordJobError(EncordError):
    """A job failed, or more of its items failed than allowed."""


class EncordJobCancelledError(EncordJobError):
    """Somebody cancelled the job in Encord; part of the data may have been added."""


class EncordWatchedJobError(EncordJobError, AirflowFailException):
    """A job that a sensor waited for failed or was cancelled."""


class EncordTimeoutError(EncordError):
    """The job did not end in time. A job of a folder is cancelled; other jobs go on in Encord."""
