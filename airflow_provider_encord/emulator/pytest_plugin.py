"""A pytest fixture with a local Encord.

Switch it on with ``pytest_plugins = ["airflow_provider_encord.emulator.pytest_plugin"]`` in a ``conftest.py``.
"""

from collections.abc import Iterator

import pytest

from airflow_provider_encord.emulator.local import LocalEncord


@pytest.fixture
def local_encord() -> Iterator[LocalEncord]:
    """Run a local Encord of its own for each test."""
    with LocalEncord() as encord:
        yield encord
