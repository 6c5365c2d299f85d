"""Registration jobs of folders: started, asked about, cancelled."""

import asyncio
import sqlite3
from collections.abc import Mapping
from typing import Any

from airflow_provider_encord.emulator import rest, units
from airflow_provider_encord.emulator.errors import Reason, Refusal
from airflow_provider_encord.emulator.job_books import FOLDER, JobBooks
from airflow_provider_encord.emulator.jobs import Jobs
from airflow_provider_encord.emulator.outcomes import Outcome
from airflow_provider_encord.emulator.placeholders import Placeholders
from airflow_provider_encord.emulator.resources.folders import Folders
from airflow_provider_encord.emulator.resources.integrations import Integrations
from airflow_provider_encord.emulator.settings import Settings

LONGEST_TIMEOUT = 2**31
"""Seconds. Encord's client 0.1.211 asks for a week; the answer comes after a minute at the latest all the same."""

_NAMES = {"externalFiles": "files", "integrationHash": "integrationId"}
"""Fields that a job of a dataset has under other names."""


class FolderJobs:
    """The way to start registration jobs of folders, to follow and to cancel them."""

    def __init__(
        self,
        folders: Folders,
        integrations: Integrations,
        placeholders: Placeholders,
        books: JobBooks,
        jobs: Jobs,
        settings: Settings,
    ) -> None:
        self._folders = folders
        self._integrations = integrations
        self._placeholders = placeholders
        self._books = books
        self._jobs = jobs
        self._settings = settings

    @rest.answers("folder_job_start", "POST", "storage/folders/{folder}/data-upload-jobs")
    async def answer_start(self, call: rest.Call) -> str:
        """Start a registration job."""
        folder = await asyncio.to_thread(self._folders.require, call.caller.user, call.path["folder"])
        payload = {_NAMES.get(name, name): value for name, value in call.json().items()}
        outcome = self._jobs.take_outcome()
        job = await asyncio.to_thread(self._start, folder, payload, outcome)
        call.notes["jobs"] = [job]
        await self._jobs.started(job)
        return job

    @rest.answers("folder_job_poll", "GET", "storage/folders/{folder}/data-upload-jobs/{job}")
    async def answer_poll(self, call: rest.Call) -> dict[str, Any]:
        """Tell how a job stands, as soon as it is over or when the asked time has gone by."""
        job = await asyncio.to_thread(self._require, call)
        await self._jobs.wait(job, call.number("timeoutSeconds", 60, 0, LONGEST_TIMEOUT))
        return await asyncio.to_thread(self._books.describe, job)

    @rest.answers("folder_job_cancel", "POST", "storage/folders/{folder}/data-upload-jobs/{job}/cancel")
    async def answer_cancel(self, call: rest.Call) -> dict[str, int]:
        """Cancel a job. What it has added stays."""
        job = await asyncio.to_thread(self._require, call)
        return {"unitsCancelledCount": await self._jobs.cancel(job)}

    def _start(self, folder: sqlite3.Row, payload: Mapping[str, Any], outcome: Outcome) -> str:
        """Accept a job or refuse it at once."""
        manifest = units.read(payload)
        if manifest.private:
            self._integrations.provider(payload["integrationId"])
        if self._settings.placeholders_from == "job":
            files = (file for unit in manifest.units for file in unit.files)
            self._placeholders.announce([file.placeholder for file in files if file.placeholder])
        return self._books.create(
            FOLDER,
            folder["owner"],
            folder["uuid"],
            outcome,
            seconds=self._settings.job_seconds,
            payload=payload,
            units=len(manifest.units),
        )

    def _require(self, call: rest.Call) -> str:
        """Return the job that a path names, which must be one of the folder that it names."""
        folder = self._folders.require(call.caller.user, call.path["folder"])["uuid"]
        row = self._books.find(call.path["job"])
        if row is None or (row["kind"], row["folder"]) != (FOLDER, folder):
            raise Refusal(Reason.NOT_FOUND, f"there is no job {call.path['job']} for this folder")
        name: str = row["uuid"]
        return name
