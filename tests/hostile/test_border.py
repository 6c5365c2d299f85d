"""Whatever Encord answers, what reaches Airflow and people can be stored: each answer through each way out."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_encord._airflow import job_run
from airflow_provider_encord._airflow.progress_log import ProgressLog
from airflow_provider_encord._client.jobs import State, Verdict
from airflow_provider_encord._client.outgoing import storable
from airflow_provider_encord._client.protocol import Answer, Request
from airflow_provider_encord._client.resources import data_rows, datasets
from airflow_provider_encord._client.transport.async_transport import AsyncTransport
from airflow_provider_encord._client.transport.sync_transport import BlockingTransport
from airflow_provider_encord._compat import AirflowException
from airflow_provider_encord._resume import item_tags
from airflow_provider_encord._resume.task_store import Memory
from airflow_provider_encord._storage.details_file import write_json_lines
from airflow_provider_encord._storage.files import SourceFile, find_files
from airflow_provider_encord._storage.listing import StoredObject
from airflow_provider_encord._storage.text_index import Index
from airflow_provider_encord.exceptions import EncordError, EncordServerError
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.operators.data_rows import EncordLinkItemsOperator, EncordListDataRowsOperator
from airflow_provider_encord.operators.datasets import (
    EncordCreateDatasetOperator,
    EncordDeleteDataOperator,
    EncordListDatasetsOperator,
)
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.sensors.encord import EncordDataRowSensor, EncordReEncodeSensor, EncordUploadJobSensor
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator
from airflow_provider_encord.triggers import encord as triggers
from envelope import refusal
from vectors import DATASET, FOLDER, INTEGRATION, ITEM, JOB, VIDEO

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:
    from airflow.exceptions import TaskDeferred

ROW = {
    "data_hash": VIDEO,
    "data_title": "a.mp4",
    "data_type": "VIDEO",
    "created_at": "2025-03-01 10:00:00",
    "width": 640,
    "file_link": "s3://bucket/a.mp4",
    "file_size": 1.5,
    "duration": 2.5,
    "storage_location": 1,
    "client_metadata": {"night": 1},
}
JOB_ANSWER = {
    "status": "DONE",
    "data_hashes_with_titles": [{"data_hash": VIDEO, "title": "a.mp4"}],
    "errors": ["an error"],
    "data_unit_errors": [{"object_urls": ["s3://bucket/b.mp4"], "error": "an error"}],
    "units_done_count": 1,
    "units_error_count": 1,
    "units_pending_count": 0,
    "units_cancelled_count": 0,
}
GOOD: dict[str, Any] = {
    "GET dataset": {"dataset_hash": DATASET, "backing_folder_uuid": FOLDER},
    "GET datarows": [ROW],
    "POST datasetlinkitems": [ROW],
    "DELETE video": None,
    "POST datasetdatalongpolling": {"process_hash": JOB},
    "GET datasetdatalongpolling": JOB_ANSWER,
    "PUT reencodevideotask": 7,
    "GET reencodevideotask": {"status": "DONE", "result": [{"data_hash": VIDEO, "bucket_path": "a.mp4"}]},
    "POST datasets": {"datasetUuid": DATASET, "backingFolderUuid": FOLDER},
    "GET datasets/list": {"result": [{"datasetUuid": DATASET, "title": "t", "backingFolderUuid": FOLDER}]},
    "GET cloud-integrations": {"result": [{"id": INTEGRATION, "title": "AWS"}]},
    "GET user/current": {"userEmail": "a@b.test", "userHash": "u"},
}


class Encord:
    """Stands for the network: answers each request, one kind of them as it is told."""

    def __init__(self) -> None:
        self.hostile: str | None = None
        self.status = 200
        self.value: Any = None
        self.asked: list[str] = []

    def answer(self, request: Request) -> Answer:
        if request.url.endswith("/public") or request.url.endswith("/public/user"):
            envelope = json.loads(request.body)
            name = f"{envelope['query_method']} {envelope['query_type']}"
        else:
            name = f"{request.method} {request.url.partition('/v2/public/')[2].partition('?')[0]}"
        self.asked.append(name)
        status, value = 200, GOOD[name]
        if name == self.hostile and len(self.asked) < 20:  # so that what is pending ends
            status, value = self.status, self.value
        elif name == "GET user/current" and self.hostile == "GET cloud-integrations":
            status = 404  # the connection test asks for integrations then
        if "/v2/" in request.url:
            document = value if status == 200 else {"message": value}
        else:
            fine = {"status": 200, "response": value}
            document = fine if status == 200 else refusal("INVALID_ARGUMENTS_ERROR", value)
        return Answer(status, {"Content-Type": "application/json"}, json.dumps(document).encode())


class Ways:
    """The ways out. ``check`` is called with each value that takes one."""

    def __init__(self, check: Callable[[Any], None]) -> None:
        self.check = check
        self.store: dict[str, Any] = {}
        self.lines: list[str] = []

    def xcom_push(self, key: str, value: Any, **_: Any) -> None:
        self.check(value)

    def get(self, key: str) -> Any:
        return self.store.get(key)

    def set(self, key: str, value: Any, **_: Any) -> None:
        self.check(value)
        self.store[key] = value

    def delete(self, key: str) -> None:
        self.store.pop(key, None)

    dag_id, task_id, run_id, map_index, try_number, max_tries = "dag", "task", "run", -1, 1, 1

    @property
    def context(self) -> dict[str, Any]:
        return {"ti": self, "task_state_store": self}


COMMON: dict[str, Any] = {"task_id": "task"}
WAITS = {**COMMON, "dataset_hash": DATASET, "poll_interval": 0.01, "max_poll_failures": 1, "defer_after": 0}
VIDEOS = {"videos": [{"objectUrl": "s3://bucket/a.mp4", "title": "a.mp4"}]}


def add(**more: Any) -> Callable[[Path], Any]:
    return lambda details: EncordAddPrivateDataOperator(
        **WAITS, integration="AWS", manifest=VIDEOS, details_path=str(details), **more
    )


def re_encode(**more: Any) -> Callable[[Path], Any]:
    return lambda details: EncordReEncodeDataOperator(**WAITS, data_hashes=[VIDEO], **more)


def sensor(kind: type, **more: Any) -> Callable[[Path], Any]:
    return lambda details: kind(
        **COMMON, dataset_hash=DATASET, timeout=0, poke_interval=0.01, max_poll_failures=1, **more
    )


# Each kind of request, and who sends it.
USERS: dict[str, list[Callable[[Path], Any]]] = {
    "GET dataset": [add()],
    "GET cloud-integrations": [add(), lambda details: ConnectionTest()],
    "GET user/current": [lambda details: ConnectionTest()],
    "POST datasetdatalongpolling": [add(), add(deferrable=True), add(wait_for_completion=False)],
    "GET datasetdatalongpolling": [
        add(max_failed_items=0.9),
        add(deferrable=True),
        sensor(EncordUploadJobSensor, job_ids=[JOB]),
    ],
    "PUT reencodevideotask": [re_encode(), re_encode(deferrable=True)],
    "GET reencodevideotask": [
        re_encode(ignore_if_missing=True),
        re_encode(deferrable=True),
        sensor(EncordReEncodeSensor, job_id=7),
    ],
    "GET datarows": [
        lambda details: EncordListDataRowsOperator(**COMMON, dataset_hash=DATASET, details_path=str(details)),
        lambda details: EncordDeleteDataOperator(**COMMON, dataset_hash=DATASET, title_like="%"),
        sensor(EncordDataRowSensor, min_count=1),
        sensor(EncordDataRowSensor, min_count=5, deferrable=True),
    ],
    "DELETE video": [lambda details: EncordDeleteDataOperator(**COMMON, dataset_hash=DATASET, data_hashes=[VIDEO])],
    "POST datasetlinkitems": [
        lambda details: EncordLinkItemsOperator(**COMMON, dataset_hash=DATASET, item_uuids=[ITEM])
    ],
    "POST datasets": [lambda details: EncordCreateDatasetOperator(**COMMON, title="new")],
    "GET datasets/list": [
        lambda details: EncordListDatasetsOperator(**COMMON, details_path=str(details)),
        lambda details: EncordCreateDatasetOperator(**COMMON, title="t", if_exists="skip"),
    ],
}


class ConnectionTest:
    """The button in the connection form, as if it were a task."""

    def execute(self, context: Mapping[str, Any]) -> Any:
        return EncordHook().test_connection()[1]


async def event_of(trigger: Any) -> Any:
    [event] = [event async for event in trigger.run()]
    return event.payload


def run(task: Any, ways: Ways) -> None:
    """Run a task to its end, deferred ones too; what comes out at each way is checked."""
    try:
        try:
            ways.check(task.execute(ways.context))
        except TaskDeferred as deferred:
            ways.check(deferred.trigger.serialize()[1])
            event = asyncio.run(event_of(deferred.trigger))
            ways.check(event)
            ways.check(task.execute_complete(ways.context, event))
    except AirflowException as error:
        ways.check(str(error))
        ways.check({name: value for name, value in vars(error).items() if not name.startswith("_")})


def constant(name: str) -> Any:
    raise AssertionError(f"{name} is not JSON")


UNSTORABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def as_json(value: Any) -> None:
    """Any reader of JSON takes it as it is, and any writer of UTF-8 its texts."""
    assert json.loads(json.dumps(value), parse_constant=constant) == value
    json.dumps(value, ensure_ascii=False).encode()
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, dict):
            todo += [*each, *each.values()]
        elif isinstance(each, list):
            todo += each
        elif isinstance(each, str):
            assert not UNSTORABLE.search(each)
        else:
            assert each is None or -(2**53) <= each <= 2**53


@pytest.fixture(scope="module")
def as_msgpack() -> Callable[[Any], None]:
    """What Airflow's processes tell each other in."""
    comms = pytest.importorskip("airflow.sdk.execution_time.comms", reason="this Airflow has no task SDK")
    if not hasattr(comms, "_new_encoder"):
        pytest.skip("this Airflow's processes do not talk in msgpack")
    import msgspec

    def check(value: Any) -> None:
        assert msgspec.msgpack.decode(comms._new_encoder().encode(value)) == value

    return check


