"""The wheel holds the package, the whole package and nothing but the package."""

import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from importlib.metadata import version
from pathlib import Path

import pytest

import airflow_provider_encord

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_it_holds_every_module_the_page_and_the_typing_marker(wheel):
    source = ROOT / "airflow_provider_encord"
    files = [*source.rglob("*.py"), *source.glob("emulator/page/static/*")]
    expected = {str(path.relative_to(ROOT)) for path in files}
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    examples = {f"airflow_provider_encord/{path.relative_to(ROOT)}" for path in (ROOT / "example_dags").glob("*.py")}
    assert packed >= expected | examples | {
        "airflow_provider_encord/py.typed",
        "airflow_provider_encord/emulator/page/static/page.js",
    }


def test_it_holds_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"airflow_provider_encord"}
    assert not [name for name in wheel.namelist() if "tests" in name.split("/") or name.endswith(".pyc")]


def test_its_metadata_tell_version_licence_and_python(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = HeaderParser().parsestr(wheel.read(name).decode())
    assert metadata["Name"] == "airflow-provider-encord"
    assert metadata["Version"] == airflow_provider_encord.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel.namelist())


def test_the_version_is_written_in_one_place_and_in_the_changelog():
    assert version("airflow-provider-encord") == airflow_provider_encord.__version__
    assert f"\n## {airflow_provider_encord.__version__}\n" in (ROOT / "CHANGELOG.md").read_text()
    assert airflow_provider_encord.__version__ not in (ROOT / "pyproject.toml").read_text()
