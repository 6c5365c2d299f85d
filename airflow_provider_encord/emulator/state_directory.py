"""The folder in which everything is kept: its owner's alone, and never anybody else's files."""

import os
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO

MARKER = ".encord-emulator"
"""The file that makes a folder ours."""

_OBJECTS = "objects"
_UPLOADED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(\.[0-9a-f]{8}\.part)?")


class StateDirectory:
    """A folder that belongs to the emulator. Its files are private, whatever the umask is.

    :param path: a folder that is empty, not there yet, or was the emulator's before
    :raises ValueError: if something else is in it
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _make_private(path, parents=True)
        if not (path / MARKER).is_file():
            others = sorted(entry.name for entry in path.iterdir())
            if others:
                raise ValueError(
                    f"{path} is not a state folder of the local Encord: it holds {', '.join(others[:3])}"
                    f"{' and more' if len(others) > 3 else ''}. Name an empty or a new folder; if an older version of"
                    f" the local Encord made this one, put an empty file {MARKER} into it"
                )
            open_private(path / MARKER, "x").close()
        _restrict(path)
        self.objects = path / _OBJECTS
        _make_private(self.objects)

    def database(self) -> Path:
        """Return the path of the database. The files that SQLite adds to it get its permissions."""
        file = self.path / "encord.sqlite3"
        open_private(file, "a").close()
        for beside in self.path.glob(f"{file.name}-*"):
            beside.chmod(0o600)
        return file

    def remove_strays(self, known: Collection[str]) -> None:
        """Remove uploads that are in no books because the process ended on the way. Only our own names are touched."""
        for file in self.objects.iterdir():
            if _UPLOADED.fullmatch(file.name) and file.name not in known and (file.is_symlink() or file.is_file()):
                file.unlink()


def open_private(file: Path, mode: str) -> IO[str]:
    """Open a text file that only its owner can read and write."""
    return open(file, mode, encoding="utf-8", opener=private_opener)


def private_opener(path: str, flags: int) -> int:
    """Open a file for :func:`open`, for its owner alone."""
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def _make_private(folder: Path, *, parents: bool = False) -> None:
    if not folder.is_dir():
        folder.mkdir(0o700, parents=parents)
        folder.chmod(0o700)


def _restrict(folder: Path) -> None:
    # A mounted volume may belong to someone else; what is in it is private all the same.
    with suppress(PermissionError):
        folder.chmod(0o700)
