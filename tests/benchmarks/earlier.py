"""An earlier version of this provider, to compare with."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOP = Path(__file__).parents[2]
_VARIABLE = "ENCORD_BENCH_AGAINST"


@contextmanager
def checked_out(version: str | None) -> Iterator[None]:
    """Have a version at hand while the block runs.

    :param version: a commit, or the folder of a checkout; None for no comparison.
    """
    with tempfile.TemporaryDirectory(prefix="encord-bench-") as temporary:
        folder = Path(version or "")
        if version and not folder.is_dir():
            folder = Path(temporary)
            archive = subprocess.run(["git", "archive", version], cwd=TOP, capture_output=True)
            if archive.returncode:
                raise SystemExit(f"git does not know {version}; `--against ''` compares with nothing.")
            subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
        os.environ[_VARIABLE] = str(folder.absolute()) if version else ""
        try:
            yield
        finally:
            del os.environ[_VARIABLE]


def earlier() -> Path | None:
    """Return the folder of that version."""
    folder = os.environ.get(_VARIABLE)
    return Path(folder) if folder else None
