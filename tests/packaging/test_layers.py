"""What each layer may import, shown by importing it where the rest is missing."""

import json
import sys

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


def public(modules: list[str], *names: str) -> list[str]:
    """What DAG files may import; a task loads the rest when it runs."""
    return [each for each in layer(modules, *names) if "._" not in each]


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
            ("_client", "manifest"),
            ("airflow", "encord", *ours("exceptions", "_compat", "_airflow", "_resume", "_storage", "hooks")),
            id="client and manifest: no Airflow",
        ),
        pytest.param(
            ("emulator",),
            ("airflow", "encord", "requests", *ours("_client", "exceptions")),
            id="emulator: nothing else of the package",
        ),
    ],
)
def test_a_layer_imports_without_what_is_above_it(python, modules, names, blocked):
    python(blocking(*blocked) + importing(layer(modules, *names)))


def test_the_calls_import_without_a_network_library(python, modules):
    calls = [each for each in modules if each.startswith(f"{PACKAGE}._client") and ".transport" not in each]
    python(blocking("requests", "aiohttp", "airflow", "encord") + importing(calls))


def test_neither_the_vendors_client_nor_the_emulator_is_needed(python, modules):
    python(
        blocking("encord", "av", "PIL", "boto3", "moto", *ours("emulator"))
        + importing([m for m in modules if ".emulator" not in m])
    )


@pytest.fixture(scope="module")
def parsed(python, modules):
    """The modules that are loaded when everything of ours that DAG files may import is, without asking anybody."""
    output = python(
        f"""
import json, socket, sys
from airflow.models import Connection
import airflow.providers_manager
from {PACKAGE} import _compat

def forbidden(*args, **kwargs):
    raise AssertionError("called while a DAG is parsed")

socket.socket.connect = socket.getaddrinfo = forbidden
_compat.BaseHook.get_connection = forbidden
ours = {{name for name in sys.modules if name.startswith("{PACKAGE}.")}}
before = set(sys.modules) - ours
{importing(public(modules, "operators", "sensors", "triggers", "links", "transfers"))}
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    )
    return json.loads(output.splitlines()[-1])


def test_parsing_a_dag_loads_nothing_heavy_and_asks_nobody(parsed):
    """DAG files import operators, sensors and triggers again and again in the DAG processor."""
    heavy = {"requests", "aiohttp", "cryptography", "ijson", "sqlite3", "encord", "av", "PIL", "boto3"}
    assert not heavy & {name.split(".")[0] for name in parsed}


# A constant, and texts without credentials: these need the standard library only.
LIGHT = {f"{PACKAGE}._client{each}" for each in ("", ".outgoing", ".redaction", ".regions", ".transport")}


def test_parsing_a_dag_pulls_in_no_layer_that_needs_a_library(parsed):
    """Airflow itself may have loaded a heavy library already, which would hide one that we load."""
    ours = {name for name in parsed if name.startswith(f"{PACKAGE}.")}
    assert f"{PACKAGE}._compat" in ours
    assert not {name.split(".")[1] for name in ours - LIGHT} & {"_client", "hooks", "_storage", "manifest"}


def test_operators_and_sensors_load_only_their_own_modules_and_no_triggers(python, modules):
    """Beside the base classes of Airflow: no library of others, whichever Airflow has loaded already.

    The base class of triggers is the slowest import that Airflow's own operators do without.
    """
    output = python(
        f"""
import json, sys
import {PACKAGE}._compat
before = set(sys.modules)
{importing(public(modules, "operators", "sensors", "links", "transfers"))}
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    )
    added = set(json.loads(output.splitlines()[-1]))
    assert {name.split(".")[0] for name in added} - set(sys.stdlib_module_names) == {PACKAGE}
    assert f"{PACKAGE}.triggers.encord" not in added


def test_no_warning_comes_from_the_package(python, modules):
    python(
        "import warnings\n"
        f"warnings.filterwarnings('error', module=r'{PACKAGE}(\\.|$)')\n"
        "warnings.filterwarnings('error', message='.*encord.*')\n" + importing(modules)
    )
