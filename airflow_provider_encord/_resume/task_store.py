"""What a task remembers across its attempts: the jobs that it started and the files that it uploaded."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from types import TracebackType
from typing import Any

from airflow_provider_encord._client.outgoing import storable
from airflow_provider_encord._resume.item_tags import is_repeated

log = logging.getLogger(__name__)

_JOBS = "encord_jobs"
_FILES = "encord_files"
_HASHES = "encord_hashes"
_REGISTERED = "encord_registered"
_FILES_PER_VALUE = 300  # Airflow warns of values above 64 KiB
_HASHES_PER_VALUE = 1000
_MOST_REFUSED = 500


@dataclass
class Started:
    """The jobs that were started so far.

    :param job_ids: their ids, in the order of their start.
    :param parts: how many batches of the work are finished; a batch with nothing to add has no job.
    :param complete: whether all jobs are started.
    :param starting: whether a job was about to start, and nobody knows whether it did.
    :param worked: whether anything was changed in Encord, or may have been.
    """

    job_ids: list[str | int] = field(default_factory=list)
    parts: int = 0
    complete: bool = False
    starting: bool = False
    worked: bool = False


class Memory:
    """The memory of one task instance.

    Airflow 3.3 and later have a task store for it. Earlier releases have none (XComs are cleared when an attempt
    starts), so nothing is remembered there.

    :param context: the task's context.
    :param durable: False remembers nothing.
    :param identity: the arguments that define the work; values that were kept for other arguments are not recalled.
    """

    def __init__(self, context: Mapping[str, Any], *, durable: bool, identity: Mapping[str, Any]) -> None:
        self._store = context.get("task_state_store") if durable else None
        self._durable = durable
        self._repeated = is_repeated(context)
        self._subject = hashlib.sha256(_text_of(identity).encode(errors="surrogatepass")).hexdigest()
        self._started = Started()

    @property
    def lasts(self) -> bool:
        """Whether anything is remembered."""
        return self._store is not None

    @property
    def is_blind(self) -> bool:
        """Whether earlier attempts may have started jobs that nothing here shows: Airflow before 3.3 has no store."""
        return self._durable and self._repeated and not self.lasts

    @property
    def worked_before(self) -> bool:
        """Whether earlier attempts have changed anything in Encord, or may have."""
        return self.recall_jobs().worked if self.lasts else self._repeated

    def go_on_with(self, job_ids: Sequence[str | int]) -> None:
        """Recall what was kept with these jobs, even if an argument differs by now, such as a file's content."""
        kept = self._store.get(_JOBS) if self._store is not None else None
        if isinstance(kept, Mapping) and kept.get("job_ids") == list(job_ids):
            self._subject = str(kept.get("subject"))

    def recall_jobs(self) -> Started:
        """Return the jobs that earlier attempts started."""
        kept = self._get(_JOBS)
        if kept is not None:
            self._started = Started(
                list(kept["job_ids"]),
                int(kept.get("parts", len(kept["job_ids"]))),
                bool(kept["complete"]),
                bool(kept.get("starting")),
                bool(kept.get("worked", True)),
            )
        return self._started

    def remember_jobs(self, started: Started) -> None:
        """Keep the jobs that are started so far."""
        self._started = started
        self._set(_JOBS, **asdict(started))

    def note_start(self) -> None:
        """Keep that a job is about to start; the next :meth:`remember_jobs` keeps that it did."""
        self._set(_JOBS, **asdict(replace(self._started, starting=True, worked=True)))

    def take_back_start(self) -> None:
        """Keep that the job that was about to be started surely was not."""
        self.remember_jobs(self._started)

    def note_work(self) -> None:
        """Keep that something in Encord is about to change, without a job."""
        self.remember_jobs(replace(self._started, worked=True))

    def recall_hashes(self) -> list[str] | None:
        """Return what :meth:`remember_hashes` kept, or None."""
        hashes: list[str] = []
        number = 0
        while (kept := self._get(f"{_HASHES}_{number}")) is not None:
            hashes += kept["hashes"]
            if kept["last"]:
                return hashes
            number += 1
        return None

    def remember_hashes(self, hashes: Sequence[str]) -> None:
        """Keep the data hashes that a filter found, so that a later attempt works on the same data."""
        for number, at in enumerate(range(0, max(len(hashes), 1), _HASHES_PER_VALUE)):
            some = list(hashes[at : at + _HASHES_PER_VALUE])
            self._set(f"{_HASHES}_{number}", hashes=some, last=at + _HASHES_PER_VALUE >= len(hashes))

    def recall_made(self, kind: str) -> dict[str, Any] | None:
        """Return what :meth:`remember_made` kept of a kind of thing, such as ``dataset`` or ``failed_files``."""
        return self._get(f"encord_{kind}")

    def remember_made(self, kind: str, value: Mapping[str, Any]) -> None:
        """Keep a value of a kind: of a dataset, which ones of the name there were, and the one that was made then."""
        self._set(f"encord_{kind}", **value)

    def uploads(self, *, without_refused: bool = False) -> Uploads:
        """Return the memory of uploaded files, with those of earlier attempts.

        :param without_refused: leave out those that a job has refused, so that they are sent again.
        """
        return Uploads(self, without_refused)

    def forget(self, *, keep_uploads: bool = False) -> None:
        """Forget jobs and uploads, so that the work is done again. That something was done stays known."""
        if self._store is None:
            return
        self.remember_jobs(Started(worked=True))
        if not keep_uploads and self._store.get(_REGISTERED) is not None:
            self._store.delete(_REGISTERED)
        for name in (_HASHES,) if keep_uploads else (_FILES, _HASHES):
            number = 0
            while self._store.get(f"{name}_{number}") is not None:
                self._store.delete(f"{name}_{number}")
                number += 1

    def _get(self, key: str) -> dict[str, Any] | None:
        kept = self._store.get(key) if self._store is not None else None
        return dict(kept) if isinstance(kept, Mapping) and kept.get("subject") == self._subject else None

    def _set(self, key: str, **value: Any) -> None:
        if self._store is not None:
            self._store.set(key, storable({"subject": self._subject, **value}))


