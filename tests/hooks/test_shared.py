"""Transports that are shared: by whom, for how long, and what a look-up finds."""

import asyncio
import json
import threading
from contextlib import AsyncExitStack

import pytest

from airflow_provider_encord._compat import BaseHook
from airflow_provider_encord.exceptions import EncordError
from airflow_provider_encord.hooks import encord
from airflow_provider_encord.hooks._transport_pool import FRESH_SECONDS, SharedTransports, shared_transports
from vectors import KEY, TOKEN

SSH = {"ssh_private_key": KEY}


@pytest.fixture
def connect(monkeypatch):
    """Set a connection to extras."""

    def set_to(extra, conn_id="encord_default"):
        connection = {"conn_type": "encord", "host": "http://127.0.0.1:9", "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))

    set_to(SSH)
    return set_to


@pytest.fixture
def looked_up(monkeypatch, connect):
    """The ids of all look-ups; each lets other coroutines go first."""
    ids = []
    get_connection = encord.get_connection_async

    async def look_up(conn_id):
        ids.append(conn_id)
        await asyncio.sleep(0)
        return await get_connection(conn_id)

    monkeypatch.setattr(encord, "get_connection_async", look_up)
    return ids


@pytest.fixture
def masked(monkeypatch):
    """All sets of secrets that were masked."""
    sets = []

    async def mask(secrets):
        sets.append(secrets)

    monkeypatch.setattr(encord, "mask_secrets_async", mask)
    return sets


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


async def until_idle():
    for _ in range(20):
        await asyncio.sleep(0)


def hold(shared, entered, leave, conn_id="encord_default"):
    """Start to use a transport until told to leave."""

    async def use():
        async with shared.use(conn_id) as transport:
            entered.append(transport)
            await leave.wait()

    return asyncio.ensure_future(use())


def test_all_who_come_together_share_transport_session_look_up_and_masking(looked_up, masked):
    async def many():
        entered, leave = [], asyncio.Event()
        users = [hold(shared_transports(), entered, leave) for _ in range(100)]
        while len(entered) < 100:
            await asyncio.sleep(0.001)
        sessions = {transport.session for transport in entered}
        leave.set()
        await asyncio.gather(*users)
        return entered, sessions

    entered, sessions = asyncio.run(many())
    assert len(set(map(id, entered))) == 1
    assert len(sessions) == 1
    assert looked_up == ["encord_default"]
    assert len(masked) == 1


def test_connections_are_not_mixed_up(looked_up, connect):
    connect({"token": TOKEN}, "other")

    async def both():
        async with shared_transports().use("encord_default") as one, shared_transports().use("other") as other:
            return type(one.account.credentials).__name__, type(other.account.credentials).__name__

    assert asyncio.run(both()) == ("SshCredentials", "BearerCredentials")
    assert looked_up == ["encord_default", "other"]


def test_the_session_is_closed_when_the_last_one_leaves_and_not_before(looked_up):
    async def two():
        shared = shared_transports()
        async with AsyncExitStack() as first:
            transport = await first.enter_async_context(shared.use("encord_default"))
            session = transport.session
            async with shared.use("encord_default"):
                await first.aclose()
                after_one = session.closed
        return after_one, session.closed

    assert asyncio.run(two()) == (False, True)


def test_who_comes_after_the_last_one_left_finds_a_changed_connection(looked_up, connect):
    async def twice():
        async with shared_transports().use("encord_default") as first:
            pass
        connect({"token": TOKEN})
        async with shared_transports().use("encord_default") as second:
            return first, second

    first, second = asyncio.run(twice())
    assert first is not second
    assert second.account.credentials.token == TOKEN
    assert len(looked_up) == 2


@pytest.mark.parametrize("changed", [True, False])
def test_a_look_up_gets_stale_though_earlier_waits_go_on(changed, looked_up, connect):
    async def late():
        clock = Clock()
        shared = SharedTransports(clock)
        async with shared.use("encord_default") as first:
            session = first.session
            clock.now = FRESH_SECONDS - 1
            async with shared.use("encord_default") as early:
                pass
            if changed:
                connect({"token": TOKEN})
            clock.now = FRESH_SECONDS + 1
            async with shared.use("encord_default") as late, shared.use("encord_default") as later:
                pass
            assert not session.closed
        return session.closed, early is first, late is first, later is late

    assert asyncio.run(late()) == (True, True, not changed, True)
    assert len(looked_up) == 2


def test_who_started_the_look_up_may_be_cancelled(looked_up):
    async def cancelled():
        entered, leave = [], asyncio.Event()
        first, second = (hold(shared_transports(), entered, leave) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        while not entered:
            await asyncio.sleep(0.001)
        leave.set()
        return await asyncio.gather(first, second, return_exceptions=True)

    gone, stayed = asyncio.run(cancelled())
    assert isinstance(gone, asyncio.CancelledError)
    assert stayed is None
    assert len(looked_up) == 1


def test_a_look_up_that_nobody_waits_for_any_more_is_given_up(monkeypatch, connect):
    ended = []

    async def for_ever(conn_id):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(conn_id)

    monkeypatch.setattr(encord, "get_connection_async", for_ever)

    async def cancelled():
        users = [hold(shared_transports(), [], asyncio.Event()) for _ in range(3)]
        await until_idle()
        for user in users:
            user.cancel()
        await asyncio.gather(*users, return_exceptions=True)
        await until_idle()
        return list(ended), shared_transports()._newest

    assert asyncio.run(cancelled()) == (["encord_default"], {})


def test_cancelled_users_let_go_of_the_session(looked_up):
    async def shut_down():
        entered, leave = [], asyncio.Event()
        users = [hold(shared_transports(), entered, leave) for _ in range(5)]
        while len(entered) < 5:
            await asyncio.sleep(0.001)
        session = entered[0].session
        for user in users:
            user.cancel()
        await asyncio.gather(*users, return_exceptions=True)
        return session.closed, shared_transports()._newest

    assert asyncio.run(shut_down()) == (True, {})


def test_a_failed_look_up_fails_those_who_share_it_and_nobody_later(looked_up, connect):
    connect({})

    async def fail():
        leave = asyncio.Event()
        leave.set()
        users = [hold(shared_transports(), [], leave) for _ in range(3)]
        failed = await asyncio.gather(*users, return_exceptions=True)
        connect(SSH)
        entered = []
        await hold(shared_transports(), entered, leave)
        return failed, entered

    failed, entered = asyncio.run(fail())
    assert [isinstance(error, EncordError) for error in failed] == [True] * 3
    assert len(entered) == 1
    assert len(looked_up) == 2


def test_two_event_loops_never_share(looked_up):
    found, barrier = [], threading.Barrier(2)

    async def use():
        async with shared_transports().use("encord_default") as transport:
            found.append((transport, transport.session))
            barrier.wait(10)

    threads = [threading.Thread(target=asyncio.run, args=(use(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (one, session), (other, other_session) = found
    assert one is not other
    assert session is not other_session
    assert len(looked_up) == 2


def test_the_look_up_is_made_neither_on_the_loop_nor_from_a_thread_of_ours(monkeypatch, connect):
    """Airflow 3.1 and later have a look-up of their own for event loops; before, it is asgiref's one thread."""
    threads = []
    if hasattr(BaseHook, "aget_connection"):
        native = BaseHook.aget_connection

        async def look_up(conn_id):
            threads.append("the loop's own")
            return await native(conn_id)

        def blocking(conn_id):
            raise AssertionError("it blocks the loop, or races with Airflow")

        monkeypatch.setattr(BaseHook, "aget_connection", look_up)
        monkeypatch.setattr(BaseHook, "get_connection", blocking)
    else:
        blocking = BaseHook.get_connection
        from asgiref.sync import sync_to_async

        def look_up_in_thread(conn_id):
            threads.append(threading.get_ident())
            return blocking(conn_id)

        monkeypatch.setattr(BaseHook, "get_connection", look_up_in_thread)

    async def use():
        async with shared_transports().use("encord_default"), shared_transports().use("encord_default"):
            pass
        return None if hasattr(BaseHook, "aget_connection") else await sync_to_async(threading.get_ident)()

    assert threads_of(asyncio.run(use())) == threads


def threads_of(found):
    return ["the loop's own"] if found is None else [found]
