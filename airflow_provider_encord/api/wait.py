"""Waiting for a job to end, as steps that a blocking and an asynchronous driver carry out alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from airflow_provider_encord.api.errors import ApiError
from airflow_provider_encord.api.exchange import Pause
from airflow_provider_encord.api.jobs import Verdict, Watch
from airflow_provider_encord.api.wire import Call

_LONGEST = 3600
_LONGEST_FAILURE_PAUSE = 300.0


class DeadlineReached(Exception):
    """The job had not ended when the time was over."""


@dataclass(frozen=True)
class Patience:
    """How a wait is paced.

    :param deadline: Unix time in seconds at which to stop; None for never.
    :param poll_interval: seconds between the starts of two polls.
    :param max_poll_failures: failed polls in a row that end the wait.
    """

    deadline: float | None
    poll_interval: float
    max_poll_failures: int


def wait(
    watch: Watch,
    patience: Patience,
    *,
    clock: Callable[[], float],
    report: Callable[[Verdict], None] = lambda verdict: None,
    report_failure: Callable[[ApiError, int], None] = lambda error, failures: None,
) -> Generator[Call[Any] | Pause, Any, Verdict]:
    """Yield polls and pauses until the job ends; the return value is how it stands then.

    The driver passes back a poll's answer, or its :class:`ApiError`. A failed poll is not a failed job.

    :raises ApiError: when polls fail for good, or too often in a row.
    :raises DeadlineReached: when the time is over; the job goes on.
    """
    failures = 0
    while True:
        started = clock()
        remaining = math.inf if patience.deadline is None else patience.deadline - started
        held = max(0, math.ceil(min(remaining, _LONGEST)))
        answer = yield watch.poll(held)
        pause = patience.poll_interval
        if isinstance(answer, ApiError):
            failures += 1
            if not answer.transient or failures >= patience.max_poll_failures:
                raise answer
            report_failure(answer, failures)
            pause = failed_poll_delay(answer, failures, patience.poll_interval)
        else:
            failures = 0
            verdict = watch.judge(answer)
            if verdict.ended:
                return verdict
            report(verdict)
        now = clock()
        if patience.deadline is not None and now >= patience.deadline:
            raise DeadlineReached(f"{watch.name} had not ended when the time was over")
        left = math.inf if patience.deadline is None else patience.deadline - now
        # Time that the server held the poll counts as waiting.
        yield Pause(max(0.0, min(pause - (now - started), left)))


def failed_poll_delay(error: ApiError, failures: int, poll_interval: float) -> float:
    """Seconds from the start of a failed poll to the next: doubling, capped; what the server asks for wins."""
    backed_off: float = min(max(poll_interval, 1.0) * 2 ** (failures - 1), max(_LONGEST_FAILURE_PAUSE, poll_interval))
    return max(backed_off, min(error.retry_after or 0.0, _LONGEST_FAILURE_PAUSE))
