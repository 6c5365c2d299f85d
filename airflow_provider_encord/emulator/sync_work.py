"""The sync of a folder with its bucket: new objects become items, vanished ones tombstones."""

import json
import logging
import sqlite3
import threading
from collections import Counter
from typing import Any
from uuid import uuid4

from airflow_provider_encord.emulator import media
from airflow_provider_encord.emulator.bucket import Bucket, Unreadable
from airflow_provider_encord.emulator.clock import Clock
from airflow_provider_encord.emulator.inspection import default_title
from airflow_provider_encord.emulator.item_rows import item_row
from airflow_provider_encord.emulator.job_books import JobBooks
from airflow_provider_encord.emulator.job_work import Stopped
from airflow_provider_encord.emulator.outcomes import Outcome
from airflow_provider_encord.emulator.resources.integrations import Integrations
from airflow_provider_encord.emulator.settings import Settings
from airflow_provider_encord.emulator.store import Store

log = logging.getLogger(__name__)

SIDECAR_SUFFIX = ".metadata.json"

_Object = tuple[str, int, str]


class SyncWork:
    """What syncs do. Calls block; :mod:`jobs` decides when they are made."""

    def __init__(
        self,
        store: Store,
        integrations: Integrations,
        books: JobBooks,
        settings: Settings,
        clock: Clock,
        bucket: Bucket | None,
        stopping: threading.Event,
    ) -> None:
        self._store = store
        self._integrations = integrations
        self._books = books
        self._settings = settings
        self._clock = clock
        self._bucket = bucket
        self._stopping = stopping

    def settle(self, job: str) -> None:
        """Carry a sync out to its end. One that was interrupted begins again, which does no harm."""
        row = self._books.find(job)
        outcome = Outcome.load(row["forced"]) if row else Outcome()
        if row is None or row["settled"] or outcome.held:
            return
        if outcome.status in ("CANCELLED", "ERROR"):
            self._books.finish(job, outcome.status, [outcome.error])
            return
        folder = self._store.one("SELECT * FROM folders WHERE uuid = ?", (row["folder"],))
        try:
            if folder is None:
                raise Unreadable("the folder was deleted")
            self._read(row, folder, outcome)
        except Stopped:
            raise
        except Unreadable as error:
            self._end(job, "ERROR", pages_error=1)
            log.warning("sync %s ended: %s", job, error)
        except Exception:
            log.exception("sync %s broke", job)
            self._end(job, "ERROR", pages_error=1)
        else:
            self._end(job, "DONE")

    def _read(self, job: sqlite3.Row, folder: sqlite3.Row, ordered: Outcome) -> None:
        """Go through the bucket page by page."""
        self._store.run("UPDATE jobs SET scan = '{}', done = 0, failed = 0 WHERE uuid = ?", (job["uuid"],))
        location = self._integrations.provider(folder["integration"])
        if self._bucket is None or location not in (1, 4):
            raise Unreadable("the local Encord lists buckets at an S3 endpoint only, and it was given none")
        suffix, paused = _sidecars(folder)
        number = 0
        for page in self._bucket.pages(folder["remote_url"], self._settings.scan_page_size):
            if self._stopping.is_set():
                raise Stopped
            beside = [url for url, _, _ in page if suffix and url.endswith(suffix)]
            data = [entry for entry in page if data_type(entry[0]) and entry[0] not in beside]
            metadata = {} if paused else {url.removesuffix(suffix): self._read_json(url) for url in beside}
            with self._store.transaction():
                self._take(job, folder, data, location, ordered, number)
                for url, text in metadata.items():
                    self._store.run(
                        "UPDATE items SET client_metadata = coalesce(?, client_metadata)"
                        " WHERE folder = ? AND identity = ?",
                        (text, folder["uuid"], url),
                    )
            number += len(data)
        self._store.run(
            "UPDATE items SET tombstone = 1 WHERE folder = ? AND seen_by IS NOT NULL AND seen_by <> ?",
            (folder["uuid"], job["uuid"]),
        )

    def _read_json(self, url: str) -> str | None:
        """Return what a file of metadata says, None if it is not a JSON object."""
        assert self._bucket is not None  # noqa: S101 - it has just listed the file
        with self._bucket.fetched(url) as copy:
            try:
                value = json.loads(copy.read_bytes())
            except ValueError:
                return None
        return json.dumps(value) if isinstance(value, dict) else None

    def _take(
        self, job: sqlite3.Row, folder: sqlite3.Row, data: list[_Object], location: int, ordered: Outcome, number: int
    ) -> None:
        """Take over the data of one page, the first of which has a number of its own."""
        known = {
            row["identity"]: row["uuid"]
            for row in self._store.all(
                "SELECT uuid, identity FROM items WHERE folder = ? AND seen_by IS NOT NULL"
                " AND identity IN (SELECT value FROM json_each(?))",
                (folder["uuid"], json.dumps([url for url, _, _ in data])),
            )
        }
        failed = 0
        for position, (url, size, etag) in enumerate(data, start=number):
            if ordered.fails(position, [url]):
                failed += 1
            elif url in known:
                self._see(known[url], job["uuid"], size, etag)
            else:
                self._add(job, folder, location, (url, size, etag))
        self._count(job["uuid"], pages_done=1, jobs_done=1 if data else 0)
        self._store.run(
            "UPDATE jobs SET done = done + ?, failed = failed + ? WHERE uuid = ?",
            (len(data) - failed, failed, job["uuid"]),
        )

    def _see(self, item: str, job: str, size: int, etag: str) -> None:
        """Note that the object of an item is there, and whether its content has changed."""
        self._store.run(
            "UPDATE items SET seen_by = ?, tombstone = 0, file_size = ?,"
            " edited_at = CASE WHEN etag = ? THEN edited_at ELSE ? END, etag = ? WHERE uuid = ?",
            (job, size, etag, self._clock.time(), etag, item),
        )

    def _add(self, job: sqlite3.Row, folder: sqlite3.Row, location: int, found: _Object) -> None:
        url, size, etag = found
        self._store.insert(
            "items",
            [
                item_row(
                    str(uuid4()),
                    owner=folder["owner"],
                    folder=folder["uuid"],
                    data_type=data_type(url) or "",
                    title=default_title(url),
                    url=url,
                    identity=url,
                    storage_location=location,
                    job=job["uuid"],
                    facts=media.stated({}, size, media.guess_type(url)),
                    integration=folder["integration"],
                    etag=etag,
                    seen_by=job["uuid"],
                    now=self._clock.time(),
                )
            ],
        )

    def _count(self, job: str, **counts: int) -> None:
        scan = json.loads(self._store.value("SELECT scan FROM jobs WHERE uuid = ?", (job,)))
        total: dict[str, Any] = dict(Counter(scan) + Counter(counts))
        self._store.run("UPDATE jobs SET scan = ? WHERE uuid = ?", (json.dumps(total), job))

    def _end(self, job: str, status: str, **counts: int) -> None:
        self._count(job, **counts)
        self._books.finish(job, status)


def _sidecars(folder: sqlite3.Row) -> tuple[str, bool]:
    """Return how the names of files end that hold metadata of others, and whether those are to be left alone."""
    config = json.loads(folder["config"]).get("metadataIngestion")
    if config is None:
        return "", True
    return config.get("matcher", {}).get("suffix", SIDECAR_SUFFIX), config.get("paused", False)


def data_type(url: str) -> str | None:
    """Return the kind of data that the name of an object stands for, None if a sync leaves it out."""
    kind = media.guess_type(url) or ""
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    return _BY_FAMILY.get(kind.partition("/")[0])


_BY_TYPE = {"application/pdf": "PDF", "application/json": "PLAIN_TEXT", "application/xml": "PLAIN_TEXT"}
_BY_FAMILY = {"image": "IMAGE", "video": "VIDEO", "audio": "AUDIO", "text": "PLAIN_TEXT"}
