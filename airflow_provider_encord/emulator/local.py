"""The local Encord inside a Python process, for tests."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from airflow_provider_encord.emulator.auth import generate_key
from airflow_provider_encord.emulator.clock import Clock
from airflow_provider_encord.emulator.request_log import Entry
from airflow_provider_encord.emulator.server import Emulator
from airflow_provider_encord.emulator.settings import Settings
from airflow_provider_encord.emulator.state import State

T = TypeVar("T")

_PATIENCE = 0.1


class LocalEncord:
    """A local Encord on a free port of the loopback interface, served by a thread of its own.

    Use it as a context manager, or call :meth:`start` and :meth:`stop`::

        with LocalEncord() as encord:
            client = EncordUserClient.create_with_ssh_private_key(encord.private_key, domain=encord.url)

    :param state_dir: where to keep everything; without it, it is forgotten at the end
    :param s3_endpoint: where private data in S3 is really looked up
    :param domain_url: base of the links it hands out, if that is not its own address
    :param allow_hosts: host names by which it may be called, besides ``localhost`` and that of ``domain_url``
    :param keep_bodies: log the bodies of API requests and of their answers, so that tests can look at them
    :param clock: see :class:`~airflow_provider_encord.emulator.clock.ManualClock`
    :param signature_time: what the freshness of signatures is judged by
    :param settings: see :class:`~airflow_provider_encord.emulator.settings.Settings`
    """

    def __init__(
        self,
        *,
        state_dir: Path | None = None,
        s3_endpoint: str | None = None,
        domain_url: str | None = None,
        allow_hosts: Iterable[str] = (),
        keep_bodies: bool = False,
        clock: Clock | None = None,
        signature_time: Callable[[], float] = time.time,
        **settings: Any,
    ) -> None:
        self.private_key, self.public_key = generate_key()
        initial = Settings()
        initial.update(settings)
        self._make: Callable[[], Emulator] = lambda: Emulator(
            [self.public_key],
            state_dir=state_dir,
            s3_endpoint=s3_endpoint,
            domain_url=domain_url,
            allow_hosts=allow_hosts,
            keep_bodies=keep_bodies,
            settings=initial,
            clock=clock,
            signature_time=signature_time,
        )
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="local-encord", daemon=True)

    @property
    def url(self) -> str:
        """The domain to give to a client."""
        return self._emulator.url

    @property
    def connection(self) -> str:
        """An Airflow connection that leads here, as JSON; pauses between tries and polls are short with it."""
        extra = {"ssh_private_key": self.private_key, "longest_pause": 0.01}
        return json.dumps({"conn_type": "encord", "host": self.url, "extra": extra})

    @property
    def integrations(self) -> dict[str, str]:
        """Title and UUID of the cloud integrations."""
        return self._emulator.integrations

    def start(self) -> "LocalEncord":
        """Start serving."""
        self._thread.start()
        self._ready.wait()
        if self._error:
            raise self._error
        return self

    def stop(self) -> None:
        """Stop serving; requests under way are cut off."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def __enter__(self) -> "LocalEncord":
        """Start serving."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop serving."""
        self.stop()

    def new_user(self) -> str:
        """Let another user in and return their private key."""
        key, user = generate_key()
        self.add_key(user)
        return key

    def add_key(self, public_key: str, *, same_user_as: str | None = None) -> None:
        """Let another key in, given as its public key in hex; to change a key, add the new one and revoke the old.

        :param same_user_as: another key of its user, valid or revoked; without it, it is a new user
        """
        self._call(lambda: self._emulator.users.add_key(public_key, same_user_as))

    def revoke_key(self, public_key: str) -> None:
        """Let a key in no longer: requests signed with it are refused from now on, uploads under way go on."""
        self._call(lambda: self._emulator.users.revoke_key(public_key))

    def requests(self, operation: str | None = None) -> list[Entry]:
        """Return the requests answered so far, all or those of one operation."""
        return self._call(lambda: self._emulator.log.entries(operation))

    def clear_requests(self) -> None:
        """Forget the requests answered so far."""
        self._call(self._emulator.log.clear)

    def fault(self, operation: str | None = None, *, times: int | None = 1, skip: int = 0, **rule: Any) -> None:
        """Let something go wrong.

        What goes wrong is given as keywords: ``status`` with ``headers`` and ``body``, ``drop``, ``hang`` or ``delay``
        (see :class:`~airflow_provider_encord.emulator.faults.Action`). To whom: ``operation``, ``method``, ``path``.

        :param times: to how many requests; None for all
        :param skip: how many matching requests are spared first
        """
        conditions: dict[str, Any] = {name: rule.pop(name) for name in ("method", "path") if name in rule}
        whole: dict[str, Any] = {"operation": operation, "times": times, "skip": skip, **conditions, "action": rule}
        self._call(lambda: self._emulator.faults.add(whole))

    def clear_faults(self) -> None:
        """Let nothing more go wrong."""
        self._call(self._emulator.faults.clear)

    def settings(self, **values: Any) -> None:
        """Change settings, by the names in :class:`~airflow_provider_encord.emulator.settings.Settings`."""
        self._call(lambda: self._emulator.settings.update(values))

    def force_job(self, job: str = "next", **outcome: Any) -> dict[str, Any]:
        """Order the outcome of a registration job or a sync: ``status``, ``fail_units``, ``error``, ``done_units``."""
        return self._await(self._emulator.jobs.force(job, outcome))

    def force_task(self, task: int | str = "next", **outcome: Any) -> dict[str, Any]:
        """Order the outcome of a re-encode task: ``status``, ``fail_units`` (data hashes left out of the result)."""
        return self._call(lambda: self._emulator.re_encoding.force(str(task), outcome))

    def state(self) -> State:
        """Count datasets, rows, objects and jobs."""
        return self._call(self._emulator.state)

    def _call(self, work: Callable[[], T]) -> T:
        async def run() -> T:
            return work()

        return self._await(run())

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _serve(self) -> None:
        try:
            self._emulator = self._make()
            try:
                asyncio.run(self._main())
            finally:
                self._emulator.close()
        except BaseException as error:
            self._error = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        try:
            await self._emulator.start("127.0.0.1", 0, _PATIENCE)
            self._ready.set()
            await self._stopping.wait()
        finally:
            await self._emulator.stop()
