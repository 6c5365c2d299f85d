import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Python = Callable[[str], str]


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Python:
    """Run code in a fresh interpreter, outside of the repository; return what it prints."""
    folder = tmp_path_factory.mktemp("python")

    def run(code: str) -> str:
        done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def modules() -> list[str]:
    """All modules of the package, by dotted name."""
    import airflow_provider_encord

    root = Path(airflow_provider_encord.__file__).parent
    left_out = {"__main__.py", "example_dags"}
    ours = (path for path in root.rglob("*.py") if not left_out & set(path.parts))
    paths = (path.relative_to(root.parent).with_suffix("") for path in ours)
    return sorted(".".join(path.parts).removesuffix(".__init__") for path in paths)
