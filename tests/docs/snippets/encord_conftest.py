import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytest_plugins = ["airflow_provider_encord.emulator.pytest_plugin"]

# Airflow reads these when it is first imported, so they stand here, in the conftest.py of the top folder.
os.environ |= {
    "AIRFLOW_HOME": tempfile.mkdtemp(),
    "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
}


@pytest.fixture(scope="session")
def database():
    """A new database that DAGs can run on."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True)


@pytest.fixture
def dags(database):
    """The DAGs of the folder, read anew: a test's run_conf would stay in the params of its DAG."""
    from airflow.models import DagBag

    found = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    assert found.import_errors == {}
    return found.dags
