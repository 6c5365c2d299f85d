"""Runs the step generators of the client: the only loops over steps."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, TypeVar

from airflow_provider_encord._client.exchange import Pause

log = logging.getLogger(__name__)

Step = TypeVar("Step")
T = TypeVar("T")


def drive(steps: Generator[Step, Any, T], perform: Callable[[Step], Any]) -> T:
    """Carry out the steps and return what the generator returns."""
    try:
        step = next(steps)
        while True:
            step = steps.send(perform(step))
    except StopIteration as end:
        result: T = end.value
        return result


async def adrive(
    steps: Generator[Step, Any, T],
    perform: Callable[[Step], Awaitable[Any]],
    aside: Callable[[Any, Callable[[], tuple[bool, Any]]], Awaitable[tuple[bool, Any]]] | None = None,
) -> T:
    """Carry out the steps asynchronously and return what the generator returns.

    :param aside: resumes the generator with a step's result, perhaps on a thread.
    """
    ended, value = _resume(steps, None)
    while not ended:
        result = await perform(value)
        ended, value = await aside(result, partial(_resume, steps, result)) if aside else _resume(steps, result)
    returned: T = value
    return returned


def _resume(steps: Generator[Any, Any, Any], result: Any) -> tuple[bool, Any]:
    """Return whether the generator has ended, and its next step or its return value."""
    try:
        return False, steps.send(result)
    except StopIteration as end:
        return True, end.value


def announce(pause: Pause) -> None:
    """Log a pause of more than a second and its reason."""
    if pause.reason and pause.seconds > 1:
        log.warning("%s Asking again in %.0f s.", pause.reason, pause.seconds)
