"""An upgrade of the package under deferred tasks, and the way back.

The next version stores one argument in its triggers that this one does not know, and leaves one out that this one
stores.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.chaos.theatre import Theatre
from tests.cluster.services import Cluster, settings
from tests.cluster.waits import Waits

ROOT = Path(__file__).parents[2]
ADDED = "argument_of_the_next_version"
CHANGES = {
    "airflow_provider_encord/__init__.py": ('__version__ = "', '__version__ = "9'),
    "airflow_provider_encord/triggers/encord.py": (
        '            "max_poll_failures": self.max_poll_failures,\n        }',
        f'            "{ADDED}": 1,\n        }}',
    ),
}
OTHERS = ("scheduler", "dag-processor", "api-server")


class Packages:
    """This version and the next one, each in a folder of its own, and a link to the one that Airflow imports."""

    def __init__(self, folder: Path) -> None:
        self.link = folder / "installed"
        self._folder = folder
        source = folder / "source"
        source.mkdir(parents=True)
        for name in ("airflow_provider_encord", "example_dags", ".ci"):
            ignored = shutil.ignore_patterns("__pycache__", ".venvs", "constraints")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        self._install(source, "current")
        for name, (old, new) in CHANGES.items():
            text = (source / name).read_text()
            if text.count(old) != 1:
                raise RuntimeError(f"{name} does not hold {old!r} once")
            (source / name).write_text(text.replace(old, new))
        self._install(source, "next")

    def _install(self, source: Path, name: str) -> None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--target", str(self._folder / name), str(source)], check=True)

    def use(self, name: str) -> None:
        """Let Airflow import one of them from the next start on."""
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(self._folder / name)


def play(theatre: Theatre, waits: int, patience: float) -> list[str]:
    """Defer under one version and end under the other, both ways; return what is bad."""
    packages = Packages(theatre.folder / "packages")
    packages.use("current")
    theatre.say("Both versions are installed")
    bad = []
    environment = {**settings(waits), "PYTHONPATH": str(packages.link)}
    with theatre.staged(extra_environment=environment, services=Cluster) as (airflow, control, _):
        assert isinstance(airflow, Cluster)
        for what, after, stored_by_next, order in (
            ("upgrade", "next", 0, ("triggerer", "worker", *OTHERS)),
            ("rollback", "current", waits, ("worker", "triggerer", *OTHERS)),
        ):
            run = Waits(airflow, control, theatre.folder, what, waits)
            run.start()
            if airflow.until(partial(run.all_are, "deferred"), patience) is None:
                return [*bad, f"{what}: not all waits are deferred: {dict(run.states())}"]
            stored = _stored_by_next(airflow)
            theatre.say(f"{what}: {waits} waits are deferred, {stored} of them stored by the next version")
            if stored != stored_by_next:
                bad.append(f"{what}: {stored} triggers were stored by the next version, not {stored_by_next}")
            packages.use(after)
            airflow.restart([name for kind in order for name in airflow.services if name.startswith(kind)])
            theatre.say(f"{what}: all services are restarted")
            run.end(waits)
            airflow.until(run.is_over, patience)
            told = f"{what}: {dict(run.states())}, {len(run.jobs())} jobs"
            theatre.say(told)
            if not run.all_are("success") or len(run.jobs()) != waits:
                bad.append(told)
    return bad


def _stored_by_next(airflow: Cluster) -> int:
    sql = "SELECT count(*) FROM trigger WHERE kwargs LIKE :added"
    return int(airflow.ask(sql, added=f"%{ADDED}%")[0][0])
