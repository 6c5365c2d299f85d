"""What the code offers is in the pages, and what the pages name is in the code."""

import dataclasses
import importlib
import inspect
import re
import tomllib
from pathlib import Path

import pytest

import errors_page
from airflow_provider_encord import demo, exceptions, manifest, provider_info
from airflow_provider_encord._client.transport.network import Timeouts
from airflow_provider_encord._storage import grouping
from airflow_provider_encord.emulator import LocalEncord, control
from airflow_provider_encord.emulator.__main__ import parser as emulator_parser
from airflow_provider_encord.emulator.faults import Action, Rule
from airflow_provider_encord.emulator.request_log import Entry
from airflow_provider_encord.emulator.server import Emulator, State
from airflow_provider_encord.emulator.settings import Settings
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.operators._registration import EncordRegistrationOperator
from airflow_provider_encord.sensors.encord import EncordSensor

ROOT = Path(__file__).parents[2]
INFO = provider_info.get_provider_info()
BLOCK = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
ADD_PRIVATE_DATA = "EncordAddPrivateDataOperator"
SHARED = {"dataset_hash", "encord_conn_id", "client_metadata", "folder_uuid"}


def public_classes(kind: str, suffix: str) -> dict[str, type]:
    found = {}
    for entry in INFO[kind]:
        for path in entry.get("python-modules") or [entry["python-module"]]:
            for name, each in inspect.getmembers(importlib.import_module(path), inspect.isclass):
                if each.__module__ == path and name.endswith(suffix) and not inspect.isabstract(each):
                    found[name] = each
    return found


TRANSFERS = public_classes("transfers", "Operator")
OPERATORS = public_classes("operators", "Operator") | TRANSFERS
SENSORS = public_classes("sensors", "Sensor")
TRIGGERS = public_classes("triggers", "Trigger")
EXCEPTIONS = {
    name: each
    for name, each in inspect.getmembers(exceptions, inspect.isclass)
    if each.__module__ == exceptions.__name__
}


def prose(text: str) -> str:
    return BLOCK.sub("", text)


def quoted(text: str) -> set[str]:
    """What stands in backticks outside of code blocks."""
    return set(re.findall(r"`([^`\n]+)`", prose(text)))


