"""A manifest from wherever it is: a dict, JSON text, a path or the URL of a file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from airflow_provider_encord import manifest
from airflow_provider_encord._client.redaction import server_text, shown
from airflow_provider_encord._storage.files import resolve
from airflow_provider_encord.exceptions import EncordInputError


@contextlib.contextmanager
def open_manifest(
    source: str | os.PathLike[str] | Mapping[str, Any], conn_id: str | None = None
) -> Iterator[tuple[Mapping[str, Any] | BinaryIO, str | None]]:
    """Give a manifest as dict, or as its open file and the file's base name.

    :param source: dict, JSON text, or the path or URL of a JSON file.
    :raises EncordInputError: when it can't be read, or is no JSON object.
    """
    if isinstance(source, Mapping):
        yield source, None
    elif isinstance(source, str) and source.lstrip()[:1] in ("{", "["):
        yield _parse(source), None
    elif not isinstance(source, str | os.PathLike) or not os.fspath(source):
        raise EncordInputError(f"The manifest must be a dict, JSON text or a path, not {type(source).__name__}.")
    else:
        path = resolve(source, conn_id)
        try:
            file = path.open("rb")
        except Exception as error:  # any store's own exceptions
            raise EncordInputError(
                f"The manifest {shown(os.fspath(source))} cannot be read "
                f"({type(error).__name__}: {server_text(str(error))})."
            ) from None
        with file:
            yield file, path.name


def load_manifest(source: str | os.PathLike[str] | Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Return a whole manifest, and the base name of its file if it came from one.

    :param source: dict, JSON text, or the path or URL of a JSON file.
    :raises EncordInputError: when it can't be read, or is no JSON object.
    """
    with open_manifest(source) as (found, name):
        return dict(found) if isinstance(found, Mapping) else _parse(found.read().decode(errors="replace")), name


def _parse(text: str) -> dict[str, Any]:
    with manifest_problems():
        return manifest.parse(text)


@contextlib.contextmanager
def manifest_problems() -> Iterator[None]:
    """Turn what is wrong with a manifest into an error of the task; an empty one passes through.

    :raises EncordInputError: names the wrong entries.
    """
    try:
        yield
    except manifest.EmptyManifest:
        raise
    except manifest.ManifestProblem as problem:
        raise EncordInputError(f"{str(problem).rstrip('.')}. It was not sent to Encord.") from problem
