"""The files that no job of an upload registers, each with its reason, kept while the jobs run.

The jobs know nothing of these files. So they are kept for when the trigger has fired, and for an attempt that joins the
jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from airflow_provider_encord._airflow.outcome import MOST_ERROR_TEXT, MOST_ERRORS, FailedFile, fits_xcom
from airflow_provider_encord._client.outgoing import storable
from airflow_provider_encord._client.redaction import redacted

_MOST_KEPT = 300


class FailedFiles:
    """Files that failed before they were part of a job, batch by batch.

    :param details_path: file that holds them while they are too many to be kept elsewhere.
    """

    def __init__(self, details_path: Any = None, details_conn_id: str | None = None) -> None:
        self._details_path, self._details_conn_id = details_path, details_conn_id
        self._counts: list[int] = []
        self._files: list[FailedFile] = []

    @property
    def count(self) -> int:
        """How many failed."""
        return sum(self._counts)

    def __iter__(self) -> Iterator[FailedFile]:
        """Yield them, or those that were kept if they were too many."""
        return iter(self._files)

    def add(self, batch: int, files: Sequence[FailedFile]) -> None:
        """Add those of a batch; what was kept of it and of later ones is outdated."""
        self._counts = self._counts[:batch]
        del self._files[self.count :]
        self._counts += [0] * (batch - len(self._counts)) + [len(files)]
        self._files += files

    def record(self) -> dict[str, Any]:
        """Return them as the task store and a trigger's arguments can hold them.

        If they are too many, it holds the first ones, and the details file gets all.
        """
        first = [_shortened(file) for file in self._files[:_MOST_KEPT]]
        files: list[dict[str, Any]] = storable(redacted(first))
        if len(self._files) > _MOST_KEPT or not fits_xcom(files):
            if self._details_path is not None:
                from airflow_provider_encord._storage.details_file import write_json_lines

                write_json_lines(self._details_path, (file.line() for file in self._files), self._details_conn_id)
            files = files[:MOST_ERRORS]
        return {"counts": self._counts, "files": files}

    def recall(self, record: Mapping[str, Any]) -> None:
        """Take over what :meth:`record` returned."""
        files: Iterable[Mapping[str, Any]] = record["files"]
        if len(record["files"]) < sum(record["counts"]) and self._details_path is not None:
            from airflow_provider_encord._storage.details_file import read_json_lines

            files = read_json_lines(self._details_path, self._details_conn_id)
        self._counts = list(record["counts"])
        self._files = [FailedFile(each["path"], each["stage"], each["error"]) for each in islice(files, self.count)]


def _shortened(file: FailedFile) -> dict[str, Any]:
    return {"path": file.path, "stage": file.stage, "error": file.error[:MOST_ERROR_TEXT]}
