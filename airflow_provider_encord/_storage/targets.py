"""Where downloaded files go: a local folder or any ``ObjectStoragePath`` URL. Each is there whole, or not at all."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import Any

from airflow_provider_encord._client.redaction import cause_of, server_text
from airflow_provider_encord._storage.files import PathLike, is_local, resolve, shown_location
from airflow_provider_encord.exceptions import EncordMachineError

_STORE_BLOCK_BYTES = 8 * 1024 * 1024  # S3 takes parts of 5 MB and more; each file in flight holds one
_LONGEST_NAME_BYTES = 180
_NEVER_IN_NAMES = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff<>:\"|?*#%{}^`\[\]~]")


def safe_name(name: str) -> str:
    """Return the last part of a name, fit for any file system and store; what is not fit becomes ``_``."""
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    fit = _NEVER_IN_NAMES.sub("_", last).strip(" .") or "file"
    stem, dot, suffix = fit.rpartition(".")
    if len(suffix) > 20 or not stem:
        stem, dot, suffix = fit, "", ""
    room = _LONGEST_NAME_BYTES - len(f"{dot}{suffix}".encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + suffix


class TargetFolder:
    """A folder, or a prefix of a bucket, that files are written below.

    :param location: its path or URL.
    :param conn_id: Airflow connection of the store.
    """

    def __init__(self, location: PathLike, conn_id: str | None = None) -> None:
        path: Any = resolve(location, conn_id)
        if not is_local(path) and getattr(path, "protocol", "") in ("file", "local"):
            path = Path(path.path)
        self._root = path
        # Whoever asks for a store first looks the connection up, which must not be done on another thread.
        self._fs = None if is_local(path) else path.fs
        # In a store, one listing costs less than to look for each object.
        self._sizes = {} if is_local(path) else _sizes_below(path, location)

    def location_of(self, name: str) -> Any:
        """Return the path of a file right below the root."""
        return self._root / name

    def target(self, *parts: str) -> LocalTarget | StoreTarget:
        """Return the place of one file, below the root."""
        if self._fs is None:
            return LocalTarget(self._root, parts)
        return StoreTarget(self._fs, self._root.path, parts, self._sizes.get("/".join(parts)))


def _sizes_below(root: Any, location: PathLike) -> dict[str, int]:
    """Return the bytes of each object below a prefix, by the part of its key after that."""
    top = root.path.rstrip("/") + "/"
    try:
        root.fs.invalidate_cache()
        found = root.fs.find(top, detail=True)
        root.fs.invalidate_cache()  # which holds all of it
    except FileNotFoundError:
        return {}
    except Exception as error:  # any store's own exceptions
        reason = f"{type(error).__name__}: {server_text(str(error))}; host {socket.gethostname()}"
        problem = f"{shown_location(str(location))} cannot be listed on this machine ({reason})."
        raise EncordMachineError(problem) from cause_of(error)
    return {name.removeprefix(top): int(info.get("size") or 0) for name, info in found.items()}


class LocalTarget:
    """A local file."""

    def __init__(self, root: Path, parts: tuple[str, ...]) -> None:
        self.path = "/".join(parts)
        self._file = root.joinpath(*parts)

    def size(self) -> int | None:
        """Return how many bytes are there; None if there is no file."""
        return self._file.stat().st_size if self._file.is_file() else None

    def write(self, content: bytes) -> None:
        """Write a whole file."""
        writer = self.open()
        try:
            writer.write(content)
            writer.finish()
        except BaseException:
            writer.discard()
            raise

    def open(self) -> LocalWriter:
        """Begin to write a file, beside the one that may be there."""
        return LocalWriter(self._file)


class LocalWriter:
    """A file that is written beside its place, and renamed when it is whole."""

    def __init__(self, file: Path) -> None:
        self._place = file
        self._part = file.with_name(f".{file.name}.{os.getpid()}.part")
        if file.parent.exists():
            for left in file.parent.glob(f".{_escaped(file.name)}.*.part"):  # by an attempt that was killed
                left.unlink(missing_ok=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._part.open("wb")

    def write(self, block: bytes) -> None:
        """Add bytes."""
        self._file.write(block)

    def finish(self) -> None:
        """Put it in its place."""
        self._file.close()
        self._part.replace(self._place)

    def discard(self) -> None:
        """Leave nothing of it."""
        self._file.close()
        self._part.unlink(missing_ok=True)


class StoreTarget:
    """An object in a store."""

    def __init__(self, fs: Any, root: str, parts: tuple[str, ...], size: int | None) -> None:
        self.path = "/".join(parts)
        self._fs = fs
        self._size = size
        self._key = "/".join((root.rstrip("/"), *parts))

    def size(self) -> int | None:
        """Return how many bytes were there when the task began; None if there was no object."""
        return self._size

    def write(self, content: bytes) -> None:
        """Write a whole object, by one request."""
        self._fs.pipe_file(self._key, content)

    def open(self) -> StoreWriter:
        """Begin to write an object, in parts."""
        return StoreWriter(self._fs, self._key)


class StoreWriter:
    """An object that is uploaded in parts; the store shows it when the last step is done."""

    def __init__(self, fs: Any, key: str) -> None:
        self._file = fs.open(key, "wb", block_size=_STORE_BLOCK_BYTES, autocommit=False)

    def write(self, block: bytes) -> None:
        """Add bytes."""
        self._file.write(block)

    def finish(self) -> None:
        """Let the store put the parts together."""
        self._file.close()
        self._file.commit()

    def discard(self) -> None:
        """Drop the parts."""
        self._file.discard()
        self._file.closed = True  # or it would be closed, and so be whole, when it is collected


def _escaped(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", name)
