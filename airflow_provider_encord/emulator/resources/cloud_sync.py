"""Folders that are synced with a bucket: syncs started and followed, and what is set up for them."""

import asyncio
import json
import sqlite3
from typing import Any

from airflow_provider_encord.emulator import rest
from airflow_provider_encord.emulator.errors import Reason, Refusal
from airflow_provider_encord.emulator.job_books import SYNC, JobBooks
from airflow_provider_encord.emulator.jobs import Jobs
from airflow_provider_encord.emulator.outcomes import Outcome
from airflow_provider_encord.emulator.resources.folder_jobs import LONGEST_TIMEOUT
from airflow_provider_encord.emulator.resources.folders import Folders
from airflow_provider_encord.emulator.settings import Settings
from airflow_provider_encord.emulator.store import Store


class CloudSync:
    """The way to start syncs and to follow them."""

    def __init__(self, store: Store, folders: Folders, books: JobBooks, jobs: Jobs, settings: Settings) -> None:
        self._store = store
        self._folders = folders
        self._books = books
        self._jobs = jobs
        self._settings = settings

    @rest.answers("sync_start", "POST", "storage/folders/{folder}/cloud-synced-folder-syncs")
    async def answer_start(self, call: rest.Call) -> str:
        """Start a sync, unless one runs."""
        folder = await asyncio.to_thread(self._require_synced, call)
        outcome = self._jobs.take_outcome()
        job, new = await asyncio.to_thread(self._start, folder, outcome)
        if new:
            call.notes["jobs"] = [job]
            await self._jobs.started(job)
        return job

    @rest.answers("sync_poll", "GET", "storage/folders/{folder}/cloud-linked-folder-syncs/{job}/long-polling")
    async def answer_poll(self, call: rest.Call) -> dict[str, Any]:
        """Tell how a sync stands, as soon as it is over or when the asked time has gone by."""
        folder = await asyncio.to_thread(self._require_synced, call)
        row = await asyncio.to_thread(self._books.find, call.path["job"])
        if row is None or (row["kind"], row["folder"]) != (SYNC, folder["uuid"]):
            raise Refusal(Reason.INVALID_ARGUMENTS, f"there is no sync {call.path['job']} of this folder")
        await self._jobs.wait(row["uuid"], call.number("timeoutSeconds", 60, 0, LONGEST_TIMEOUT))
        return await asyncio.to_thread(self._books.describe, row["uuid"])

    @rest.answers("get_folder_config", "GET", "storage/folders/{folder}/folder-config")
    def answer_config(self, call: rest.Call) -> dict[str, Any]:
        """Show what is set up for a folder."""
        config: dict[str, Any] = json.loads(self._folders.require(call.caller.user, call.path["folder"])["config"])
        return config

    @rest.answers("set_folder_config", "POST", "storage/folders/{folder}/folder-config")
    def answer_set_config(self, call: rest.Call) -> None:
        """Set up a folder, unknown fields included."""
        folder = self._folders.require(call.caller.user, call.path["folder"])["uuid"]
        given = call.json()
        rest.as_object(rest.as_object(given, "metadataIngestion") or {}, "matcher")
        self._store.run("UPDATE folders SET config = ? WHERE uuid = ?", (json.dumps(given), folder))

    def _start(self, folder: sqlite3.Row, outcome: Outcome) -> tuple[str, bool]:
        """Return the UUID of a sync and whether it is a new one."""
        with self._store.transaction():
            running = self._store.value(
                "SELECT uuid FROM jobs WHERE folder = ? AND kind = ? AND NOT settled", (folder["uuid"], SYNC)
            )
            if running is None:
                seconds = self._settings.sync_seconds
                return self._books.create(SYNC, folder["owner"], folder["uuid"], outcome, seconds=seconds), True
            if self._settings.second_sync == "refuse":
                raise Refusal(Reason.EXISTS, "a sync of this folder is running")
            return running, False

    def _require_synced(self, call: rest.Call) -> sqlite3.Row:
        folder = self._folders.require(call.caller.user, call.path["folder"])
        if folder["remote_url"] is None:
            raise Refusal(Reason.INVALID_ARGUMENTS, "the folder is not synced with a bucket")
        return folder
