"""The hook's verbs of folders and items against the local Encord, from the first folder to the last item."""

import asyncio

import pytest

from airflow_provider_encord._client.jobs import FolderUploadJobWatch, ItemReEncodeWatch, State
from airflow_provider_encord.exceptions import EncordNotFoundError

MANIFEST = {"videos": [{"objectUrl": f"s3://bucket/{number}.mp4", "title": f"{number}.mp4"} for number in range(5)]}


@pytest.fixture
def folder(hook, encord):
    encord.settings(metadata_patch="replace")
    return hook.create_folder("a folder", "of tests", {"site": "Zürich"}).uuid


def names(items):
    return sorted(item.name for item in items)


def test_folders(hook, folder):
    inner = hook.create_folder("inner", parent_folder=folder)
    deep = hook.create_folder("deep", parent_folder=inner.uuid)
    assert names(hook.list_folders(folder)) == ["inner"]
    assert names(hook.iter_folders(folder, recursive=True, page_size=1)) == ["deep", "inner"]
    assert inner.uuid in [each.uuid for each in hook.get_folder(deep.uuid).path_to_root]
    changed = hook.update_folder(folder, name="renamed", client_metadata={"n": 1})
    assert (changed.name, changed.description) == ("renamed", "of tests")
    assert hook.get_folder(folder).client_metadata == {"site": "Zürich", "n": 1}
    hook.move_folders([deep.uuid])
    assert hook.get_folder(deep.uuid).parent is None
    hook.delete_folder(deep.uuid)
    with pytest.raises(EncordNotFoundError, match=f"get folder {deep.uuid}"):
        hook.get_folder(deep.uuid)
    assert hook.get_folder_summary(folder).folders == 1


@pytest.mark.parametrize("patch", ["replace", "merge"])
def test_metadata_is_merged_whatever_encord_does(hook, encord, folder, media, patch):
    hook.upload_files_to_folder(folder, "image", [media / "a.png", media / "b.png"], client_metadata={"site": "A"})
    encord.settings(metadata_patch=patch)
    first, second = hook.list_items(folder)
    hook.update_items({first.uuid: {"client_metadata": {"n": 1}}, second.uuid: {"name": "second"}})
    first, second = hook.get_items([first.uuid, second.uuid])
    assert (first.client_metadata, second.client_metadata) == ({"site": "A", "n": 1}, {"site": "A"})
    assert second.name == "second"


def test_items(hook, folder, media, dataset):
    added = hook.upload_files_to_folder(folder, "image", [media / "a.png", media / "b.png", media / "c.png"])
    added += hook.upload_files_to_folder(folder, "video", media / "1.mp4", max_items_per_job=1)
    assert names(hook.iter_items(folder, page_size=1)) == ["1.mp4", "a.png", "b.png", "c.png"]
    (video,) = hook.list_items(folder, item_types=["video"])
    assert video.uuid == added[-1].item_uuid
    assert hook.get_item(video.uuid).signed_url is None
    assert hook.get_item(video.uuid, sign_url=True).signed_url.startswith("http")
    (row,) = hook.link_items(dataset, [video.uuid])
    assert [item.uuid for item in hook.list_items(folder, is_in_dataset=True)] == [video.uuid]
    (used,) = hook.get_item_summary(folder, video.uuid).accessible_datasets
    assert (used.dataset_hash, used.data_hashes) == (dataset, (row.data_hash,))

    job = hook.re_encode_items([video.uuid], "again")
    assert hook.wait(ItemReEncodeWatch(job)).state is State.DONE
    other = hook.create_folder("other").uuid
    hook.move_items(folder, [added[0].item_uuid], other)
    assert [item.uuid for item in hook.list_items(other)] == [added[0].item_uuid]
    hook.delete_items(folder, [added[1].item_uuid])
    assert len(hook.list_items(folder)) == 2


def test_private_data_and_cancelling(hook, encord, folder):
    assert names(hook.add_private_data_to_folder(folder, "AWS", MANIFEST)) == [f"{number}.mp4" for number in range(5)]
    assert {item.url for item in hook.iter_items(folder)} == {each["objectUrl"] for each in MANIFEST["videos"]}
    hook.add_private_data_to_folder(folder, "AWS", MANIFEST)
    assert len(hook.list_items(folder)) == 5

    encord.settings(job_seconds=3600)
    more = {"videos": [{"objectUrl": f"s3://bucket/more/{number}.mp4"} for number in range(3)]}
    job = hook.add_private_data_to_folder_start(folder, "AWS", more)
    watch = FolderUploadJobWatch(folder, job)
    assert hook.look(watch).state is State.PENDING
    assert hook.add_private_data_to_folder_get_result(folder, job, 0).status == "PENDING"
    assert hook.run(watch.cancel()) == 3
    assert hook.look(watch).state is State.CANCELLED
    assert hook.cancel_folder_upload_job(folder, job) == 3 or hook.get_folder_upload_job(folder, job).cancelled == 3


def test_on_an_event_loop(hook, folder, media):
    async def story():
        async with hook.connect() as encord:
            await encord.upload_files_to_folder(folder, "image", [media / "a.png", media / "b.png"])
            return names([item async for item in encord.iter_items(folder, page_size=1)])

    assert asyncio.run(story()) == ["a.png", "b.png"]


def test_the_connection_test_names_the_user(hook):
    good, text = hook.test_connection()
    assert good, text
    assert " as " in text
