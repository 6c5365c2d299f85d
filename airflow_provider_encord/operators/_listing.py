"""What the operators share that list things: a short XCom, and a file for the rest."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, ClassVar

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._airflow.arguments import Check
from airflow_provider_encord._airflow.outcome import MOST_IN_XCOM, fits_xcom, list_or_reference
from airflow_provider_encord._compat import Context
from airflow_provider_encord.operators._base import ON_EMPTY, EncordOperator


class EncordListOperator(EncordOperator):
    """An operator that lists things.

    :param details_path: path or ``ObjectStoragePath`` URL of a file that gets everything that is known of each, one
        JSON object a line, but no signed URLs (templated).
    :param details_conn_id: Airflow connection of the store that ``details_path`` is in (templated).
    :param on_empty: what a task does that finds nothing: ``succeed``, ``skip`` or ``fail``.
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
        """Yield what is to be listed."""

    @abstractmethod
    def brief(self, found: Any) -> dict[str, Any]:
        """Return what the XCom tells of one."""

    def execute(self, context: Context) -> dict[str, Any]:
        """List, count, and write the details if asked to."""
        self.check_rendered()
        items: list[dict[str, Any]] = []
        count = 0

        def note(found: Any) -> Any:
            nonlocal count
            count += 1
            if len(items) <= MOST_IN_XCOM:
                items.append(self.brief(found))
            return found

        found = (note(each) for each in self.find(context))
        if self.details_path is not None:
            from airflow_provider_encord._storage.details_file import write_json_lines

            write_json_lines(self.details_path, (_plain(each) for each in found), self.details_conn_id)
        else:
            for _ in found:
                pass
        complete = count == len(items) and fits_xcom(items)
        hashes = [each[self.hash_field] for each in items]
        self.push(context, self.hashes_key, list_or_reference(hashes, count, self.details_path, self.details_conn_id))
        self.log.info("Found %d.", count)
        details = None if self.details_path is None else str(self.details_path)
        report = {
            "count": count,
            "items": items if complete else None,
            "details": details,
            "details_conn_id": self.details_conn_id,
        }
        return report if count else self.settle_empty(context, report)


def _plain(model: Any) -> dict[str, Any]:
    # Fields that a model hides from its repr hold credentials or are too large.
    shown = {field.name: getattr(model, field.name) for field in fields(model) if field.repr}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in shown.items()}
