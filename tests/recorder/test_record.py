"""The vectors in the repository are those that the recorder makes with the installed client."""

import pytest

from tests.recorder.record import VECTORS, record, text_of
from tests.recorder.scenarios import scenarios

SCENARIOS = scenarios()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_recorder_makes_the_vector(name: str) -> None:
    assert text_of(record(name, SCENARIOS[name])) == (VECTORS / f"{name}.json").read_text()
