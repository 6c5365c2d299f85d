"""Runs step generators of the API layer; the only loops that know how steps are carried out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

Step = TypeVar("Step")
T = TypeVar("T")


def drive(steps: Generator[Step, Any, T], perform: Callable[[Step], Any]) -> T:
    """Carry out each step and return what the generator returns."""
    try:
        step = next(steps)
        while True:
            step = steps.send(perform(step))
    except StopIteration as end:
        result: T = end.value
        return result


async def adrive(steps: Generator[Step, Any, T], perform: Callable[[Step], Awaitable[Any]]) -> T:
    """Carry out each step asynchronously and return what the generator returns."""
    try:
        step = next(steps)
        while True:
            step = steps.send(await perform(step))
    except StopIteration as end:
        result: T = end.value
        return result
