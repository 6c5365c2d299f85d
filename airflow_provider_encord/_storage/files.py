"""The files to upload: local paths or ``ObjectStoragePath`` URLs, which are streamed and never copied to disk."""

from __future__ import annotations

import getpass
import hashlib
import mimetypes
import os
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeGuard
from urllib.parse import unquote, urlsplit

from airflow_provider_encord._client.outgoing import one_line
from airflow_provider_encord._client.redaction import cause_of, server_text, shown, without_credentials
from airflow_provider_encord._client.transport.file_reader import Stream, UnreadableFile
from airflow_provider_encord._storage.reading import BucketObject, Stores, Unseen, look_at
from airflow_provider_encord.exceptions import EncordError, EncordInputError, EncordMachineError

if TYPE_CHECKING:
    from airflow_provider_encord._compat import ObjectStoragePath

PathLike = str | os.PathLike[str]
_LOOKS_AT_ONCE = 32

_READ_AHEAD_BYTES = 4 * 1024 * 1024
_END_BYTES = 64 * 1024


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

    @property
    def stream(self) -> Stream | None:
        """What reads it on an event loop; None if it is opened and read on a thread."""
        return self.path.stream if isinstance(self.path, BucketObject) else None

    def open(self, read_ahead: int = _READ_AHEAD_BYTES) -> AbstractContextManager[BinaryIO]:
        """Open it for reading bytes."""
        # The default block of a store can be 50 MB, and each file in flight holds one.
        more = {"buffering": 0} if self.is_local else {"block_size": read_ahead}
        opened: AbstractContextManager[BinaryIO] = self.path.open("rb", **more)
        return opened

    def digest(self) -> str:
        """Return a digest that tells its content from another one of the same size, from as little of it as that takes.

        It is the store's ETag, or the first and the last 64 KB; empty if the file cannot be read.
        """
        digest = hashlib.sha1(usedforsecurity=False)  # half the time of SHA-256
        if isinstance(self.path, BucketObject):
            digest.update(self.path.found.etag.encode())
        else:
            try:
                with self.open(_END_BYTES) as opened:
                    digest.update(opened.read(_END_BYTES))
                    if self.size > _END_BYTES:
                        opened.seek(max(_END_BYTES, self.size - _END_BYTES))
                        digest.update(opened.read(_END_BYTES))
            except Exception:  # any store's own; the upload reports the problem
                return ""
        return digest.hexdigest()[:16]


def media_type(name: str) -> str | None:
    """Guess the media type from a file name, as Encord's client does for images."""
    return mimetypes.guess_type(name)[0]


def resolve(location: PathLike, conn_id: str | None = None) -> Path | ObjectStoragePath:
    """Return a local path, or an object storage path for a URL such as ``s3://bucket/key``.

    :param conn_id: Airflow connection of the store; by default the one in the URL, as in ``s3://my_aws@bucket/key``,
        or what the store's own client finds.
    """
    if _is_stored(location):
        return location  # type: ignore[return-value]
    text = os.fspath(location)
    try:
        scheme = urlsplit(text).scheme if "://" in text else ""
        if scheme == "file":
            return Path(unquote(urlsplit(text).path))
        if not scheme:
            return Path(text).expanduser()
    except (ValueError, RuntimeError):  # an incomplete IPv6 address, or an unknown home directory
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
        raise no_file_system(text, error) from cause_of(error)


def no_file_system(url: str, error: ValueError) -> EncordInputError:
    """Return the error for a URL of a scheme that Airflow does not know."""
    return EncordInputError(
        f"{shown_location(url)}: no file system for '{url.partition('://')[0]}://' is installed "
        f"(for S3: pip install 'airflow-provider-encord[s3]'): {server_text(str(error))}"
    )


def is_local(path: Path | ObjectStoragePath) -> TypeGuard[Path]:
    """Whether it is a path on this machine; before Airflow 3.2 an object storage path is a ``Path`` too."""
    return isinstance(path, Path) and not hasattr(path, "fs")


@dataclass(frozen=True)
class BadFile:
    """A file that cannot be uploaded.

    :param path: its path or URL, as messages show it.
    :param reason: what is wrong with it.
    :param of_machine: whether it may be fine on another machine, or later.
    :param by_name: whether its name alone is wrong.
    """

    path: str
    reason: str
    of_machine: bool = False
    by_name: bool = False


