"""Details files: one JSON object per line."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_encord._client.outgoing import storable
from airflow_provider_encord._client.redaction import cause_of, redacted, server_text
from airflow_provider_encord._storage.files import PathLike, is_local, resolve, shown_location
from airflow_provider_encord.exceptions import EncordInputError, EncordMachineError

_IN_MEMORY = 1024 * 1024


def write_json_lines(location: PathLike, lines: Iterable[Mapping[str, Any]], conn_id: str | None = None) -> int:
    """Write one JSON object per line, without credentials, to a local path or an object storage URL.

    The file appears only when it is complete; if writing fails, an older file stays as it was.

    :return: number of lines.
    :raises EncordMachineError: when this machine cannot write the file. Errors of ``lines`` pass through.
    """
    path = resolve(location, conn_id)
    if is_local(path):
        return _write_beside(path, lines, location)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        count = _write(file, lines, location)
        file.seek(0)
        with _problems(location, "written"), path.open("wb") as target:
            shutil.copyfileobj(file, target)
    return count


def read_json_lines(location: PathLike, conn_id: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the objects of a details file.

    :raises EncordMachineError: when this machine cannot read the file.
    :raises EncordInputError: when it is not a details file.
    """
    path = resolve(location, conn_id)
    with _problems(location, "read"):
        file = path.open("rb")
    with file:
        number = 0
        while True:
            with _problems(location, "read"):
                line = file.readline()
            if not line:
                return
            number += 1
            try:
                value = json.loads(line)
            except ValueError:
                value = None
            if not isinstance(value, dict):
                raise EncordInputError(f"{_shown(location)} is no details file: line {number} is not a JSON object.")
            yield value


def _write_beside(path: Path, lines: Iterable[Mapping[str, Any]], location: PathLike) -> int:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with _problems(location, "written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = part.open("wb")
    try:
        with file:
            count = _write(file, lines, location)
        with _problems(location, "written"):
            part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return count


def _write(file: Any, lines: Iterable[Mapping[str, Any]], location: PathLike) -> int:
    count = 0
    for line in lines:
        data = _json(redacted(line)).encode() + b"\n"
        with _problems(location, "written"):
            file.write(data)
        count += 1
    return count


def _json(line: Mapping[str, Any]) -> str:
    try:
        return json.dumps(line, allow_nan=False)
    except (ValueError, RecursionError):  # NaN or Infinity, or nested too deeply
        return json.dumps(storable(line))


@contextmanager
def _problems(location: PathLike, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # any store's own exceptions
        reason = f"{type(error).__name__}: {server_text(str(error))}; host {socket.gethostname()}"
        raise EncordMachineError(
            f"{_shown(location)} cannot be {what} on this machine ({reason}). "
            "It must be where all workers can reach it."
        ) from cause_of(error)


def _shown(location: PathLike) -> str:
    return shown_location(str(location))
