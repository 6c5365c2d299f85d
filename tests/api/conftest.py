import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

SUPPORT = str(Path(__file__).parents[1] / "support")
if SUPPORT not in sys.path:
    sys.path.insert(0, SUPPORT)
    pytest.register_assert_rewrite("vectors")

from loopback import Loopback, serve  # noqa: E402

# The same examples in each run, on machines of any speed.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    """A recording server of its own for each test."""
    with serve() as server:
        yield server
