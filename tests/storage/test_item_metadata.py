"""Which metadata an item gets: by key or name, from a dict or a file, with nothing guessed and nothing lost."""

import json

import pytest

from airflow_provider_encord._storage.item_metadata import ItemMetadata
from airflow_provider_encord.exceptions import EncordInputError, EncordMachineError

UTF8_BOM = b"\xef\xbb\xbf"


@pytest.fixture
def read(tmp_path):
    """Read a file with this content."""

    def read(content, name="in.csv", for_all=None):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        form = "csv" if name.endswith("csv") else "jsonl"
        return ItemMetadata(for_all, path, file_format=form, reserved=("airflow_task",))

    return read


def test_by_key_a_name_alone_says_nothing(read):
    with read("key,site\nin/a.mp4,north\nb.mp4,south\n") as metadata:
        assert metadata.of("in/a.mp4") == {"site": "north"}
        assert metadata.of("other/a.mp4") == metadata.of("in/b.mp4") == {}
        assert (metadata.unused, metadata.without) == (1, 2)


def test_by_name_the_folder_does_not_matter_and_names_of_several_are_counted(read):
    with read("name,site\na.mp4,north\nin/b.mp4,south\n") as metadata:
        assert metadata.of("in/a.mp4") == metadata.of("other/a.mp4") == {"site": "north"}
        assert metadata.of("in/b.mp4") == {}
        assert (metadata.unused, metadata.without, metadata.shared_names) == (1, 1, 1)


def test_in_a_dict_a_key_comes_before_a_name():
    given = {"in/a.mp4": {"by": "key"}, "a.mp4": {"by": "name"}, "nobody": {}}
    with ItemMetadata({"by": "all", "day": 1}, given) as metadata:
        assert metadata.of("in/a.mp4") == {"by": "key", "day": 1}
        assert metadata.of("other/a.mp4") == {"by": "name", "day": 1}
        assert metadata.of("c.mp4") == {"by": "all", "day": 1}
        assert (metadata.unused, metadata.without, metadata.shared_names) == (1, 1, 0)


def test_a_folder_may_be_written_with_its_slash(read):
    with read("key,site\nin/study/,north\n") as metadata:
        assert metadata.of("in/study") == {"site": "north"}
    with ItemMetadata(None, {"study": {"site": "north"}}) as metadata:
        assert metadata.of("in/study") == {"site": "north"}


def test_an_item_that_is_there_already_uses_its_row_and_lacks_none(read):
    with read("key,site\na,north\nb,south\n") as metadata:
        metadata.note("a")
        metadata.note("c")
        assert (metadata.unused, metadata.without) == (1, 0)


def test_without_anything_for_single_items_there_is_nothing_to_count():
    with ItemMetadata({"day": 1}, None) as metadata:
        assert metadata.of("a") == {"day": 1}
        assert (metadata.unused, metadata.without, metadata.shared_names) == (None, None, 0)


def test_csv_holds_texts_and_an_empty_cell_says_nothing(read):
    content = UTF8_BOM + 'key,score,ok,site\r\na,007,true,\r\nb,,,"zwei\nZeilen, ü"\r\n'.encode()
    with read(content) as metadata:
        assert metadata.of("a") == {"score": "007", "ok": "true"}
        assert metadata.of("b") == {"site": "zwei\nZeilen, ü"}


@pytest.mark.parametrize("name", ["in.jsonl", "in.ndjson"])
def test_json_lines_hold_any_values(read, name):
    lines = [{"name": "a", "score": 7, "tags": [None, {"deep": 0.5}]}, {"name": "\ud800", "x": "\ud800"}]
    with read(UTF8_BOM + "\r\n\n".join(["", *map(json.dumps, lines)]).encode(), name) as metadata:
        assert metadata.of("in/a") == {"score": 7, "tags": [None, {"deep": 0.5}]}
        assert metadata.of("in/\ud800") == {"x": "\ud800"}


