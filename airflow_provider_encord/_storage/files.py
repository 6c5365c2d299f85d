"""Where files come from: a local path or any ``ObjectStoragePath`` URL, never copied to disk first."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeGuard
from urllib.parse import unquote, urlsplit

from airflow_provider_encord._client.outgoing import one_line
from airflow_provider_encord._client.redaction import server_text, shown, without_credentials
from airflow_provider_encord.exceptions import EncordInputError

if TYPE_CHECKING:
    from airflow_provider_encord._compat import ObjectStoragePath

PathLike = str | os.PathLike[str]
_LOOKS_AT_ONCE = 32

_READ_AHEAD_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class SourceFile:
    """One file to upload.

    :param location: its path or URL as given.
    :param name: base name.
    :param size: bytes.
    """

    location: str
    name: str
    size: int
    path: Any

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return is_local(self.path)

    def open(self) -> AbstractContextManager[BinaryIO]:
        """Open it for reading bytes, in blocks of the reader's choice."""
        # A store's own block can be 50 MB, which it would hold for each file in flight.
        more = {"buffering": 0} if self.is_local else {"block_size": _READ_AHEAD_BYTES}
        opened: AbstractContextManager[BinaryIO] = self.path.open("rb", **more)
        return opened


def media_type(name: str) -> str | None:
    """Guess the media type from a file name, as Encord's client does for images."""
    return mimetypes.guess_type(name)[0]


def resolve(location: PathLike, conn_id: str | None = None) -> Path | ObjectStoragePath:
    """Return a local path, or an object storage path for a URL such as ``s3://bucket/key``.

    :param conn_id: Airflow connection of the store; without it, the one in the URL, as in
        ``s3://my_aws@bucket/key``, or what the store's own client finds.
    """
    text = os.fspath(location)
    try:
        scheme = urlsplit(text).scheme if "://" in text else ""
        if scheme == "file":
            return Path(unquote(urlsplit(text).path))
        if not scheme:
            return Path(text).expanduser()
    except (ValueError, RuntimeError):  # half an IPv6 address, or a home that is not known
        unusable = True
    else:
        unusable = False
    if unusable:
        raise EncordInputError(f"{shown(text)} is neither a path nor a URL.")
    from airflow_provider_encord._compat import ObjectStoragePath

    try:
        # Before Airflow 3.2 an explicit None would hide the connection in the URL.
        return ObjectStoragePath(text, conn_id=conn_id) if conn_id else ObjectStoragePath(text)
    except ValueError as error:
        raise EncordInputError(
            f"{shown_location(text)}: no file system for '{scheme}://' is installed "
            f"(for S3: pip install 'airflow-provider-encord[s3]'): {server_text(str(error))}"
        ) from None


def is_local(path: Path | ObjectStoragePath) -> TypeGuard[Path]:
    """Before Airflow 3.2 an object storage path is a ``Path`` too."""
    return isinstance(path, Path) and not hasattr(path, "fs")


def find_files(
    locations: PathLike | Iterable[PathLike], conn_id: str | None = None, item_type: str | None = None
) -> list[SourceFile]:
    """Check files before the first byte is sent.

    :param locations: one path or URL, or several; generators are taken, order and repeats are kept.
    :raises EncordInputError: names every file that is missing, empty, not a file or not readable.
    """
    if isinstance(locations, bytes | Mapping) or not isinstance(locations, str | os.PathLike | Iterable | None):
        raise EncordInputError(f"The files to upload must be paths, not {type(locations).__name__}.")
    several = [locations] if isinstance(locations, str | os.PathLike) else list(locations or ())
    if not several:
        raise EncordInputError("There is no file to upload: the list of paths is empty.")
    paths = [_resolved(location, conn_id) for location in several]
    found: list[SourceFile] = []
    problems: list[str] = []
    for location, path, (problem, size) in zip(several, paths, _look_at_all(paths), strict=True):
        if problem:
            name = shown_location(os.fspath(location)) if isinstance(location, str | os.PathLike) else shown(location)
            problems.append(f"{name}: {problem}")
        else:
            found.append(SourceFile(os.fspath(location), path.name, size, path))
    if problems:
        raise EncordInputError(
            f"{len(problems)} of {len(several)} files cannot be uploaded; nothing was sent. " + "; ".join(problems[:20])
        )
    return found


def _resolved(location: Any, conn_id: str | None) -> Any:
    if not isinstance(location, str | os.PathLike) or not os.fspath(location):
        return None
    return resolve(location, conn_id)


def _look_at_all(paths: Sequence[Any]) -> Iterator[tuple[str | None, int]]:
    """Yield what is wrong with each path, or its size."""
    try:
        # Whoever asks for a store first looks the connection up, which must not be done on another thread.
        stores = [path.fs for path in paths if path is not None and not is_local(path)]
    except Exception:  # any store's own; the looks tell what is wrong
        stores = []
    if not stores:
        yield from map(_look_at, paths)
        return
    # Each look at a store is a request, so many are under way at once.
    with ThreadPoolExecutor(_LOOKS_AT_ONCE, thread_name_prefix="encord-sources") as threads:
        yield from threads.map(_look_at, paths)


def _look_at(path: Any) -> tuple[str | None, int]:
    if path is None:
        return "not a path", 0
    if any("\ud800" <= letter <= "\udfff" for letter in path.name):
        return "has a name that is not text in UTF-8, which Encord cannot show", 0
    try:
        size = int(path.stat().st_size or 0)
        if not size or is_local(path):  # what has a size in a store is a file
            if not path.is_file():
                return "is not a file", 0
            if is_local(path) and not os.access(path, os.R_OK):
                return "is not readable for this user", 0
    except FileNotFoundError:
        return "does not exist", 0
    except Exception as error:  # any store's own exceptions
        return f"cannot be looked at ({type(error).__name__}: {server_text(str(error))})", 0
    return (None, size) if size else ("is empty (0 bytes)", 0)


def shown_location(location: str) -> str:
    return one_line(without_credentials(location))
