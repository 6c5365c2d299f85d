"""The base of the operators that list things: a short XCom, and a details file for the rest."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check
from airflow_provider_encord._airflow.outcome import Listed, list_or_reference
from airflow_provider_encord._compat import Context
from airflow_provider_encord.operators._base import ON_EMPTY, EncordOperator


class EncordListOperator(EncordOperator):
    """An operator that lists things.

    :param details_path: path or ``ObjectStoragePath`` URL of a file with all fields of each, but no signed URLs: one
        JSON object per line (templated).
    :param details_conn_id: Airflow connection of the store of ``details_path`` (templated).
    :param on_empty: what the task does if it finds nothing: ``succeed``, ``skip`` or ``fail``.
    """

    template_fields: Sequence[str] = ("encord_conn_id", "details_path", "details_conn_id")
    checks: ClassVar[dict[str, Check]] = {
        **EncordOperator.checks,
        "details_path": arguments.optional(arguments.path),
        "details_conn_id": arguments.optional(arguments.conn_id),
        "on_empty": arguments.one_of(*ON_EMPTY),
    }
    hashes_key: ClassVar[str]
    hash_field: ClassVar[str]

    def __init__(
        self,
        *,
        details_path: Any = None,
        details_conn_id: str | None = None,
        on_empty: str = "succeed",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.details_path = details_path
        self.details_conn_id = details_conn_id
        self.on_empty = on_empty

    @abstractmethod
    def find(self, context: Context) -> Iterator[Any]:
        """Yield the things to list."""

    @abstractmethod
    def brief(self, model: Any) -> dict[str, Any]:
        """Return the fields that go into the XCom."""

    def execute(self, context: Context) -> dict[str, Any]:
        """List, count, and write the details file if there is a path for it."""
        self.check_rendered()
        listed = Listed()

        def note(found: Any) -> Any:
            listed.add(self.brief(found))
            return found

        models = (note(model) for model in self.find(context))
        if self.details_path is not None:
            from airflow_provider_encord._storage.details_file import write_json_lines

            write_json_lines(self.details_path, (_plain(model) for model in models), self.details_conn_id)
        else:
            for _ in models:
                pass
        hashes = [each[self.hash_field] for each in listed.items]
        path, conn_id = self.details_path, self.details_conn_id
        self.push(context, self.hashes_key, list_or_reference(hashes, listed.count, path, conn_id))
        self.log.info("Found %d.", listed.count)
        report = {
            "count": listed.count,
            "items": listed.for_xcom(),
            "details": None if path is None else str(path),
            "details_conn_id": conn_id,
        }
        return report if listed.count else self.settle_empty(context, report)


def _plain(model: Any) -> dict[str, Any]:
    """Return what ``to_dict()`` returns, but with strings as Encord sent them."""
    # Fields that a model hides from its repr hold credentials or are too large.
    return {field.name: _json_value(getattr(model, field.name)) for field in fields(model) if field.repr}


def _json_value(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name
    return value.isoformat() if isinstance(value, datetime) else value