def ready(connect: Callable[[], Any]) -> Any:
    """Connect to a server that is still starting up."""
    until = time.monotonic() + 60
    while True:
        try:
            return connect()
        except Exception:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


@pytest.fixture(scope="module")
def as_jsonb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Any], None]]:
    """A JSONB column of a real PostgreSQL."""
    psycopg2 = pytest.importorskip("psycopg2", reason="PostgreSQL's driver is not installed (psycopg2-binary)")
    from tests.chaos import postgres

    try:
        postgres.programs()
        postgres._user()
    except postgres.NoPostgres as missing:
        pytest.skip(str(missing))
    log = tmp_path_factory.mktemp("postgres") / "log"
    with log.open("w") as output, postgres.postgres(output) as server:
        connection = ready(lambda: psycopg2.connect(host=server.folder, user="airflow", dbname="postgres"))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept (value JSONB)")

            def check(value: Any) -> None:
                cursor.execute("INSERT INTO kept VALUES (%s) RETURNING value::text", (json.dumps(value),))
                assert json.loads(cursor.fetchone()[0]) == value
                if isinstance(value, str):
                    cursor.execute("SELECT %s", (value,))
                    assert cursor.fetchone()[0] == value

            yield check
        connection.close()


@pytest.fixture(scope="module", params=["as_msgpack", "as_jsonb"])
def store(request: pytest.FixtureRequest) -> Callable[[Any], None]:
    """What is done with each value that leaves."""
    made: Callable[[Any], None] = request.getfixturevalue(request.param)
    return made


