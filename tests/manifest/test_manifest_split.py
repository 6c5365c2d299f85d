"""Manifests of any size: read as a stream, planned, and split into parts within the limits."""

import gc
import io
import itertools
import json
import math
import tracemalloc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_encord import manifest
from airflow_provider_encord.manifest import ManifestProblem, _splitting, check, entries, make, plan, split

SECRET = "X-Amz-Signature=c0ffee"


def stream(text: str | bytes) -> io.BytesIO:
    return io.BytesIO(text.encode() if isinstance(text, str) else text)


def video(number: int) -> tuple[str, dict[str, Any]]:
    return make.video(f"s3://b/{number}.mp4")


def lists(parts: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Put the parts together again."""
    together: dict[str, list[Any]] = {}
    for part in parts:
        for kind in set(part) - set(manifest.FLAGS):
            together.setdefault(kind, []).extend(part[kind])
    return together


# Entries


def test_entries_of_a_dict_and_of_a_file_are_the_same() -> None:
    content = {
        "videos": [{"objectUrl": "s3://b/\u00fc", "clientMetadata": {"a": [1, 2.5, None, True, {"b": []}]}}],
        "upsert_metadata": True,
        "images": [],
        "text": [{"objectUrl": "s3://b/1"}, {"objectUrl": "s3://b/2"}],
        "skip_duplicate_urls": True,
    }
    expected = [(kind, item) for kind in ("videos", "text") for item in content[kind]]  # type: ignore[attr-defined]
    for source in (content, stream(json.dumps(content)), stream(json.dumps(content, indent=2, ensure_ascii=False))):
        flags: dict[str, Any] = {}
        assert list(entries(source, flags)) == expected
        assert flags == {"upsert_metadata": True, "skip_duplicate_urls": True}


def test_numbers_of_a_file_are_those_of_the_json_module() -> None:
    text = '{"videos": [{"n": [1, -0.5, 1e3, 12345678901234567890, 0.1]}]}'
    ((_, item),) = entries(stream(text))
    assert item == json.loads(text)["videos"][0]
    assert [type(number) for number in item["n"]] == [int, float, float, int, float]


NO_MANIFEST = {
    "empty": ("", "not JSON"),
    "cut off": ('{"videos": [{"objectUrl": "s3://b/1"}', "not JSON"),
    "garbage after": ('{"videos": []} x', "not JSON"),
    "second value": ('{"videos": []} {}', "not JSON"),
    "NaN": ('{"videos": [{"a": NaN}]}', "not JSON"),
    "not UTF-8": (b'{"videos": [{"a": "\xff"}]}', "not JSON"),
    "byte order mark": (b"\xef\xbb\xbf{}", "not JSON"),
    "number too long": ('{"videos": [{"a": ' + "9" * 5000 + "}]}", "not JSON"),
    "list": ("[]", "must be a JSON object with a list per kind, not a list"),
    "text": ('"videos"', "not a string"),
    "null": ("null", "not null"),
    "deep": ("[" * 100_000, "must be a JSON object"),
    "deep entry": ('{"videos": [' + '{"a":' * 100_000, r"videos\[0\]: nested deeper than"),
    "kind twice": ('{"videos": [], "images": [], "videos": []}', "videos: comes twice"),
    "field twice": ('{"videos": [{}, {"title": "a", "title": "b"}]}', r"videos\[1\].title: comes twice"),
    "kind unknown": ('{"movies": [{"a": [1, {}]}], "videos": []}', "movies: unknown"),
    "object for a list": ('{"videos": {"a": {"b": []}}, "images": []}', "videos: must be a list, not an object"),
    "null for a list": ('{"videos": null}', "videos: must be a list, not null"),
    "flag a list": (
        '{"skip_duplicate_urls": [true], "videos": [{"objectUrl": "s3://b/1"}]}',
        "skip_duplicate_urls: must be",
    ),
    "flag late": ('{"videos": [{"objectUrl": "s3://b/1"}], "upsert_metadata": 1}', "upsert_metadata: must be"),
    "wrong entry": ('{"videos": [{"objectUrl": "s3://b/1"}, {}]}', r"videos\[1\].objectUrl: missing"),
    "nothing": ("{}", "it has no items"),
    "secret after garbage": (f'{{"videos": [{{"objectUrl": "https://b/k?{SECRET}"}} oops', "not JSON"),
    "secret no text": (f'{{"videos": [https://b/k?{SECRET}', "not JSON"),
}


@pytest.mark.parametrize("name", NO_MANIFEST)
def test_a_wrong_file_is_refused_with_the_place(name: str) -> None:
    content, said = NO_MANIFEST[name]
    with pytest.raises(ManifestProblem, match=said) as caught:
        plan(stream(content))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("source", [None, 7, "{}", [], object()])
def test_what_is_neither_dict_nor_file_is_refused(source: Any) -> None:
    with pytest.raises(ManifestProblem, match="must be a JSON object"):
        list(entries(source))


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_a_manifest_or_a_problem(content: bytes) -> None:
    try:
        plan(stream(content))
    except ManifestProblem:
        return
    pytest.fail("nothing so short is a manifest")


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
_JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@given(st.dictionaries(st.sampled_from(manifest.KINDS), st.lists(_JSON, max_size=4)))
def test_a_file_reads_like_the_json_module(content: dict[str, list[Any]]) -> None:
    text = json.dumps(content)
    expected = [(kind, item) for kind, items in json.loads(text).items() for item in items]
    assert list(entries(stream(text))) == expected


@given(st.dictionaries(st.sampled_from([*manifest.KINDS, *manifest.FLAGS, "other"]), _JSON | st.lists(_JSON)))
def test_a_plan_refuses_what_the_checker_refuses(content: dict[str, Any]) -> None:
    content = {"skip_duplicate_urls": True, **content}
    text = json.dumps(content)
    try:
        items = check(content)
    except ManifestProblem:
        for source in (content, stream(text)):
            with pytest.raises(ManifestProblem):
                plan(source)
    else:
        assert items == plan(content).items == plan(stream(text)).items


# Splitting


def test_parts_keep_the_order_and_carry_the_flags() -> None:
    given = [video(0), make.image("s3://b/a"), video(1), video(2), make.image("s3://b/b")]
    parts = list(split(given, max_items=2))
    assert [sorted(set(part) - {"skip_duplicate_urls"}) for part in parts] == [
        ["images", "videos"],
        ["videos"],
        ["images"],
    ]
    assert all(part["skip_duplicate_urls"] is True for part in parts)
    assert lists(parts)["videos"] == [video(number)[1] for number in range(3)]


def test_flags_are_those_given() -> None:
    assert list(split([video(0)], flags={})) == [{"videos": [video(0)[1]]}]
    (part,) = split([video(0)], flags={"skip_duplicate_urls": True, "upsert_metadata": True})
    assert part["upsert_metadata"] is True


def test_nothing_makes_no_part() -> None:
    assert list(split([])) == []


@pytest.mark.parametrize("flags", [{"skip": True}, {"skip_duplicate_urls": 1}, {"upsert_metadata": True}, {7: True}])
def test_wrong_flags_are_refused_before_the_first_part(flags: Any) -> None:
    with pytest.raises(ManifestProblem, match=r"unknown|must be true or false|works only"):
        split([], flags=flags)


@pytest.mark.parametrize("name", ["max_items", "max_urls", "max_bytes"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "9", None, True, math.inf])
def test_wrong_limits_are_refused(name: str, value: Any) -> None:
    for use in (lambda **limits: split([], **limits), lambda **limits: plan({}, **limits)):
        with pytest.raises(ManifestProblem, match=f"{name}: must be a whole number above 0"):
            use(**{name: value})


def test_limits_above_those_of_encord_are_refused() -> None:
    with pytest.raises(ManifestProblem, match=r"max_items: .*500,000 at most"):
        split([], max_items=500_001)
    with pytest.raises(ManifestProblem, match=r"max_urls: .*1,000,000 at most"):
        split([], max_urls=1_000_001)


def test_an_entry_that_alone_is_over_a_limit_is_named() -> None:
    group = make.image_group([f"s3://b/{number}" for number in range(5)], "g")
    with pytest.raises(ManifestProblem, match=r"image_groups\[1\]: its 5 URLs alone are more than max_urls \(4\)"):
        list(split([make.image_group(["s3://b/x"], "x"), video(0), group], max_urls=4))
    with pytest.raises(ManifestProblem, match=r"videos\[2\]: its \d+ bytes alone are more than max_bytes \(300\)"):
        list(split([video(0), video(1), make.video("s3://b/" + "x" * 300)], max_bytes=300))
    with pytest.raises(ManifestProblem, match=r"videos\[0\]: its 5 URLs|image_groups\[0\]: its 5 URLs"):
        plan({"image_groups": [group[1]]}, max_urls=4)


def test_a_wrong_entry_is_named_by_its_index_among_its_kind() -> None:
    given = [video(0), make.image("s3://b/a"), video(1), ("videos", {"objectUrl": "nowhere"})]
    parts = split(given, max_items=1)
    assert len(list(itertools.islice(parts, 2))) == 2
    with pytest.raises(ManifestProblem, match=r"videos\[2\].objectUrl: not a URL"):
        list(parts)


@pytest.mark.parametrize("entry", [("movies", {}), (None, {}), (["videos"], {}), ("videos", None), ("videos", [1])])
def test_what_is_no_entry_is_refused(entry: Any) -> None:
    with pytest.raises(ManifestProblem):
        list(split([entry]))


def test_a_url_that_comes_twice_is_found_within_a_part() -> None:
    same = [video(0), video(1), video(0)]
    assert len(list(split(same))) == 1
    with pytest.raises(ManifestProblem, match=r"videos\[2\].objectUrl: the same URL as videos\[0\].objectUrl"):
        list(split(same, flags={}))
    assert len(list(split(same, flags={}, max_items=2))) == 2


def test_a_plan_finds_repeated_urls_by_flags_that_come_late() -> None:
    text = '{"videos": [{"objectUrl": "s3://b/1"}, {"objectUrl": "s3://b/1"}], "skip_duplicate_urls": %s}'
    assert plan(stream(text % "true"), skip_duplicate_urls=False).items == 2
    with pytest.raises(ManifestProblem, match="the same URL"):
        plan(stream(text % "false"))


def test_a_plan_counts_all_problems() -> None:
    text = json.dumps({"videos": [{}] * 300, "movies": [], "images": 7, "audio": [{"objectUrl": "s3://b/1"}]})
    with pytest.raises(ManifestProblem, match=r"\(302 problems, the first 20 are\): videos\[0\]"):
        plan(stream(text), max_items=1)


_ENTRY = st.one_of(
    st.builds(
        lambda n, t: make.video(f"s3://b/{n}", t),
        st.integers(0, 99),
        st.none() | st.text("ab\u00e9\U0001f600", min_size=1, max_size=20),
    ),
    st.builds(
        lambda n: make.image(f"s3://b/{n}", client_metadata={"n": n, "\u00e9": ["\u00e9" * n]}), st.integers(0, 30)
    ),
    st.builds(lambda n: make.image_group([f"s3://b/{i}" for i in range(n)], "g"), st.integers(1, 6)),
)


@given(
    st.lists(_ENTRY, max_size=40),
    st.integers(1, 10),
    st.integers(6, 12),
    st.integers(600, 2000),
    st.sampled_from([{"skip_duplicate_urls": True}, {"skip_duplicate_urls": True, "upsert_metadata": False}]),
)
def test_parts_together_are_the_input_and_each_is_within_the_limits(
    given: list[tuple[str, dict[str, Any]]], items: int, urls: int, size: int, flags: dict[str, bool]
) -> None:
    limits = {"max_items": items, "max_urls": urls, "max_bytes": size}
    parts = list(split(given, flags=flags, **limits))
    expected: dict[str, list[Any]] = {}
    for kind, item in given:
        expected.setdefault(kind, []).append(item)
    assert lists(parts) == expected
    for part in parts:
        assert 1 <= check(part) <= items
        assert (
            sum(name.startswith("objectUrl") for kind in set(part) - set(flags) for item in part[kind] for name in item)
            <= urls
        )
        assert len(json.dumps(part)) <= size
    if not given:
        return
    # A manifest goes kind by kind, and its flags may stand at its end.
    whole = {**expected, **flags}
    for source in (whole, stream(json.dumps(whole))):
        planned = plan(source, **limits)
        parts = list(split(entries(whole), flags=planned.flags, **limits))
        assert (planned.parts, planned.bytes) == (len(parts), sum(len(json.dumps(part)) for part in parts))
        assert planned.flags == flags
        assert planned.items == len(given)
        for kind, share in planned.kinds.items():
            assert share.items == len(expected[kind])
            assert share.bytes == sum(len(json.dumps(item)) for item in expected[kind])
            assert share.parts == sum(kind in part for part in parts)
        assert planned.urls == sum(
            name.startswith("objectUrl") for each in expected.values() for item in each for name in item
        )


# Memory


class Item(dict):  # type: ignore[type-arg]
    """An entry whose end can be watched."""


def test_no_more_than_one_part_is_held() -> None:
    alive: weakref.WeakSet[Item] = weakref.WeakSet()
    Item.__hash__ = object.__hash__  # type: ignore[assignment,method-assign]
    most = 0

    def source() -> Iterator[tuple[str, Item]]:
        nonlocal most
        for number in range(1000):
            item = Item(objectUrl=f"s3://b/{number}")
            alive.add(item)
            most = max(most, len(alive))
            yield "videos", item

    for part in split(source(), max_items=100):
        del part
        gc.collect()
    assert most <= 102


OBJECTS = 60_000
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of many objects, with its flag at the end. As a whole they would take 29 MiB of memory."""
    path = tmp_path_factory.mktemp("manifest") / "large.json"
    with path.open("w") as file:
        file.write('{"videos": [')
        for number in range(OBJECTS):
            item = {"objectUrl": f"s3://bucket/incoming/camera-7/{number:08}.mp4", "title": f"{number:08}.mp4"}
            file.write((", " if number else "") + json.dumps(item))
        file.write('], "skip_duplicate_urls": true}')
    return path


def test_a_large_file_is_checked_and_split_in_bounded_memory(large: Path) -> None:
    with large.open("rb") as file:
        tracemalloc.start()
        try:
            planned = plan(file)
            _, planning = tracemalloc.get_traced_memory()
            file.seek(0)
            tracemalloc.reset_peak()
            for part in itertools.islice(split(entries(file), flags=planned.flags), 4):
                assert check(part) == 10_000
                del part
            _, splitting = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        file.seek(0)
        sizes = [len(part["videos"]) for part in split(entries(file), flags=planned.flags)]
    assert planned.items == planned.urls == sum(sizes) == OBJECTS
    assert planned.parts == len(sizes) == OBJECTS // 10_000
    assert planned.flags == {"skip_duplicate_urls": True}
    assert max(planning, splitting) < 12 * MIB, f"{planning / MIB:.1f} and {splitting / MIB:.1f} MiB"


def test_made_entries_need_no_more_memory_than_a_part() -> None:
    made = (video(number) for number in range(10_000))
    number_of_parts = 0
    tracemalloc.start()
    try:
        for part in split(made, max_items=100):
            number_of_parts += 1
            del part
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert number_of_parts == 100
    assert peak < 2 * MIB, f"{peak / MIB:.1f} MiB"


@given(st.dictionaries(st.text(max_size=5), _SCALARS | st.text(), max_size=4) | st.dictionaries(st.text(), st.text()))
def test_the_size_of_an_item_is_that_of_its_json(item: dict[str, Any]) -> None:
    assert _splitting._json_size(item) == len(json.dumps(item))
