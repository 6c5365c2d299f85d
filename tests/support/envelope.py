"""Answers in the form of Encord's legacy API."""

from __future__ import annotations

from typing import Any


def refusal(code: str, said: str | None = None) -> dict[str, Any]:
    """Return what Encord says when it refuses."""
    return {"status": 400, "response": [code], "payload": said}