@pytest.fixture(scope="module")
def encord() -> Iterator[Encord]:
    server = Encord()

    async def send(transport: Any, request: Request, *_: Any) -> Answer:
        return server.answer(request)

    async def no_sleep(seconds: float) -> None:
        pass

    with pytest.MonkeyPatch.context() as patch:
        connection = {"conn_type": "encord", "extra": {"token": "test-only-bearer-token"}}
        patch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", json.dumps(connection))
        patch.setattr(BlockingTransport, "_send", lambda transport, request, *_: server.answer(request))
        patch.setattr(AsyncTransport, "_send", send)
        patch.setitem(BlockingTransport.__init__.__kwdefaults__, "sleep", lambda seconds: None)
        patch.setitem(AsyncTransport.__init__.__kwdefaults__, "sleep", no_sleep)
        patch.setattr(triggers, "EARLIEST_EVENT_SECONDS", 0)
        patch.setattr(job_run, "PAUSE_BEFORE_LOST", 0)
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("details")


class Lines(logging.Handler):
    """The lines that are logged meanwhile, by either of the libraries that Airflow logs with."""

    def __enter__(self) -> Lines:
        self.lines: list[str] = []
        self.events = ExitStack()
        with suppress(ImportError):
            from structlog.testing import capture_logs

            self.captured = self.events.enter_context(capture_logs())
        self.level = logging.getLogger().level
        logging.getLogger().addHandler(self)
        logging.getLogger().setLevel(logging.INFO)
        return self

    def emit(self, record: logging.LogRecord) -> None:
        if "encord" in record.name:
            self.lines.append(record.getMessage())

    def __exit__(self, *_: Any) -> None:
        logging.getLogger().removeHandler(self)
        logging.getLogger().setLevel(self.level)
        self.lines += [entry["event"] for entry in getattr(self, "captured", ())]
        self.events.close()


