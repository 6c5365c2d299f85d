"""Each example DAG can be parsed, tells what it does and needs, and can be triggered as it is, without harm."""

import importlib.util
import re
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "example_dags").glob("encord_*.py"))
FIRST_AIRFLOW = re.compile(r"^Airflow (\d+)\.(\d+) and later", re.MULTILINE)
UNSCHEDULED = {"NullTimetable", "AssetTriggeredTimetable", "DatasetTriggeredTimetable"}


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def module(request):
    spec = importlib.util.spec_from_file_location(f"example_{request.param.stem}", request.param)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def dag(module, request, airflow_version):
    first = tuple(int(part) for part in FIRST_AIRFLOW.search(module.__doc__).groups())
    if airflow_version < first:
        pytest.skip(f"Airflow {first[0]}.{first[1]} and later")
    return getattr(module, Path(module.__file__).stem)()


def test_it_tells_what_it_does_and_needs(module, dag):
    assert 20 < len(dag.description) < 100
    assert dag.doc_md == module.__doc__
    assert "encord_default" in dag.doc_md
    assert {"encord", "example"} <= set(dag.tags)


def test_it_can_be_triggered_as_it_is(dag):
    """Airflow's dialog sends the defaults, and unpauses: then a schedule would start a run of its own."""
    params = {name: dag.params.get_param(name) for name in dag.params}
    assert [name for name, param in params.items() if not param.description] == []
    dag.params.validate()
    assert type(dag.timetable).__name__ in UNSCHEDULED


def test_it_imports_nothing_private(module):
    assert re.findall(r"airflow_provider_encord\._\w+", Path(module.__file__).read_text()) == []


def test_it_needs_no_logical_date(module):
    assert re.findall(r"{{ *(?:ds|ts|logical_date|data_interval_\w+)\b", Path(module.__file__).read_text()) == []