def first_cells(text: str) -> set[str]:
    """The names in backticks in the first column of tables."""
    rows = re.findall(r"^\| ([^|]*?) \|", prose(text), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def section(page: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {title!r}"
    return found[1]


def own_parameters(each: type) -> set[str]:
    """Parameters of a class and of those of its bases that are ours."""
    ours = [base for base in each.__mro__ if base.__module__.startswith("airflow_provider_encord.")]
    signatures = [inspect.signature(base.__dict__["__init__"]) for base in ours if "__init__" in base.__dict__]
    named = {name for signature in signatures for name in signature.parameters}
    return named - {"self", "kwargs", "args"}


def defaults_of(each: type) -> dict[str, object]:
    """Defaults of a class's parameters, those of the class before those of its bases."""
    found: dict[str, object] = {}
    for base in each.__mro__:
        if base.__module__.startswith("airflow_provider_encord.") and "__init__" in base.__dict__:
            for name, parameter in inspect.signature(base.__dict__["__init__"]).parameters.items():
                found.setdefault(name, parameter.default)
    return found


def test_the_classes_are_found():
    assert len(OPERATORS) >= 13
    assert len(TRANSFERS) >= 2
    assert len(SENSORS) >= 3
    assert len(TRIGGERS) >= 3
    assert len(EXCEPTIONS) >= 15


# -- operators and sensors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(OPERATORS | SENSORS))
def test_each_has_a_section_a_label_and_a_line_in_the_readme(name, pages):
    text = section(pages["docs/operators.md"], name)
    kind = "operator" if name in OPERATORS else "sensor"
    assert f"\n(howto/{kind}:{name})=\n## {name}\n" in pages["docs/operators.md"]
    assert (OPERATORS | SENSORS)[name].__module__ in quoted(text)
    assert f"[`{name}`](docs/operators.md#{name.lower()})" in pages["README.md"]


@pytest.mark.parametrize("name", sorted(OPERATORS | SENSORS))
def test_each_parameter_is_described_and_each_described_one_exists(name, pages):
    page = pages["docs/operators.md"]
    common, own = section(page, "What all of them share"), section(page, name)
    parameters = own_parameters((OPERATORS | SENSORS)[name])
    assert parameters - quoted(own) - (first_cells(common) | SHARED) == set()
    assert first_cells(own) - parameters == set()


def test_the_shared_parameters_exist(pages):
    shared = first_cells(section(pages["docs/operators.md"], "What all of them share"))
    report = set(re.findall(r'"(\w+)"', EncordRegistrationOperator.__doc__))
    everywhere = set().union(*(own_parameters(each) for each in OPERATORS.values()))
    assert shared - report - everywhere == set()


@pytest.mark.parametrize("name", sorted(OPERATORS | SENSORS))
def test_what_is_called_templated_is(name, pages):
    templated = set((OPERATORS | SENSORS)[name].template_fields)
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|(.*)$", section(pages["docs/operators.md"], name), re.MULTILINE)
    for names, description in rows:
        for parameter in quoted(names):
            assert (parameter in templated) is ("(templated" in description), parameter


@pytest.mark.parametrize("name", sorted(OPERATORS | SENSORS))
def test_each_is_shown_at_work(name, pages):
    own = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", pages["docs/operators.md"], re.MULTILINE | re.DOTALL)[1]
    assert any(f"{name}(" in block for block in BLOCK.findall(own))


def test_each_default_in_a_table_is_that_of_the_code(pages):
    wrong = []
    for name, each in (OPERATORS | SENSORS).items():
        defaults = defaults_of(each)
        rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section(pages["docs/operators.md"], name), re.MULTILINE)
        for parameter, shown in rows:
            default = defaults[parameter]
            if default is inspect.Parameter.empty:
                expected = {"required"}
            elif default is None:
                continue  # told in words
            else:
                expected = {f"`{default}`", f"{default}", f"{default:,}" if isinstance(default, int) else ""}
            if shown not in expected and not shown.startswith("`[operators]"):
                wrong.append((name, parameter, shown, default))
    assert wrong == []


def test_the_sensors_share_a_base():
    assert all(issubclass(each, EncordSensor) for each in SENSORS.values())


def test_each_trigger_and_its_arguments_are_described(pages):
    assert set(TRIGGERS) <= quoted(pages["docs/deferrable.md"])
    arguments = set().union(*(own_parameters(each) for each in TRIGGERS.values())) - {"unknown"}
    assert arguments <= quoted(pages["docs/security.md"])


def test_each_is_in_the_reference():
    reference = "\n".join(path.read_text() for path in (ROOT / "docs" / "reference").glob("*.rst"))
    listed = set(re.findall(r"^\.\. autoclass:: (?:[\w.]+\.)?(\w+)$", reference, re.MULTILINE))
    assert set(OPERATORS | SENSORS | TRIGGERS) - listed == set()


# -- hook, exceptions, connection ----------------------------------------------------------------------------------


def test_each_hook_method_is_listed_and_each_listed_one_exists(pages):
    form = {"get_connection_form_widgets", "get_ui_field_behaviour"}
    ours = [part for part in EncordHook.__mro__ if part.__module__.startswith("airflow_provider_encord.")]
    named = {name for part in ours for name in vars(part) if not name.startswith("_")}
    methods = {name for name in named if callable(getattr(EncordHook, name))}
    assert methods - form - first_cells(pages["docs/hook.md"]) == set()
    assert {name for name in first_cells(pages["docs/hook.md"]) if not hasattr(EncordHook, name)} == set()


def test_each_exception_is_listed_with_what_a_retry_does(pages):
    rows = dict(
        re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", section("## x\n" + pages["docs/errors.md"], "x"), re.MULTILINE)
    )
    assert set(rows) == set(EXCEPTIONS)
    for name, retry in rows.items():
        at_once = issubclass(EXCEPTIONS[name], exceptions.AirflowFailException)
        assert retry == ("no, fails at once" if at_once else "yes")


def test_each_exception_leads_to_a_cure(pages):
    named = set(re.findall(r"`(\w+)`", pages["docs/symptoms.md"]))
    assert set(EXCEPTIONS) - {"EncordError"} <= named


def test_the_page_of_errors_is_made_from_the_classes(pages):
    page = pages["docs/errors.md"]
    assert page == errors_page.with_made_part(page), f"docs/errors.md is out of date; run: {errors_page.COMMAND}"


def test_each_attribute_of_an_error_is_named(pages):
    assert set(vars(exceptions.EncordError())) <= quoted(pages["docs/errors.md"])


def test_each_connection_field_is_listed_and_each_listed_one_exists(pages):
    rows = re.findall(r"^\|\s*([^|]*?)\s*\| (?:extra )?`(\w+)` \|", pages["docs/connection.md"], re.MULTILINE)
    described = {name: label for label, name in rows}
    behaviour = provider_info.FIELD_BEHAVIOUR["relabeling"]
    labels = {name: each["label"] for name, each in provider_info.CONNECTION_FIELDS.items()} | behaviour
    hidden = {f"{each.name}_timeout": "" for each in dataclasses.fields(Timeouts)} | {
        "allow_private_storage": "",
        "longest_pause": "",
    }
    assert described == hidden | labels
    defaults = {f"{each.name}_timeout": f"{each.default:g}" for each in dataclasses.fields(Timeouts)}
    for name, default in defaults.items():
        assert re.search(rf"`{name}` \|[^|]*; {default} if left out", pages["docs/connection.md"])


# -- packaging and commands ----------------------------------------------------------------------------------------


def test_each_extra_is_listed_and_each_listed_one_exists(pages):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    listed = re.search(r"^\| Extra \|.*?\n\n", pages["README.md"], re.MULTILINE | re.DOTALL)[0]
    assert first_cells(listed) == set(extras)


def test_what_is_installed_along_is_told(pages):
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = sorted({re.match(r"[\w-]+", each)[0] for each in required} - {"apache-airflow"})
    assert f"Installed along: {', '.join(names)}." in pages["docs/index.md"]


def test_each_make_target_is_listed_and_each_listed_one_exists(pages):
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    assert first_cells(pages["docs/development.md"]) >= {f"make {target}" for target in targets}
    named = {name for page in pages.values() for name in re.findall(r"`make ([a-z]+)`", page)}
    assert named <= set(targets)


def test_the_supported_releases_are_those_with_constraints(pages):
    names = [path.stem for path in (ROOT / ".ci" / "constraints").glob("*.txt")]
    airflow = sorted(
        {re.search(r"airflow-(\d+\.\d+)", name)[1] for name in names}, key=lambda text: [*map(int, text.split("."))]
    )
    python = sorted({re.search(r"python(3\.\d+)", name)[1] for name in names})
    assert f"| Airflow | {', '.join(airflow)} |" in pages["docs/index.md"]
    assert f"| Python | {', '.join(python)} |" in pages["docs/index.md"]
    assert (
        f"Airflow {', '.join(airflow[:-1])} and {airflow[-1]}; Python {', '.join(python[:-1])} and {python[-1]}"
        in pages["README.md"]
    )


# -- the local Encord ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("page", "parser"), [("emulator", emulator_parser), ("quickstart", demo.parser)])
def test_each_option_is_listed_and_each_listed_one_exists(page, parser, pages):
    options = {name for action in parser()._actions for name in action.option_strings} - {"-h", "--help"}
    assert {name for name in first_cells(pages[f"docs/{page}.md"]) if name.startswith("--")} == options


def test_each_control_request_is_listed_and_each_listed_one_exists(pages):
    routes = {f"{route.method} {route.path}" for route in control.routes(None)}
    assert {name for name in first_cells(pages["docs/emulator.md"]) if "/_emulator/" in name} == routes


def test_each_setting_fault_and_member_is_named(pages):
    page = pages["docs/emulator.md"]
    assert {each.name for each in dataclasses.fields(Settings)} <= first_cells(page)
    assert {each.name for each in dataclasses.fields(Action)} <= first_cells(page)
    assert {each.name for each in dataclasses.fields(Rule)} - {"id"} <= quoted(page)
    members = {name for name in vars(LocalEncord) if not name.startswith("_")} | {"private_key", "public_key"}
    assert members <= first_cells(page)
    assert set(inspect.signature(LocalEncord).parameters) - {"settings"} <= quoted(page)


def test_each_field_of_the_log_and_the_state_is_named(pages):
    for title, shape in (("The log", Entry), ("The state", State)):
        text = re.search(rf"^### {title}\n(.*?)^##", pages["docs/emulator.md"], re.MULTILINE | re.DOTALL)[1]
        assert first_cells(text) == set(shape.__annotations__)


def test_each_operation_that_a_fault_can_name_is_listed(pages):
    listed = re.search(r"^Operations: (.*?)\.$", pages["docs/emulator.md"], re.MULTILINE | re.DOTALL)[1]
    emulator = Emulator([])
    emulator.close()
    assert quoted(listed) == emulator.operations


# -- names anywhere ------------------------------------------------------------------------------------------------


def test_each_class_that_the_pages_name_exists(pages):
    package = ROOT / "airflow_provider_encord"
    defined = set(
        re.findall(r"^class (\w+)", "\n".join(path.read_text() for path in package.rglob("*.py")), re.MULTILINE)
    )
    named = {name for page in pages.values() for text in quoted(page) for name in re.findall(r"\bEncord[A-Z]\w+", text)}
    assert named - defined == set()


def test_each_module_and_name_that_the_pages_name_exists(pages):
    for page in pages.values():
        for path in re.findall(r"\bairflow_provider_encord(?:\.\w+)+", page):
            module, name = path, None
            while True:
                try:
                    found = importlib.import_module(module)
                    break
                except ModuleNotFoundError:
                    module, _, name = module.rpartition(".")
            assert name is None or hasattr(found, name), path


def test_each_path_that_the_pages_name_exists(pages):
    folders = r"(?:airflow_provider_encord|example_dags|tests|docs|\.ci)"
    named = {text for page in pages.values() for text in quoted(page) if re.fullmatch(rf"{folders}(/[\w.-]+)*/?", text)}
    assert {text for text in named if not (ROOT / text).exists() and "." not in text.removeprefix(".ci")} == set()


def test_each_room_is_described(pages):
    package = ROOT / "airflow_provider_encord"
    rooms = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__"} <= first_cells(section(pages["docs/architecture.md"], "Rooms"))
    inside = {path.stem for path in package.glob("_*/**/*.py")}
    assert inside - {"__init__"} <= quoted(pages["docs/architecture.md"])


def test_each_example_is_linked(pages):
    examples = {path.name for path in (ROOT / "example_dags").glob("encord_*.py")}
    assert examples == set(re.findall(r"\]\(\.\./example_dags/(encord_\w+\.py)\)", pages["docs/quickstart.md"]))


def test_each_kind_of_a_manifest_is_named(pages):
    assert set(manifest.KINDS) | set(manifest.FLAGS) <= quoted(section(pages["docs/operators.md"], ADD_PRIVATE_DATA))


def test_each_extension_that_a_transfer_knows_is_named(pages):
    text = section(pages["docs/operators.md"], "BucketToEncordOperator")
    assert {f".{extension}" for extension in grouping.KIND_BY_EXTENSION} <= quoted(text)
    assert set(grouping.KIND_BY_EXTENSION.values()) <= quoted(text)
