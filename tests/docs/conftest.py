import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from airflow_provider_encord.emulator import LocalEncord

ROOT = Path(__file__).parents[2]
SNIPPETS = Path(__file__).parent / "snippets"


@pytest.fixture(scope="session")
def airflow_version() -> tuple[int, ...]:
    return tuple(int(part) for part in version("apache-airflow").split(".")[:2])


@pytest.fixture(scope="session")
def pages() -> dict[str, str]:
    """The text of each page, by its path."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in paths}


@pytest.fixture(scope="session")
def source(airflow_version) -> Callable[[str], str]:
    """Read a snippet as somebody would use it on this Airflow: on 2.11 as the pages say in words."""

    def read(name: str) -> str:
        text = (SNIPPETS / name).read_text()
        if airflow_version < (3, 0):
            text = text.replace("from airflow.sdk import dag", "from airflow.decorators import dag")
            text = text.replace("from airflow.sdk import task", "from airflow.decorators import task")
        return text

    return read


@pytest.fixture
def snippet(source, tmp_path) -> Iterator[Callable[[str], ModuleType]]:
    """Execute a snippet and return it as a module."""
    made: list[str] = []

    def execute(name: str) -> ModuleType:
        path = tmp_path / name
        path.write_text(source(name))
        spec = importlib.util.spec_from_file_location(f"snippet_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        made.append(spec.name)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module

    yield execute
    for name in made:
        del sys.modules[name]


@pytest.fixture
def local_encord() -> Iterator[LocalEncord]:
    with LocalEncord() as running:
        yield running


@pytest.fixture
def encord(local_encord, monkeypatch) -> LocalEncord:
    """A local Encord, and the connection that leads to it."""
    connection: dict[str, Any] = {
        "conn_type": "encord",
        "host": local_encord.url,
        "extra": {"ssh_private_key": local_encord.private_key},
    }
    monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", json.dumps(connection))
    return local_encord
