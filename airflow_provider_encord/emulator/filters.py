"""The filters that datasets and data rows can be searched by."""

from collections.abc import Mapping
from typing import Any

_CONDITIONS = {
    "title_eq": "title = ?",
    "title_like": "title LIKE ?",
    "description_eq": "description = ?",
    "description_like": "description LIKE ?",
    "created_before": "created_at < ?",
    "created_after": "created_at > ?",
    "edited_before": "edited_at < ?",
    "edited_after": "edited_at > ?",
}


def conditions(filters: Mapping[str, Any], prefix: str = "") -> tuple[str, list[Any]]:
    """Return the SQL for the filters that are set, and its values."""
    used = [(f"{prefix}{_CONDITIONS[name]}", value) for name, value in filters.items() if value is not None]
    return "".join(f" AND {sql}" for sql, _ in used), [value for _, value in used]
