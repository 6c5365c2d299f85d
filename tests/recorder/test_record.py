"""The vectors in the repository are those that the recorder makes."""

import sys
from pathlib import Path

import pytest

from tests.recorder import OLDER, VECTORS
from tests.recorder.__main__ import record_all
from tests.recorder.record import record, text_of
from tests.recorder.scenarios import scenarios

SCENARIOS = scenarios()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_installed_client_makes_the_vector(name: str) -> None:
    assert text_of(record(name, SCENARIOS[name])) == (VECTORS / f"{name}.json").read_text()


@pytest.mark.skipif(
    not (Path(sys.prefix) / f"encord-{OLDER}").is_dir(), reason=f"no client {OLDER}: `make test` installs it"
)
def test_the_older_client_makes_all_others(tmp_path: Path) -> None:
    record_all(OLDER, tmp_path)
    made = {path.stem: path.read_text() for path in tmp_path.glob("*.json")}
    assert made == {path.stem: path.read_text() for path in VECTORS.glob("*.json") if path.stem not in SCENARIOS}
