"""The hook's verbs on an event loop: the same verbs, and nothing blocks."""

import asyncio
import inspect
import typing

import pytest

from airflow_provider_encord._client.jobs import State, UploadJobWatch
from airflow_provider_encord._client.resources.datasets import CreatedDataset
from airflow_provider_encord._storage.files import find_files
from airflow_provider_encord.exceptions import EncordInputError, EncordNotFoundError, EncordTimeoutError
from airflow_provider_encord.hooks import asynchronous
from airflow_provider_encord.hooks.asynchronous import AsyncEncord
from airflow_provider_encord.hooks.encord import EncordHook

OWN = {
    name: each
    for part in reversed(EncordHook.__mro__)
    if part.__module__.startswith("airflow_provider_encord.")
    for name, each in vars(part).items()
}
LAZY = {name: each for name, each in OWN.items() if hasattr(each, "lazy_steps")}
VERBS = LAZY | {name: each for name, each in OWN.items() if hasattr(each, "steps")}
MANIFEST = {"videos": [{"objectUrl": f"s3://bucket/{number}.mp4"} for number in range(3)]}
NOWHERE = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def run(hook):
    """Run a function of an open connection to its end."""

    def to_its_end(story):
        async def told():
            async with hook.connect() as encord:
                return await story(encord)

        return asyncio.run(told())

    return to_its_end


def test_each_verb_has_an_async_form_of_the_same_signature():
    assert {name for name in vars(AsyncEncord) if not name.startswith("_")} == {*VERBS, "iter_data_rows"}
    assert len(VERBS) >= 55
    for name, each in VERBS.items():
        form = vars(AsyncEncord)[name]
        assert inspect.iscoroutinefunction(form) is (name not in LAZY)
        assert str(inspect.signature(form)).replace("AsyncIterator", "Iterator") == str(inspect.signature(each))
        assert form.__doc__ == each.__doc__


def test_what_is_no_verb_is_about_the_hook_itself():
    public = {name for name, each in OWN.items() if inspect.isfunction(each) and not name.startswith("_")}
    assert public - set(VERBS) == {
        "arun",
        "async_transport",
        "connect",
        "get_conn",
        "get_sdk_client",
        "get_settings_async",
        "iter_data_rows",
        "log_failed_poll",
        "on_event_loop",
        "run",
        "test_connection",
    }


@pytest.mark.parametrize("verb", VERBS)
def test_signatures_are_whole_and_tell_what_comes_back(verb):
    for form in (getattr(EncordHook, verb), getattr(AsyncEncord, verb)):
        signature = inspect.signature(form)
        assert not {each.kind for each in signature.parameters.values()} & {
            inspect.Parameter.VAR_KEYWORD,
            inspect.Parameter.VAR_POSITIONAL,
        }
        assert "Steps" not in str(signature)
        assert signature.return_annotation is not inspect.Signature.empty
    assert typing.get_type_hints(EncordHook.create_dataset)["return"] is CreatedDataset


def test_rows_of_a_long_answer_come_one_by_one_and_the_loop_goes_on(run, hook, dataset, monkeypatch):
    monkeypatch.setattr(asynchronous, "_ITEMS_AT_ONCE", 2)
    ours = inspect.signature(EncordHook.iter_data_rows)
    assert str(inspect.signature(AsyncEncord.iter_data_rows)) == str(ours).replace("Generator", "AsyncIterator")
    added = hook.add_private_data_to_dataset(dataset, "AWS", MANIFEST)

    async def story(encord):
        first = []
        async for row in encord.iter_data_rows(dataset, title_like="%0.mp4"):
            first.append(row.data_hash)
            break
        return first, [row.data_hash async for row in encord.iter_data_rows(dataset)]

    assert run(story) == ([added[0].data_hash], [item.data_hash for item in added])


def test_a_refusal_comes_from_the_iteration(run):
    async def story(encord):
        return [row async for row in encord.iter_data_rows(NOWHERE)]

    with pytest.raises(EncordNotFoundError):
        run(story)


