"""Checks of the arguments of calls, and the forms in which they are sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import pendulum

from airflow_provider_encord._client.redaction import shown

When = str | datetime | None

_ISO_8601 = re.compile(r"\d{4}(-?\d{2}-?\d{2}|-?W\d{2}(-?\d)?)([Tt ]\d.*)?")


class BadParameter(ValueError):
    """An argument cannot be sent; the message names it."""


def checked_hash(value: str, name: str) -> str:
    """Return a hash that fits into a header."""
    good = isinstance(value, str) and value.isascii() and value.replace("-", "").isalnum()
    if not good or value in ("None", "null", "True", "False"):
        raise BadParameter(f"{name} must be a hash such as '8f2e...-...', not {shown(value)}")
    return value


def checked_hashes(values: Sequence[str]) -> list[str]:
    """Return hashes as a non-empty list."""
    if isinstance(values, str) or not values:
        raise BadParameter("data_hashes must be a list with at least one data hash")
    return [checked_hash(value, "data_hashes") for value in values]


def checked_uuid(value: str | UUID, name: str) -> str:
    """Return a UUID as a string."""
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise BadParameter(f"{name} must be a UUID, not {shown(value)}") from None


def checked_uuids(values: Sequence[str | UUID], name: str) -> list[str]:
    """Return UUIDs as texts, with something in the list."""
    if isinstance(values, str) or not values:
        raise BadParameter(f"{name} must be a list with at least one UUID")
    return [checked_uuid(value, name) for value in values]


def read_moment(value: str | date) -> datetime:
    """Return a point in time: a date means its first moment, a string is ISO 8601; UTC if it has no time zone."""
    if isinstance(value, datetime):
        return value
    moment = None
    if isinstance(value, date):
        moment = datetime(value.year, value.month, value.day)
    elif isinstance(value, str) and _ISO_8601.fullmatch(text := value.strip()):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
    if moment is None:
        raise BadParameter(f"{shown(value)} is not a date and time in ISO 8601, such as '2026-01-31T00:00:00Z'")
    return pendulum.instance(moment, tz="UTC")


def payload_moment(value: When) -> str | None:
    """Return a point in time for the legacy API."""
    return read_moment(value).isoformat() if value else None


def query_moment(value: When) -> str | None:
    """Return a point in time for a query of the v2 API."""
    if not value:
        return None
    text = read_moment(value).isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
