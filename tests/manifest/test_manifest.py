"""The manifest of a private cloud: what passes, and how each mistake is named."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_encord import manifest
from airflow_provider_encord.manifest import ManifestProblem, check, parse, skipping_duplicates
from vectors import VECTORS

URL = "https://bucket.example/v.mp4"
SKIP = {"skip_duplicate_urls": True}


def recorded() -> dict:
    return json.loads(VECTORS["add_private_data"]["requests"][0]["body"])["values"]["payload"]["files"]


GOOD = {
    "recorded": (recorded(), 5),
    "one video": ({"videos": [{"objectUrl": URL}]}, 1),
    "s3 URL": ({"images": [{"objectUrl": "s3://bucket/key with%20escapes".replace(" ", "%20")}]}, 1),
    "ten files of a group": (
        {"image_groups": [{"title": "g", **{f"objectUrl_{number}": URL for number in range(12)}}], **SKIP},
        1,
    ),
    "null metadata": ({"videos": [{"objectUrl": URL, "title": None, "clientMetadata": None}]}, 1),
    "flags": ({"videos": [{"objectUrl": URL}], "skip_duplicate_urls": True, "upsert_metadata": True}, 1),
    "empty kind next to a full one": ({"images": [], "videos": [{"objectUrl": URL}]}, 1),
    "URL of the largest size": ({"videos": [{"objectUrl": "s3://" + "x" * (manifest.MAX_URL_BYTES - 5)}]}, 1),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_manifest_is_counted(name: str) -> None:
    content, items = GOOD[name]
    assert check(content) == items


BAD = {
    "empty": ({}, "has no items"),
    "only flags": ({"skip_duplicate_urls": True}, "has no items"),
    "only empty lists": ({"videos": []}, "has no items"),
    "unknown kind": ({"movies": []}, "movies: unknown; did you mean 'videos'"),
    "camelCase kind": ({"imageGroups": []}, "imageGroups: unknown"),
    "kind no list": ({"videos": {}}, "videos: must be a list"),
    "flag no bool": ({"videos": [{"objectUrl": URL}], "skip_duplicate_urls": "yes"}, "skip_duplicate_urls: must be"),
    "item no object": ({"videos": [URL]}, r"videos\[0\]: must be an object"),
    "no URL": ({"videos": [{}]}, r"videos\[0\].objectUrl: missing"),
    "empty URL": ({"videos": [{"objectUrl": ""}]}, r"videos\[0\].objectUrl: missing"),
    "URL no text": ({"videos": [{"objectUrl": 7}]}, r"videos\[0\].objectUrl: must be a string"),
    "path for a URL": ({"videos": [{"objectUrl": "/tmp/v.mp4"}]}, r"not a URL .*\('/tmp/v.mp4'\)"),
    "blank in a URL": (
        {"images": [{"objectUrl": URL}, {"objectUrl": "s3://b/a b"}]},
        r"images\[1\].objectUrl: has white",
    ),
    "no-break space": ({"images": [{"objectUrl": "s3://b/a\u00a0b"}]}, "has white space"),
    "URL too long": ({"videos": [{"objectUrl": "s3://" + "é" * manifest.MAX_URL_BYTES}]}, "longer than 16,384 bytes"),
    "group without files": ({"image_groups": [{"title": "g"}]}, r"image_groups\[0\].objectUrl_0: missing"),
    "group without title": ({"image_groups": [{"objectUrl_0": URL}]}, r"image_groups\[0\].title: missing"),
    "number with a zero before": (
        {"dicom_series": [{"title": "s", "objectUrl_0": URL, "objectUrl_01": URL, "objectUrl_2": URL}]},
        "without gaps",
    ),
    "gap": ({"dicom_series": [{"title": "s", "objectUrl_0": URL, "objectUrl_2": URL}]}, "without gaps"),
    "from 1": ({"dicom_series": [{"title": "s", "objectUrl_1": URL}]}, "without gaps"),
    "bad URL in a group": (
        {"image_groups": [{"title": "g", "objectUrl_0": URL, "objectUrl_1": "x"}]},
        "objectUrl_1: not a",
    ),
    "title no text": ({"videos": [{"objectUrl": URL, "title": 7}]}, r"title: must be a string"),
    "metadata no object": (
        {"videos": [{"objectUrl": URL, "clientMetadata": "x"}]},
        "clientMetadata: must be an object",
    ),
    "createVideo no bool": (
        {"image_groups": [{"title": "g", "objectUrl_0": URL, "createVideo": "false"}]},
        "createVideo: must be true or false",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_manifest_is_named_entry_by_entry(name: str) -> None:
    content, said = BAD[name]
    with pytest.raises(ManifestProblem, match=said):
        check(content)


def test_all_mistakes_are_named_at_once_but_not_thousands() -> None:
    with pytest.raises(ManifestProblem) as caught:
        check({"videos": [{}, {"objectUrl": URL}, {}], "movies": []})
    assert str(caught.value).count(";") == 3
    assert "videos[2]" in str(caught.value)
    with pytest.raises(ManifestProblem) as caught:
        check({"videos": [{}] * 10_000})
    assert len(str(caught.value)) < 2000
    assert str(caught.value).endswith("...")


def test_limits_of_encord(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (manifest.MAX_ITEMS, manifest.MAX_URLS) == (500_000, 1_000_000)
    monkeypatch.setattr(manifest, "MAX_ITEMS", 1000)
    monkeypatch.setattr(manifest, "MAX_URLS", 2000)
    item = {"objectUrl": URL}
    assert check({"videos": [item] * 1000, **SKIP}) == 1000
    with pytest.raises(ManifestProblem, match="1,001 items"):
        check({"videos": [item] * 600, "images": [item] * 401, **SKIP})
    group = {"title": "g", **{f"objectUrl_{number}": URL for number in range(201)}}
    with pytest.raises(ManifestProblem, match="2,010 URLs"):
        check({"image_groups": [group] * 10, **SKIP})


@pytest.mark.parametrize("text", ["", "{", "no", '{"a": 1', "[" * 100_000, '"text"', "[]", "7", "null", "\ufeff{}"])
def test_text_that_is_no_json_object_is_named(text: str) -> None:
    with pytest.raises(ManifestProblem, match=r"not JSON|must be a JSON object"):
        parse(text)


def test_text_is_parsed_as_it_is() -> None:
    assert parse(json.dumps(recorded())) == recorded()


def test_skipping_duplicates_is_the_default_and_can_be_turned_off() -> None:
    content = {"videos": [{"objectUrl": URL}]}
    assert skipping_duplicates(content) == {**content, "skip_duplicate_urls": True}
    assert skipping_duplicates(content, False)["skip_duplicate_urls"] is False
    assert skipping_duplicates({**content, "skip_duplicate_urls": False})["skip_duplicate_urls"] is False
    assert "skip_duplicate_urls" not in content


_SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
_ANY = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner), max_leaves=8
)


@settings(max_examples=settings.default.max_examples // 2)
@given(
    st.dictionaries(
        st.sampled_from([*manifest.KINDS, "skip_duplicate_urls", "other"]),
        _ANY
        | st.lists(
            st.dictionaries(st.sampled_from(["title", "objectUrl", "objectUrl_0", "objectUrl_٣", "scene"]), _ANY)
        ),
    )
)
def test_any_manifest_passes_or_is_a_named_problem(content: dict) -> None:
    try:
        assert check(content) > 0
    except ManifestProblem as problem:
        assert str(problem)
