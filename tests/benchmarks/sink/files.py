"""Files to upload."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def files(count: int, size: int, suffix: str) -> Iterator[list[Path]]:
    """Make files of random bytes, ``size`` bytes each, and keep them while the block runs; large ones are sparse."""
    with tempfile.TemporaryDirectory(prefix="encord-bench-") as folder:
        paths = [Path(folder, f"{at:06}{suffix}") for at in range(count)]
        content = os.urandom(min(size, 1 << 20))
        for path in paths:
            with path.open("wb") as file:
                file.write(content)
                file.truncate(size)
        yield paths
