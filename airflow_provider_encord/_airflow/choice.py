"""The choice of data by hashes or by filters, for operators that take either."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow_provider_encord._airflow.arguments import refuse
from airflow_provider_encord.exceptions import EncordInputError

_FILTERS = ("title_like", "created_before", "older_than")


def filters_given(task: Any) -> bool:
    """Whether any filter is given."""
    return any(getattr(task, name) is not None for name in _FILTERS)


def check_choice(task: Any, *, by_filter: bool) -> None:
    """Check that either hashes or filters are given.

    :param by_filter: whether the DAG gave a filter, which may have been rendered to None since then.
    :raises EncordInputError: if both or neither are given, or if all filters were rendered to None.
    """
    if by_filter and task.data_hashes is not None:
        raise EncordInputError("Give data_hashes, or title_like, created_before and older_than, but not both.")
    if task.created_before is not None and task.older_than is not None:
        raise EncordInputError("Give created_before or older_than, but not both.")
    if by_filter and not filters_given(task):
        raise EncordInputError("All filters were rendered to None. Without a filter, everything would be chosen.")
    if not by_filter and task.data_hashes is None:
        instead = f"or give {', '.join(_FILTERS[:-1])} or {_FILTERS[-1]} instead"
        raise refuse("data_hashes", None, f"data hashes: one, or a list of them; {instead}")


def chosen(task: Any) -> dict[str, Any]:
    """Return the filters as the hook takes them."""
    before = task.created_before if task.older_than is None else datetime.now(UTC) - task.older_than
    filters = {"title_like": task.title_like, "created_before": before}
    return {name: value for name, value in filters.items() if value is not None}
