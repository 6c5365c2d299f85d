"""The border: what has passed it fits anywhere, and what fits already passes as it is."""

import json
import re
from datetime import UTC, date, datetime
from enum import Enum, IntEnum, StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_encord._client import outgoing
from airflow_provider_encord._client.outgoing import one_line, storable

TEXT = st.text() | st.text(alphabet=st.characters(categories=["Cc", "Cs", "Cf", "Zl", "Zp"]))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary() | st.dates() | st.datetimes()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(TEXT | st.integers() | st.none() | st.tuples(TEXT), inner)
        | st.frozensets(st.integers() | TEXT)
    ),
)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("\t\n")),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp"])), inner)
    ),
)


def assert_storable(value: Any) -> None:
    kind = type(value)
    if kind is dict:
        for key, each in value.items():
            assert type(key) is str
            assert_storable(key)
            assert_storable(each)
    elif kind is list:
        for each in value:
            assert_storable(each)
    elif kind is str:
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", value)
    elif kind in (int, float):
        assert -(2**53) <= value <= 2**53
    else:
        assert value is None or kind is bool


@given(VALUES)
@example([10**5000, -(10**25), float("nan"), float("-inf"), 1e300])
def test_anything_becomes_storable_and_stays_so(value: Any) -> None:
    first = storable(value)
    assert_storable(first)
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    assert storable(first) == first


@given(PLAIN)
def test_what_is_storable_stays_as_it_is(value: Any) -> None:
    assert storable(value) == value


@given(TEXT)
def test_one_line_is_one_line(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert_storable(line)
    assert "\t" not in line
    assert one_line(line) == line
    if text.isprintable():
        assert line == text


@pytest.mark.parametrize(
    ("text", "stored", "line"),
    [
        ("a\x00b", r"a\x00b", r"a\x00b"),
        ("a\tb\nc", "a\tb\nc", r"a\tb\nc"),
        ("\x1b[31m\x7f\x85\x9b", r"\x1b[31m\x7f\x85\x9b", r"\x1b[31m\x7f\x85\x9b"),
        ("\ud800 caf\udce9", r"\ud800 caf\udce9", r"\ud800 caf\udce9"),
        ("\u2028\u202e\u2066", "\u2028\u202e\u2066", r"\u2028\u202e\u2066"),
        ("größe 東京 \U0001f642 \xa0\u200d", "größe 東京 \U0001f642 \xa0\u200d", "größe 東京 \U0001f642 \xa0\u200d"),
    ],
)
def test_what_no_store_holds_is_escaped(text: str, stored: str, line: str) -> None:
    assert (storable(text), one_line(text)) == (stored, line)


class Colour(StrEnum):
    RED = "red\x00"


class Number(IntEnum):
    ONE = 1


class Odd(Enum):
    PAIR = (1, "a")


class Named(str):
    pass


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (2**53, 2**53),
        (2**53 + 1, "9007199254740993"),
        (-(10**25), "-10000000000000000000000000"),
        pytest.param(1 << 5000, "a number of 5001 bits", id="very long"),
        (float("nan"), None),
        (float("inf"), None),
        (1e300, "1e+300"),  # PostgreSQL would tell it back as a whole number
        (True, True),
        (Number.ONE, 1),
        (Colour.RED, r"red\x00"),
        (Odd.PAIR, [1, "a"]),
        (Named("x"), "x"),
        ((1, {2}), [1, [2]]),
        ({1: "a", None: "b", ("c",): "d", "e\n\x00": "f"}, {"1": "a", "None": "b", "('c',)": "d", r"e\n\x00": "f"}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (b"\xffa\x00", r"\xffa\x00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime(2025, 1, 2, tzinfo=UTC), "2025-01-02T00:00:00+00:00"),
        (date(2025, 1, 2), "2025-01-02"),
        (PurePosixPath("/a\n"), "/a\n"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_other_values(value: Any, stored: Any) -> None:
    made = storable(value)
    assert made == stored
    assert_storable(made)


def test_what_is_too_long_is_cut_and_says_so() -> None:
    assert storable("x" * outgoing.MAX_TEXT) == "x" * outgoing.MAX_TEXT
    assert storable("x" * (outgoing.MAX_TEXT + 3)) == "x" * outgoing.MAX_TEXT + " ... (3 more characters)"


def test_what_is_too_deep_is_cut_and_says_so() -> None:
    deep: Any = "bottom"
    for _ in range(100_000):
        deep = [deep]
    text = json.dumps(storable({"a": deep}))
    assert text.count("[") == outgoing.MAX_DEPTH - 1
    assert "nested deeper than 32 levels" in text


def test_a_value_that_holds_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert "nested deeper" in json.dumps(storable(loop))


@pytest.mark.parametrize("wide", [["x" * 60_000] * 1000, {str(at): "x" * 60_000 for at in range(1000)}], ids=type)
def test_what_is_too_large_is_cut_and_says_so(wide: Any) -> None:
    made = storable({"first": 1, "wide": wide, "last": 2})
    kept = made["wide"][-1] if isinstance(wide, list) else made["wide"]["..."]
    assert re.fullmatch(r"(\.\.\. \()?983 more\)?", kept)
    assert made["..."] == "1 more"
    assert len(json.dumps(made)) < 1.1 * outgoing.MAX_SIZE


def test_wide_and_deep_together_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "MAX_SIZE", 10_000)
    bush: Any = ["x"] * 10
    for _ in range(30):
        bush = [bush] * 10
    assert len(json.dumps(storable(bush))) < 10 * outgoing.MAX_SIZE
