"""Many files by few jobs."""

import json
import shutil

import pytest

from airflow_provider_encord._client.transport import MAX_FILES_PER_JOB
from airflow_provider_encord.exceptions import EncordInputError, EncordJobError, EncordMachineError
from airflow_provider_encord.operators.uploads import EncordUploadImageOperator


@pytest.fixture
def images(media, tmp_path):
    """Twenty images, in an order that is not that of the alphabet."""
    made = [tmp_path / f"{number * 7 % 20:02}.png" for number in range(20)]
    for path in made:
        shutil.copy(media / "a.png", path)
    return made


def test_twenty_images_are_one_job(hook, dataset, asked, images):
    added = hook.upload_images(dataset, images)
    assert [item.title for item in added] == [path.name for path in images]
    rows = {row.data_hash: row.data_title for row in hook.list_data_rows(dataset)}
    assert {item.data_hash: item.title for item in added} == rows
    assert asked().count("upload_job_start") == 1


def test_more_than_fit_into_a_job_make_several(hook, dataset, asked, images):
    added = hook.upload_images(dataset, images, max_items_per_job=6)
    assert [item.title for item in added] == [path.name for path in images]
    assert asked().count("upload_job_start") == 4


def test_a_job_holds_as_many_as_those_of_the_operators():
    operator = EncordUploadImageOperator(task_id="t", dataset_hash="{{ x }}", file_paths=["a"])
    assert operator.max_items_per_job == MAX_FILES_PER_JOB == 1000


def test_items_come_in_the_order_of_the_paths_also_if_encord_lists_them_otherwise(hook, dataset, media, monkeypatch):
    wait = type(hook).wait

    def backwards(self, *arguments, **options):
        verdict = wait(self, *arguments, **options)
        object.__setattr__(verdict.answer, "items", verdict.answer.items[::-1])
        return verdict

    monkeypatch.setattr(type(hook), "wait", backwards)
    paths = [media / name for name in ("c.png", "a.png", "b.png")]
    assert [item.title for item in hook.upload_images(dataset, paths)] == ["c.png", "a.png", "b.png"]


def test_videos(hook, dataset, asked, media):
    added = hook.upload_videos(dataset, [str(media / "2.mp4"), media / "1.mp4"], client_metadata={"site": "A"})
    assert [item.title for item in added] == ["2.mp4", "1.mp4"]
    rows = hook.list_data_rows(dataset, fetch_client_metadata=True)
    assert [(row.data_type, row.client_metadata) for row in rows] == [("VIDEO", {"site": "A"})] * 2
    assert asked().count("upload_job_start") == 1


@pytest.mark.parametrize("form", ["lists", "JSON", "titles"])
def test_groups(form, hook, dataset, asked, media):
    paths = [[str(media / name) for name in names] for names in (("b.png", "a.png"), ("c.png",))]
    groups = {"lists": paths, "JSON": json.dumps(paths), "titles": dict(zip(["x", "y"], paths, strict=True))}[form]
    added = hook.create_image_groups(dataset, groups, create_video=False)
    rows = [hook.get_data_row(dataset, item.data_hash, images_signed_urls=False) for item in added]
    assert [[image["title"] for image in row.images_data] for row in rows] == [["b.png", "a.png"], ["c.png"]]
    assert form != "titles" or [item.title for item in added] == ["x", "y"]
    assert asked().count("upload_job_start") == 1


def test_a_group_is_never_split(hook, dataset, asked, media):
    groups = {name: [media / "a.png", media / "b.png", media / "a.png"] for name in "xyz"}
    added = hook.create_image_groups(dataset, groups, max_items_per_job=2)
    assert [item.title for item in added] == ["x", "y", "z"]
    assert asked().count("upload_job_start") == 3


def test_all_groups_that_encord_makes_are_returned(hook, dataset, media):
    added = hook.create_image_groups(dataset, {"x": [media / "a.png", media / "c.png"], "y": [media / "b.png"]})
    assert [item.title for item in added] == ["x-1", "x-2", "y"]


@pytest.mark.parametrize("verb", ["upload_videos", "upload_images", "create_image_groups"])
def test_an_empty_list_is_nothing_to_do_and_none_is_a_mistake(verb, hook, dataset, asked):
    assert getattr(hook, verb)(dataset, []) == []
    with pytest.raises(EncordInputError, match="None"):
        getattr(hook, verb)(dataset, None)
    with pytest.raises(EncordInputError, match="max_items_per_job must be a whole number"):
        getattr(hook, verb)(dataset, ["a"] if verb != "create_image_groups" else [["a"]], max_items_per_job=0)
    assert asked() == []


@pytest.mark.parametrize("groups", [["a.png", "b.png"], "a.png", {"x": "a.png"}, [[]], {"x": []}, [["a.png"], None], 7])
def test_what_is_no_group_is_refused(groups, hook, dataset, asked):
    with pytest.raises(EncordInputError, match="groups"):
        hook.create_image_groups(dataset, groups)
    assert asked() == []


def test_all_files_are_looked_at_before_the_first_byte_is_sent(hook, dataset, asked, media):
    with pytest.raises(EncordMachineError, match="2 of 3 files"):
        hook.create_image_groups(dataset, {"x": [media / "a.png", "/nowhere/1.png"], "y": ["/nowhere/2.png"]})
    with pytest.raises(EncordInputError, match=r"1\.mp4: is video/mp4 by its name"):
        hook.upload_images(dataset, [media / "a.png", media / "1.mp4"])
    assert asked() == []


def test_an_error_names_the_jobs_that_were_started(hook, dataset, encord, media):
    encord.force_job("next", status="ERROR", error="the disk is full")
    with pytest.raises(EncordJobError, match="the disk is full") as caught:
        hook.upload_images(dataset, [media / "a.png", media / "b.png"], max_items_per_job=1)
    assert len(caught.value.job_ids) == 2
    encord.fault("upload_job_start", status=400, skip=1)
    with pytest.raises(Exception, match="start upload job") as caught:
        hook.upload_images(dataset, [media / "a.png", media / "b.png"], max_items_per_job=1)
    assert len(caught.value.job_ids) == 1
