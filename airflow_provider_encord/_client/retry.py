"""May this be sent again, and after how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ApiError, ErrorKind


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long to try again.

    :param tries: requests at most, the first one included.
    :param first_delay: seconds before the second request; doubles from then on.
    :param longest_delay: seconds at most between two requests, also when ``Retry-After`` asks for more.
    """

    tries: int = 4
    first_delay: float = 1.0
    longest_delay: float = 60.0


ONCE = RetryPolicy(tries=1)


def may_repeat(call: Call[Any], error: ApiError) -> bool:
    """Whether sending the call again can help and can do no harm."""
    if error.kind is ErrorKind.UNREADABLE or not error.transient:
        return False
    return call.repeatable or not error.taken


def next_delay(
    call: Call[Any], error: ApiError, *, attempt: int, policy: RetryPolicy, jitter: Callable[[], float]
) -> float | None:
    """Return the seconds to wait before trying again, or None to give up.

    :param attempt: how many requests were sent so far.
    :param jitter: gives a number from 0 to 1; spreads the load of many tasks that fail together.
    """
    if attempt >= policy.tries or not may_repeat(call, error):
        return None
    if error.retry_after is not None:
        return min(error.retry_after, policy.longest_delay)
    delay: float = policy.first_delay * 2 ** (attempt - 1) * (0.5 + jitter() / 2)
    return min(delay, policy.longest_delay)
