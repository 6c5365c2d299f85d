"""Which objects of a listing are wanted, and an account that always balances."""

import collections
import fnmatch
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_encord._airflow import arguments
from airflow_provider_encord._storage.grouping import KIND_BY_EXTENSION, MAX_TITLE, object_url, title_of
from airflow_provider_encord._storage.listing import StoredObject
from airflow_provider_encord._storage.selection import (
    REASONS,
    Selection,
    apart,
    excluder,
    kind_of,
    kinds_table,
    matcher,
)
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.manifest import check
from airflow_provider_encord.transfers.bucket_to_encord import DEFAULT_EXCLUDE

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def stored(key, size=1, modified=NOON, storage_class="STANDARD"):
    return StoredObject(f"s3://bucket/{key}", "bucket", key, size, modified, "etag", storage_class)


def left_out(objects, prefix="in/", kinds=KIND_BY_EXTENSION, **arguments):
    selection = Selection(prefix, kinds, **{"exclude": DEFAULT_EXCLUDE} | arguments)
    wanted = list(selection.wanted(objects))
    account = selection.account
    account.new = len(wanted)
    assert account.balanced()
    assert tuple(account.left_out) == REASONS
    assert account.listed == len(objects)
    return {reason: count for reason, count in account.left_out.items() if count}


# Kinds


def test_kinds_are_normalised():
    given = {".mp4": "videos", "PNG": "images", ".Nii.GZ": "nifti", "": "dicom_series"}
    assert kinds_table(given) == {"mp4": "videos", "png": "images", "nii.gz": "nifti", "": "dicom_series"}
    assert kinds_table({"mp4": "videos", ".MP4": "videos"}) == {"mp4": "videos"}
    assert arguments.kinds_by_extension(("videos",))({".MP4": "videos"}, "kinds") == {"mp4": "videos"}


@pytest.mark.parametrize(
    "extension", ["*.mp4", "a/b", ".", "..mp4", "mp4.", " ", "m p4", "[mp4]", "mp4\n.x", "mp4,mov", 4, None]
)
def test_impossible_extensions_are_refused(extension):
    with pytest.raises(EncordInputError, match="is no file name extension"):
        kinds_table({extension: "videos"})


def test_an_extension_of_two_kinds_is_refused():
    with pytest.raises(EncordInputError, match="'mp4' has two kinds, videos and images"):
        kinds_table({"mp4": "videos", ".MP4": "images"})


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("in/a.mp4", "videos"),
        ("in/A.MP4", "videos"),
        ("in/scan.nii.gz", "nifti"),
        ("in/scan.v2.NII.gz", "nifti"),
        ("in/a.gz", "archive"),
        ("in/a.tar.gz", "archive"),
        ("in.mp4/IM0001", "dicom_series"),
        ("IM0001", "dicom_series"),
        ("in/1.2.840.10008.5", "dicom_series"),
        ("in/.mp4", "videos"),
        ("in/a.exe", None),
        ("in/a.mp4.part", None),
        ("in/", "dicom_series"),
    ],
)
def test_the_longest_extension_wins(key, kind):
    table = {"mp4": "videos", "gz": "archive", "nii.gz": "nifti", "": "dicom_series"}
    assert kind_of(key, table) == kind
    if kind == "dicom_series":
        assert kind_of(key, KIND_BY_EXTENSION) is None


# Globs


@pytest.mark.parametrize(
    ("glob", "key", "matches"),
    [
        ("**", "a/b/c.mp4", True),
        ("*", "a.mp4", True),
        ("*", "a/b.mp4", False),
        ("*.mp4", "a.mp4", True),
        ("*.mp4", "a/b.mp4", False),
        ("**/*.mp4", "b.mp4", True),
        ("**/*.mp4", "a/b/c.mp4", True),
        ("a/**", "a/b/c", True),
        ("a/**", "ab/c", False),
        ("a/", "a/b/c", True),
        ("a/**/z.mp4", "a/z.mp4", True),
        ("a/**/z.mp4", "a/b/c/z.mp4", True),
        ("cam?/*", "cam1/a", True),
        ("cam?/*", "cam/a", False),
        ("a?b", "a/b", False),
        ("[ab].mp4", "b.mp4", True),
        ("[!ab].mp4", "b.mp4", False),
        ("[!a]b", "/b", False),
        ("[0-9].mp4", "7.mp4", True),
        ("[^a]", "^", True),
        ("[]].mp4", "].mp4", True),
        ("[z-a]", "[z-a]", True),
        ("[", "[", True),
        ("a.mp4", "aXmp4", False),
        ("*", "two\nlines", True),
        ("a+(b)|c", "a+(b)|c", True),
        ("/a/*.mp4", "a/b.mp4", True),
        ("/*.mp4", "a/b.mp4", False),
    ],
)
def test_globs(glob, key, matches):
    assert bool(matcher(glob)(key)) is matches


