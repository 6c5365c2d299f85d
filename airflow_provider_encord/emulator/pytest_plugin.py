"""pytest fixtures with a local Encord.

Switch them on with ``pytest_plugins = ["airflow_provider_encord.emulator.pytest_plugin"]`` in a ``conftest.py``.
"""

from collections.abc import Iterator

import pytest

from airflow_provider_encord.emulator.local import LocalEncord


@pytest.fixture
def local_encord() -> Iterator[LocalEncord]:
    """Run a local Encord of its own for each test."""
    with LocalEncord() as encord:
        yield encord


@pytest.fixture
def encord_default(local_encord: LocalEncord, monkeypatch: pytest.MonkeyPatch) -> LocalEncord:
    """Run a local Encord, and let Airflow's connection ``encord_default`` lead to it."""
    monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", local_encord.connection)
    return local_encord
