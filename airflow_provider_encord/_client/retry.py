"""Decides whether a request is repeated, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ApiError, ErrorKind


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long to repeat a request.

    :param tries: most requests, with the first one.
    :param first_delay: seconds before the second request; doubled for each further one.
    :param longest_delay: most seconds between two requests, even if ``Retry-After`` asks for more.
    """

    tries: int = 4
    first_delay: float = 1.0
    longest_delay: float = 60.0


ONCE = RetryPolicy(tries=1)


def may_repeat(call: Call[Any], error: ApiError) -> bool:
    """Whether sending the call again may help and does no harm."""
    if error.kind is ErrorKind.UNREADABLE or not error.transient:
        return False
    return call.repeatable or not error.taken


def next_delay(
    call: Call[Any], error: ApiError, *, attempt: int, policy: RetryPolicy, jitter: Callable[[], float]
) -> float | None:
    """Return the seconds to wait before the next request, or None to give up.

    :param attempt: number of requests so far.
    :param jitter: returns a number from 0 to 1; spreads the load of many tasks that fail together.
    """
    if attempt >= policy.tries or not may_repeat(call, error):
        return None
    if error.retry_after is not None:
        return min(error.retry_after, policy.longest_delay)
    delay: float = policy.first_delay * 2 ** (attempt - 1) * (0.5 + jitter() / 2)
    return min(delay, policy.longest_delay)
