"""The hook with everything random frozen, on a connection from the environment."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property, partial
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_encord._client.exchange import Account
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._client.transport.sync_transport import BlockingTransport
from airflow_provider_encord.hooks import _folders, _registration, encord
from airflow_provider_encord.hooks.encord import EncordHook
from vectors import KEY, TRACE, Clock


class ReplayHook(EncordHook):
    """Signs at a frozen time, never sleeps."""

    clock: Clock

    def _account(self, settings: Any) -> Account:  # type: ignore[override]
        return replace(
            EncordHook._account(settings),
            agent="test/1",
            clock=self.clock,
            trace_id=lambda: TRACE,
            jitter=lambda: 1.0,
        )

    @cached_property
    def _transport(self) -> BlockingTransport:
        return BlockingTransport(self._account(self.settings), timeouts=self.settings.timeouts, sleep=self.clock.sleep)


def connect(monkeypatch: pytest.MonkeyPatch, host: str, **extra: Any) -> None:
    """Set the connection ``encord_default``; with the test key unless told otherwise."""
    given = extra or {"ssh_private_key": KEY}
    uri = json.dumps({"conn_type": "encord", "host": host, "extra": given})
    monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", uri)


def replay_hook(monkeypatch: pytest.MonkeyPatch, domain: str, clock: Clock, **extra: Any) -> ReplayHook:
    """Return a hook for the server at a URL; with the test key unless told otherwise."""
    connect(monkeypatch, domain, **extra)
    for verbs in (_folders, _registration):
        monkeypatch.setattr(verbs, "time", SimpleNamespace(time=clock))
    monkeypatch.setattr(encord, "AsyncTransport", partial(AsyncTransport, sleep=clock.sleep_async))
    hook = ReplayHook()
    hook.clock = clock
    return hook
