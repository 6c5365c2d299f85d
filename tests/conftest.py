"""All tests run with an Airflow home of their own and with nothing of the developer's settings."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

HOME = tempfile.mkdtemp(prefix="encord-tests-")

for name in [name for name in os.environ if re.match(r"_?AIRFLOW|AWS_|.*_proxy$", name, re.IGNORECASE)]:
    del os.environ[name]
os.environ |= {
    "AIRFLOW_HOME": HOME,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "*",
}

# The same examples in each run, on machines of any speed.
settings.register_profile("steady", deadline=None, derandomize=True)
# Others at each run, and many: `make property`.
settings.register_profile("property", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

pytest.register_assert_rewrite("vectors")

from loopback import Loopback, serve  # noqa: E402  (what it rewrites must be registered before)


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    """A recording server of its own for each test."""
    with serve() as server:
        yield server


@pytest.fixture(scope="session")
def local_encord() -> Iterator[Any]:
    """One for all tests: Airflow's masker gets slower with each key that it has ever seen."""
    from airflow_provider_encord.emulator import LocalEncord

    with LocalEncord() as local:
        yield local


@pytest.fixture
def encord(local_encord: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A local Encord that behaves, with an empty log, and the connection that leads to it."""
    local_encord.settings(job_seconds=0, re_encode_seconds=0)
    local_encord.clear_faults()
    local_encord.force_job()
    local_encord.force_task()
    local_encord.clear_requests()
    extra = {"ssh_private_key": local_encord.private_key}
    connection = {"conn_type": "encord", "host": local_encord.url, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", json.dumps(connection))
    return local_encord


@pytest.fixture
def hook(encord: Any) -> Any:
    from airflow_provider_encord.hooks.encord import EncordHook

    return EncordHook()


@pytest.fixture
def dataset(hook: Any, encord: Any) -> str:
    """A dataset; that it was made is forgotten."""
    made: str = hook.create_dataset("a dataset").dataset_hash
    encord.clear_requests()
    return made


@pytest.fixture
def asked(encord: Any) -> Callable[[], list[str]]:
    """The operations that were asked for, in order."""
    return lambda: [each["operation"] for each in encord.requests()]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, so that no process is alone with them at the end."""
    items.sort(key=lambda item: (item.get_closest_marker("system") is None, "killed" not in item.path.parts))


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)
