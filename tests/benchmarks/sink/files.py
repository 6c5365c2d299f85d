"""Files to upload."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def files(count: int, size: int, suffix: str, *, linked: bool = False) -> Iterator[list[Path]]:
    """Make files of random bytes, ``size`` bytes each, and keep them while the block runs; large ones are sparse.

    :param linked: give one file many names.
    """
    with tempfile.TemporaryDirectory(prefix="encord-bench-") as folder:
        paths = [Path(folder, f"{at:06}{suffix}") for at in range(count)]
        room = bytearray(1 << 20)
        content = os.urandom(min(size, 1 << 20))
        for path in paths:
            if linked and path != paths[0]:
                path.hardlink_to(paths[0])
                continue
            with path.open("wb") as file:
                file.write(content)
                file.truncate(size)
            with path.open("rb", buffering=0) as file:  # whoever reads it first must not pay for the page cache
                while file.readinto(room):
                    pass
        yield paths
