"""A local Encord and the connection that leads to it."""

import json

import pytest

from airflow_provider_encord.emulator import LocalEncord
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.triggers import encord as triggers


@pytest.fixture(scope="session")
def local_encord():
    """One for all tests: Airflow's masker gets slower with each key that it has ever seen."""
    with LocalEncord() as local:
        yield local


@pytest.fixture
def encord(local_encord, monkeypatch):
    """A local Encord that behaves, with the connection that leads to it; events come without their delay."""
    monkeypatch.setattr(triggers, "EARLIEST_EVENT_SECONDS", 0)
    local_encord.clear_faults()
    local_encord.force_job()
    local_encord.force_task()
    local_encord.clear_requests()
    extra = {"ssh_private_key": local_encord.private_key}
    connection = {"conn_type": "encord", "host": local_encord.url, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", json.dumps(connection))
    return local_encord


@pytest.fixture
def hook(encord):
    return EncordHook()
