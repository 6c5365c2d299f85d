"""Each recorded operation of several requests, done by a verb of the hook over real connections."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_encord._client.jobs import UploadJobWatch
from airflow_provider_encord._client.resources import data_items
from airflow_provider_encord.hooks.encord import EncordHook
from flow_cases import FLOWS, OUTCOMES, Outcome
from loopback import Loopback, Received, Reply
from replay_hook import replay_hook
from vectors import API_KEY, DATASET, VECTORS, Clock, Playback, assert_read, assert_sent

REFUSED = Reply(403, b"<Error>AccessDenied</Error>")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = {Path(name).name for name in ("sample.mp4", "photo.jpg", "photo.png", "photo.unknownext")}
    names |= {"voice.mp3", "page.html", "brain.nii.gz", "paper.pdf", "cloud.pcd", "notes.txt", "speed.csv"}
    for name in names | {"zebra.png", "apple.jpg", "mango.jpeg", "b.dcm", "a.dcm"}:
        (tmp_path / name).write_text("not really media\n")
    (tmp_path / "empty.mp4").touch()
    return tmp_path


def _image_type(recorded: dict) -> dict[str, str]:
    if recorded["method"] != "PUT":
        return {}
    assert recorded["headers"]["Content-Type"] == "application/dicom"
    return {"Content-Type": "image/png" if recorded["path"].endswith("key-1") else "image/jpeg"}


def by_path(requests: list[dict]) -> list[dict]:
    return sorted(requests, key=lambda request: request["path"])


def assert_all_sent(received: list[Received], recorded: list[dict], image_types: bool = False) -> None:
    """Compare all requests; PUTs run in parallel, so their order says nothing."""
    if image_types:
        recorded = [each | {"headers": each["headers"] | _image_type(each)} for each in recorded]
    puts = sorted((each for each in received if each.method == "PUT"), key=lambda each: each.path)
    others = [each for each in received if each.method != "PUT"]
    for ours, theirs in zip(puts, by_path([each for each in recorded if each["method"] == "PUT"]), strict=True):
        assert_sent(ours, theirs)
    for ours, theirs in zip(others, [each for each in recorded if each["method"] != "PUT"], strict=True):
        assert_sent(ours, theirs)


@pytest.mark.parametrize("name", FLOWS)
def test_flow(name: str, loopback: Loopback, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vector, ours = VECTORS[name], OUTCOMES.get(name, Outcome())
    clock = ours.clock()
    plays = list(range(len(vector["responses"])) if ours.plays is None else ours.plays)
    playback = Playback(loopback, vector, plays, fresh=REFUSED if ours.fresh_url_refused else None)
    if name == "add_private_data_get_result_timeout":
        hold(loopback, clock)
    hook = replay_hook(monkeypatch, loopback.url, clock)

    if ours.raises:
        with pytest.raises(ours.raises) as caught:
            FLOWS[name](hook, folder)
        assert type(caught.value) is ours.raises
        assert ours.says in str(caught.value)
        assert "sig=" not in str(caught.value)
    else:
        assert_read(FLOWS[name](hook, folder), ours.returns or vector["result"]["returned"])

    recorded = [each for each in loopback.received if each not in playback.unrecorded]
    assert_all_sent(recorded, [vector["requests"][at] for at in plays], ours.image_types)
    assert [each.path for each in playback.unrecorded] == (
        [vector["requests"][0]["path"], "/bucket/fresh"] if ours.fresh_url_refused else []
    )
    assert tuple(clock.sleeps) == ours.sleeps


def hold(loopback: Loopback, clock: Clock) -> None:
    """Let the server hold each poll for its full time, and a second more for the way."""
    respond = loopback.respond

    def respond_late(received: Received) -> Reply:
        clock.now += json.loads(received.body)["values"]["payload"]["timeout_seconds"] + 1
        return respond(received)

    loopback.respond = respond_late


class Awaited:
    """The asynchronous form of a hook's verbs, each run to its end."""

    def __init__(self, hook: EncordHook) -> None:
        self._hook = hook

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name == "run":
            return self._hook.run

        async def run(arguments: tuple, options: dict) -> Any:
            async with self._hook.connect() as encord:
                doing = getattr(encord, name)(*arguments, **options)
                return [each async for each in doing] if isinstance(doing, AsyncIterator) else await doing

        return lambda *arguments, **options: asyncio.run(run(arguments, options))


