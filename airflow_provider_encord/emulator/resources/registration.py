"""Registration jobs: started and asked about."""

import asyncio
import sqlite3
from collections.abc import Mapping
from typing import Any

from airflow_provider_encord.emulator import legacy, units
from airflow_provider_encord.emulator.errors import Reason, Refusal
from airflow_provider_encord.emulator.job_books import DATASET, JobBooks
from airflow_provider_encord.emulator.jobs import Jobs
from airflow_provider_encord.emulator.outcomes import Outcome
from airflow_provider_encord.emulator.resources.folders import Folders
from airflow_provider_encord.emulator.resources.integrations import Integrations
from airflow_provider_encord.emulator.settings import Settings
from airflow_provider_encord.emulator.store import Store
from airflow_provider_encord.emulator.uuids import is_uuid


class Registration:
    """The way to start registration jobs and to follow them."""

    def __init__(
        self,
        store: Store,
        folders: Folders,
        integrations: Integrations,
        books: JobBooks,
        jobs: Jobs,
        settings: Settings,
    ) -> None:
        self._store = store
        self._folders = folders
        self._integrations = integrations
        self._books = books
        self._jobs = jobs
        self._settings = settings

    @legacy.answers("upload_job_start", "datasetdatalongpolling", "POST", scope=legacy.WRITE)
    async def answer_start(self, call: legacy.Call) -> dict[str, str]:
        """Start a registration job."""
        call.require_same_dataset()
        outcome = self._jobs.take_outcome()
        job = await asyncio.to_thread(self._start, call.caller.user, call.resource, call.payload, outcome)
        call.notes["jobs"] = [job]
        await self._jobs.started(job)
        return {"process_hash": job}

    @legacy.answers("upload_job_poll", "datasetdatalongpolling", "GET")
    async def answer_poll(self, call: legacy.Call) -> dict[str, Any]:
        """Tell how a job stands, as soon as it is over or when the asked time has gone by."""
        call.require_same_dataset()
        seconds = call.payload.get("timeout_seconds", 0)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
            raise Refusal(Reason.INVALID_ARGUMENTS, "timeout_seconds must be a number that is not negative")
        row = await asyncio.to_thread(self._require, call.id, call.payload.get("process_hash"))
        await self._jobs.wait(row["uuid"], seconds)
        return await asyncio.to_thread(self._books.describe, row["uuid"])

    def _start(self, user: str, dataset: sqlite3.Row, payload: Mapping[str, Any], outcome: Outcome) -> str:
        """Accept a job or refuse it at once."""
        manifest = units.read(payload)
        if manifest.private:
            self._integrations.provider(payload["integrationId"])
        folder = self._folder(user, dataset, payload.get("folderUuid"))
        return self._books.create(
            DATASET,
            user,
            folder,
            outcome,
            seconds=self._settings.job_seconds,
            payload=payload,
            units=len(manifest.units),
            dataset=dataset["uuid"],
        )

    def _require(self, dataset: str, job: Any) -> sqlite3.Row:
        """Return a job of the dataset's."""
        row = self._store.one("SELECT * FROM jobs WHERE uuid = ? AND dataset = ?", (str(job).lower(), dataset))
        if row is None:
            raise Refusal(Reason.NOT_FOUND, f"there is no job {job} for this dataset")
        return row

    def _folder(self, user: str, dataset: sqlite3.Row, folder: Any) -> str:
        """Return the folder the data goes to."""
        own: str | None = dataset["folder"]
        if own is not None and folder is not None:
            raise Refusal(
                Reason.INVALID_ARGUMENTS, "the dataset mirrors a folder of its own: leave out folderUuid for it"
            )
        if own is not None:
            return own
        if folder is None:
            raise Refusal(
                Reason.INVALID_ARGUMENTS, "the dataset has no folder of its own: folderUuid must name one for its data"
            )
        if not is_uuid(folder):
            raise Refusal(Reason.INVALID_ARGUMENTS, "folderUuid is not a UUID")
        target: str = self._folders.require(user, folder)["uuid"]
        return target
