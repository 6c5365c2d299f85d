"""Lists of the v2 API that come page by page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from airflow_provider_encord._client.fields import Fields, Unreadable
from airflow_provider_encord._client.parameters import BadParameter

T = TypeVar("T")

DEFAULT_PAGE_SIZE = 100
"""What Encord's client asks for."""
MAX_PAGE_SIZE = 1000


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some of a list, and what to ask the next ones by; ``next_page_token`` is None on the last page."""

    results: tuple[T, ...]
    next_page_token: str | None


def checked_page_size(value: int) -> int:
    """Return a page size that Encord takes."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_PAGE_SIZE:
        raise BadParameter(f"page_size must be a whole number from 1 to {MAX_PAGE_SIZE}, not {value!r}")
    return value


def page_reader(make: Callable[[Any], T], page_token: str | None) -> Callable[[Any], Page[T]]:
    """Return what reads the page that was asked for by a token."""

    def read(value: Any) -> Page[T]:
        fields = Fields(value, "the answer")
        following = fields.optional_text("next_page_token")
        if following is not None and following == page_token:
            raise Unreadable("the next page is the same again")
        return Page(fields.all("results", make), following)

    return read
