"""Verbs of the hook: storage folders, and what gets data into them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import PurePath
from typing import Any
from uuid import UUID

from airflow_provider_encord import manifest
from airflow_provider_encord._airflow.errors import argument_errors
from airflow_provider_encord._airflow.lineage import add_output
from airflow_provider_encord._airflow.outcome import require_done, uploaded
from airflow_provider_encord._client.jobs import FolderSyncWatch, FolderUploadJobWatch, Verdict
from airflow_provider_encord._client.pages import MAX_PAGE_SIZE
from airflow_provider_encord._client.resources import data_items, folder_jobs, folder_sync, folders
from airflow_provider_encord._client.transport import MAX_FILES_PER_JOB
from airflow_provider_encord._client.transport.uploader import FileOutcome
from airflow_provider_encord._client.wait import DeadlineReached, Patience
from airflow_provider_encord._storage.files import PathLike, find_files
from airflow_provider_encord._storage.manifest_file import load_manifest
from airflow_provider_encord.exceptions import EncordError
from airflow_provider_encord.hooks._access import AccessVerbs
from airflow_provider_encord.hooks._jobs import DEFAULT_MAX_POLL_FAILURES, POLL_INTERVAL, SEVEN_DAYS, JobVerbs
from airflow_provider_encord.hooks._uploads import UploadVerbs, paths, whole_number
from airflow_provider_encord.hooks._verbs import (
    LazySteps,
    Steps,
    all_found,
    ask,
    ask_for_pages,
    lazy_verb,
    steps_of,
    verb,
    wait_for,
)


class FolderVerbs(UploadVerbs, JobVerbs, AccessVerbs):
    """Storage folders, their registration jobs, and the syncs of cloud-synced ones."""

    @lazy_verb
    def iter_folders(
        self,
        parent_folder: str | UUID | None = None,
        search: str | None = None,
        *,
        recursive: bool = False,
        dataset_synced: bool | None = None,
        include_org_access: bool | None = None,
        order: str = "name",
        desc: bool = False,
        page_size: int = MAX_PAGE_SIZE,
    ) -> LazySteps[folders.StorageFolder]:
        """Yield the folders in a folder, or at the top, one by one.

        :param search: a part of the name.
        :param recursive: also those further down.
        :param dataset_synced: only folders that a dataset mirrors, or only others.
        :param include_org_access: all folders of the organisation; only for its admins.
        :param order: ``name`` or ``createdAt``.
        :param page_size: how many one request asks for.
        """

        def page(token: str | None) -> Any:
            with argument_errors():
                return folders.list_folders(
                    parent=parent_folder,
                    search=search,
                    recursive=recursive,
                    dataset_synced=dataset_synced,
                    include_org_access=include_org_access,
                    order=order,
                    desc=desc,
                    page_size=page_size,
                    page_token=token,
                )

        return ask_for_pages(page)

    @verb
    def list_folders(
        self,
        parent_folder: str | UUID | None = None,
        search: str | None = None,
        *,
        recursive: bool = False,
        dataset_synced: bool | None = None,
        include_org_access: bool | None = None,
        order: str = "name",
        desc: bool = False,
    ) -> Steps[list[folders.StorageFolder]]:
        """List the folders in a folder, or at the top; arguments as for :meth:`iter_folders`."""
        return (
            yield from all_found(self.iter_folders)(
                parent_folder,
                search,
                recursive=recursive,
                dataset_synced=dataset_synced,
                include_org_access=include_org_access,
                order=order,
                desc=desc,
            )
        )

    @verb
    def get_folder(self, folder_uuid: str | UUID) -> Steps[folders.StorageFolder]:
        """Get one folder."""
        with argument_errors():
            call = folders.get_folder(folder_uuid)
        return (yield from ask(call))

    @verb
    def create_folder(
        self,
        name: str,
        description: str | None = None,
        client_metadata: Mapping[str, Any] | None = None,
        parent_folder: str | UUID | None = None,
        *,
        integration: str | UUID | None = None,
        remote_url: str | None = None,
    ) -> Steps[folders.StorageFolder]:
        """Make a folder; others may have the same name.

        :param parent_folder: UUID of the folder to make it in.
        :param integration: title or id of a cloud integration, for a folder that Encord syncs with a bucket.
        :param remote_url: where in the bucket, such as ``s3://bucket/path/``; it can't be changed later.
        """
        integration_id = None
        if integration is not None:
            integration_id = yield from steps_of(self.find_cloud_integration)(integration)
        with argument_errors():
            call = folders.create_folder(
                name,
                description=description,
                client_metadata=client_metadata,
                parent=parent_folder,
                integration_id=integration_id,
                remote_url=remote_url,
            )
        return (yield from ask(call))

    @verb
    def update_folder(
        self,
        folder_uuid: str | UUID,
        name: str | None = None,
        description: str | None = None,
        client_metadata: Mapping[str, Any] | None = None,
        *,
        merge_metadata: bool = True,
    ) -> Steps[folders.StorageFolder]:
        """Change what is given of a folder.

        :param merge_metadata: keep the keys that ``client_metadata`` does not name, as they are just before.
        """
        if client_metadata is not None and merge_metadata:
            folder = yield from steps_of(self.get_folder)(folder_uuid)
            client_metadata = {**(folder.client_metadata or {}), **client_metadata}
        with argument_errors():
            call = folders.update_folder(
                folder_uuid, name=name, description=description, client_metadata=client_metadata
            )
        return (yield from ask(call))

    @verb
    def move_folders(
        self, folder_uuids: Sequence[str | UUID], new_parent_folder: str | UUID | None = None
    ) -> Steps[None]:
        """Move folders into another one, or to the top."""
        with argument_errors():
            call = folders.move_folders(folder_uuids, new_parent_folder)
        yield from ask(call)

    @verb
    def delete_folder(self, folder_uuid: str | UUID) -> Steps[None]:
        """Delete a folder."""
        with argument_errors():
            call = folders.delete_folder(folder_uuid)
        yield from ask(call)

    @verb
    def get_folder_summary(self, folder_uuid: str | UUID) -> Steps[folders.FolderSummary]:
        """Count what a folder holds, by kind."""
        with argument_errors():
            call = folders.get_folder_summary(folder_uuid)
        return (yield from ask(call))

    @verb
    def upload_files_to_folder(
        self,
        folder_uuid: str | UUID,
        item_type: str,
        file_paths: PathLike | Iterable[PathLike],
        *,
        client_metadata: Mapping[str, Any] | None = None,
        max_items_per_job: int = MAX_FILES_PER_JOB,
    ) -> Steps[list[folder_jobs.AddedItem]]:
        """Upload files that are an item each, register them by few jobs, and wait until they are in the folder.

        All files are looked at before the first byte is sent, and uploaded before the first job is started. A repeat
        adds all of them again.

        :param item_type: ``video``, ``image``, ``audio``, ``nifti``, ``pdf``, ``plainText``, ``timeseries`` or
            ``scene``.
        :param file_paths: local paths, ``ObjectStoragePath`` objects or their URLs; an empty list is nothing to do.
        :param client_metadata: kept by Encord with each item.
        :param max_items_per_job: more files are registered by several jobs.
        """
        with argument_errors():
            _single_files(item_type, [], None)
        several = whole_number(max_items_per_job, "max_items_per_job")
        if not (locations := paths(file_paths, "file_paths")):
            return []
        files = find_files(locations, item_type=item_type)
        outcomes = yield from steps_of(self.put_files)(files, item_type, folder_uuid=folder_uuid)
        uploaded(outcomes)
        done = iter(outcomes)
        job_ids: list[str] = []
        try:
            while batch := list(islice(done, several)):
                register = _single_files(item_type, batch, client_metadata)
                start = steps_of(self.start_folder_upload_job)
                job_ids.append((yield from start(folder_uuid, data_items=register)))
            verdicts: list[Verdict] = []
            for job_id in job_ids:
                watch = FolderUploadJobWatch(str(folder_uuid), job_id)
                verdicts.append((yield from steps_of(self.wait)(watch, deadline=time.time() + SEVEN_DAYS)))
            for verdict in verdicts:
                require_done(verdict, None, folder_uuid=str(folder_uuid))
        except EncordError as error:
            error.job_ids = list(job_ids)
            raise
        return [item for verdict in verdicts for item in verdict.answer.items]

    @verb
    def start_folder_upload_job(
        self,
        folder_uuid: str | UUID,
        *,
        data_items: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
        integration_id: str | UUID | None = None,
        ignore_errors: bool = False,
        file_name: str | None = None,
    ) -> Steps[str]:
        """Start a registration job of a folder and return its id.

        :param data_items: structured items, as ``airflow_provider_encord._client.resources.data_items`` makes them
            of uploaded files; with an integration, of objects that it reads.
        :param files: a manifest, of objects that the integration reads.
        :param integration_id: id of the cloud integration.
        :param ignore_errors: go on when single items fail.
        :param file_name: name of the manifest's file.
        """
        with argument_errors():
            call = folder_jobs.start_folder_upload_job(
                folder_uuid,
                data_items=data_items,
                files=files,
                integration_id=integration_id,
                ignore_errors=ignore_errors,
                file_name=file_name,
            )
        job_id = yield from ask(call)
        self.log.info("Started upload job %s for folder %s.", job_id, folder_uuid)
        add_output(self, folder_uuid=folder_uuid)
        return job_id

    @verb
    def get_folder_upload_job(self, folder_uuid: str | UUID, job_id: str | UUID) -> Steps[folder_jobs.FolderUploadJob]:
        """Get a registration job of a folder as it stands, with all its items."""
        with argument_errors():
            call = folder_jobs.get_folder_upload_job(folder_uuid, job_id)
        return (yield from ask(call))

    @verb
    def cancel_folder_upload_job(self, folder_uuid: str | UUID, job_id: str | UUID) -> Steps[int]:
        """Cancel a registration job of a folder; returns how many of its items are not added. What was added stays."""
        with argument_errors():
            call = folder_jobs.cancel_folder_upload_job(folder_uuid, job_id)
        cancelled = yield from ask(call)
        self.log.info("Cancelled upload job %s of folder %s: %d items are not added.", job_id, folder_uuid, cancelled)
        return cancelled

    @verb
    def add_private_data_to_folder(
        self,
        folder_uuid: str | UUID,
        integration: str | UUID,
        private_files: str | os.PathLike[str] | Mapping[str, Any],
        ignore_errors: bool = False,
        *,
        skip_duplicate_urls: bool = True,
    ) -> Steps[list[folder_jobs.AddedItem]]:
        """Register objects of a private cloud and wait until they are in the folder; a repeat adds nothing twice.

        :param integration: title or id of the cloud integration in Encord.
        :param private_files: the manifest as dict, JSON text, or path; sent as one job.
        :param ignore_errors: go on when single items fail.
        :param skip_duplicate_urls: skip URLs that the folder holds already; a flag in the manifest itself wins. With
            False, the manifest is sent as it is.
        """
        job_id = yield from steps_of(self.add_private_data_to_folder_start)(
            folder_uuid, integration, private_files, ignore_errors, skip_duplicate_urls=skip_duplicate_urls
        )
        watch = FolderUploadJobWatch(str(folder_uuid), job_id)
        verdict = yield from steps_of(self.wait)(watch, deadline=time.time() + SEVEN_DAYS)
        require_done(verdict, None, folder_uuid=str(folder_uuid), allow_partial=ignore_errors)
        return list(verdict.answer.items)

    @verb
    def add_private_data_to_folder_start(
        self,
        folder_uuid: str | UUID,
        integration: str | UUID,
        private_files: str | os.PathLike[str] | Mapping[str, Any],
        ignore_errors: bool = False,
        *,
        skip_duplicate_urls: bool = True,
    ) -> Steps[str]:
        """Start to register objects of a private cloud in a folder and return the job's id.

        Arguments are those of :meth:`add_private_data_to_folder`.
        """
        files, file_name = load_manifest(private_files)
        if skip_duplicate_urls and "skipDuplicateUrls" not in files:
            files = manifest.skipping_duplicates(files)
        integration_id = yield from steps_of(self.find_cloud_integration)(integration)
        start = steps_of(self.start_folder_upload_job)(
            folder_uuid, files=files, integration_id=integration_id, ignore_errors=ignore_errors, file_name=file_name
        )
        return (yield from start)

    @verb
    def add_private_data_to_folder_get_result(
        self, folder_uuid: str | UUID, upload_job_id: str | UUID, timeout_seconds: int = SEVEN_DAYS
    ) -> Steps[folder_jobs.FolderUploadJob]:
        """Wait for a registration job of a folder; after ``timeout_seconds`` return it as it stands (0: ask once)."""
        last: list[Verdict] = []
        patience = Patience(time.time() + timeout_seconds, POLL_INTERVAL, DEFAULT_MAX_POLL_FAILURES)
        with argument_errors():
            watch = FolderUploadJobWatch(str(folder_uuid), str(upload_job_id))
        try:
            verdict = yield from wait_for(watch, patience, report=last.append)
        except DeadlineReached:
            if not last:
                return (yield from steps_of(self.get_folder_upload_job)(folder_uuid, upload_job_id))
            verdict = last[-1]
        job: folder_jobs.FolderUploadJob = verdict.answer
        return job

    @verb
    def start_folder_sync(self, folder_uuid: str | UUID) -> Steps[str]:
        """Start to sync a cloud-synced folder with its bucket and return the job's id."""
        with argument_errors():
            call = folder_sync.start_folder_sync(folder_uuid)
        job_id = yield from ask(call)
        self.log.info("Started sync %s of folder %s.", job_id, folder_uuid)
        add_output(self, folder_uuid=folder_uuid)
        return job_id

    @verb
    def get_folder_sync(self, folder_uuid: str | UUID, job_id: str | UUID) -> Steps[folder_sync.FolderSync]:
        """Get a sync as it stands."""
        with argument_errors():
            call = folder_sync.get_folder_sync(folder_uuid, job_id)
        return (yield from ask(call))

    @verb
    def sync_folder(self, folder_uuid: str | UUID) -> Steps[folder_sync.FolderSync]:
        """Sync a cloud-synced folder with its bucket and wait for the end; files that failed are counted, not named."""
        job_id = yield from steps_of(self.start_folder_sync)(folder_uuid)
        watch = FolderSyncWatch(str(folder_uuid), job_id)
        verdict = yield from steps_of(self.wait)(watch, deadline=time.time() + SEVEN_DAYS)
        require_done(verdict, None, folder_uuid=str(folder_uuid), allow_partial=True)
        sync: folder_sync.FolderSync = verdict.answer
        return sync


def _single_files(
    item_type: str, outcomes: Sequence[FileOutcome], client_metadata: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what registers uploaded files of a folder."""
    if item_type == "scene":
        scenes = [(str(each.object_key), each.name, PurePath(each.name).suffix[1:].lower()) for each in outcomes]
        return data_items.scene_files(scenes, client_metadata)
    files = [(str(each.object_key), each.name, str(each.item_uuid)) for each in outcomes]
    return data_items.single_files(item_type, files, client_metadata)
