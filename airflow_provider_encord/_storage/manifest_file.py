"""Reads a manifest from a dict, JSON text, or the path or URL of a file."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from airflow_provider_encord import manifest
from airflow_provider_encord._client.redaction import cause_of, server_text, shown
from airflow_provider_encord._storage.encodings import BOM, encoding_problem
from airflow_provider_encord._storage.files import resolve
from airflow_provider_encord.exceptions import EncordInputError, EncordMachineError


@contextlib.contextmanager
def open_manifest(
    source: str | os.PathLike[str] | Mapping[str, Any], conn_id: str | None = None
) -> Iterator[tuple[Mapping[str, Any] | BinaryIO, str | None]]:
    """Return a manifest as a dict, or as its open file and the file's base name.

    :param source: dict, JSON text, or the path or URL of a JSON file.
    :raises EncordInputError: when it is not a JSON object.
    :raises EncordMachineError: when this machine cannot read the file.
    """
    if isinstance(source, Mapping):
        yield source, None
    elif isinstance(source, str) and source.lstrip()[:1] in ("{", "["):
        yield _parse(source), None
    elif not (isinstance(source, str | os.PathLike) or hasattr(source, "fs")) or not str(source):
        raise EncordInputError(f"The manifest must be a dict, JSON text or a path, not {type(source).__name__}.")
    else:
        path = resolve(source, conn_id)
        try:
            file = path.open("rb")
        except Exception as error:  # any store's own exceptions
            reason = f"{type(error).__name__}: {server_text(str(error))}"
            raise EncordMachineError(
                f"The manifest {shown(str(source))} cannot be read on this machine ({reason}; "
                f"host {socket.gethostname()}). It must be where all workers can reach it."
            ) from cause_of(error)
        with file:
            _skip_bom(file, str(source))
            yield file, path.name


def _skip_bom(file: Any, source: str) -> None:
    """Go to the first character of a JSON file, and refuse a file that is of another format by its first bytes."""
    head = file.read(64)
    text = head.removeprefix(BOM)
    file.seek(len(head) - len(text))
    problem = encoding_problem(head)
    if not problem and (first := text.lstrip()[:1]) and first not in (b"{", b"["):
        problem = "does not begin like JSON (is it a CSV file?)"
    if problem:
        raise EncordInputError(f"The manifest {shown(source)} {problem}. It was not sent to Encord.")


def load_manifest(source: str | os.PathLike[str] | Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Return a whole manifest, and the base name of its file if it came from one.

    :param source: dict, JSON text, or the path or URL of a JSON file.
    :raises EncordInputError: when it is not a JSON object.
    :raises EncordMachineError: when this machine cannot read the file.
    """
    with open_manifest(source) as (opened, name):
        return dict(opened) if isinstance(opened, Mapping) else _parse(opened.read().decode(errors="replace")), name


def _parse(text: str) -> dict[str, Any]:
    with manifest_problems():
        return manifest.parse(text)


@contextlib.contextmanager
def manifest_problems() -> Iterator[None]:
    """Turn the problems of a manifest into an error of the task; :class:`.EmptyManifest` passes through.

    :raises EncordInputError: names the wrong entries.
    """
    try:
        yield
    except manifest.EmptyManifest:
        raise
    except manifest.ManifestProblem as problem:
        raise EncordInputError(f"{str(problem).rstrip('.')}. It was not sent to Encord.") from problem
