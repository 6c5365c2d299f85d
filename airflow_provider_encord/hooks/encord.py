"""The hook: Encord's operations on an Airflow connection, under the names that Encord's own client gives them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from airflow_provider_encord import __version__, manifest
from airflow_provider_encord._airflow.arguments import data_type, list_of, optional
from airflow_provider_encord._airflow.connection import ConnectionSettings, read_connection, secret_forms
from airflow_provider_encord._airflow.connection_form import field_behaviour, form_widgets
from airflow_provider_encord._airflow.errors import airflow_errors, argument_errors
from airflow_provider_encord._airflow.outcome import require_done, uploaded
from airflow_provider_encord._airflow.progress_log import ProgressLog
from airflow_provider_encord._client import parameters
from airflow_provider_encord._client.auth import BearerCredentials, SshCredentials
from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ApiError
from airflow_provider_encord._client.exchange import Account
from airflow_provider_encord._client.jobs import UploadJobWatch, Verdict, Watch
from airflow_provider_encord._client.outgoing import one_line
from airflow_provider_encord._client.protocol import NoAnswer
from airflow_provider_encord._client.resources import (
    api_keys,
    data_items,
    data_rows,
    datasets,
    integrations,
    re_encoding,
    registration,
    storage_location,
    users,
)
from airflow_provider_encord._client.retry import ONCE
from airflow_provider_encord._client.transport import DEFAULT_MAX_WORKERS, MAX_FILES_PER_JOB
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._client.transport.sync_transport import BlockingTransport
from airflow_provider_encord._client.transport.uploader import FileOutcome
from airflow_provider_encord._client.wait import DeadlineReached, Patience
from airflow_provider_encord._compat import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    BaseHook,
    get_connection_async,
    is_undefined,
    mask_secrets,
    mask_secrets_async,
)
from airflow_provider_encord._storage.files import PathLike, SourceFile, find_files
from airflow_provider_encord._storage.manifest_file import load_manifest
from airflow_provider_encord.exceptions import (
    EncordConnectionLookupError,
    EncordError,
    EncordInputError,
    EncordJobError,
    EncordTimeoutError,
)
from airflow_provider_encord.hooks._uploads import (
    Unit,
    batches,
    images_of_groups,
    in_order_of,
    paths,
    put_files,
    whole_number,
)
from airflow_provider_encord.hooks._verbs import (
    Ask,
    AskForList,
    Mask,
    Put,
    Step,
    Steps,
    Wait,
    ask,
    ask_for_list,
    steps_of,
    verb,
    wait_for,
)

if TYPE_CHECKING:
    from airflow_provider_encord.hooks.asynchronous import AsyncEncord

T = TypeVar("T")

SEVEN_DAYS = 7 * 24 * 60 * 60
UPLOAD_HELD_SECONDS = 10
DEFAULT_MAX_POLL_FAILURES = 10
_POLL_INTERVAL = 5.0
_READ_AND_WRITE = ("dataset.read", "dataset.write")
_TEST_TIMEOUTS = {"connect": 5.0, "read": 8.0, "total": 9.0}

_DATA_TYPES = optional(list_of(data_type, "kinds of data", may_be_empty=True))


class EncordHook(BaseHook):
    """Talks to Encord with the credentials of an Airflow connection of type ``encord``.

    Methods carry the names of Encord's Python client, with ``dataset_hash`` first where a dataset is meant. All raise
    subclasses of :class:`airflow_provider_encord.exceptions.EncordError`.

    :param encord_conn_id: id of the Airflow connection.
    """

    conn_name_attr = "encord_conn_id"
    default_conn_name = "encord_default"
    conn_type = "encord"
    hook_name = "Encord"

    def __init__(self, encord_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.encord_conn_id = encord_conn_id

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the connection form's own fields (Airflow 2.11 to 3.1)."""
        return form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return how the connection form shows the standard fields (Airflow 2.11 to 3.1)."""
        return field_behaviour()

    # -- the connection ------------------------------------------------------------------------------------------

    @cached_property
    def settings(self) -> ConnectionSettings:
        """What the connection says; read once per hook, and its secrets registered for masking."""
        return self._read()

    async def get_settings_async(self) -> ConnectionSettings:
        """Read the connection from an event loop, once per hook."""
        if "settings" not in self.__dict__:
            self.settings = await self._read_async()
        return self.settings

    def _read(self) -> ConnectionSettings:
        try:
            connection = self.get_connection(self.encord_conn_id)
        except Exception as error:  # a metadata database may have any exception
            undefined = isinstance(error, AirflowNotFoundException) and is_undefined(self.encord_conn_id)
            raise _lookup_error(self.encord_conn_id, error, undefined) from error
        settings = read_connection(connection, self.encord_conn_id)
        mask_secrets(settings.secrets)
        return settings

    async def _read_async(self) -> ConnectionSettings:
        try:
            connection = await get_connection_async(self.encord_conn_id)
        except Exception as error:
            from asgiref.sync import sync_to_async

            not_found = isinstance(error, AirflowNotFoundException)
            undefined = not_found and await sync_to_async(is_undefined)(self.encord_conn_id)
            raise _lookup_error(self.encord_conn_id, error, undefined) from error
        # Opening a key with a passphrase takes long on purpose, so not on the loop.
        settings = await asyncio.to_thread(read_connection, connection, self.encord_conn_id)
        await mask_secrets_async(settings.secrets)
        return settings

    def _renew(self, refused: Account) -> Account | NoAnswer:
        """Return what the connection says now, read again if Encord refuses what was read last."""
        if self._account(self.settings) == refused:
            try:
                self.settings = self._read()
            except EncordError as error:
                return NoAnswer(str(error), sent=False)
            self._log_renewal(refused)
        return self._account(self.settings)

    async def _renew_async(self, refused: Account) -> Account | NoAnswer:
        if self._account(self.settings) == refused:
            try:
                self.settings = await self._read_async()
            except EncordError as error:
                return NoAnswer(str(error), sent=False)
            self._log_renewal(refused)
        return self._account(self.settings)

    def _log_renewal(self, refused: Account) -> None:
        changed = self._account(self.settings) != refused
        self.log.warning(
            "Encord refuses the credentials of the connection %r. It was read again and has %s.",
            self.encord_conn_id,
            "changed: going on with what it says now" if changed else "not changed",
        )

    @cached_property
    def _transport(self) -> BlockingTransport:
        return BlockingTransport(self._account(self.settings), timeouts=self.settings.timeouts, renew=self._renew)

    def get_conn(self) -> BlockingTransport:
        """Return what carries the calls."""
        return self._transport

    def run(self, call: Call[T]) -> T:
        """Send one call of :mod:`airflow_provider_encord._client.resources` and return its answer as a model."""
        with airflow_errors():
            return self._transport.run(call)

    def connect(self) -> AsyncEncord:
        """Return the same verbs as coroutines, to be used as in ``async with EncordHook().connect() as encord:``."""
        from airflow_provider_encord.hooks.asynchronous import AsyncEncord

        return AsyncEncord(self)

    async def async_transport(self) -> AsyncTransport:
        """Return a transport for the running event loop; close it after use."""
        settings = await self.get_settings_async()
        return AsyncTransport(self._account(settings), timeouts=settings.timeouts, renew=self._renew_async)

    async def arun(self, call: Call[T]) -> T:
        """Send one call from an event loop."""
        with airflow_errors():
            async with await self.async_transport() as transport:
                return await transport.run(call)

    def _perform(self, step: Step) -> Any:
        with airflow_errors():
            match step:
                case Ask(call, policy):
                    return self._transport.run(call, policy=policy)
                case AskForList(call, read_item):
                    return list(self._transport.iterate(call, read_item))
                case Wait(watch, patience, reports):
                    return self._transport.wait(watch, patience, **reports)
                case Put():
                    return _run_async(partial(self._put, step))
                case Mask(secrets):
                    return mask_secrets(secrets)

    async def _put(self, step: Put) -> list[FileOutcome]:
        async def renew(refused: Account) -> Account | NoAnswer:
            # In a thread, as a task's connections are read: Airflow ties its own lookup to one event loop.
            return await asyncio.to_thread(self._renew, refused)

        settings = self.settings
        async with AsyncTransport(self._account(settings), timeouts=settings.timeouts, renew=renew) as transport:
            return await put_files(step, transport, settings, self.log)

    @staticmethod
    def _account(settings: ConnectionSettings) -> Account:
        from airflow import __version__ as airflow_version

        agent = f"airflow-provider-encord/{__version__} airflow/{airflow_version} python/{platform.python_version()}"
        return Account(
            credentials=settings.credentials,
            domain=settings.domain,
            agent=agent,
            conn_id=settings.conn_id,
            longest_pause=settings.longest_pause,
        )

    def get_sdk_client(self) -> Any:
        """Return Encord's own client, logged in with this connection, for whatever this hook does not cover.

        Needs the extra ``sdk``. Its requests do not go through this provider: its retries and logs are its own.

        :raises EncordInputError: for a dataset API key, which Encord's client takes no more.
        """
        from encord.user_client import EncordUserClient

        credentials, domain = self.settings.credentials, self.settings.domain
        if isinstance(credentials, SshCredentials):
            mask_secrets(secret_forms(key_text := credentials.key_text))
            return EncordUserClient.create_with_ssh_private_key(key_text, domain=domain)
        if isinstance(credentials, BearerCredentials):
            return EncordUserClient.create_with_bearer_token(credentials.token, domain=domain)
        raise EncordInputError("Encord's client takes an SSH key or a bearer token, not a dataset API key.")

    def test_connection(self) -> tuple[bool, str]:
        """Tell whether the connection works, within 10 seconds, and if not, what is wrong with it.

        Tells apart an unusable key, a key that Encord does not know in this region, missing rights, and no network.
        """
        try:
            transport = BlockingTransport(
                replace(self._account(self.settings), policy=ONCE),
                timeouts=type(self.settings.timeouts)(**_TEST_TIMEOUTS),
            )
            with airflow_errors():
                if self.settings.credentials.dataset_only:
                    kind = transport.run(api_keys.get_api_key_meta())
                    good = kind == "dataset"
                    return good, f"Logged in at {self.settings.domain} with an API key of a {one_line(kind)}."
                found = transport.run(integrations.get_cloud_integrations())
        except AirflowException as error:  # also a connection that does not exist
            return False, str(error)
        titles = ", ".join(one_line(integration.title) for integration in found) or "none"
        return True, f"Logged in at {self.settings.domain}. Cloud integrations: {titles}."

    # -- datasets ------------------------------------------------------------------------------------------------

    @verb
    def create_dataset(
        self,
        dataset_title: str,
        dataset_type: storage_location.StorageLocation | str | int = storage_location.StorageLocation.CORD_STORAGE,
        dataset_description: str | None = None,
        create_backing_folder: bool = True,
    ) -> Steps[datasets.CreatedDataset]:
        """Make a dataset.

        :param dataset_title: its title.
        :param dataset_type: storage location; today's API takes none, so it is only echoed.
        :param dataset_description: its description.
        :param create_backing_folder: make a mirror dataset with a storage folder of its own.
        """
        call = datasets.create_dataset(
            dataset_title,
            description=dataset_description,
            storage_location=storage_location.StorageLocation.parse(dataset_type),
            create_backing_folder=create_backing_folder,
        )
        return (yield from ask(call))

    @verb
    def get_datasets(
        self,
        title_eq: str | None = None,
        title_like: str | None = None,
        desc_eq: str | None = None,
        desc_like: str | None = None,
        created_before: parameters.When = None,
        created_after: parameters.When = None,
        edited_before: parameters.When = None,
        edited_after: parameters.When = None,
        include_org_access: bool = False,
    ) -> Steps[list[datasets.DatasetInfo]]:
        """List datasets; ``*_like`` take SQL patterns, a time without zone is UTC."""
        with argument_errors():
            call = datasets.list_datasets(
                title_eq=title_eq,
                title_like=title_like,
                desc_eq=desc_eq,
                desc_like=desc_like,
                created_before=created_before,
                created_after=created_after,
                edited_before=edited_before,
                edited_after=edited_after,
                include_org_access=include_org_access,
            )
        return list((yield from ask(call)))

    @verb
    def get_dataset(
        self, dataset_hash: str, *, fetch_client_metadata: bool = False, include_data_rows: bool = True
    ) -> Steps[datasets.Dataset]:
        """Get one dataset, with all its rows unless told otherwise."""
        with argument_errors():
            call = datasets.get_dataset(
                dataset_hash, fetch_client_metadata=fetch_client_metadata, fetch_rows=include_data_rows
            )
        return (yield from ask(call))

    @verb
    def list_data_rows(
        self,
        dataset_hash: str,
        title_eq: str | None = None,
        title_like: str | None = None,
        created_before: parameters.When = None,
        created_after: parameters.When = None,
        data_types: Sequence[str] | None = None,
        data_hashes: Sequence[str] | None = None,
        *,
        fetch_client_metadata: bool = False,
    ) -> Steps[list[data_rows.DataRow]]:
        """List data rows; arguments as for :meth:`iter_data_rows`, which does not hold all of them at once."""
        call = _data_rows_call(
            dataset_hash,
            title_eq=title_eq,
            title_like=title_like,
            created_before=created_before,
            created_after=created_after,
            data_types=data_types,
            data_hashes=data_hashes,
            fetch_client_metadata=fetch_client_metadata,
        )
        return (yield from ask_for_list(call, data_rows.read_data_row))

    def iter_data_rows(
        self,
        dataset_hash: str,
        title_eq: str | None = None,
        title_like: str | None = None,
        created_before: parameters.When = None,
        created_after: parameters.When = None,
        data_types: Sequence[str] | None = None,
        data_hashes: Sequence[str] | None = None,
        *,
        fetch_client_metadata: bool = False,
    ) -> Iterator[data_rows.DataRow]:
        """Yield data rows one by one, of a dataset of any size; ``data_types`` are names such as ``VIDEO``."""
        call = _data_rows_call(
            dataset_hash,
            title_eq=title_eq,
            title_like=title_like,
            created_before=created_before,
            created_after=created_after,
            data_types=data_types,
            data_hashes=data_hashes,
            fetch_client_metadata=fetch_client_metadata,
        )
        with airflow_errors():
            yield from self._transport.iterate(call, data_rows.read_data_row)

    @verb
    def get_data_row(
        self,
        dataset_hash: str,
        data_hash: str,
        *,
        signed_url: bool = False,
        images_signed_urls: bool | None = None,
        client_metadata: bool = False,
    ) -> Steps[data_rows.DataRow]:
        """Get one data row with details.

        :param signed_url: with a URL from which its file can be read for some time.
        :param images_signed_urls: with the images of a group, and True for a URL of each.
        :param client_metadata: with its client metadata.
        """
        with argument_errors():
            call = data_rows.get_data_row(
                dataset_hash,
                data_hash,
                signed_url=signed_url,
                images_signed_urls=images_signed_urls,
                client_metadata=client_metadata,
            )
        return (yield from ask(call))

    @verb
    def link_items(
        self, dataset_hash: str, item_uuids: Sequence[str | UUID], duplicates_behavior: str = "SKIP"
    ) -> Steps[list[data_rows.DataRow]]:
        """Link items of Encord's storage; duplicates are ``SKIP``, ``FAIL`` or ``DUPLICATE``."""
        behavior = str(getattr(duplicates_behavior, "value", duplicates_behavior))
        with argument_errors():
            call = data_rows.link_items(dataset_hash, item_uuids, duplicates_behavior=behavior)
        return list((yield from ask(call)))

    @verb
    def delete_data(self, dataset_hash: str, data_hashes: Sequence[str] | str) -> Steps[None]:
        """Delete data of any kind; files in Encord's storage are destroyed, unknown hashes ignored."""
        several = [data_hashes] if isinstance(data_hashes, str) else data_hashes
        with argument_errors():
            call = data_rows.delete_data(dataset_hash, several)
        yield from ask(call)

    # -- uploads -------------------------------------------------------------------------------------------------

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
    def put_files(
        self,
        files: Sequence[SourceFile],
        item_type: str,
        *,
        max_workers: int = DEFAULT_MAX_WORKERS,
        uploaded: Callable[[int, str], None] = lambda index, object_key: None,
    ) -> Steps[list[FileOutcome]]:
        """Put files into Encord's storage, in parallel; nothing is registered yet.

        :param files: what :func:`airflow_provider_encord._storage.files.find_files` found.
        :param item_type: ``video``, ``image`` or ``dicomFile``.
        :param max_workers: files in flight at once.
        :param uploaded: called with a file's index in ``files`` and its object key, as soon as the file is in storage;
            runs on the event loop that uploads, so it must neither block nor raise.
        :return: one outcome per file, in the given order.
        """
        started = time.monotonic()
        outcomes: list[FileOutcome] = yield Put(files, item_type, max_workers, uploaded)
        failed = sum(1 for outcome in outcomes if outcome.error)
        self.log.info(
            "Uploaded %d of %d files, %s bytes, in %.1f s.",
            len(outcomes) - failed,
            len(outcomes),
            f"{sum(outcome.size for outcome in outcomes if not outcome.error):,}",
            time.monotonic() - started,
        )
        return outcomes

    # -- registration jobs ---------------------------------------------------------------------------------------

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

        :param data_items: what :mod:`airflow_provider_encord._client.resources.data_items` makes of uploaded files.
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
        patience = Patience(time.time() + timeout_seconds, _POLL_INTERVAL, DEFAULT_MAX_POLL_FAILURES)
        watch = UploadJobWatch(dataset_hash, upload_job_id)
        try:
            verdict = yield from wait_for(watch, patience, report=last.append)
        except DeadlineReached:
            if not last:
                return (yield from steps_of(self.get_upload_job)(dataset_hash, upload_job_id))
            verdict = last[-1]
        job: registration.UploadJob = verdict.answer
        return job

    @verb
    def look(self, watch: Watch, *, held_seconds: int = 0) -> Steps[Verdict | None]:
        """Ask once how a job stands; None if Encord could not say just now.

        :param watch: the job, such as :class:`airflow_provider_encord._client.jobs.UploadJobWatch`.
        :param held_seconds: how long the server may hold the request while the job goes on, where the API allows.
        """
        try:
            return watch.judge((yield from ask(watch.poll(held_seconds), ONCE)))
        except AirflowFailException:
            raise
        except EncordError as error:
            self.log.warning("Poll failed, the job may be well: %s", error)
            return None

    @verb
    def wait(
        self,
        watch: Watch,
        *,
        deadline: float | None = None,
        poll_interval: float = _POLL_INTERVAL,
        max_poll_failures: int = DEFAULT_MAX_POLL_FAILURES,
    ) -> Steps[Verdict]:
        """Wait until a job ends, however it ends.

        :param watch: the job, such as :class:`airflow_provider_encord._client.jobs.UploadJobWatch`.
        :param deadline: Unix time in seconds at which to stop; None for no limit.
        :param poll_interval: seconds between polls that the server does not hold.
        :param max_poll_failures: failed polls in a row that end the wait.
        :raises EncordTimeoutError: when the time is over; the job goes on.
        """
        patience = Patience(deadline, poll_interval, max_poll_failures)
        report = ProgressLog(self.log)
        try:
            return (yield from wait_for(watch, patience, report=report, report_failure=self.log_failed_poll))
        except DeadlineReached as reached:
            raise EncordTimeoutError(
                f"{reached}. It goes on in Encord, which offers no way to cancel it.",
                dataset_hash=watch.dataset_hash,
            ) from None

    def log_failed_poll(self, error: ApiError, failures: int, seconds: float) -> None:
        """Warn of a poll that failed; the job itself may be well."""
        self.log.warning(
            "Poll failed (%d in a row), asking again in %.0f s; the job may be well: %s", failures, seconds, error
        )

    # -- re-encoding ---------------------------------------------------------------------------------------------

    @verb
    def re_encode_data(self, dataset_hash: str, data_hashes: Sequence[str]) -> Steps[int | str]:
        """Start to re-encode videos and return the task's id; videos of other datasets are ignored by Encord."""
        with argument_errors():
            call = re_encoding.re_encode_data(dataset_hash, data_hashes)
        task_id = yield from ask(call)
        self.log.info("Started re-encode task %s for dataset %s.", task_id, dataset_hash)
        return task_id

    @verb
    def re_encode_data_status(self, dataset_hash: str, job_id: int | str) -> Steps[re_encoding.ReEncodeTask]:
        """Get a re-encode task as it stands."""
        with argument_errors():
            call = re_encoding.re_encode_data_status(dataset_hash, job_id)
        return (yield from ask(call))

    # -- integrations, tokens, API keys --------------------------------------------------------------------------

    @verb
    def get_cloud_integrations(
        self,
        filter_integration_uuids: Sequence[str | UUID] | None = None,
        filter_integration_titles: Sequence[str] | None = None,
        include_org_access: bool = False,
    ) -> Steps[list[integrations.CloudIntegration]]:
        """List cloud integrations; both filters together narrow. A dataset API key lists all that it may use."""
        if self.settings.credentials.dataset_only:
            return list((yield from ask(integrations.get_cloud_integrations_of_key())))
        with argument_errors():
            call = integrations.get_cloud_integrations(
                filter_integration_uuids=filter_integration_uuids,
                filter_integration_titles=filter_integration_titles,
                include_org_access=include_org_access,
            )
        return list((yield from ask(call)))

    @verb
    def find_cloud_integration(self, title_or_id: str | UUID) -> Steps[str]:
        """Return the id of the one integration with this title; an id is returned as it is.

        :raises EncordInputError: when no integration, or more than one, has the title.
        """
        with contextlib.suppress(ValueError):
            return str(UUID(str(title_or_id)))
        usable = yield from steps_of(self.get_cloud_integrations)()
        found = [each for each in usable if each.title == title_or_id]
        if len(found) == 1:
            return found[0].id
        known = ", ".join(sorted({one_line(each.title) for each in usable})) or "none"
        problem = f"{len(found)} have" if found else "none has"
        raise EncordInputError(
            f"Of the cloud integrations that this key may use, {problem} the title {title_or_id!r} (known: {known}). "
            "Give the id instead."
        )

    @verb
    def get_bearer_token(self) -> Steps[str]:
        """Get a token for the user of the key. It is a secret; it is registered for masking."""
        token = yield from ask(users.get_bearer_token())
        yield Mask([token])
        return token

    @verb
    def create_dataset_api_key(
        self, dataset_hash: str, api_key_title: str, dataset_scopes: Sequence[str] = _READ_AND_WRITE
    ) -> Steps[api_keys.ApiKey]:
        """Make an API key for one dataset. It is a secret; it is registered for masking."""
        scopes = [str(getattr(scope, "value", scope)) for scope in dataset_scopes]
        key = yield from ask(api_keys.create_dataset_api_key(dataset_hash, api_key_title, scopes))
        yield Mask([key.api_key])
        return key

    @verb
    def get_dataset_api_keys(self, dataset_hash: str) -> Steps[list[api_keys.ApiKey]]:
        """List the API keys of one dataset. They are secrets; they are registered for masking."""
        keys = yield from ask(api_keys.get_dataset_api_keys(dataset_hash))
        yield Mask([key.api_key for key in keys])
        return list(keys)

    @verb
    def get_or_create_dataset_api_key(self, dataset_hash: str) -> Steps[api_keys.ApiKey]:
        """Return the first key with both scopes, or make one; not atomic."""
        for key in (yield from steps_of(self.get_dataset_api_keys)(dataset_hash)):
            if set(key.scopes) == set(_READ_AND_WRITE):
                return key
        return (yield from steps_of(self.create_dataset_api_key)(dataset_hash, f"{dataset_hash} - admin key"))


def _data_rows_call(dataset_hash: str, *, data_types: Any, **filters: Any) -> Call[tuple[data_rows.DataRow, ...]]:
    with argument_errors():
        kinds = _DATA_TYPES(data_types, "data_types")
        return data_rows.list_data_rows(dataset_hash, data_types=kinds, **filters)


def _lookup_error(conn_id: str, error: Exception, undefined: bool) -> EncordConnectionLookupError:
    why = str(error) if isinstance(error, AirflowException) else type(error).__name__
    found = EncordConnectionLookupError(f"The Airflow connection {conn_id!r} could not be read: {why.rstrip('.')}.")
    found.undefined = undefined
    return found


def _only(items: list[registration.UploadedItem], dataset_hash: str) -> registration.UploadedItem:
    if len(items) != 1:
        raise EncordJobError(f"Dataset {dataset_hash}: one item was uploaded and Encord reports {len(items)}.")
    return items[0]


def _run_async(make: Callable[[], Any]) -> Any:
    """Run a coroutine to its end, also where an event loop is running already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(make())
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(lambda: asyncio.run(make())).result()