@pytest.mark.parametrize("key", [" a ", "a", "A", "a//b", "/a", "ä", "a\u0308", "a\tb", "'", '"', "%41"])
def test_a_key_is_taken_as_it_is(key, read):
    with read(json.dumps({"key": key, "x": 1}), "in.jsonl") as metadata:
        assert metadata.of("other") == {}
        assert metadata.of(key) == {"x": 1}


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.csv", "", "has no column 'key' or 'name'; its columns are none"),
        ("a.csv", "key;site\na;b\n", "has no column 'key' or 'name'; its columns are key;site"),
        ("a.csv", "key,name,site\na,b,c\n", "has both 'key' and 'name': which one names the item?"),
        ("a.csv", "key,site,site\na,1,2\n", "has a column twice"),
        ("a.csv", "key,airflow_task\na,1\n", "has the column 'airflow_task', which the operator itself writes"),
        ("a.csv", "key,site\na,1\nb\n", "line 3: it has not 2 cells"),
        ("a.csv", "key,site\na,1\nb,2,3\n", "line 3: it has not 2 cells"),
        ("a.csv", "key,site\na,1\n ,2\n", "line 3: it names no item"),
        ("a.csv", 'key,site\na,1\n"b"x,2\n', "line 3: "),
        ("a.csv", 'key,site\na,"1\n2"\nb,1\na,2\n', "line 5: 'a' is in line 3, too"),
        ("a.csv", "key,site\na/,1\na,2\n", "line 3: 'a' is in line 2, too"),
        ("a.csv", b"key,site\na,1\nb,M\xfcnchen\n", "line 3: it is not UTF-8"),
        ("a.csv", "key,site\na,1\n".encode("utf-16"), "is UTF-16 or UTF-32; save it as UTF-8"),
        ("a.csv", b"\x1f\x8b\x08", "is compressed with gzip"),
        ("a.jsonl", '{"key": "a"}\n[1]\n', "line 2: it is no JSON object"),
        ("a.jsonl", '{"key": "a"}\n{"key": "b", "x": NaN}\n', "line 2: it is no JSON object"),
        ("a.jsonl", '{"key": "a"}\n{"key": "b", "x": 1e999}\n', "line 2: it is no JSON object"),
        ("a.jsonl", '{"key": "a"}\n{"x": 1}\n', "line 2: it names no item; it needs 'key' or 'name'"),
        ("a.jsonl", '{"key": 1}\n', "line 1: it names no item"),
        ("a.jsonl", '{"key": "a", "name": "b"}\n', "line 1: it has both 'key' and 'name'"),
        ("a.jsonl", '{"key": "a"}\n\n{"name": "b"}\n', "line 3: it has 'name', and the lines before have 'key'"),
        ("a.jsonl", '{"key": "a"}\n{"key": "a"}\n', "line 2: 'a' is in line 1, too"),
        ("a.jsonl", '{"key": "a", "airflow_task": 1}\n', "line 1: it has 'airflow_task'"),
        ("a.jsonl", b'{"key": "a"}\n{"key": "\xfc"}\n', "line 2: it is not UTF-8"),
        ("a.jsonl", '{"key": "a"}\n'.encode("utf-16-le"), "is UTF-16 or UTF-32"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(name, content, problem, read):
    with pytest.raises(EncordInputError) as raised:
        read(content, name)
    assert problem in str(raised.value)
    assert name in str(raised.value)


def test_a_file_that_is_missing_is_a_matter_of_the_machine(tmp_path):
    with pytest.raises(EncordMachineError, match=r"none\.csv cannot be read on this machine"):
        ItemMetadata(None, tmp_path / "none.csv", file_format="csv")


def test_a_folder_twice_in_a_dict_is_refused():
    with pytest.raises(EncordInputError, match="has 'study/' twice"):
        ItemMetadata(None, {"study": {}, "study/": {}})
