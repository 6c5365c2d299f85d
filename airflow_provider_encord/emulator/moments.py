"""Points in time as Encord writes and reads them."""

from datetime import UTC, datetime


def read(text: str) -> float:
    """Return seconds since the epoch for ISO 8601 text; without a zone it is UTC.

    :raises ValueError: if it is no date
    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def legacy(moment: float) -> str:
    """Write a moment the way the legacy API does."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")


def v2(moment: float) -> str:
    """Write a moment the way v2 does."""
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
