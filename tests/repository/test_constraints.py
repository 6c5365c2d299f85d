"""A platform with Celery and PostgreSQL is installed with the constraints, too."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

FILES = sorted((Path(__file__).parents[2] / ".ci/constraints").glob("*.txt"))
NEEDED = {
    "apache-airflow-providers-celery",
    "apache-airflow-providers-postgres",
    "asyncpg",
    "celery",
    "psycopg",
    "psycopg-binary",
    "psycopg2-binary",
    "redis",
}


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_the_constraints_name_a_celery_that_starts_and_what_it_needs(file: Path) -> None:
    pins = dict(line.split("==") for line in file.read_text().splitlines() if not line.startswith("#"))

    assert pins.keys() >= NEEDED
    assert Version(pins["celery"]) < Version("5.7"), "Airflow's provider does not start with it"
