"""What is given to faults, settings and orders is checked once, here: a typing error must not pass for a choice."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

_LARGEST = 1e12
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def known(names: Iterable[object], possible: Collection[str], what: str) -> None:
    """Refuse names that are none of those there are."""
    for name in names:
        if not isinstance(name, str) or name not in possible:
            raise ValueError(f"unknown {what} {name!r}; there are: {', '.join(sorted(possible))}")


def number(value: Any, name: str) -> None:
    """Refuse what is no number, negative or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST:
        raise ValueError(f"{name} must be a number from 0 to {_LARGEST:g}, not {value!r}")


def whole(value: Any, name: str, low: int, high: int) -> None:
    """Refuse what is no whole number within bounds."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")


def flag(value: Any, name: str) -> None:
    """Refuse what is neither true nor false."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, not {value!r}")


def headers(value: Any, name: str) -> None:
    """Refuse what cannot be sent as headers."""
    if not isinstance(value, Mapping) or not all(isinstance(text, str) for pair in value.items() for text in pair):
        raise ValueError(f"{name} must be an object of strings")
    for header, text in value.items():
        if not _HEADER_NAME.fullmatch(header) or not _HEADER_VALUE.fullmatch(text):
            raise ValueError(f"{name}: {header!r} with the value {text!r} is no header")
