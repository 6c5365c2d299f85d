"""Recognising UUIDs."""

import uuid
from typing import Any


def is_uuid(value: Any) -> bool:
    """Tell whether a value is the text of a UUID."""
    try:
        return isinstance(value, str) and bool(uuid.UUID(value))
    except ValueError:
        return False