@given(st.text("ab*?[]!-.^\\", max_size=8), st.text("ab[]!-.^\\", max_size=6))
def test_within_a_folder_a_glob_is_as_in_a_shell(glob, name):
    if "**" not in glob and "--" not in glob:
        assert bool(matcher(glob)(name)) is fnmatch.fnmatchcase(name, glob)


@pytest.mark.parametrize(
    ("globs", "key", "excluded"),
    [
        ("._*", "a/b/._clip.png", True),
        ("._*", "._a/clip.png", False),
        (["*.tmp", "Thumbs.db"], "a/Thumbs.db", True),
        ("trash/**", "trash/a/b.mp4", True),
        ("trash/", "trash/a/b.mp4", True),
        ("trash/", "a/trash/b.mp4", False),
        ("**/trash/", "a/trash/b.mp4", True),
        ("/trash/", "trash/a/b.mp4", True),
        ("/b.tmp", "b.tmp", True),
        ("/b.tmp", "a/b.tmp", False),
        (["trash/", "*.tmp"], "a/b.tmp", True),
        (["trash/", "*.tmp"], "a/b.mp4", False),
        ((), "._clip.png", False),
    ],
)
def test_exclude(globs, key, excluded):
    assert bool(excluder(globs)(key)) is excluded


@pytest.mark.parametrize(
    ("prefix", "pattern", "expected"),
    [
        ("s3://b/in/", "*.mp4", ("s3://b/in/", "*.mp4")),
        ("s3://b/in/*.mp4", "**", ("s3://b/in/", "*.mp4")),
        ("s3://c@b/in/2026-*/cam?/", "**", ("s3://c@b/in/2026-", "*/cam?/**")),
        ("gs://b/in/*", "*.mp4", ("gs://b/in/", "*/*.mp4")),
        ("s3://b/in/[ab]*/", "**", ("s3://b/in/", "[ab]*/**")),
        ("s3://b/scan [1]/", "**", ("s3://b/scan [1]/", "**")),
        ("s3://b/**/*.mp4", "**", ("s3://b/", "**/*.mp4")),
        ("/data/in/2026-*/a", "**", ("/data/in/", "2026-*/a")),
        ("file:///data/in*/", "**", ("file:///data/", "in*/**")),
        ("FILE:///data/in*/", "**", ("FILE:///data/", "in*/**")),
    ],
)
def test_a_glob_in_a_prefix_is_taken_apart(prefix, pattern, expected):
    assert apart(prefix, pattern) == expected


# The account


def test_an_object_counts_for_the_first_reason():
    late = NOON + timedelta(days=1)
    everything_wrong = stored("in/x/._a.exe", 0, late, "GLACIER")
    options = {"pattern": "*", "min_size": 10, "modified_before": NOON + timedelta(hours=1)}
    assert left_out([everything_wrong], **options) == {"kind": 1}
    assert left_out([stored("in/x/._a.png", 0, late, "GLACIER")], **options) == {"pattern": 1}
    assert left_out([stored("in/._a.png", 0, late, "GLACIER")], **options) == {"exclude": 1}
    assert left_out([stored("in/a.png", 0, late, "GLACIER")], **options) == {"size": 1}
    assert left_out([stored("in/a.png", 11, late, "GLACIER")], **options) == {"interval": 1}
    assert left_out([stored("in/a.png", 0, NOON, "GLACIER")]) == {"empty": 1}
    assert left_out([stored("in/a.png", 0)], min_size=1) == {"empty": 1}
    assert left_out([stored("in/a.png", 11, NOON, "GLACIER")], **options) == {"archived": 1}
    assert left_out([stored("in/a.png", 11)], **options) == {}


