"""The progress of a wait in the log: only changes, at most once a minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_provider_encord._client.outgoing import one_line

if TYPE_CHECKING:
    from airflow_provider_encord._client.jobs import Verdict

_QUIET_SECONDS = 60.0


class ProgressLog:
    """Logs the state of a job that is still pending.

    :param log: any logger of Airflow's.
    :param clock: a monotonic clock in seconds.
    """

    __slots__ = ("_clock", "_last", "_log", "_next")

    def __init__(self, log: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._last: str | None = None
        self._next = 0.0

    def __call__(self, verdict: Verdict) -> None:
        """Log a verdict if its message is new."""
        message = one_line(verdict.message)
        if not verdict.known and message != self._last:
            self._log.warning("Encord reports a status that this provider does not know; still waiting. %s", message)
            self._last = message
        elif message != self._last and self._clock() >= self._next:
            self._log.info("%s.", message)
            self._last = message
            self._next = self._clock() + _QUIET_SECONDS
