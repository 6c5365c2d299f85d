"""Verbs of the hook: what gets data into a dataset, uploads and private data alike."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

from airflow_provider_encord import manifest
from airflow_provider_encord._airflow.errors import argument_errors
from airflow_provider_encord._airflow.lineage import add_output
from airflow_provider_encord._airflow.outcome import require_done, uploaded
from airflow_provider_encord._client.jobs import UploadJobWatch, Verdict
from airflow_provider_encord._client.resources import data_items, registration
from airflow_provider_encord._client.transport import MAX_FILES_PER_JOB
from airflow_provider_encord._client.wait import DeadlineReached, Patience
from airflow_provider_encord._storage.files import PathLike, find_files
from airflow_provider_encord._storage.manifest_file import load_manifest
from airflow_provider_encord.exceptions import EncordError, EncordJobError
from airflow_provider_encord.hooks._access import AccessVerbs
from airflow_provider_encord.hooks._jobs import DEFAULT_MAX_POLL_FAILURES, POLL_INTERVAL, SEVEN_DAYS, JobVerbs
from airflow_provider_encord.hooks._uploads import (
    Unit,
    UploadVerbs,
    batches,
    images_of_groups,
    in_order_of,
    paths,
    whole_number,
)
from airflow_provider_encord.hooks._verbs import Steps, ask, steps_of, verb, wait_for

UPLOAD_HELD_SECONDS = 10


class RegistrationVerbs(UploadVerbs, JobVerbs, AccessVerbs):
    """Uploads, and registration jobs of datasets."""

    @verb
    def upload_video(
        self,
        dataset_hash: str,
        file_path: PathLike,
        title: str | None = None,
        folder: str | UUID | None = None,
        *,
        client_metadata: Mapping[str, Any] | None = None,
    ) -> Steps[registration.UploadedItem]:
        """Upload one video and wait until it is in the dataset.

        :param file_path: local path or ``ObjectStoragePath`` URL.
        :param title: its title; the file's name if left out.
        :param folder: UUID of a storage folder, for datasets without a mirror folder.
        """
        items = yield from self._upload_singles(dataset_hash, "video", [(title, [file_path])], folder, client_metadata)
        return _only(items, dataset_hash)

    @verb
    def upload_videos(
        self,
        dataset_hash: str,
        file_paths: PathLike | Iterable[PathLike],
        *,
        folder: str | UUID | None = None,
        client_metadata: Mapping[str, Any] | None = None,
        max_items_per_job: int = MAX_FILES_PER_JOB,
    ) -> Steps[list[registration.UploadedItem]]:
        """Upload videos, register them by few jobs, and wait until they are in the dataset.

        All files are looked at before the first byte is sent, and uploaded before the first job is started. A repeat
        adds all of them again.

        :param file_paths: local paths, ``ObjectStoragePath`` objects or their URLs; an empty list is nothing to do.
        :param folder: UUID of a storage folder, for datasets without a mirror folder.
        :param client_metadata: kept by Encord with each item.
        :param max_items_per_job: more files are registered by several jobs.
        :return: what was added, in the order of the paths as far as file names tell; those of one name as Encord lists
            them.
        """
        units: list[Unit] = [(None, [path]) for path in paths(file_paths, "file_paths")]
        options = {"kind": "video", "max_files_per_job": whole_number(max_items_per_job, "max_items_per_job")}
        return (yield from self._upload_singles(dataset_hash, "video", units, folder, client_metadata, **options))

    @verb
    def upload_image(
        self,
        dataset_hash: str,
        file_path: PathLike,
        title: str | None = None,
        folder: str | UUID | None = None,
        *,
        client_metadata: Mapping[str, Any] | None = None,
    ) -> Steps[registration.UploadedItem]:
        """Upload one image and wait until it is in the dataset; arguments as for :meth:`upload_video`."""
        items = yield from self._upload_singles(dataset_hash, "image", [(title, [file_path])], folder, client_metadata)
        return _only(items, dataset_hash)

    @verb
    def upload_images(
        self,
        dataset_hash: str,
        file_paths: PathLike | Iterable[PathLike],
        *,
        folder: str | UUID | None = None,
        client_metadata: Mapping[str, Any] | None = None,
        max_items_per_job: int = MAX_FILES_PER_JOB,
    ) -> Steps[list[registration.UploadedItem]]:
        """Upload single images; arguments and return value as of :meth:`upload_videos`."""
        units: list[Unit] = [(None, [path]) for path in paths(file_paths, "file_paths")]
        options = {"kind": "image", "max_files_per_job": whole_number(max_items_per_job, "max_items_per_job")}
        return (yield from self._upload_singles(dataset_hash, "image", units, folder, client_metadata, **options))

    @verb
    def create_image_group(
        self,
        dataset_hash: str,
        file_paths: Iterable[PathLike],
        title: str | None = None,
        *,
        create_video: bool = True,
        folder: str | UUID | None = None,
        client_metadata: Mapping[str, Any] | None = None,
    ) -> Steps[list[registration.UploadedItem]]:
        """Upload images as a group, in the given order, and return all groups that Encord made of them.

        :param create_video: make an image sequence, which Encord splits by resolution.
        """
        return (
            yield from self._upload(
                dataset_hash,
                "image",
                [(title, paths(file_paths, "file_paths"))],
                partial(data_items.image_groups, create_video=create_video, client_metadata=client_metadata),
                folder,
            )
        )

    @verb
    def create_image_groups(
        self,
        dataset_hash: str,
        groups: Mapping[str, Iterable[PathLike]] | Iterable[Iterable[PathLike]],
        *,
        create_video: bool = True,
        folder: str | UUID | None = None,
        client_metadata: Mapping[str, Any] | None = None,
        max_items_per_job: int = MAX_FILES_PER_JOB,
    ) -> Steps[list[registration.UploadedItem]]:
        """Upload images as groups, register them by few jobs, and wait until they are in the dataset.

        :param groups: the images of each group in their order, by its title, or as a list of lists.
        :param create_video: make image sequences, which Encord splits by resolution.
        :param max_items_per_job: images that one job registers, though a group is never split.
        :return: all groups that Encord made, job by job, each in the order in which Encord lists them.
        """
        return (
            yield from self._upload(
                dataset_hash,
                "image",
                images_of_groups(groups, "groups"),
                partial(data_items.image_groups, create_video=create_video, client_metadata=client_metadata),
                folder,
                kind="image",
                max_files_per_job=whole_number(max_items_per_job, "max_items_per_job"),
            )
        )

    @verb
    def create_dicom_series(
        self,
        dataset_hash: str,
        file_paths: Iterable[PathLike],
        title: str | None = None,
        folder: str | UUID | None = None,
        *,
        client_metadata: Mapping[str, Any] | None = None,
    ) -> Steps[registration.UploadedItem]:
        """Upload DICOM files as one series, in the given order."""
        items = yield from self._upload(
            dataset_hash,
            "dicomFile",
            [(title, paths(file_paths, "file_paths"))],
            lambda units: data_items.dicom_series(units[0][1], title=title, client_metadata=client_metadata),
            folder,
        )
        return _only(items, dataset_hash)

    def _upload_singles(
        self,
        dataset_hash: str,
        item_type: str,
        units: list[Unit],
        folder: str | UUID | None,
        client_metadata: Mapping[str, Any] | None,
        **options: Any,
    ) -> Steps[list[registration.UploadedItem]]:
        register = data_items.videos if item_type == "video" else data_items.images
        items = yield from self._upload(
            dataset_hash,
            item_type,
            units,
            lambda units: register([(key, title or name) for title, ((key, name),) in units], client_metadata),
            folder,
            **options,
        )
        return in_order_of(units, items)

    def _upload(
        self,
        dataset_hash: str,
        item_type: str,
        units: list[Unit],
        register: Callable[[list[Unit]], dict[str, Any]],
        folder: str | UUID | None,
        *,
        kind: str | None = None,
        max_files_per_job: int = MAX_FILES_PER_JOB,
    ) -> Steps[list[registration.UploadedItem]]:
        """Upload files and register them; ``units`` hold titles and paths, and ``register`` gets uploaded files.

        :param kind: refuse files that are surely of another kind than this.
        """
        if not units:
            return []
        files = find_files([path for _, several in units for path in several], item_type=kind)
        outcomes = yield from steps_of(self.put_files)(files, item_type)
        done = iter(uploaded(outcomes))
        put = [(title, list(islice(done, len(several)))) for title, several in units]
        job_ids: list[str] = []
        try:
            for batch in batches(put, max_files_per_job):
                start = steps_of(self.start_upload_job)
                job_ids.append((yield from start(dataset_hash, data_items=register(batch), folder=folder)))
            verdicts: list[Verdict] = []
            for job_id in job_ids:
                watch = UploadJobWatch(dataset_hash, job_id, max_held_seconds=UPLOAD_HELD_SECONDS)
                verdicts.append((yield from steps_of(self.wait)(watch, deadline=time.time() + SEVEN_DAYS)))
            for verdict in verdicts:
                require_done(verdict, dataset_hash)
        except EncordError as error:
            error.job_ids = list(job_ids)
            raise
        return [item for verdict in verdicts for item in verdict.answer.items]

    @verb
    def start_upload_job(
        self,
        dataset_hash: str,
        *,
        data_items: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
        integration_id: str | UUID | None = None,
        ignore_errors: bool = False,
        folder: str | UUID | None = None,
        file_name: str | None = None,
    ) -> Steps[str]:
        """Start a registration job and return its id.

        :param data_items: what ``airflow_provider_encord._client.resources.data_items`` makes of uploaded files.
        :param files: a manifest, of objects that the integration reads.
        :param integration_id: id of the cloud integration.
        :param ignore_errors: go on when single items fail.
        :param folder: UUID of a storage folder, for datasets without a mirror folder.
        :param file_name: name of the manifest's file.
        """
        with argument_errors():
            call = registration.start_upload_job(
                dataset_hash,
                data_items=data_items,
                files=files,
                integration_id=integration_id,
                ignore_errors=ignore_errors,
                folder=folder,
                file_name=file_name,
            )
        job_id = yield from ask(call)
        self.log.info("Started upload job %s for dataset %s.", job_id, dataset_hash)
        add_output(self, dataset_hash=dataset_hash)
        return job_id

    @verb
    def get_upload_job(self, dataset_hash: str, job_id: str) -> Steps[registration.UploadJob]:
        """Get a registration job as it stands, with all its items."""
        with argument_errors():
            call = registration.get_upload_job(dataset_hash, job_id)
        return (yield from ask(call))

    @verb
    def add_private_data_to_dataset(
        self,
        dataset_hash: str,
        integration: str | UUID,
        private_files: str | os.PathLike[str] | Mapping[str, Any],
        ignore_errors: bool = False,
        *,
        folder: str | UUID | None = None,
        skip_duplicate_urls: bool = True,
    ) -> Steps[list[registration.UploadedItem]]:
        """Register objects of a private cloud and wait until they are in the dataset; a repeat adds nothing twice.

        :param integration: title or id of the cloud integration in Encord.
        :param private_files: the manifest as dict, JSON text, or path; sent as one job.
        :param ignore_errors: go on when single items fail.
        :param folder: UUID of a storage folder, for datasets without a mirror folder.
        :param skip_duplicate_urls: skip URLs that the dataset's folder holds already; a flag in the manifest itself
            wins. With False, the manifest is sent as it is.
        """
        job_id = yield from steps_of(self.add_private_data_to_dataset_start)(
            dataset_hash,
            integration,
            private_files,
            ignore_errors,
            folder=folder,
            skip_duplicate_urls=skip_duplicate_urls,
        )
        watch = UploadJobWatch(dataset_hash, job_id)
        verdict = yield from steps_of(self.wait)(watch, deadline=time.time() + SEVEN_DAYS)
        require_done(verdict, dataset_hash, allow_partial=ignore_errors)
        return list(verdict.answer.items)

    @verb
    def add_private_data_to_dataset_start(
        self,
        dataset_hash: str,
        integration: str | UUID,
        private_files: str | os.PathLike[str] | Mapping[str, Any],
        ignore_errors: bool = False,
        *,
        folder: str | UUID | None = None,
        skip_duplicate_urls: bool = True,
    ) -> Steps[str]:
        """Start to register objects of a private cloud and return the job's id.

        Arguments are those of :meth:`add_private_data_to_dataset`.
        """
        files, file_name = load_manifest(private_files)
        if skip_duplicate_urls and "skipDuplicateUrls" not in files:
            files = manifest.skipping_duplicates(files)
        integration_id = yield from steps_of(self.find_cloud_integration)(integration)
        start = steps_of(self.start_upload_job)(
            dataset_hash,
            files=files,
            integration_id=integration_id,
            ignore_errors=ignore_errors,
            folder=folder,
            file_name=file_name,
        )
        return (yield from start)

    @verb
    def add_private_data_to_dataset_get_result(
        self, dataset_hash: str, upload_job_id: str, timeout_seconds: int = SEVEN_DAYS
    ) -> Steps[registration.UploadJob]:
        """Wait for a registration job; after ``timeout_seconds`` return it as it stands (0: ask once)."""
        last: list[Verdict] = []
        patience = Patience(time.time() + timeout_seconds, POLL_INTERVAL, DEFAULT_MAX_POLL_FAILURES)
        watch = UploadJobWatch(dataset_hash, upload_job_id)
        try:
            verdict = yield from wait_for(watch, patience, report=last.append)
        except DeadlineReached:
            if not last:
                return (yield from steps_of(self.get_upload_job)(dataset_hash, upload_job_id))
            verdict = last[-1]
        job: registration.UploadJob = verdict.answer
        return job


def _only(items: list[registration.UploadedItem], dataset_hash: str) -> registration.UploadedItem:
    if len(items) != 1:
        raise EncordJobError(f"Dataset {dataset_hash}: one item was uploaded and Encord reports {len(items)}.")
    return items[0]
