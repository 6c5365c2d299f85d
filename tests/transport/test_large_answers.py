"""Large answers: read off the event loop, and not read at all where only their length matters."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_encord._client.errors import ApiError
from airflow_provider_encord._client.jobs import DataRowsWatch, Verdict
from airflow_provider_encord._client.protocol import Request
from airflow_provider_encord._client.resources import data_rows
from airflow_provider_encord._client.retry import ONCE
from airflow_provider_encord._client.transport import response_body
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._client.transport.sync_transport import BlockingTransport
from airflow_provider_encord._client.wait import Patience
from loopback import Loopback, Reply
from vectors import DATASET, Clock, account

ROW = {
    "data_hash": "da7a0000-0000-4000-8000-000000000001",
    "data_title": 'a "[{\\ title',
    "client_metadata": {"a": [{}]},
}
MANY = 20_000  # more than 2 MB


def rows(count: int, **more: Any) -> bytes:
    return json.dumps({"status": 200, "response": [ROW] * count} | more).encode()


def look(blocking: bool, url: str, min_count: int) -> Verdict:
    """Ask once whether there are enough rows, as a sensor or its trigger does."""
    watch, who = DataRowsWatch(DATASET, {}, min_count), account(url, Clock(), policy=ONCE)
    if blocking:
        return watch.judge(BlockingTransport(who).run(watch.poll(0)))

    async def run() -> Verdict:
        async with AsyncTransport(who) as transport:
            return watch.judge(await transport.run(watch.poll(0)))

    return asyncio.run(run())


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All rows that were read into a model."""
    made: list[Any] = []
    read = data_rows.read_data_row

    def record(value: Any) -> Any:
        made.append(value)
        return read(value)

    monkeypatch.setattr(data_rows, "read_data_row", record)
    return made


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize(("min_count", "state"), [(3, "done"), (MANY, "done"), (MANY + 1, "pending")])
def test_a_row_sensor_counts_and_reads_nothing(
    min_count: int, state: str, blocking: bool, loopback: Loopback, models: list[Any]
) -> None:
    loopback.answers(Reply(body=rows(MANY)))
    verdict = look(blocking, loopback.url, min_count)
    assert verdict.state.value == state
    assert len(models) == 0
    assert verdict.counts == {"found": min(MANY, min_count)}


@pytest.mark.parametrize("blocking", [True, False])
def test_a_row_sensor_stops_when_there_are_enough(
    blocking: bool, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed: list[int] = []
    feed = response_body.Body.feed

    def record(body: response_body.Body, data: bytes) -> bool:
        fed.append(len(data))
        return feed(body, data)

    monkeypatch.setattr(response_body.Body, "feed", record)
    body = rows(10 * MANY)
    loopback.answers(Reply(body=body))
    assert look(blocking, loopback.url, 3).state.value == "done"
    assert sum(fed) < len(body) / 4


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("count", [0, 2, MANY])
def test_rows_are_counted_alike_however_many_there_are(count: int, blocking: bool, loopback: Loopback) -> None:
    for answer in (rows(count), rows(count, payload=[{}, {}]), json.dumps(json.loads(rows(count)), indent=1).encode()):
        loopback.answers(Reply(body=answer))
        assert look(blocking, loopback.url, MANY + 1).counts == {"found": count}
    late = json.dumps({"response": [ROW] * count, "status": 200}).encode()
    loopback.answers(Reply(body=late))
    assert look(blocking, loopback.url, MANY + 1).counts == {"found": count}


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize(
    "answer",
    {
        "cut off": rows(MANY)[:-1],
        "cut off in a row": rows(MANY)[:-10],
        "not JSON": rows(MANY) + b"]",
        "of failure": rows(MANY, status=500),
        "without a status": json.dumps({"response": [ROW] * MANY}).encode(),
        "no list": json.dumps({"status": 200, "response": {"rows": [ROW] * MANY}}).encode(),
        "HTML": b"<html>" + b"[{}]" * 1_000_000,
    }.items(),
    ids=lambda item: item[0],
)
def test_what_is_no_list_is_no_count(answer: tuple[str, bytes], blocking: bool, loopback: Loopback) -> None:
    loopback.answers(Reply(body=answer[1]))
    with pytest.raises(ApiError):
        look(blocking, loopback.url, 10 * MANY)


nasty = st.text('ab"\\[]{},é', max_size=6)
nested = st.recursive(nasty, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(nasty, inner, max_size=3))


@given(st.lists(st.dictionaries(nasty, nested, max_size=3)), st.integers(1, 9), st.booleans())
def test_any_text_in_rows_is_counted_right(found: list[Any], step: int, status_first: bool) -> None:
    from airflow_provider_encord._client.transport import counted_body

    members = [("status", 200), ("response", found)]
    answer = json.dumps(dict(members if status_first else reversed(members)), ensure_ascii=False).encode()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"LARGE_ANSWER_BYTES": 40, "_PIECE": 5, "_SLICE": 3}.items():
            patch.setattr(counted_body, name, value)
        body = counted_body.CountedBody(Request("POST", "", {}, b"", enough=10**6), 200, None)
        for at in range(0, len(answer), step):
            assert body.feed(answer[at : at + step])
            assert not body.countable or body.count()
        document = body.document() or json.loads(body.content())
    counted = document["response"]
    assert (len(counted) if isinstance(counted, list) else counted) == len(found)


def test_large_answers_are_read_on_another_thread_one_at_a_time(loopback: Loopback) -> None:
    """And small ones are not, since that would cost more than it spares."""
    threads: dict[int, set[int]] = {3: set(), MANY: set()}
    reading: list[int] = []
    most: list[int] = []

    def read(value: Any) -> int:
        reading.append(1)
        most.append(len(reading))
        threads[len(value)].add(threading.get_ident())
        reading.pop()
        return len(value)

    async def run() -> None:
        async with AsyncTransport(account(loopback.url, Clock(), policy=ONCE)) as transport:
            for count in threads:
                loopback.answers(Reply(body=rows(count)))
                call: Any = data_rows.list_data_rows(DATASET)
                object.__setattr__(call, "read", read)
                await asyncio.gather(*(transport.run(call) for _ in range(3)))

    asyncio.run(run())
    assert threads[3] == {threading.get_ident()}
    assert threads[MANY]
    assert threading.get_ident() not in threads[MANY]
    assert max(most) == 1


def test_rows_are_counted_on_another_thread(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()
    split: Callable[..., Any] = response_body.Body.content
    monkeypatch.setattr(response_body.Body, "content", lambda body: threads.add(threading.get_ident()) or split(body))
    loopback.answers(Reply(body=rows(MANY)))

    async def run() -> None:
        who = account(loopback.url, Clock(), policy=ONCE)
        async with AsyncTransport(who) as transport:
            await transport.wait(DataRowsWatch(DATASET, {}, MANY), Patience(None, 60.0, 10))

    asyncio.run(run())
    assert threads - {threading.get_ident()}
