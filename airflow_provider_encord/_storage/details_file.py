"""Files of details: one JSON object a line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_encord._client.redaction import redacted, server_text
from airflow_provider_encord._storage.files import PathLike, is_local, resolve, shown_location
from airflow_provider_encord.exceptions import EncordInputError


def write_json_lines(location: PathLike, lines: Iterable[Mapping[str, Any]], conn_id: str | None = None) -> int:
    """Write one JSON object a line, without credentials, to a local path or an object storage URL; return how many.

    :raises EncordInputError: when it can't be written.
    """
    path = resolve(location, conn_id)
    count = 0
    try:
        if is_local(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for line in lines:
                file.write(json.dumps(redacted(line)).encode() + b"\n")
                count += 1
    except Exception as error:  # any store's own exceptions
        raise EncordInputError(
            f"{shown_location(os.fspath(location))} cannot be written "
            f"({type(error).__name__}: {server_text(str(error))})."
        ) from None
    return count
