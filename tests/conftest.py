"""All tests run with an Airflow home of their own and with nothing of the developer's settings."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator

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


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)
