"""Checks of what callers pass into calls, and the forms in which it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import pendulum

When = str | datetime | None


def checked_hash(value: str, name: str) -> str:
    if not isinstance(value, str) or not value or not value.isascii() or not value.replace("-", "").isalnum():
        raise ValueError(f"{name} must be a hash such as '8f2e...-...', not {value!r}")
    return value


def checked_hashes(values: Sequence[str]) -> list[str]:
    if isinstance(values, str) or not values:
        raise ValueError("data_hashes must be a list with at least one data hash")
    return [checked_hash(value, "data_hashes") for value in values]


def checked_uuid(value: str | UUID, name: str) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise ValueError(f"{name} must be a UUID, not {value!r}") from None


def _moment(value: str | datetime) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        moment = pendulum.parse(value, tz="UTC", strict=False)
    except (TypeError, ValueError, OverflowError):
        moment = None
    if not isinstance(moment, datetime):
        raise ValueError(f"{value!r} is not a date and time in ISO 8601, such as '2026-01-31T00:00:00Z'")
    return moment


def payload_moment(value: When) -> str | None:
    return _moment(value).isoformat() if value else None


def query_moment(value: When) -> str | None:
    if not value:
        return None
    moment = _moment(value)
    text = moment.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
