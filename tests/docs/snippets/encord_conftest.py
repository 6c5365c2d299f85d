import json

import pytest

pytest_plugins = ["airflow_provider_encord.emulator.pytest_plugin"]


@pytest.fixture
def encord(local_encord, monkeypatch):
    connection = {
        "conn_type": "encord",
        "host": local_encord.url,
        "extra": {"ssh_private_key": local_encord.private_key},
    }
    monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", json.dumps(connection))
    return local_encord