def find_files(
    locations: PathLike | Iterable[PathLike], conn_id: str | None = None, item_type: str | None = None
) -> list[SourceFile]:
    """Check files before the first byte is sent.

    :param locations: one or several paths, URLs or ``ObjectStoragePath`` objects; order and repeats are kept.
    :param item_type: such as ``video`` or ``dicomFile``: files that are surely of another type are refused.
    :raises EncordInputError: names each file that is empty, not a regular file, or of another type.
    :raises EncordMachineError: names each file that is missing or not readable here, if nothing else is wrong.
    """
    looked_at = look_at_files(locations, conn_id, item_type)
    if bad := [file for file in looked_at if isinstance(file, BadFile)]:
        raise bad_files_error(bad, len(looked_at))
    return [file for file in looked_at if isinstance(file, SourceFile)]


def look_at_files(
    locations: PathLike | Iterable[PathLike], conn_id: str | None = None, item_type: str | None = None
) -> list[SourceFile | BadFile]:
    """Return each file, or what is wrong with it, in the given order; arguments as of :func:`find_files`."""
    one = isinstance(locations, str | os.PathLike) or _is_stored(locations)
    if isinstance(locations, bytes | Mapping) or not (one or isinstance(locations, Iterable | None)):
        raise EncordInputError(f"The files to upload must be paths, not {type(locations).__name__}.")
    several: list[Any] = [locations] if one else list(locations or ())  # type: ignore[arg-type]
    if not several:
        raise EncordInputError("There is no file to upload: the list of paths is empty.")
    stores = Stores()
    paths = [_resolved(location, conn_id, stores) for location in several]
    looked_at: list[SourceFile | BadFile] = []
    for location, path, look in zip(several, paths, _look_at_all(paths), strict=True):
        if isinstance(look, _Problem):
            looked_at.append(BadFile(_named(location), look.text, look.of_machine))
        elif wrong := _wrong_type(path.name, item_type):
            looked_at.append(BadFile(_named(location), wrong, by_name=True))
        elif isinstance(look, BucketObject):
            looked_at.append(SourceFile(str(location), path.name, look.found.size, look))
        else:
            looked_at.append(SourceFile(str(location), path.name, look, path))
    return looked_at


def digests_of(files: Sequence[SourceFile]) -> list[str]:
    """Return the :meth:`SourceFile.digest` of each file."""
    handfuls = [files[at : at + _LOOKS_AT_ONCE] for at in range(0, len(files), _LOOKS_AT_ONCE)]
    with ThreadPoolExecutor(_LOOKS_AT_ONCE, thread_name_prefix="encord-digests") as threads:
        found = threads.map(lambda handful: [file.digest() for file in handful], handfuls)
        return [digest for digests in found for digest in digests]


@dataclass(frozen=True)
class _Problem:
    """What is wrong with a file, and whether it may be fine on another machine or later."""

    text: str
    of_machine: bool = False


_EMPTY = _Problem("is empty (0 bytes)")


def bad_files_error(bad: Sequence[BadFile], total: int) -> EncordError:
    """Return the error for files of which nothing was sent."""
    lines = [f"{len(bad)} of {total} files cannot be uploaded; nothing was sent."]
    lines += [f"{file.path}: {file.reason}" for file in bad[:20]]
    if not all(file.of_machine for file in bad):
        return EncordInputError("\n".join(lines))
    return EncordMachineError("\n".join([*lines, f"Looked for on {this_machine()}."]))


def this_machine() -> str:
    """Name host and user, for errors that another machine may not have."""
    return f"host {socket.gethostname()} by user {_user()}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name
        return str(os.getuid())


def _named(location: Any) -> str:
    if not isinstance(location, str | os.PathLike) and not _is_stored(location):
        return shown(location)
    text = str(location)
    name = shown_location(text)
    relative = "://" not in text and not text.startswith("/")
    return f"{name} ({shown_location(str(Path(text).expanduser().absolute()))})" if relative else name


def _is_stored(location: Any) -> bool:
    """Whether it is one of Airflow's own paths, which bring their connection."""
    return hasattr(location, "fs") and hasattr(location, "is_file")


def _resolved(location: Any, conn_id: str | None, stores: Stores) -> Any:
    if not _is_stored(location) and (not isinstance(location, str | os.PathLike) or not os.fspath(location)):
        return None
    return stores.find(location, conn_id) or resolve(location, conn_id)