def test_defaults_leave_out_what_lies_beside_media():
    names = ["._a.png", ".DS_Store", "Thumbs.db", "desktop.ini", "a.metadata.json", "_SUCCESS", "a.png"]
    kinds = {"": "text", "png": "images", "db": "text", "ini": "text", "json": "text", "ds_store": "text"}
    objects = [stored(f"in/deep/{name}") for name in names]
    assert left_out(objects, kinds=kinds) == {"exclude": 6}
    assert left_out(objects, kinds=kinds, exclude=()) == {}


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE", "Archive"])
def test_archived_objects(storage_class):
    objects = [stored("in/a.mp4", storage_class=storage_class), stored("in/b.mp4", storage_class=None)]
    assert left_out(objects) == {"archived": 1}
    assert left_out(objects, include_archived=True) == {}


def test_the_window_includes_its_begin_and_not_its_end():
    objects = [stored(f"in/{hour}.mp4", modified=NOON + timedelta(hours=hour)) for hour in range(5)]
    window = {"modified_after": NOON + timedelta(hours=1), "modified_before": NOON + timedelta(hours=3)}
    wanted = [found.key for found, _ in Selection("in/", KIND_BY_EXTENSION, **window).wanted(objects)]
    assert wanted == ["in/1.mp4", "in/2.mp4"]


def test_an_unknown_time_under_a_window_is_an_error():
    untimed = stored("in/a.mp4", modified=None)
    assert left_out([untimed]) == {}
    with pytest.raises(EncordInputError, match=r"does not tell when 's3://bucket/in/a.mp4' was written"):
        list(Selection("in/", KIND_BY_EXTENSION, modified_after=NOON).wanted([untimed]))


def test_a_prefix_without_its_slash():
    objects = [stored("in/a.mp4"), stored("in/deep/b.mp4"), stored("in//c.mp4")]
    assert left_out(objects, prefix="in", pattern="*.mp4") == {"pattern": 1 + 1}
    assert left_out(objects, prefix="in/", pattern="*.mp4") == {"pattern": 1}


def test_the_account_in_words():
    selection = Selection("in/", KIND_BY_EXTENSION, exclude="._*")
    assert "nothing listed" in str(selection.account)
    wanted = list(selection.wanted([stored("in/a.mp4"), stored("in/b.exe"), stored("in/._c.png")]))
    selection.account.new = selection.account.new_items = len(wanted)
    assert str(selection.account) == (
        "3 objects listed: 2 left out (kind 1, exclude 1), 0 present, 0 changed, 1 new (items: 1)"
    )
    assert selection.account.to_dict()["left_out"] == dict.fromkeys(REASONS, 0) | {"kind": 1, "exclude": 1}


@given(
    st.lists(
        st.builds(
            stored,
            st.text("ab./_*", min_size=1, max_size=8).map(lambda name: f"in/{name}.png"),
            st.integers(0, 5),
            st.sampled_from([NOON, NOON + timedelta(days=1)]),
            st.sampled_from(["GLACIER", "STANDARD", None]),
        )
    ),
    st.sampled_from(["**", "*", "a*/**"]),
    st.integers(0, 3),
)
def test_every_account_balances(objects, pattern, least):
    counted = collections.Counter(left_out(objects, pattern=pattern, min_size=least, modified_before=NOON))
    assert counted.total() <= len(objects)


# Addresses


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=1024), st.sampled_from(["s3", "gs"]))
def test_any_key_can_be_registered(key, scheme):
    url = object_url(f"{scheme}://bucket/{key}", "bucket", key)
    check({"videos": [{"objectUrl": url, "title": title_of(key)}]})
    assert len(title_of(key)) <= MAX_TITLE


@pytest.mark.parametrize("hidden", ["\u200b", "\u2060", "\ufeff", "\x85", "\u2028", "\u00a0", "\x7f", "\x1f"])
def test_what_cannot_be_seen_goes_as_a_web_address(hidden):
    assert object_url(f"gs://b/a{hidden}", "b", f"a{hidden}").startswith("https://storage.googleapis.com/b/a%")
    assert object_url(f"s3://b/a{hidden}", "b", f"a{hidden}").startswith("https://b.s3.amazonaws.com/a%")


def test_unknown_fields_of_an_address_are_named():
    form = arguments.object_url("https://account.blob.core.windows.net/{bucket}/{key}", "object_url")
    assert object_url("az://b/a b", "b", "a b", form) == "https://account.blob.core.windows.net/b/a%20b"
    with pytest.raises(EncordInputError, match=r"not \{container\}"):
        arguments.object_url("https://account.blob.core.windows.net/{container}/{key}", "object_url")
    with pytest.raises(EncordInputError, match=r"\{key\}"):
        arguments.object_url("https://account.blob.core.windows.net/{bucket}", "object_url")