def test_a_whole_story(run, hook, media, asked):
    async def story(encord):
        dataset = (await encord.create_dataset("async")).dataset_hash
        one = await encord.upload_image(dataset, media / "a.png", title="one")
        videos = await encord.upload_videos(dataset, [media / "2.mp4", media / "1.mp4"])
        groups = await encord.create_image_groups(dataset, {"g": [media / "a.png", media / "b.png"]})
        added = await encord.add_private_data_to_dataset(dataset, "AWS", MANIFEST)
        assert await encord.add_private_data_to_dataset(dataset, "AWS", MANIFEST) == []
        rows = await encord.list_data_rows(dataset)
        assert [row.data_hash for row in rows] == [item.data_hash for item in [one, *videos, *groups, *added]]
        await encord.delete_data(dataset, one.data_hash)
        task = await encord.re_encode_data(dataset, [videos[0].data_hash])
        assert (await encord.re_encode_data_status(dataset, task)).status in ("SUBMITTED", "DONE")
        outcomes = await encord.put_files(find_files([media / "c.png"]), "image")
        assert [outcome.error for outcome in outcomes] == [None]
        return dataset

    dataset = run(story)
    assert asked().count("upload_job_start") == 5
    assert len(hook.list_data_rows(dataset)) == 6


def test_jobs(run, dataset, encord):
    async def story(client):
        job = await client.add_private_data_to_dataset_start(dataset, "AWS", MANIFEST)
        watch = UploadJobWatch(dataset, job)
        assert (await client.look(watch)).state is State.PENDING
        assert (await client.add_private_data_to_dataset_get_result(dataset, job, 0)).status == "PENDING"
        encord.fault("upload_job_poll", status=503)
        assert await client.look(watch) is None
        with pytest.raises(EncordTimeoutError, match="goes on in Encord"):
            await client.wait(watch, deadline=1)
        encord.settings(job_seconds=0)
        await client.add_private_data_to_dataset(dataset, "AWS", {"videos": [{"objectUrl": "s3://bucket/x.mp4"}]})

    encord.settings(job_seconds=3600)
    run(story)


def test_errors_are_those_of_the_hook(run):
    async def story(client):
        with pytest.raises(EncordNotFoundError) as caught:
            await client.get_dataset(NOWHERE)
        assert caught.value.conn_id == "encord_default"
        with pytest.raises(EncordInputError, match="not sent"):
            await client.get_dataset("")
        with pytest.raises(EncordInputError, match="none has the title"):
            await client.find_cloud_integration("moon")

    run(story)


def test_secrets_are_masked_before_they_are_returned(run, dataset, monkeypatch):
    masked = []

    async def mask(secrets):
        masked.extend(secrets)

    monkeypatch.setattr(asynchronous, "mask_secrets_async", mask)

    async def story(client):
        key = await client.get_or_create_dataset_api_key(dataset)
        token = await client.get_bearer_token()
        return [key.api_key, token]

    assert run(story) == masked


def test_many_at_once_over_one_connection_that_is_read_once(run, dataset, encord, monkeypatch):
    def blocking(self):
        raise AssertionError("read by the blocking way")

    monkeypatch.setattr(EncordHook, "_read", blocking)

    async def story(client):
        encord.fault("get_dataset", delay=0.2, times=None)
        found = await asyncio.gather(*(client.get_dataset(dataset) for _ in range(50)))
        return {each.title for each in found}

    clock = asyncio.new_event_loop()
    started = clock.time()
    assert run(story) == {"a dataset"}
    assert clock.time() - started < 50 * 0.2
    clock.close()


def test_it_is_used_as_a_context_manager(hook):
    with pytest.raises(RuntimeError, match=r"async with EncordHook\(\)\.connect\(\)"):
        asyncio.run(hook.connect().get_datasets())


def test_a_verb_of_a_subclass_is_used_within_other_verbs(encord, dataset, media):
    class Careful(EncordHook):
        def start_upload_job(self, dataset_hash, **arguments):
            started.append(dataset_hash)
            return super().start_upload_job(dataset_hash, **arguments)

    started = []
    assert Careful().upload_image(dataset, media / "a.png").title == "a.png"
    assert started == [dataset]
