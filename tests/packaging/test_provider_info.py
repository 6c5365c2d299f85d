"""Airflow finds the provider and understands what it says about itself."""

import ast
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.triggers.base import BaseTrigger

from airflow_provider_encord import provider_info
from airflow_provider_encord._compat import BaseOperator

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
INFO = provider_info.get_provider_info()
KINDS = {"operators", "sensors", "triggers", "transfers"}
CONN_FIELDS = {"ssh_private_key", "ssh_key_file", "passphrase", "token"}


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def test_the_entry_point_leads_to_the_info():
    group = entry_points(group="apache_airflow_provider")
    (entry,) = (each for each in group if each.dist.name == INFO["package-name"])
    assert entry.load() is provider_info.get_provider_info


def test_it_follows_the_schema_of_this_airflow():
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(INFO, schema)


@pytest.mark.parametrize("path", sorted({each for each in texts(INFO) if each.startswith("airflow_provider_encord.")}))
def test_every_path_in_it_can_be_imported(path):
    try:
        importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        assert hasattr(importlib.import_module(module), name)


def test_it_names_every_module_with_something_to_use_in_a_dag(modules):
    found = set()
    for module in (each for each in modules if each.count(".") == 2 and each.split(".")[1] in KINDS):
        found |= {each for each in vars(importlib.import_module(module)).values() if isinstance(each, type)}
    ours = {each for each in found if issubclass(each, BaseOperator | BaseTrigger) and each.__module__ in modules}
    assert {each.__module__ for each in ours if not each.__subclasses__()} <= set(texts(INFO))


def test_it_is_made_of_literals_only():
    """Airflow reads it while its own configuration is still loading: any import there can break ``import airflow``."""
    tree = ast.parse(Path(provider_info.__file__).read_text())
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {getattr(node, "module", None) for node in imported} <= {"__future__", "typing"}


def test_importing_it_loads_no_airflow(python):
    output = python("import sys, airflow_provider_encord.provider_info; print('airflow' in sys.modules)")
    assert output == "False\n"


def test_importing_airflow_works_beside_it(python):
    python("import airflow, airflow.configuration; airflow.configuration.conf.get('core', 'dags_folder')")


def test_airflow_lists_it_without_a_complaint():
    done = subprocess.run(
        [sys.executable, "-W", "default", "-m", "airflow", "providers", "list", "--output", "json"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout[done.stdout.index("[{") :])
    (ours,) = (each for each in listed if each["package_name"] == INFO["package-name"])
    assert ours["version"] == version(INFO["package-name"])
    assert "encord" not in done.stderr.lower()


def test_the_info_declares_the_fields_of_a_connection():
    (connection,) = INFO["connection-types"]
    assert connection["connection-type"] == "encord"
    assert set(connection["conn-fields"]) >= CONN_FIELDS


def test_the_connection_form_shows_the_fields(python):
    if AIRFLOW == (3, 0):
        pytest.skip("Airflow 3.0 shows no provider's fields unless the FAB provider is installed")
    if AIRFLOW < (3, 0):
        read = """
from airflow.providers_manager import ProvidersManager
manager = ProvidersManager()
fields = [info.field_name for key, info in manager.connection_form_widgets.items() if key.startswith("extra__encord__")]
shown = {"name": manager.hooks["encord"].hook_name, "fields": fields, "standard": manager.field_behaviours["encord"]}
"""
    else:
        read = """
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
(meta,) = (each for each in HookMetaService.hook_meta_data() if each.connection_type == "encord")
shown = {"name": meta.hook_name, "fields": list(meta.extra_fields), "standard": str(meta.standard_fields)}
"""
    shown = json.loads(python(f"import json\n{read}\nprint(json.dumps(shown, default=str))").splitlines()[-1])
    assert shown["name"] == "Encord"
    assert set(shown["fields"]) == set(INFO["connection-types"][0]["conn-fields"])
    assert shown["standard"]
