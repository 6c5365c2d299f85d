"""What each layer may import, shown by importing it where the rest is missing."""

import json

import pytest

PACKAGE = "airflow_provider_encord"

BLOCK = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.startswith(BLOCKED) and (name + ".").startswith(tuple(each + "." for each in BLOCKED)):
            raise ModuleNotFoundError(f"blocked: {name}")

sys.meta_path.insert(0, Block())
"""


def layer(modules: list[str], *names: str) -> list[str]:
    chosen = [each for each in modules if each.split(".")[1:2] and each.split(".")[1] in names]
    assert chosen, f"there is no module in {names}"
    return chosen


def importing(modules: list[str]) -> str:
    return "\n".join(f"import {each}" for each in modules) + "\n"


def blocking(*names: str) -> str:
    return f"BLOCKED = {names!r}\n" + BLOCK


def ours(*names: str) -> tuple[str, ...]:
    return tuple(f"{PACKAGE}.{each}" for each in names)


@pytest.mark.parametrize(
    ("names", "blocked"),
    [
        pytest.param(
            ("api",),
            ("airflow", "requests", "aiohttp", "encord", *ours("transport", "exceptions")),
            id="api: no Airflow, no network",
        ),
        pytest.param(
            ("transport",),
            ("airflow", "encord", *ours("exceptions", "hooks", "durable", "sources")),
            id="transport: no Airflow",
        ),
        pytest.param(
            ("emulator",),
            ("airflow", "encord", "requests", *ours("api", "transport", "exceptions")),
            id="emulator: nothing else of the package",
        ),
    ],
)
def test_a_layer_imports_without_what_is_above_it(python, modules, names, blocked):
    python(blocking(*blocked) + importing(layer(modules, *names)))


def test_neither_the_vendors_client_nor_the_emulator_is_needed(python, modules):
    python(
        blocking("encord", "av", "PIL", "boto3", "moto", *ours("emulator"))
        + importing([m for m in modules if ".emulator" not in m])
    )


def test_parsing_a_dag_loads_nothing_heavy_and_asks_nobody(python, modules):
    """DAG files import operators, sensors and triggers again and again in the DAG processor."""
    heavy = ("requests", "aiohttp", "cryptography", "encord", "av", "PIL", "boto3")
    output = python(
        f"""
import json, socket, sys
from airflow.models import Connection
from {PACKAGE} import airflow_compat
import airflow.providers_manager

def forbidden(*args, **kwargs):
    raise AssertionError("called while a DAG is parsed")

socket.socket.connect = socket.getaddrinfo = forbidden
airflow_compat.BaseHook.get_connection = forbidden
before = set(sys.modules)
{importing(layer(modules, "operators", "sensors", "triggers", "links", "transfers"))}
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    )
    loaded = {name.split(".")[0] for name in json.loads(output.splitlines()[-1])}
    assert not loaded & set(heavy)


def test_parsing_a_dag_pulls_in_no_layer_below_the_hook(python, modules):
    """Airflow itself may have loaded a heavy library already, which would hide one that we load."""
    output = python(
        importing(layer(modules, "operators", "sensors", "triggers", "links", "transfers"))
        + f"import sys; print([name for name in sys.modules if name.startswith('{PACKAGE}.transport.')])"
    )
    assert output.splitlines()[-1] == "[]"


def test_no_warning_comes_from_the_package(python, modules):
    python(
        "import warnings\n"
        f"warnings.filterwarnings('error', module=r'{PACKAGE}(\\.|$)')\n"
        "warnings.filterwarnings('error', message='.*encord.*')\n" + importing(modules)
    )
