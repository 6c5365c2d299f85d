"""Registration jobs: carry one out, tell how it stands."""

import json
import logging
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow_provider_encord.emulator import units
from airflow_provider_encord.emulator.additions import Additions
from airflow_provider_encord.emulator.bucket import Bucket
from airflow_provider_encord.emulator.errors import MissingExtra
from airflow_provider_encord.emulator.inspection import PROBED_FILES, Inspector, NewItem, UnitError
from airflow_provider_encord.emulator.job_books import JobBooks
from airflow_provider_encord.emulator.outcomes import Outcome
from airflow_provider_encord.emulator.resources.integrations import Integrations
from airflow_provider_encord.emulator.resources.storage import Storage
from airflow_provider_encord.emulator.settings import Settings
from airflow_provider_encord.emulator.store import Store
from airflow_provider_encord.emulator.units import Manifest, Unit

log = logging.getLogger(__name__)

_BATCH = 1000
_READERS = 8


class Stopped(Exception):
    """The emulator is being stopped; the job goes on at the next start."""


class _Cancelled(Exception):
    """The job was cancelled while it was being carried out."""


class JobWork:
    """What registration jobs do. Calls block; :mod:`jobs` decides when they are made."""

    def __init__(
        self,
        store: Store,
        storage: Storage,
        integrations: Integrations,
        books: JobBooks,
        additions: Additions,
        settings: Settings,
        bucket: Bucket | None,
    ) -> None:
        self._store = store
        self._storage = storage
        self._integrations = integrations
        self._books = books
        self._additions = additions
        self._settings = settings
        self._bucket = bucket
        self._cancelled: set[str] = set()
        self.stopping = threading.Event()

    def cancel(self, job: str) -> None:
        """Let a job end before its next units; :meth:`settle` then writes that down."""
        self._cancelled.add(job)

    def settle(self, job: str) -> None:
        """Carry a job out: to its end, or as far as it was ordered to go before it is held."""
        row = self._books.find(job)
        if row is None or row["settled"]:
            return
        outcome = Outcome.load(row["forced"])
        cancelled = job in self._cancelled or outcome.status == "CANCELLED"
        try:
            if outcome.held or cancelled:
                self._carry_out(row, outcome, upto=outcome.done_units)
                if cancelled:
                    self._books.finish(job, "CANCELLED")
            elif outcome.status == "ERROR" and not outcome.fail_units:
                self._books.finish(job, "ERROR", [outcome.error], failed=row["pending"])
            else:
                self._carry_out(row, outcome)
        except Stopped:
            raise
        except _Cancelled:
            self._books.finish(job, "CANCELLED")
        except MissingExtra as error:
            self._books.finish(job, "ERROR", [str(error)], failed=row["pending"])
        except Exception as error:
            log.exception("job %s broke", job)
            self._books.finish(job, "ERROR", [f"the local Encord broke: {error!r}"], failed=row["pending"])
        self._cancelled.discard(job)

    def _carry_out(self, row: sqlite3.Row, ordered: Outcome, upto: int | None = None) -> None:
        """Add the units of a job, all or the first ones; those that an earlier run has dealt with are not added again.

        With all of them, the job is over.
        """
        job, dealt = row["uuid"], row["done"] + row["failed"]
        if upto is not None and upto <= dealt:
            return
        payload = json.loads(self._store.value("SELECT payload FROM payloads WHERE job = ?", (job,)))
        manifest = units.read(payload)
        inspected = list(self._inspected(row, payload, manifest, manifest.units[:upto], ordered))
        failures = [(unit, found) for unit, found in inspected if isinstance(found, str)]
        problems = _problems(failures)
        if ordered.status == "ERROR" or (failures and not row["ignore_errors"] and ordered.status != "DONE"):
            # All or nothing: the units that were fine are not added, so they are not done.
            if upto is None:
                self._books.finish(job, "ERROR", *problems, failed=len(failures) - row["failed"])
            return
        for batch in _batches(inspected[dealt:]):
            self._check(job)
            with self._store.transaction():
                added = [found for _, found in batch if not isinstance(found, str)]
                self._additions.add(row, manifest, [item for items in added for item in items])
                self._books.advance(job, len(added), len(batch) - len(added))
        if upto is None:
            self._books.finish(job, "DONE", *problems)
        else:
            self._books.tell(job, *problems)

    def _inspected(
        self,
        row: sqlite3.Row,
        payload: Mapping[str, Any],
        manifest: Manifest,
        wanted: Sequence[Unit],
        ordered: Outcome,
    ) -> Iterator[tuple[Unit, list[NewItem] | str]]:
        location = self._integrations.provider(payload["integrationId"]) if manifest.private else 0
        inspector = Inspector(
            self._store,
            self._storage,
            self._bucket if location == 1 else None,
            row["owner"],
            row["folder"],
            location,
            probing=sum(len(unit.files) for unit in wanted) <= PROBED_FILES,
            refilling=self._settings.filled_placeholder == "done",
        )

        def outcome(numbered: tuple[int, Unit]) -> list[NewItem] | str:
            if ordered.fails(numbered[0], numbered[1].urls):
                return ordered.error
            try:
                return inspector.inspect(numbered[1])
            except UnitError as error:
                return str(error)

        with ThreadPoolExecutor(_READERS) as readers:
            apply: Callable[..., Iterable[list[NewItem] | str]] = readers.map if inspector.slow else map
            for batch in _batches(list(enumerate(wanted))):
                self._check(row["uuid"])
                yield from zip((unit for _, unit in batch), apply(outcome, batch), strict=True)

    def _check(self, job: str) -> None:
        if self.stopping.is_set():
            raise Stopped
        if job in self._cancelled:
            raise _Cancelled


def _batches(values: list[Any]) -> Iterator[list[Any]]:
    return (values[start : start + _BATCH] for start in range(0, len(values), _BATCH))


def _problems(failures: list[tuple[Unit, str]]) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the errors of a job, and those of its units."""
    return list(dict.fromkeys(text for _, text in failures)), [
        {
            "object_urls": unit.urls,
            "error": text,
            "subtask_uuid": str(uuid.uuid4()),
            "action_description": f"register {unit.kind.data_type}",
        }
        for unit, text in failures
    ]
