"""Client metadata of items, from a dict or a file."""

import json

import pytest

from airflow_provider_encord._compat import AirflowSkipException
from airflow_provider_encord.exceptions import (
    EncordInputError,
    EncordJobError,
    EncordMachineError,
    EncordNotFoundError,
)
from airflow_provider_encord.operators import folders
from airflow_provider_encord.operators.folders import EncordUpdateItemsOperator

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def folder(hook):
    return hook.create_folder("items").uuid


@pytest.fixture
def items(hook, encord, folder):
    """UUIDs of five items by name; each has metadata."""
    entries = [
        {"objectUrl": f"s3://bucket/{name}.mp4", "title": name, "clientMetadata": {"site": "north", "n": 1}}
        for name in "abcde"
    ]
    hook.add_private_data_to_folder(folder, "AWS", {"videos": entries})
    found = {item.name: item.uuid for item in hook.iter_items(folder)}
    encord.settings(metadata_patch="replace")
    encord.clear_requests()
    return found


@pytest.fixture
def metadata(hook, folder):
    """What the items have now, by name."""
    return lambda: {item.name: item.client_metadata for item in hook.iter_items(folder)}


def update(context, **given):
    return EncordUpdateItemsOperator(task_id="task", **given).execute(context)


def counts(report):
    return {name: report[name] for name in ("updated", "unchanged", "missing", "failed")}


@pytest.mark.parametrize("server", ["replace", "merge"])
def test_metadata_is_merged_whatever_a_patch_does(server, items, context, metadata, encord, asked):
    encord.settings(metadata_patch=server)
    given = {items["a"]: {"score": 0.5}, items["b"].upper(): {"site": "south"}, items["c"]: {"n": 1}}
    report = update(context, metadata_by_item=given)
    assert report == {"total": 3, "updated": 2, "unchanged": 1, "missing": 0, "failed": 0, "errors": []}
    assert metadata() == {
        "a": {"site": "north", "n": 1, "score": 0.5},
        "b": {"site": "south", "n": 1},
        **{name: {"site": "north", "n": 1} for name in "cde"},
    }
    encord.clear_requests()
    assert counts(update(context, metadata_by_item=given)) == {"updated": 0, "unchanged": 3, "missing": 0, "failed": 0}
    assert asked() == ["get_items"]


def test_metadata_is_replaced(items, context, metadata):
    report = update(context, metadata_by_item={items["a"]: {"only": True}, items["b"]: {}}, merge_metadata=False)
    assert report["updated"] == 2
    assert (metadata()["a"], metadata()["b"]) == ({"only": True}, {})


def test_an_encord_that_merges_what_was_to_be_replaced_is_told_of(items, context, encord):
    encord.settings(metadata_patch="merge")
    with pytest.raises(EncordJobError, match="Encord has kept n, site"):
        update(context, metadata_by_item={items["a"]: {"only": True}}, merge_metadata=False)


def test_many_items_by_few_requests(items, context, metadata, asked, monkeypatch):
    monkeypatch.setattr(folders, "MAX_ITEMS_PER_REQUEST", 2)
    report = update(context, metadata_by_item={uuid: {"new": 1} for uuid in items.values()})
    assert report["updated"] == 5
    assert asked() == ["get_items", "update_items"] * 3
    assert all(has["new"] == 1 for has in metadata().values())


@pytest.mark.parametrize("ignore_if_missing", [False, True])
def test_missing_items(ignore_if_missing, items, context, metadata):
    given = {items["a"]: {"new": 1}, NOBODY: {"new": 1}, items["b"]: {"new": 1}}
    if ignore_if_missing:
        report = update(context, metadata_by_item=given, ignore_if_missing=True)
        assert counts(report) == {"updated": 2, "unchanged": 0, "missing": 1, "failed": 0}
        assert report["errors"] == [{"item": NOBODY, "error": "Encord does not find this item"}]
    else:
        with pytest.raises(EncordNotFoundError, match=f"2 updated, 0 unchanged, 1 missing(.|\n)*{NOBODY}"):
            update(context, metadata_by_item=given)
    assert metadata()["a"]["new"] == metadata()["b"]["new"] == 1


def test_one_that_encord_refuses_does_not_keep_the_others_back(items, context, metadata, encord, hook, monkeypatch):
    change = type(hook).update_items

    def refuse_one(self, patches, **more):
        if items["c"] in patches:
            raise folders.EncordRequestRefusedError("Encord: the schema has no 'new'.")
        return change(self, patches, **more)

    monkeypatch.setattr(type(hook), "update_items", refuse_one)
    given = {uuid: {"new": 1} for uuid in items.values()}
    with pytest.raises(EncordJobError, match=f"1 failed.*\n{items['c']}: Encord: the schema has no 'new'"):
        update(context, metadata_by_item=given)
    assert [name for name, has in metadata().items() if "new" not in has] == ["c"]
    assert counts(update(context, metadata_by_item=given, max_failed_items=0.2))["failed"] == 1


# -- files -----------------------------------------------------------------------------------------------------------


def test_a_csv_file(items, context, metadata, tmp_path):
    path = tmp_path / "in.csv"
    rows = [
        "item_uuid,score,ok,tags,site",
        f'{items["a"]},0.5,true,"[1, 2]",007',
        f'{items["b"]},7,FALSE,,"two\nlines, and a comma"',
    ]
    path.write_text("\ufeff" + "\r\n".join(rows) + "\r\n", encoding="utf-8", newline="")
    types = {"score": "number", "ok": "boolean", "tags": "json"}
    assert update(context, metadata_path=str(path), column_types=types)["updated"] == 2
    assert metadata()["a"] == {"site": "007", "n": 1, "score": 0.5, "ok": True, "tags": [1, 2]}
    assert metadata()["b"] == {"site": "two\nlines, and a comma", "n": 1, "score": 7, "ok": False}


