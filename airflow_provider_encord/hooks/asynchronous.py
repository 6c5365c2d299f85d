"""Encord's operations on an event loop, under the same names as in the hook."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from functools import wraps
from itertools import islice
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from airflow_provider_encord._airflow.errors import airflow_errors
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._compat import mask_secrets_async
from airflow_provider_encord.hooks._uploads import put_files
from airflow_provider_encord.hooks._verbs import (
    Ask,
    AskForList,
    Mask,
    Put,
    Step,
    Wait,
    carry_out_async,
    each_found_async,
    tell_return,
)
from airflow_provider_encord.hooks.encord import EncordHook

P = ParamSpec("P")
T = TypeVar("T")

_ITEMS_AT_ONCE = 500


def _awaited(
    verb: Callable[Concatenate[EncordHook, P], T],
) -> Callable[Concatenate[AsyncEncord, P], Coroutine[Any, Any, T]]:
    @wraps(verb)
    async def method(self: AsyncEncord, /, *args: P.args, **kwargs: P.kwargs) -> T:
        steps = verb.steps(self.hook, *args, **kwargs)  # type: ignore[attr-defined]
        found: T = await carry_out_async(steps, self._perform)
        return found

    return method


def _iterated(
    verb: Callable[Concatenate[EncordHook, P], Iterator[T]],
) -> Callable[Concatenate[AsyncEncord, P], AsyncIterator[T]]:
    @wraps(verb)
    def method(self: AsyncEncord, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return each_found_async(verb.lazy_steps(self.hook, *args, **kwargs), self._perform)  # type: ignore[attr-defined]

    tell_return(method, verb, str(verb.__annotations__["return"]).replace("Iterator[", "AsyncIterator["))
    return method


def _streamed(
    method: Callable[Concatenate[EncordHook, P], Generator[T]],
) -> Callable[Concatenate[AsyncEncord, P], AsyncIterator[T]]:
    """Read a long answer on a thread beside the event loop, some items at a time, so that it is never held whole."""

    @wraps(method)
    async def form(self: AsyncEncord, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        items = method(self.hook, *args, **kwargs)
        try:
            while some := await asyncio.to_thread(lambda: list(islice(items, _ITEMS_AT_ONCE))):
                for item in some:
                    yield item
        finally:
            await asyncio.to_thread(items.close)

    tell_return(form, method, str(method.__annotations__["return"]).replace("Generator[", "AsyncIterator["))
    return form


class AsyncEncord:
    """The verbs of :class:`.EncordHook` as coroutines, for any number at once over one pool of connections.

    Made by :meth:`.EncordHook.connect`, and used as an asynchronous context manager. Paths and manifests are looked at
    on the event loop's own thread, since Airflow's look-up of a store's connection is tied to it.

    :param hook: whose connection is used.
    """

    def __init__(self, hook: EncordHook) -> None:
        self.hook = hook
        self._opened: AsyncTransport | None = None

    async def __aenter__(self) -> AsyncEncord:
        """Read the connection."""
        self._opened = await self.hook.async_transport()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the pooled connections."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    create_dataset = _awaited(EncordHook.create_dataset)
    get_datasets = _awaited(EncordHook.get_datasets)
    get_dataset = _awaited(EncordHook.get_dataset)
    list_data_rows = _awaited(EncordHook.list_data_rows)
    iter_data_rows = _streamed(EncordHook.iter_data_rows)
    get_data_row = _awaited(EncordHook.get_data_row)
    link_items = _awaited(EncordHook.link_items)
    delete_data = _awaited(EncordHook.delete_data)
    upload_video = _awaited(EncordHook.upload_video)
    upload_videos = _awaited(EncordHook.upload_videos)
    upload_image = _awaited(EncordHook.upload_image)
    upload_images = _awaited(EncordHook.upload_images)
    create_image_group = _awaited(EncordHook.create_image_group)
    create_image_groups = _awaited(EncordHook.create_image_groups)
    create_dicom_series = _awaited(EncordHook.create_dicom_series)
    put_files = _awaited(EncordHook.put_files)
    start_upload_job = _awaited(EncordHook.start_upload_job)
    get_upload_job = _awaited(EncordHook.get_upload_job)
    add_private_data_to_dataset = _awaited(EncordHook.add_private_data_to_dataset)
    add_private_data_to_dataset_start = _awaited(EncordHook.add_private_data_to_dataset_start)
    add_private_data_to_dataset_get_result = _awaited(EncordHook.add_private_data_to_dataset_get_result)
    list_folders = _awaited(EncordHook.list_folders)
    iter_folders = _iterated(EncordHook.iter_folders)
    get_folder = _awaited(EncordHook.get_folder)
    create_folder = _awaited(EncordHook.create_folder)
    update_folder = _awaited(EncordHook.update_folder)
    move_folders = _awaited(EncordHook.move_folders)
    delete_folder = _awaited(EncordHook.delete_folder)
    get_folder_summary = _awaited(EncordHook.get_folder_summary)
    upload_files_to_folder = _awaited(EncordHook.upload_files_to_folder)
    start_folder_upload_job = _awaited(EncordHook.start_folder_upload_job)
    get_folder_upload_job = _awaited(EncordHook.get_folder_upload_job)
    cancel_folder_upload_job = _awaited(EncordHook.cancel_folder_upload_job)
    add_private_data_to_folder = _awaited(EncordHook.add_private_data_to_folder)
    add_private_data_to_folder_start = _awaited(EncordHook.add_private_data_to_folder_start)
    add_private_data_to_folder_get_result = _awaited(EncordHook.add_private_data_to_folder_get_result)
    start_folder_sync = _awaited(EncordHook.start_folder_sync)
    get_folder_sync = _awaited(EncordHook.get_folder_sync)
    sync_folder = _awaited(EncordHook.sync_folder)
    list_items = _awaited(EncordHook.list_items)
    iter_items = _iterated(EncordHook.iter_items)
    get_item = _awaited(EncordHook.get_item)
    get_items = _awaited(EncordHook.get_items)
    list_child_items = _awaited(EncordHook.list_child_items)
    get_item_summary = _awaited(EncordHook.get_item_summary)
    update_items = _awaited(EncordHook.update_items)
    move_items = _awaited(EncordHook.move_items)
    delete_items = _awaited(EncordHook.delete_items)
    re_encode_items = _awaited(EncordHook.re_encode_items)
    get_item_re_encoding = _awaited(EncordHook.get_item_re_encoding)
    look = _awaited(EncordHook.look)
    wait = _awaited(EncordHook.wait)
    re_encode_data = _awaited(EncordHook.re_encode_data)
    re_encode_data_status = _awaited(EncordHook.re_encode_data_status)
    get_cloud_integrations = _awaited(EncordHook.get_cloud_integrations)
    find_cloud_integration = _awaited(EncordHook.find_cloud_integration)
    get_bearer_token = _awaited(EncordHook.get_bearer_token)
    create_dataset_api_key = _awaited(EncordHook.create_dataset_api_key)
    get_dataset_api_keys = _awaited(EncordHook.get_dataset_api_keys)
    get_or_create_dataset_api_key = _awaited(EncordHook.get_or_create_dataset_api_key)

    @property
    def _transport(self) -> AsyncTransport:
        if self._opened is None:
            raise RuntimeError("Use it as a context manager: async with EncordHook().connect() as encord: ...")
        return self._opened

    async def _perform(self, step: Step) -> Any:
        with airflow_errors():
            match step:
                case Ask(call, policy):
                    return await self._transport.run(call, policy=policy)
                case AskForList(call):
                    return list(await self._transport.run(call))
                case Wait(watch, patience, reports):
                    return await self._transport.wait(watch, patience, **reports)
                case Put():
                    return await put_files(step, self._transport, self.hook.settings, self.hook.log)
                case Mask(secrets):
                    return await mask_secrets_async(secrets)
