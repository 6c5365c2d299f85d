"""Objects of a bucket become entries of a manifest."""

import random

import pytest

from airflow_provider_encord import manifest
from airflow_provider_encord._storage.grouping import (
    KIND_BY_EXTENSION,
    MAX_TITLE,
    candidates,
    natural,
    object_url,
    title_maker,
    title_of,
)
from airflow_provider_encord._storage.listing import StoredObject
from airflow_provider_encord._storage.selection import kind_of
from airflow_provider_encord._storage.text_index import Index


def stored(key):
    return StoredObject(f"s3://b/{key}", "b", key, 1, None, f'"{key}"')


def made(keys, **grouping):
    kinds = ((stored(key), kind_of(key, KIND_BY_EXTENSION)) for key in sorted(keys))
    title = title_maker("{key}", "{folder}")
    found = []
    for candidate in candidates((each for each in kinds if each[1]), **grouping):
        entry = candidate.entry(title(candidate), {})
        entry.write_note()
        found.append((candidate.kind, entry))
    return found


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("a.mp4", "videos"),
        ("deep/er/A.MOV", "videos"),
        ("a.jpeg", "images"),
        ("a.mp3", "audio"),
        ("a.pdf", "pdfs"),
        ("a.txt", "text"),
        ("a.dcm", "dicom_series"),
    ],
)
def test_kind_by_extension(key, kind):
    [(found, item)] = made([key])
    assert found == kind
    assert f"s3://b/{key}" in item.values()


@pytest.mark.parametrize("key", ["a", "a.mp4.part", "a.exe", ".mp4/", "mp4"])
def test_other_objects_are_left_out(key):
    assert made([key]) == []


def test_images_of_a_folder_are_grouped_in_natural_order():
    keys = ["in/f10.jpg", "in/f9.jpg", "in/f1.jpg", "in/sub/f2.jpg", "in/z.mp4", "top.png"]
    found = {item["title"]: (kind, item) for kind, item in made(keys, group_images=True)}
    kind, group = found["in"]
    assert kind == "image_groups"
    assert [group[f"objectUrl_{n}"] for n in range(3)] == [f"s3://b/in/f{n}.jpg" for n in (1, 9, 10)]
    assert "objectUrl_3" not in group
    assert group["createVideo"] is False
    assert found["in/sub"][1]["objectUrl_0"] == "s3://b/in/sub/f2.jpg"
    assert found["in/z.mp4"][0] == "videos"
    assert found["/"][1]["objectUrl_0"] == "s3://b/top.png"


def test_a_series_is_made_of_each_folder_with_dicom():
    [(kind, item)] = made(["s/2.dcm", "s/10.dcm"])
    assert (kind, item["title"], item["objectUrl_0"]) == ("dicom_series", "s (DICOM)", "s3://b/s/2.dcm")


def test_only_the_folders_that_the_listing_is_in_are_held():
    folders = [f"{number:04}" for number in range(500)]
    keys = [f"{folder}/{frame}.jpg" for folder in folders for frame in range(3)]
    asked = []

    def listing():
        for key in keys:
            asked.append(key)
            yield stored(key), "images"

    for number, group in enumerate(candidates(listing(), group_images=True)):
        assert group.key == folders[number]
        assert len(asked) <= 3 * (number + 1) + 1


def test_every_entry_is_one_that_encord_takes():
    letters = random.Random(7)
    keys = {
        f"{letters.randrange(9)}/{letters.randrange(99)}.{letters.choice(['mp4', 'jpg', 'dcm', 'wav'])}"
        for _ in range(300)
    }
    for grouped in (False, True):
        content = {}
        for kind, item in made(keys, group_images=grouped):
            content.setdefault(kind, []).append(item)
        assert manifest.check(content) == sum(map(len, content.values()))


def test_a_long_key_has_a_title_of_its_own():
    keys = [f"{'x' * 400}/{number}.mp4" for number in range(3)]
    titles = {title_of(key) for key in keys}
    assert len(titles) == 3
    assert all(len(title) <= MAX_TITLE for title in titles)
    assert title_of("short.mp4") == "short.mp4"


@pytest.mark.parametrize(
    ("url", "key", "form", "expected"),
    [
        ("s3://b/a.mp4", "a.mp4", None, "s3://b/a.mp4"),
        ("s3://b/a b.mp4", "a b.mp4", None, "https://b.s3.amazonaws.com/a%20b.mp4"),
        ("s3://b/a#1?.mp4", "a#1?.mp4", None, "https://b.s3.amazonaws.com/a%231%3F.mp4"),
        ("gs://b/a.mp4", "a.mp4", None, "gs://b/a.mp4"),
        (
            "abfs://b/a b.mp4",
            "a b.mp4",
            "https://x.blob.core.windows.net/{bucket}/{key}",
            "https://x.blob.core.windows.net/b/a%20b.mp4",
        ),
    ],
)
def test_object_url(url, key, form, expected):
    assert object_url(url, "b", key, form) == expected


def test_natural_order_is_total():
    names = ["a10", "a9", "b", "10", "9", "", "a", "a9b10", "a9b9", "é1"]
    assert sorted(names, key=natural)[:3] == ["", "9", "10"]


def test_the_index_holds_any_text_once():
    with Index([("a", "1"), ("a", "2"), ("b'; DROP TABLE pairs", ""), ("ü", "x")]) as index:
        assert [index.get(each) for each in ("a", "b'; DROP TABLE pairs", "ü", "A", "")] == ["1", "", "x", None, None]
