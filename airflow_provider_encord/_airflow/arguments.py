"""Checks of arguments, each with one wording."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow_provider_encord.exceptions import EncordInputError

JobIds = list[str | int]


def seconds(value: float | timedelta | None, name: str) -> float | None:
    """Return a length of time in seconds; None means no limit.

    :raises EncordInputError: when it is not above 0.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if number is not None and (isinstance(number, bool) or not isinstance(number, int | float) or number <= 0):
        raise EncordInputError(f"{name} must be a number of seconds above 0 or a timedelta, not {value!r}.")
    return None if number is None else float(number)


def certain_filters(**filters: Any) -> dict[str, Any]:
    """Return the filters that are given, None left out.

    :raises EncordInputError: for a filter that is there but empty, such as a template that rendered to nothing: without
        it more would be found than was asked for.
    """
    given = {name: value for name, value in filters.items() if value is not None}
    for name, value in given.items():
        if not value or (isinstance(value, str) and value.strip() in ("", "None")):
            raise EncordInputError(f"The filter {name} is empty ({value!r}); leave it out to find everything.")
    return given


def check_hashes(data_hashes: Any, name: str = "data_hashes") -> list[str]:
    """Return a list of data hashes that certainly names something.

    :raises EncordInputError: for None, an empty list, or anything that is no list of texts: an upstream task that
        returned nothing must never turn into "all".
    """
    several = [data_hashes] if isinstance(data_hashes, str) else data_hashes
    if not isinstance(several, Sequence) or not several:
        raise EncordInputError(f"{name} must be a list with at least one data hash, not {data_hashes!r}.")
    wrong = [each for each in several if not isinstance(each, str) or not each.strip()]
    if wrong:
        raise EncordInputError(f"{name} must hold data hashes only, not {wrong[0]!r}.")
    return list(dict.fromkeys(several))


def check_max_failed_items(value: Any) -> None:
    """Check the argument of that name.

    :raises EncordInputError: unless it is a count, or a share between 0 and 1.
    """
    wrong = (
        isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0 or (value >= 1 and value % 1)
    )
    if wrong:
        raise EncordInputError(f"max_failed_items must be a count or a share below 1, not {value!r}.")


def check_max_items_per_job(value: Any) -> None:
    """Check the argument of that name.

    :raises EncordInputError: unless it is a number above 0.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise EncordInputError(f"max_items_per_job must be a number above 0, not {value!r}.")


def certain_job_ids(value: str | int | Sequence[str | int], name: str) -> JobIds:
    """Return job ids as a list that certainly names one.

    :raises EncordInputError: for None, an empty list, or anything that is no id.
    """
    several = [value] if isinstance(value, str | int) else list(value or ())
    if not several or not all(isinstance(each, str | int) and str(each).strip() for each in several):
        raise EncordInputError(
            f"{name} must be a job's id, or a list of them where several are allowed, not {value!r}."
        )
    return several
