"""The steps of waiting for a job, for the blocking and the asynchronous transport."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ApiError
from airflow_provider_encord._client.exchange import Pause
from airflow_provider_encord._client.jobs import Verdict, Watch

_LONGEST = 3600
_LONGEST_FAILURE_PAUSE = 300.0

LAST_ANSWER_SECONDS = 60.0
"""How long after the deadline a deferred wait may still wait for an answer."""


class DeadlineReached(Exception):
    """The time was over before the job ended."""


@dataclass(frozen=True, slots=True)
class Patience:
    """The poll policy of a wait.

    :param deadline: Unix time in seconds at which to stop; None for never.
    :param poll_interval: seconds between the starts of two polls, plus or minus a random tenth.
    :param max_poll_failures: failed polls in a row that end the wait.
    """

    deadline: float | None
    poll_interval: float
    max_poll_failures: int

    def seconds_to_last_answer(self, now: float) -> float | None:
        """Return how long an answer may take: until a minute after the deadline; None for no limit."""
        return None if self.deadline is None else max(0.0, self.deadline - now) + LAST_ANSWER_SECONDS


def wait(
    watch: Watch,
    patience: Patience,
    *,
    clock: Callable[[], float],
    jitter: Callable[[], float] = lambda: 0.5,
    longest_held: Callable[[], float] = lambda: math.inf,
    longest_pause: float = math.inf,
    report: Callable[[Verdict], None] = lambda verdict: None,
    report_failure: Callable[[ApiError, int, float], None] = lambda error, failures, seconds: None,
) -> Generator[Call[Any] | Pause, Any, Verdict]:
    """Yield polls and pauses until the job ends; the generator returns the last verdict.

    The transport returns the answer of a poll, or its :class:`ApiError`. A failed poll is not a failed job.

    :param clock: Unix time in seconds.
    :param jitter: a number from 0 to 1; 0.5 leaves the intervals unchanged.
    :param longest_held: how many seconds the server may hold the next poll.
    :param longest_pause: seconds at most between two polls.
    :raises ApiError: when a poll fails for good, or too many fail in a row.
    :raises DeadlineReached: when the time is over; the job goes on.
    """
    failures = 0
    deadline = math.inf if patience.deadline is None else patience.deadline
    while True:
        started = clock()
        held = max(0, math.ceil(min(deadline - started, longest_held(), _LONGEST)))
        answer = yield watch.poll(held)
        factor = 0.9 + 0.2 * jitter()
        pause = patience.poll_interval * factor
        verdict = None
        if isinstance(answer, ApiError):
            failures += 1
            if not answer.transient or failures >= patience.max_poll_failures:
                raise answer
            pause = failed_poll_delay(answer.retry_after, failures, patience.poll_interval, factor)
        else:
            failures = 0
            verdict = watch.judge(answer)
            if verdict.ended:
                return verdict
            report(verdict)
        now = clock()
        if now >= deadline:
            raise DeadlineReached(f"{watch.name} did not end in time")
        # The time that the server held the poll counts as waiting.
        seconds = max(0.0, min(pause - (now - started), deadline - now, longest_pause))
        if isinstance(answer, ApiError):
            report_failure(answer, failures, seconds)
        del answer, verdict  # otherwise thousands of waits would keep theirs while they pause
        yield Pause(seconds)


def failed_poll_delay(retry_after: float | None, failures: int, poll_interval: float, factor: float = 1.0) -> float:
    """Return the seconds from the start of a failed poll to the next: doubled each time, capped, times a random factor.

    The server may ask for more, up to a limit.
    """
    backed_off: float = min(max(poll_interval, 1.0) * 2 ** (failures - 1), max(_LONGEST_FAILURE_PAUSE, poll_interval))
    return max(backed_off * factor, min(retry_after or 0.0, _LONGEST_FAILURE_PAUSE))