def go(encord: Encord, name: str, status: int, value: Any, check: Callable[[Any], None], folder: Path) -> list[str]:
    """Let all who send a kind of request have this answer; return what they logged."""
    encord.hostile, encord.status, encord.value = name, status, value
    all_lines = []
    for make in USERS[name]:
        encord.asked.clear()
        details = folder / "details.jsonl"
        details.unlink(missing_ok=True)
        with Lines() as logged:
            run(make(details), Ways(check))
        for line in details.read_bytes().splitlines() if details.exists() else ():
            json.loads(line, parse_constant=constant)
        for line in logged.lines:
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", line)
            check(line)
        all_lines += logged.lines
    return all_lines


TEXTS = [
    *("\x00", "a\x00b.mp4", "\ud800", "a\udc80", "\x1b]0;x\x07", "\x9b31m", "one\nINFO two\r\n", "\u2028", "\u202ea"),
    *("", "x" * 70_000, "\\u0000", "é\U0001f642", "DONE", "ERROR", "PENDING", "SUBMITTED", "CANCELLED", "NEW\x00"),
    *("https://x.test/a\x00b?sig=hush", "__classname__", "1e999"),
]
NUMBERS = [2**53, 2**53 + 1, -(2**63) - 1, 10**25, 10**400, 1e17, 1e300, float("nan"), float("inf"), -1, 0.5, True]


def deep(levels: int, inside: Any) -> Any:
    for _ in range(levels):
        inside = [inside] if levels % 2 else {"a": inside}
    return inside


SCALARS = st.sampled_from([*TEXTS, *NUMBERS, None]) | st.text(max_size=8) | st.integers() | st.floats()
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(TEXTS) | st.text(), inner, max_size=3),
    max_leaves=6,
) | st.builds(deep, st.integers(30, 300), SCALARS)


