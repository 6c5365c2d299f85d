"""What may be more than memory holds is found again."""

import sqlite3

import pytest

from airflow_provider_encord._storage.presence import Presence
from airflow_provider_encord._storage.text_index import Index, NameIndex
from airflow_provider_encord._storage.title_index import TitleIndex

ODD = ["a\x00b", "a\nb", "a\ud800", "\udc80", 'a"b', "ü"]


def counted(titles, most=20):
    with TitleIndex() as index:
        for title in titles:
            index.add(title)
        return index.shared(most)


def test_titles_in_ascending_order_are_all_different():
    assert counted([]) == (0, {})
    assert counted(sorted(f"{number}.mp4" for number in range(2500))) == (0, {})


@pytest.mark.parametrize("place", [0, 999, 1000, 1001, 2499])
def test_a_title_that_comes_again_is_found_wherever_it_is(place):
    titles = [f"{number:05}.mp4" for number in range(2500)]
    assert counted([*titles, titles[place]]) == (1, {titles[place]: 2})
    assert counted([*titles[: place + 1], *titles[place:]]) == (1, {titles[place]: 2})


def test_titles_of_most_items_are_first_and_odd_ones_stay_apart():
    assert counted([*ODD, *ODD, "b", "b", "b"], most=3) == (len(ODD) + 1, {"b": 3, "a\x00b": 2, "a\nb": 2})
    assert counted(ODD + ODD)[1] == dict.fromkeys(ODD, 2)
    assert counted(["b", "a"]) == (0, {})


def test_a_name_has_two_ids_at_most():
    named = [("a", "1"), ("a", "1"), ("b", "1"), ("b", "2"), ("b", "3"), *((name, "x") for name in ODD)]
    with NameIndex(named) as index:
        assert [index.find(name) for name in ("a", "b", "c")] == [["1"], ["1", "2"], []]
        assert [index.find(name) for name in ODD] == [["x"]] * len(ODD)


@pytest.mark.parametrize("index", [Index, NameIndex, Presence])
def test_an_index_that_could_not_be_filled_is_closed(index, monkeypatch):
    opened = []
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda name: opened.append(connect(name)) or opened[-1])

    def broken():
        yield from ()
        raise ConnectionError("the answer broke off")

    with pytest.raises(ConnectionError):
        index(broken())
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")
