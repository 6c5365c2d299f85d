"""Records all vectors anew with a release of Encord's client, and shows what is not as in tests/data/vectors."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.recorder import OLDER, VECTORS
from tests.recorder.difference import differences


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.recorder", description=__doc__)
    parser.add_argument("--encord", default=version("encord"), help="release of the client")
    parser.add_argument("--write", action="store_true", help="write the vectors to tests/data/vectors")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        for release in {OLDER, arguments.encord}:
            record_all(release, Path(folder))
        differ = show(Path(folder))
        if arguments.write:
            write(Path(folder))
    return int(differ and not arguments.write)


def record_all(release: str, folder: Path) -> None:
    """Record the vectors of a release into a folder, in a process that finds this release first."""
    search = [str(path) for path in (client(release), os.environ.get("PYTHONPATH")) if path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(search), "PYTHONWARNINGS": "ignore", "TQDM_DISABLE": "1"}
    subprocess.run([sys.executable, "-m", "tests.recorder.scenarios", str(folder)], env=environment, check=True)


def client(release: str) -> Path | None:
    """Return the folder of a release, installed if need be; none if it is the installed one."""
    if release == version("encord"):
        return None
    folder = Path(sys.prefix) / f"encord-{release}"
    if not folder.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--target", str(folder), f"encord=={release}"], check=True)
    return folder


def show(folder: Path) -> bool:
    """Print how the recorded vectors differ from the repository's; tell whether any does."""
    kept, made = ({path.stem: json.loads(path.read_text()) for path in at.glob("*.json")} for at in (VECTORS, folder))
    found = {name: lines for name in sorted(kept | made) if (lines := differences(kept.get(name), made.get(name)))}
    for name, lines in found.items():
        print(name, *(f"  {line}" for line in lines), sep="\n")
    print(f"{len(made)} vectors recorded, {len(found)} differ.")
    return bool(found)


def write(folder: Path) -> None:
    for path in VECTORS.glob("*.json"):
        path.unlink()
    for path in folder.glob("*.json"):
        (VECTORS / path.name).write_text(path.read_text())


if __name__ == "__main__":
    sys.exit(main())
