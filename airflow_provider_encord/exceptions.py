"""What a DAG author can catch.

All derive from :class:`EncordError`. Those that no retry can cure derive from ``AirflowFailException`` too, so the task
fails at once instead of burning its retries. The import paths are stable: retry policies of Airflow 3.3 name them.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_encord._client.outgoing import storable
from airflow_provider_encord._client.redaction import without_credentials
from airflow_provider_encord._compat import AirflowException, AirflowFailException


class EncordError(AirflowException):
    """Something about Encord went wrong.

    :param message: what failed, on what, what Encord said and what to do next.
    :param dataset_hash: the dataset it was about.
    :param http_status: status of Encord's answer.
    :param trace_id: the id under which Encord's support finds the request.
    :param retry_after: seconds Encord asked to wait.
    :param conn_id: id of the Airflow connection that was used.
    :param host: base URL of the Encord that was asked.
    :param job_ids: the jobs it was about.
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
    """The Airflow connection is incomplete or holds a key that cannot be used."""


class EncordMachineError(EncordError):
    """This machine lacks something, such as a file or the key's file; a later attempt on another one can pass."""


class EncordConnectionLookupError(EncordError):
    """The Airflow connection could not be read; where Airflow's own services were down, a later retry can pass."""

    undefined: bool = False
    """Whether Airflow knows no such connection."""


class EncordInputError(EncordError, AirflowFailException):
    """An argument is wrong; nothing was sent to Encord."""


class EncordNothingToDoError(EncordError, AirflowFailException):
    """There was nothing to do, and ``on_empty`` is ``fail``."""


class EncordAuthenticationError(EncordError, AirflowFailException):
    """Encord does not accept the credentials, or does not know the key in this region."""


class EncordPermissionError(EncordError, AirflowFailException):
    """Encord knows the caller, who may not do this."""


class EncordNotFoundError(EncordError, AirflowFailException):
    """What the request names does not exist."""


class EncordRequestRefusedError(EncordError, AirflowFailException):
    """Encord refuses the arguments."""


class EncordAlreadyExistsError(EncordError, AirflowFailException):
    """What was to be made exists already."""


class EncordPayloadTooLargeError(EncordError, AirflowFailException):
    """The request is too large; only smaller parts can pass."""


class EncordRateLimitError(EncordError):
    """Too many requests; a later retry can pass."""


class EncordServerError(EncordError):
    """Encord, or a proxy before it, failed; a later retry can pass."""


class EncordNetworkError(EncordError):
    """Encord did not answer; a later retry can pass."""


class EncordUploadError(EncordError):
    """Files could not be put into Encord's storage; no registration job was started for them."""


class EncordJobError(EncordError):
    """A job or task of Encord ended badly, or with more failed items than allowed."""


class EncordJobCancelledError(EncordJobError):
    """Somebody cancelled the job in Encord; part of the data may have been added."""


class EncordWatchedJobError(EncordJobError, AirflowFailException):
    """A job that a sensor watched ended badly; watching it again cannot change that."""


class EncordTimeoutError(EncordError):
    """The job had not ended when the time was over; it goes on in Encord."""