def _look_at_all(paths: Sequence[Any]) -> Iterator[_Problem | BucketObject | int]:
    """Yield the size of each file, or the object that it is, or what is wrong with it."""
    rest = iter([*_look_at_paths([path for path in paths if not isinstance(path, Unseen)])])
    seen = iter(look_at([path for path in paths if isinstance(path, Unseen)]))
    for path in paths:
        yield _judged(path, next(seen)) if isinstance(path, Unseen) else next(rest)


def _judged(object_: Unseen, seen: BucketObject | Exception) -> _Problem | BucketObject:
    if isinstance(seen, BucketObject):
        return _problem_with(object_.name) or (seen if seen.found.size else _EMPTY)
    return _of_error(seen)


def _look_at_paths(paths: Sequence[Any]) -> Iterator[_Problem | int]:
    try:
        # The first use of a store looks its connection up, which must not happen on another thread.
        stores = [path.fs for path in paths if path is not None and not is_local(path)]
    except Exception:  # any store's own; _look_at reports the problem
        stores = []
    if not stores:
        yield from map(_look_at, paths)
        return
    # For a store each look is a request, so many of them run at once.
    with ThreadPoolExecutor(_LOOKS_AT_ONCE, thread_name_prefix="encord-sources") as threads:
        yield from threads.map(_look_at, paths)


def _look_at(path: Any) -> _Problem | int:
    if path is None:
        return _Problem("not a path")
    if problem := _problem_with(path.name):
        return problem
    try:
        size = int(path.stat().st_size or 0)
        if not size or is_local(path):  # an object of a store that has a size is a file
            if not path.is_file():
                return _Problem("is not a file")
            if is_local(path) and not os.access(path, os.R_OK):
                return _Problem("is not readable for this user", of_machine=True)
    except Exception as error:  # any store's own exceptions
        return _of_error(error)
    return size or _EMPTY


def _problem_with(name: str) -> _Problem | None:
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        return _Problem("has a name that is not UTF-8, which Encord cannot show")
    return None


def _of_error(error: Exception) -> _Problem:
    if isinstance(error, FileNotFoundError):
        return _Problem("does not exist", of_machine=True)
    why = str(error) if isinstance(error, UnreadableFile) else f"{type(error).__name__}: {server_text(str(error))}"
    return _Problem(f"cannot be looked at ({why})", of_machine=True)


_MEDIA_TYPES = {
    "video": "video/",
    "image": "image/",
    "dicomFile": "application/dicom",
    "audio": "audio/",
    "pdf": "application/pdf",
    "nifti": "application/nifti",
}
"""How the media type of a file begins, by item type. Other item types take many media types."""
_EXTENSIONS = {
    "video": ("mp4", "mov", "webm", "mkv", "avi", "m4v", "ts", "mts", "m2ts"),  # some systems take .ts for a text file
    "image": ("jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "avif"),
    "dicomFile": ("dcm", "dicom"),
    "audio": ("mp3", "wav", "flac", "m4a", "ogg", "eac3"),
    "pdf": ("pdf",),
    "plainText": ("txt", "html", "json", "xml"),
    "nifti": ("nii", "nii.gz"),
    "timeseries": ("csv",),
}
"""The usual extensions of files by item type, whatever media types this system knows."""
_NIFTI = (".nii", ".nii.gz")


def _wrong_type(name: str, item_type: str | None) -> str | None:
    """Say if a file's name shows that it is of another type; an unknown extension passes."""
    usual = tuple(f".{extension}" for extension in _EXTENSIONS.get(item_type or "", ()))
    if item_type is None or name.lower().endswith(usual):
        return None
    guessed, encoding = ("application/nifti", None) if name.lower().endswith(_NIFTI) else mimetypes.guess_type(name)
    if expected := _MEDIA_TYPES.get(item_type):
        wrong = guessed is not None and not guessed.startswith(expected) and guessed != "application/octet-stream"
    else:
        wrong = guessed is not None and guessed.startswith(tuple(_MEDIA_TYPES.values()))
    if not (encoding or wrong):
        return None
    named = f" Usual names end in {', '.join(usual)}." if usual else ""
    return f"is {encoding or guessed} by its name, and {item_type} files are uploaded here.{named}"


def shown_location(location: str) -> str:
    """Return a path or URL for a message."""
    return one_line(without_credentials(location))
