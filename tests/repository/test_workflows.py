"""The workflows and pre-commit hooks run what the make targets run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text()


def jobs(workflow: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(workflow.read_text())["jobs"]
    return found


def commands(workflow: Path) -> Iterator[str]:
    for job in jobs(workflow).values():
        for step in job["steps"]:
            if "run" in step:
                yield step["run"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_step_is_a_make_target_or_a_script_of_ours(workflow: Path) -> None:
    targets = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split())  # type: ignore[index]
    for command in commands(workflow):
        program, *words = command.split()
        if program == "make":
            assert words[0] in targets
        else:
            assert program.startswith(".ci/"), command
            assert os.access(ROOT / program, os.X_OK)


def test_the_workflow_runs_all_that_the_script_runs() -> None:
    script = set(re.findall(r"^step (.*)$", (ROOT / ".ci/run").read_text(), re.MULTILINE))
    ours = {command.partition(" VERSIONS=")[0] for command in commands(ROOT / ".github/workflows/ci.yml")}

    assert script - {"make wheel"} <= ours, "`make matrix` makes the wheel"


def test_the_workflow_has_a_row_for_each_airflow_and_python_that_is_supported() -> None:
    files = (ROOT / ".ci/constraints").glob("*.txt")
    pairs = [re.fullmatch(r"airflow-(.*)-python(.*)\.txt", path.name).groups() for path in files]  # type: ignore[union-attr]
    rows = jobs(ROOT / ".github/workflows/ci.yml")

    assert set(rows["matrix"]["strategy"]["matrix"]["airflow"]) == {airflow for airflow, _ in pairs}
    assert set(rows["test"]["strategy"]["matrix"]["python"]) == {python for _, python in pairs}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_job_may_only_read_unless_it_publishes(workflow: Path) -> None:
    assert yaml.safe_load(workflow.read_text())["permissions"] == {"contents": "read"}
    granted = {name: job["permissions"] for name, job in jobs(workflow).items() if "permissions" in job}

    assert granted == ({"publish": {"id-token": "write"}} if workflow.stem == "release" else {})


def test_no_step_puts_what_others_write_into_a_shell() -> None:
    for workflow in WORKFLOWS:
        for command in commands(workflow):
            assert set(re.findall(r"\$\{\{ *([\w.]+) *\}\}", command)) <= {"matrix.airflow", "github.run_number"}


def test_the_hooks_of_pre_commit_are_those_of_make_lint() -> None:
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[1]  # type: ignore[index]
    linted = {
        line.strip().replace("$(RUN)", ".venv/bin/python").replace("$(VENV)", ".venv") for line in recipe.splitlines()
    }
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    entries = {hook["entry"].replace(" --fix", "") for hook in hooks}

    assert entries == {command.replace(" --check", "") for command in linted}


@pytest.mark.parametrize(
    ("tag", "version", "section", "good"),
    [
        ("v1.2.3", "1.2.3", "1.2.3 (2026-11-26)", True),
        ("v1.2.3", "1.2.3", "1.2.3", True),
        ("v1.2.4", "1.2.3", "1.2.3", False),
        ("v1.2.3", "1.2.2", "1.2.3", False),
        ("v1.2.3", "1.2.3", "Unreleased", False),
        ("1.2.3", "1.2.3", "1.2.3", False),
    ],
)
def test_a_release_needs_one_version_everywhere(
    tmp_path: Path, tag: str, version: str, section: str, good: bool
) -> None:
    (tmp_path / "airflow_provider_encord").mkdir()
    (tmp_path / "airflow_provider_encord/__init__.py").write_text(f'"""Provider."""\n\n__version__ = "{version}"\n')
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n## {section}\n\n- A line.\n\n## 0.1.0\n")
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/check-version", tmp_path / ".ci")

    done = subprocess.run([tmp_path / ".ci/check-version", tag], capture_output=True, text=True)

    assert (done.returncode == 0) is good, done.stderr
    assert good or version in done.stderr