def test_a_jsonl_file_that_names_items_of_a_folder(items, folder, context, metadata, tmp_path, hook, encord):
    hook.add_private_data_to_folder(folder, "AWS", {"videos": [{"objectUrl": "s3://bucket/2/e.mp4", "title": "e"}]})
    path = tmp_path / "in.data"
    lines = [{"file": "a", "new": {"deep": [1]}}, {"file": "e", "new": 1}, {"file": "z", "new": 1}]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    given = {"metadata_path": path, "file_format": "jsonl", "item_column": "file", "item_column_holds": "name"}
    report = update(context, **given, folder_uuid=folder, ignore_if_missing=True, max_failed_items=1)
    assert counts(report) == {"updated": 1, "unchanged": 0, "missing": 1, "failed": 1}
    assert report["errors"] == [
        {"item": "e", "error": "several items have this name"},
        {"item": "z", "error": "no item has this name"},
    ]
    assert metadata()["a"]["new"] == {"deep": [1]}


def test_a_file_that_names_data_of_a_dataset(items, context, metadata, hook, tmp_path):
    dataset = hook.create_dataset("titles", create_backing_folder=False).dataset_hash
    hook.link_items(dataset, [items["a"], items["b"]])
    path = tmp_path / "in.csv"
    path.write_text("title,new\nb,1\n")
    given = {"metadata_path": path, "item_column": "title", "item_column_holds": "title"}
    assert update(context, **given, dataset_hash=dataset)["updated"] == 1
    assert metadata()["b"]["new"] == "1"


def test_a_line_twice_counts_as_both(items, context, metadata, tmp_path):
    path = tmp_path / "in.jsonl"
    lines = [{"item_uuid": items["a"], "x": 1, "y": 1}, {"item_uuid": items["a"], "y": 2}]
    path.write_text("\n".join(map(json.dumps, lines)))
    update(context, metadata_path=path)
    assert metadata()["a"] == {"site": "north", "n": 1, "x": 1, "y": 2}


@pytest.mark.parametrize(
    ("name", "content", "error", "problem"),
    [
        ("a.csv", "item_uuid,a\n{a},1\n{b}\n", EncordInputError, "line 3: it has not 2 cells"),
        ("a.csv", "item_uuid,a\n{a},1\n{b},2,3\n", EncordInputError, "line 3: it has not 2 cells"),
        ("a.csv", "item_uuid,a\n{a},1\n,2\n", EncordInputError, "line 3: it names no item"),
        ("a.csv", "item_uuid,a\n{a},1\nb,2\n", EncordInputError, "item_uuid in line 3"),
        ("a.csv", "uuid,a\n{a},1\n", EncordInputError, "no column 'item_uuid'; its columns are uuid, a"),
        ("a.csv", "item_uuid,a,a\n{a},1,1\n", EncordInputError, "a column twice"),
        ("a.csv", "item_uuid,score\n{a},1\n{b},high\n", EncordInputError, "line 3: 'score' is no number"),
        ("a.csv", 'item_uuid,a\n{a},"1\n', EncordInputError, "line"),
        ("a.csv", "", EncordInputError, "its columns are none"),
        ("a.jsonl", '{{"item_uuid": "{a}", "a": 1}}\n[1]\n', EncordInputError, "line 2: it is no JSON object"),
        ("a.jsonl", '{{"item_uuid": "{a}", "a": 1}}\n{{"a": 1}}\n', EncordInputError, "line 2: it names no item"),
        ("none.csv", None, EncordMachineError, "cannot be read on this machine"),
    ],
)
def test_a_file_that_is_wrong_changes_nothing(name, content, error, problem, items, context, asked, tmp_path):
    if content is not None:
        (tmp_path / name).write_text(content.format(a=items["a"], b=items["b"]))
    types = {"score": "number"} if "score" in (content or "") else None
    with pytest.raises(error, match=problem):
        update(context, metadata_path=tmp_path / name, column_types=types)
    assert asked() == []


def test_nothing_given_is_nothing_to_do(context, encord, tmp_path):
    (tmp_path / "in.csv").write_text("item_uuid,a\n")
    for given in ({"metadata_by_item": {}}, {"metadata_path": tmp_path / "in.csv"}):
        with pytest.raises(AirflowSkipException):
            update(context, **given)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "metadata_by_item"),
        ({"metadata_by_item": {}, "metadata_path": "a.csv"}, "metadata_by_item"),
        ({"metadata_path": "a.txt"}, "file_format"),
        ({"metadata_by_item": {}, "column_types": {"a": "text"}}, "column_types"),
        ({"metadata_path": "a.jsonl", "column_types": {"a": "text"}}, "column_types"),
        ({"metadata_path": "a.csv", "column_types": {"a": "date"}}, r"column_types\['a'\]"),
        ({"metadata_path": "a.csv", "item_column_holds": "name"}, "folder_uuid"),
        ({"metadata_path": "a.csv", "folder_uuid": NOBODY}, "item_column_holds"),
        ({"metadata_path": "a.csv", "item_column_holds": "title"}, "dataset_hash"),
        ({"metadata_path": "a.csv", "recursive": True}, "recursive"),
        ({"metadata_by_item": {"a": {}}}, "a key of metadata_by_item"),
        ({"metadata_by_item": {NOBODY: 1}}, r"metadata_by_item\['0000"),
    ],
    ids=str,
)
def test_what_is_not_clear_is_refused(given, named):
    with pytest.raises(EncordInputError, match=named):
        EncordUpdateItemsOperator(task_id="task", **given)