def mostly(likely: st.SearchStrategy[Any], *others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(*[likely] * 3, *others)


def like(good: Any, name: str = "") -> st.SearchStrategy[Any]:
    """Answers that look like a good one, with anything in any place; another id would end most stories early."""
    if isinstance(good, dict):
        return st.fixed_dictionaries({name: like(value, name) for name, value in good.items()})
    if isinstance(good, list):
        return st.lists(like(good[0], name), min_size=1, max_size=3)
    if re.search("hash|uuid|^id$", name, re.IGNORECASE):
        return mostly(mostly(st.just(good)), SCALARS)
    return mostly(SCALARS, st.just(good), JSON)


def answers(name: str) -> st.SearchStrategy[tuple[str, int, Any]]:
    fine = st.tuples(st.just(name), st.just(200), mostly(like(GOOD[name]), JSON))
    return mostly(fine, st.tuples(st.just(name), st.just(400), mostly(st.sampled_from(TEXTS), JSON)))


SLOW_FINE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.mark.parametrize("name", GOOD)
@settings(max_examples=settings.default.max_examples // 4, suppress_health_check=SLOW_FINE)
@given(data=st.data())
def test_what_leaves_is_plain_json(name: str, data: st.DataObject, encord: Encord, folder: Path) -> None:
    go(encord, *data.draw(answers(name)), as_json, folder)


@settings(suppress_health_check=SLOW_FINE)
@given(answer=st.sampled_from(list(GOOD)).flatmap(answers))
def test_what_leaves_can_be_stored(answer: Any, encord: Encord, store: Callable[[Any], None], folder: Path) -> None:
    go(encord, *answer, store, folder)


def test_each_request_has_somebody_who_sends_it() -> None:
    assert set(USERS) == set(GOOD)


ODD_TITLE = "a\x00b\x1b.mp4"


def ended(kind: type, job_ids: list[Any]) -> dict[str, Any]:
    """Return the event of a trigger that waits for jobs."""
    trigger = kind(
        encord_conn_id="encord_default",
        dataset_hash=DATASET,
        deadline=None,
        poll_interval=0.01,
        max_poll_failures=1,
        job_ids=job_ids,
    )
    event: dict[str, Any] = asyncio.run(event_of(trigger))
    return event


def set_answer(encord: Encord, name: str, value: Any, status: int = 200) -> None:
    encord.asked.clear()
    encord.hostile, encord.status, encord.value = name, status, value


@pytest.mark.parametrize("place", ["errors", "unit error", "status"])
def test_a5_a_nul_in_what_a_job_tells_is_escaped_in_the_event(place: str, encord: Encord) -> None:
    answer = {
        "errors": {"status": "ERROR", "errors": ["bad\x00file\ud800\x1b"]},
        "unit error": {"status": "ERROR", "data_unit_errors": [{"object_urls": ["s3://b/bad\x00file"], "error": "e"}]},
        "status": {"status": "DONE", "data_hashes_with_titles": []},
    }[place]
    job_ids = ["bad\x00file"] if place == "status" else [JOB]  # who watches a job may have been given anything
    set_answer(encord, "GET datasetdatalongpolling", answer)
    event = ended(triggers.EncordUploadJobTrigger, job_ids)
    as_json(event)
    assert r"bad\x00file" in event["message"]


def test_a6_a_count_that_msgpack_cannot_hold_is_cut(encord: Encord, as_msgpack: Callable[[Any], None]) -> None:
    counts = {"units_done_count": 10**25, "units_error_count": 1e300, "units_cancelled_count": -(10**9)}
    set_answer(encord, "GET datasetdatalongpolling", {"status": "DONE", **counts})
    event = ended(triggers.EncordUploadJobTrigger, [JOB])
    as_msgpack(event)
    assert event["counts"] == {"done": 2**53, "failed": 2**53, "pending": 0, "cancelled": 0}
    as_msgpack(ended(triggers.EncordUploadJobTrigger, [JOB, JOB]))  # counts of several jobs are added up


def test_a7_a_title_with_a_nul_is_escaped_for_airflow_and_kept_for_the_user(encord: Encord, tmp_path: Path) -> None:
    items = [{"data_hash": VIDEO, "title": ODD_TITLE}]
    answer = {"status": "DONE", "units_done_count": 1, "data_hashes_with_titles": items}
    set_answer(encord, "GET datasetdatalongpolling", answer)
    returned = add()(tmp_path / "lines").execute(Ways(as_json).context)
    as_json(returned)
    assert returned["items"] == [{"data_hash": VIDEO, "title": r"a\x00b\x1b.mp4"}]
    assert json.loads((tmp_path / "lines").read_text())["title"] == ODD_TITLE


@pytest.mark.parametrize("answer", [10**25, -(10**25), [2**53 + 1], "\ud800", "7\x00", "x" * 256], ids=ascii)
def test_a8_a_task_id_that_nothing_can_keep_is_unreadable_and_not_asked_for_again(answer: Any, encord: Encord) -> None:
    set_answer(encord, "PUT reencodevideotask", answer)
    ways = Ways(as_json)
    with pytest.raises(EncordServerError, match="task id"):
        re_encode()(Path()).execute(ways.context)
    assert encord.asked.count("PUT reencodevideotask") == 1
    assert ways.store["encord_jobs"]["starting"]


def test_a19_what_a_server_says_is_on_one_line_of_an_error(encord: Encord) -> None:
    set_answer(encord, "PUT reencodevideotask", "one\nINFO two\x1b[2J\x85\u2028\u202e", 400)
    with pytest.raises(EncordError, match=r"said: 'one\\nINFO two\\x1b\[2J\\x85\\u2028\\u202e'\.") as caught:
        re_encode()(Path()).execute(Ways(as_json).context)
    assert str(caught.value).isprintable()


def test_a19_file_names_are_on_one_line_of_an_error() -> None:
    with pytest.raises(EncordError) as caught:
        find_files(["/no\nsuch\x1b\udce9.mp4"])
    assert r"/no\nsuch\x1b\udce9.mp4: " in str(caught.value)
    assert all(line.isprintable() for line in str(caught.value).split("\n"))


@pytest.mark.parametrize("answer", [7, True, "text", {"a": 1}, 2**53], ids=repr)
def test_a_listing_that_is_no_list_is_unreadable(answer: Any, encord: Encord) -> None:
    set_answer(encord, "GET datarows", answer)
    with pytest.raises(EncordServerError, match="should be a list"):
        list(EncordHook().iter_data_rows(DATASET))


class Bucket(BucketToEncordOperator):
    """A listing that tells any key."""

    keys: Sequence[str] = ()

    def objects(self) -> list[StoredObject]:
        return [StoredObject(f"s3://bucket/{key}", "bucket", key, 1, None) for key in self.keys]


def test_a_title_is_compared_and_sent_as_it_is(encord: Encord, monkeypatch: pytest.MonkeyPatch) -> None:
    set_answer(encord, "GET datarows", [ROW | {"data_title": ODD_TITLE, "file_link": None}])
    folder = "f0000000-0000-4000-8000-000000000001"
    monkeypatch.setitem(GOOD, f"GET storage/folders/{folder}/items", {"results": [], "nextPageToken": None})
    known = [ODD_TITLE]
    monkeypatch.setattr(Bucket, "keys", known)
    operator = Bucket(**WAITS, integration="AWS", prefix="s3://bucket/", on_empty="succeed")
    assert operator.execute(Ways(as_json).context)["status"] == "NOTHING NEW"
    assert "POST datasetdatalongpolling" not in encord.asked

    monkeypatch.setattr(Bucket, "keys", [*known, r"a\x00b\x1b.mp4", "new\x00.mp4"])
    bodies = []
    answer = encord.answer
    monkeypatch.setattr(encord, "answer", lambda request: bodies.append(request.body) or answer(request))
    Bucket(**WAITS, integration="AWS", prefix="s3://bucket/", max_failed_items=5).execute(Ways(as_json).context)
    [started] = [body for body in map(json.loads, filter(None, bodies)) if body["query_method"] == "POST"]
    titles = [video["title"] for video in started["values"]["payload"]["files"]["videos"]]
    assert titles == [r"a\x00b\x1b.mp4", "new\x00.mp4"]


def test_titles_that_differ_by_what_is_unstorable_are_two() -> None:
    titles = ["a\x00b", "a\ud800", "\udc80", "a\U0001f642", ""]
    with Index.of(titles) as index:
        assert all(title in index for title in titles)
        assert not any(title in index for title in ["a", "a\x00", r"a\x00b", "a?", "a\ud801", "\ud800a"])


def test_a_text_is_sent_back_as_it_came() -> None:
    row = data_rows.read_data_row({"data_hash": VIDEO, "data_title": "a\x00\ud800"})
    sent = json.loads(datasets.create_dataset(row.data_title).content)
    assert sent["title"] == "a\x00\ud800"


def test_a_pushed_value_and_an_error_go_over_the_border() -> None:
    operator = EncordLinkItemsOperator(task_id="task", dataset_hash=DATASET, item_uuids=[ITEM])
    operator.push(Ways(as_json).context, "key", {"\x00": ["\ud800", 10**25]})
    error = EncordError("a\x00\nb", dataset_hash="\ud800", trace_id="\x1b", retry_after=float("nan"))
    as_json([str(error), error.dataset_hash, error.trace_id, error.retry_after])
    assert str(error) == "a\\x00\nb"


def test_what_is_remembered_and_logged_goes_over_the_border() -> None:
    ways = Ways(as_json)
    lines: list[str] = []
    with Memory(ways.context, durable=True, identity={}).uploads() as uploads:
        uploads.note("a\x00", "key")
    assert [value["object_keys"] for value in ways.store.values()] == [{r"a\x00": "key"}]
    log = SimpleNamespace(info=lambda form, *values: lines.append(form % values))
    ProgressLog(log)(Verdict(State.PENDING, "PENDING", "job \x1b\n", {}, None))
    assert lines == [r"job \x1b\n."]


@pytest.mark.parametrize(
    ("answer", "logged"),
    [
        ({"status": "NEW\x00\n"}, r"is NEW\x00\n"),
        ({"status": "ERROR", "errors": ["\x1b"]}, r"Not added: item: \x1b"),
        ({"status": "ERROR", "data_unit_errors": [{"object_urls": ["s3://b/\n"]}]}, r"Not added: s3://b/\n: "),
    ],
    ids=["status", "error", "URL"],
)
def test_what_is_logged_is_looked_at(answer: Any, logged: str, encord: Encord, folder: Path) -> None:
    lines = go(encord, "GET datasetdatalongpolling", 200, answer, as_json, folder)
    assert [line for line in lines if logged in line]


def test_a_file_is_known_again_by_what_a_store_can_keep() -> None:
    names = ["caf\udce9.mp4", "caf\udce8.mp4", "caf\x1b.mp4", "café.mp4"]
    ids = item_tags.file_ids([SourceFile(name, name, 7, None) for name in names], ["digest"] * 4)
    assert storable(ids) == ids
    assert len(set(ids)) == len(ids)


def test_a_line_of_details_that_is_no_json_leaves_as_what_is(tmp_path: Path) -> None:
    lines = [{"metadata": {"a\x00": [float("inf"), 10**25]}}, {"metadata": {"a\x00": 10**25}}]
    assert write_json_lines(tmp_path / "lines", lines) == 2
    first, second = [json.loads(line, parse_constant=constant) for line in (tmp_path / "lines").open()]
    assert first == {"metadata": {r"a\x00": [None, str(10**25)]}}
    assert second == lines[1]


def test_a_rendered_field_can_be_stored() -> None:
    operator = EncordDeleteDataOperator(task_id="task", dataset_hash=DATASET, title_like="{{ title }}")
    operator.render_template_fields({"title": "a\x00b\ud800", "ti": None})
    assert str(operator.title_like) == r"a\x00b\ud800"
