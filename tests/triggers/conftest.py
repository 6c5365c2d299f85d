"""Events come without their delay."""

import pytest

from airflow_provider_encord.triggers import encord as triggers


@pytest.fixture
def encord(encord, monkeypatch):
    monkeypatch.setattr(triggers, "EARLIEST_EVENT_SECONDS", 0)
    return encord
