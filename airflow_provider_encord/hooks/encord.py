"""The hook: Encord's operations on an Airflow connection, under the names that Encord's own client gives them."""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_encord import __version__
from airflow_provider_encord._airflow.connection import ConnectionSettings, read_connection, secret_forms
from airflow_provider_encord._airflow.connection_form import field_behaviour, form_widgets
from airflow_provider_encord._airflow.errors import airflow_errors
from airflow_provider_encord._client.auth import BearerCredentials, SshCredentials
from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ApiError
from airflow_provider_encord._client.exchange import Account
from airflow_provider_encord._client.outgoing import one_line
from airflow_provider_encord._client.protocol import NoAnswer
from airflow_provider_encord._client.resources import api_keys, integrations, users
from airflow_provider_encord._client.retry import ONCE
from airflow_provider_encord._client.transport.async_transport import AsyncTransport, run_to_end
from airflow_provider_encord._client.transport.network import Timeouts
from airflow_provider_encord._client.transport.sync_transport import BlockingTransport
from airflow_provider_encord._compat import (
    AirflowException,
    AirflowNotFoundException,
    get_connection_async,
    is_undefined,
    mask_secrets,
    mask_secrets_async,
)
from airflow_provider_encord.exceptions import EncordConnectionLookupError, EncordError, EncordInputError
from airflow_provider_encord.hooks._datasets import DatasetVerbs
from airflow_provider_encord.hooks._folders import FolderVerbs
from airflow_provider_encord.hooks._items import ItemVerbs
from airflow_provider_encord.hooks._registration import RegistrationVerbs
from airflow_provider_encord.hooks._uploads import put_files
from airflow_provider_encord.hooks._verbs import Ask, AskForList, Mask, Put, Step, Wait

if TYPE_CHECKING:
    from airflow_provider_encord.hooks.asynchronous import AsyncEncord

T = TypeVar("T")

_TEST_TIMEOUTS = {"connect": 5.0, "read": 8.0, "total": 9.0}


class EncordHook(DatasetVerbs, RegistrationVerbs, FolderVerbs, ItemVerbs):
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
        """Send one call of ``airflow_provider_encord._client.resources`` and return its answer as a model."""
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
                    return self._iterate(call, read_item)
                case Wait(watch, patience, reports):
                    return self._transport.wait(watch, patience, **reports)
                case Put():
                    return self.on_event_loop(lambda transport: put_files(step, transport, self.settings, self.log))
                case Mask(secrets):
                    return mask_secrets(secrets)

    def _iterate(self, call: Call[tuple[T, ...]], read_item: Callable[[Any], T]) -> Iterator[T]:
        with airflow_errors():
            yield from self._transport.iterate(call, read_item)

    def on_event_loop(self, work: Callable[[AsyncTransport], Awaitable[T]]) -> T:
        """Do what needs many requests at once on an event loop of its own, and wait for its end."""
        settings = self.settings

        async def renew(refused: Account) -> Account | NoAnswer:
            # In a thread, as a task's connections are read: Airflow ties its own lookup to one event loop.
            return await asyncio.to_thread(self._renew, refused)

        async def run() -> T:
            account, timeouts = self._account(settings), settings.timeouts
            async with AsyncTransport(account, timeouts=timeouts, renew=renew) as transport:
                return await work(transport)

        return run_to_end(run)

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
            with airflow_errors():
                return self._test_connection()
        except AirflowException as error:  # also a connection that does not exist
            # The Test button tests a copy, whose id means nothing to anybody.
            return False, str(error).replace(f"The Airflow connection {self.encord_conn_id!r}", "The connection")

    def _test_connection(self) -> tuple[bool, str]:
        account = replace(self._account(self.settings), policy=ONCE, conn_id="")  # the id of a copy, as above
        login = f"Logged in at {self.settings.domain}"
        started = time.monotonic()
        transport = BlockingTransport(account, timeouts=Timeouts(**_TEST_TIMEOUTS))
        if self.settings.credentials.dataset_only:
            kind = transport.run(api_keys.get_api_key_meta())
            return kind == "dataset", f"{login} with an API key of a {one_line(kind)}."
        try:
            user = transport.run(users.get_current_user())
        except ApiError as error:
            if error.http_status != 404:
                raise
        else:
            return True, f"{login} as {one_line(user.user_email)}."
        # An Encord that does not offer it, or another server; what is left of the time does for one more question.
        left = max(1.0, _TEST_TIMEOUTS["total"] - (time.monotonic() - started))
        transport = BlockingTransport(account, timeouts=Timeouts(**_TEST_TIMEOUTS | {"total": left}))
        found = transport.run(integrations.get_cloud_integrations())
        titles = ", ".join(one_line(integration.title) for integration in found) or "none"
        return True, f"{login}. Cloud integrations: {titles}."


def _lookup_error(conn_id: str, error: Exception, undefined: bool) -> EncordConnectionLookupError:
    why = str(error) if isinstance(error, AirflowException) else type(error).__name__
    found = EncordConnectionLookupError(
        f"The Airflow connection {conn_id!r} could not be read: {why.rstrip('.')}. "
        "Is it there (Admin > Connections), and spelt so in encord_conn_id?"
    )
    found.undefined = undefined
    return found