@pytest.mark.parametrize("name", FLOWS)
def test_flow_on_an_event_loop(name: str, loopback: Loopback, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same requests and results as in the blocking form; pauses differ by chance, so they are not compared."""
    vector, ours = VECTORS[name], OUTCOMES.get(name, Outcome())
    clock = ours.clock()
    plays = list(range(len(vector["responses"])) if ours.plays is None else ours.plays)
    playback = Playback(loopback, vector, plays, fresh=REFUSED if ours.fresh_url_refused else None)
    if name == "add_private_data_get_result_timeout":
        hold(loopback, clock)
    hook: Any = Awaited(replay_hook(monkeypatch, loopback.url, clock))
    if ours.raises:
        with pytest.raises(ours.raises, match=re.escape(ours.says)):
            FLOWS[name](hook, folder)
    else:
        assert_read(FLOWS[name](hook, folder), ours.returns or vector["result"]["returned"])
    recorded = [each for each in loopback.received if each not in playback.unrecorded]
    assert_all_sent(recorded, [vector["requests"][at] for at in plays], ours.image_types)


def test_create_image_group_allow_failures(loopback: Loopback, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The caller picks the files that passed; here as an operator would.
    from airflow_provider_encord._storage.files import find_files

    vector = VECTORS["create_image_group_allow_failures"]
    playback = Playback(loopback, vector, list(range(6)), fresh=REFUSED)
    hook = replay_hook(monkeypatch, loopback.url, Clock())
    files = find_files([folder / name for name in ("zebra.png", "apple.jpg", "mango.jpeg")])
    outcomes = hook.put_files(files, "image")
    assert [outcome.object_key for outcome in outcomes] == ["user-uploads/key-1", None, "user-uploads/key-3"]
    passed = [(outcome.object_key, outcome.name) for outcome in outcomes if outcome.object_key]
    job_id = hook.start_upload_job(DATASET, data_items=data_items.image_group(passed))
    verdict = hook.wait(UploadJobWatch(DATASET, job_id, max_held_seconds=10))
    assert_read(verdict.answer.items, vector["result"]["returned"])
    assert [each.path for each in playback.unrecorded] == ["/v2/public/presigned-urls", "/bucket/fresh"]
    assert_all_sent([each for each in loopback.received if each not in playback.unrecorded], vector["requests"])


def test_old145_upload_video_api_key(loopback: Loopback, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """We ask for no kind of key first, and name the kinds of data that came with later releases, too."""
    vector = VECTORS["old145_upload_video_api_key"]
    Playback(loopback, vector, [1, 2, 3, 4])
    hook = replay_hook(monkeypatch, loopback.url, Clock(), api_key=API_KEY, dataset_hash=DATASET)
    assert_read(hook.upload_video(DATASET, folder / "sample.mp4"), vector["result"]["returned"])
    signed_url, put, start, poll = loopback.received
    ours, theirs = (json.loads(text)["values"] for text in (start.text, vector["requests"][3]["body"]))
    items, older = ours["payload"].pop("dataItems"), theirs["payload"].pop("dataItems")
    assert ours == theirs
    assert {name: items[name] for name in items if name in older or items[name]} == older
    for received, at in ((signed_url, 1), (put, 2), (poll, 4)):
        assert_sent(received, vector["requests"][at])


def test_outcomes_are_about_known_flows() -> None:
    assert OUTCOMES.keys() <= FLOWS.keys()
