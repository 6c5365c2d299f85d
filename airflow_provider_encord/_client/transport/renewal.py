"""Looks up new credentials after Encord refused the old ones, once for all requests on one event loop."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from airflow_provider_encord._client.exchange import Account
from airflow_provider_encord._client.protocol import NoAnswer

LOOKUP_SECONDS = 30.0
"""How long one lookup may take."""
FRESH_SECONDS = 10.0
"""How long the result of a lookup serves other requests that were refused with the same account."""
FAILED_SECONDS = 1.0
"""How long a failed lookup serves other requests."""

AskNow = Callable[[Account], Awaitable[Account | NoAnswer]]


async def unchanged(refused: Account) -> Account:
    """Return the same account."""
    return refused


class SharedRenewal:
    """Shares one lookup among requests that are refused with the same account at about the same time.

    :param look_up: looks the account up again.
    """

    def __init__(self, look_up: AskNow) -> None:
        self._look_up = look_up
        self._refused: Account | None = None
        self._newest: asyncio.Task[Account | NoAnswer] | None = None
        self._started = 0.0

    async def __call__(self, refused: Account) -> Account | NoAnswer:
        """Return the account from a new or shared lookup."""
        now = asyncio.get_running_loop().time()
        newest = self._newest
        if newest is None or refused != self._refused or now - self._started >= _lifetime(newest):
            newest = asyncio.ensure_future(self._within_time(refused))
            self._refused, self._newest, self._started = refused, newest, now
        # Cancelling one request must not cancel the lookup of the others.
        return await asyncio.shield(newest)

    def cancel(self) -> None:
        """Cancel a lookup that nobody waits for any more."""
        if self._newest is not None:
            self._newest.cancel()
            self._newest = None

    async def _within_time(self, refused: Account) -> Account | NoAnswer:
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                return await self._look_up(refused)
        except TimeoutError:
            return NoAnswer(f"the lookup took longer than {LOOKUP_SECONDS:.0f} s", sent=False)


def _lifetime(lookup: asyncio.Task[Account | NoAnswer]) -> float:
    if not lookup.done():
        return math.inf
    return FRESH_SECONDS if isinstance(lookup.result(), Account) else FAILED_SECONDS