class Uploads:
    """The files that are in Encord's storage but not yet registered. Use it as a context manager.

    Keeping a file takes a request to Airflow, too slow for an upload of many small files. So a separate thread keeps
    them, with all files that came up during one request in the next one. Leaving the context waits for the last one.
    """

    def __init__(self, memory: Memory, without_refused: bool = False) -> None:
        self._memory = memory
        self._kept: list[dict[str, dict[str, str]]] = []
        while kept := memory._get(f"{_FILES}_{len(self._kept)}"):
            self._kept.append({name: dict(kept.get(name, {})) for name in ("object_keys", "item_uuids")})
        registered = memory._get(_REGISTERED) or {"values": 0, "refused": []}
        self._values_registered = int(registered["values"])
        self._refused = set(registered["refused"])
        self.known: dict[str, str] = {}
        """Object key of each file that can be registered."""
        for number, value in enumerate(self._kept):
            for file_id, key in value["object_keys"].items():
                refused = key in self._refused
                if not (refused and without_refused) and (refused or number >= self._values_registered):
                    self.known[file_id] = key
        self.item_uuids = {file_id: uuid for value in self._kept for file_id, uuid in value["item_uuids"].items()}
        """The item that a file of a folder becomes."""
        self._new: dict[str, tuple[str, str | None]] = {}
        self._lock = threading.Lock()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encord-memory")
        self._writing = False

    def note(self, file_id: str, object_key: str, item_uuid: str | None = None) -> None:
        """Note that a file is in Encord's storage; returns at once."""
        self.known[file_id] = object_key
        if item_uuid is not None:
            self.item_uuids[file_id] = item_uuid
        if not self._memory.lasts:
            return
        with self._lock:
            self._new[file_id] = object_key, item_uuid
            if not self._writing:
                self._writing = True
                self._writer.submit(self._keep)

    def all_kept(self) -> Iterator[tuple[str, str]]:
        """Yield id and object key of each file that is kept."""
        return (pair for value in self._kept for pair in value["object_keys"].items())

    def note_ended(self, refused: Sequence[str], *, registered: bool) -> None:
        """Note that the jobs have ended.

        :param refused: object keys that the jobs could not register.
        :param registered: whether all others are registered. A later attempt does not register them again, since what
            they were made into may have been removed.
        """
        values = len(self._kept) if registered else self._values_registered
        self._memory._set(_REGISTERED, values=values, refused=list(refused)[:_MOST_REFUSED])

    def __enter__(self) -> Uploads:
        """Enter."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Keep what is not kept yet."""
        self._writer.shutdown(wait=True)
        self._keep()

    def _keep(self) -> None:
        while True:
            with self._lock:
                new, self._new = self._new, {}
                if not new:
                    self._writing = False
                    return
            try:
                self._write(new)
            except Exception as error:  # uploading a file twice is better than failing
                log.warning("%d uploaded files could not be remembered (%s).", len(new), type(error).__name__)

    def _write(self, new: dict[str, tuple[str, str | None]]) -> None:
        for file_id, (key, item_uuid) in new.items():
            full = not self._kept or len(self._kept[-1]["object_keys"]) >= _FILES_PER_VALUE
            if full or len(self._kept) <= self._values_registered:
                if self._kept:
                    self._write_last()
                self._kept.append({"object_keys": {}, "item_uuids": {}})
            self._kept[-1]["object_keys"][file_id] = key
            if item_uuid is not None:
                self._kept[-1]["item_uuids"][file_id] = item_uuid
        self._write_last()

    def _write_last(self) -> None:
        self._memory._set(f"{_FILES}_{len(self._kept) - 1}", **self._kept[-1])


def _text_of(identity: Mapping[str, Any]) -> str:
    try:
        return json.dumps(identity, default=str, sort_keys=True)
    except Exception:  # an argument that a later check refuses
        return json.dumps(storable(identity), sort_keys=True)
