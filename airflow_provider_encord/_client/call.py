"""One operation of Encord's API as a value."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from airflow_provider_encord._client.errors import ErrorKind
from airflow_provider_encord._client.parameters import BadParameter


class Counted(int):
    """Stands for a list of this length whose objects were not read."""


T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T_co]):
    """One operation of Encord's API.

    :param operation: its name in messages and logs.
    :param method: the HTTP method; the legacy API sends it inside of a POST.
    :param read: turns the parsed answer into a model; raises :class:`Unreadable` when it cannot.
    :param repeatable: whether sending it twice does no harm; others are repeated only if Encord surely did nothing.
    :param path: path of the v2 API, or None for the legacy API.
    :param query: query of the v2 API, in order; None values are left out.
    :param body: JSON object of the v2 API, or None for no body.
    :param query_type: name of the operation in the legacy API.
    :param uid: subject of the legacy operation, if it is not the dataset.
    :param payload: arguments of the legacy operation.
    :param dataset_hash: the dataset; the legacy API sends it in a header.
    :param empty: kind of error that a null or empty legacy answer means; None if it is a valid answer.
    :param empty_list_is_fine: whether an empty list is a valid answer.
    :param held_seconds: how long the server may hold the request before it answers.
    :param large: whether the answer may have many items.
    :param enough: how many items of the answer's list are enough, if only their number matters; 0 reads all.
    :param answers_secret: whether the answer may contain the caller's credentials.
    :param vet: returns what is wrong with a model, given the API's base URL; None if it is fine.
    """

    operation: str
    method: str
    read: Callable[[Any], T_co]
    repeatable: bool
    path: str | None = None
    query: tuple[tuple[str, Any], ...] = ()
    body: Mapping[str, Any] | None = None
    query_type: str | None = None
    uid: Any = None
    payload: Any = None
    dataset_hash: str | None = None
    empty: ErrorKind | None = None
    empty_list_is_fine: bool = False
    held_seconds: float = 0.0
    large: bool = False
    enough: int = 0
    answers_secret: bool = False
    vet: Callable[[Any, str], str | None] | None = None

    @cached_property
    def content(self) -> bytes:
        """The body of its request, written once for a call that is sent many times."""
        if self.path is not None:
            return b"" if self.body is None else _json(self.body)
        envelope = {
            "query_type": self.query_type,
            "query_method": self.method,
            "values": {"uid": self.uid, "payload": self.payload},
        }
        return _json(envelope)


_encode = json.JSONEncoder(allow_nan=False).encode


def _json(value: Any) -> bytes:
    try:
        return _encode(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadParameter(f"an argument cannot be written as JSON ({error})") from None
