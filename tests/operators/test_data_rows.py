"""Listing rows, and linking items."""

import json
from dataclasses import replace
from functools import partialmethod

import pytest

from airflow_provider_encord._compat import AirflowSkipException
from airflow_provider_encord.exceptions import EncordError, EncordInputError, EncordNetworkError
from airflow_provider_encord.operators.data_rows import EncordLinkItemsOperator, EncordListDataRowsOperator
from airflow_provider_encord.operators.datasets import EncordListDatasetsOperator

Store = type("Store", (dict,), {"set": dict.__setitem__})
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def items(hook, dataset, encord, manifest):
    """The items in storage behind the three videos of a dataset."""
    hook.add_private_data_to_dataset(dataset, encord.integrations["AWS"], manifest(3))
    encord.clear_requests()
    return [row.backing_item_uuid for row in hook.list_data_rows(dataset)]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 3),
        ({"title_eq": "1.mp4"}, 1),
        ({"title_like": "%.mp4"}, 3),
        ({"data_types": ["IMAGE"]}, 0),
        ({"data_types": ["VIDEO"], "title_like": "2%"}, 1),
        ({"created_after": "2099-01-01"}, 0),
        ({"created_before": "2099-01-01T00:00:00+02:00"}, 3),
    ],
    ids=str,
)
def test_list(filters, count, items, dataset, context, xcoms):
    found = EncordListDataRowsOperator(task_id="task", dataset_hash=dataset, **filters).execute(context)
    assert found["count"] == len(found["items"]) == len(xcoms["data_hashes"]) == count


def test_a_long_list_leaves_small_xcoms(dataset, context, xcoms, hook, encord, manifest, tmp_path):
    hook.add_private_data_to_dataset(dataset, encord.integrations["AWS"], manifest(1500))
    path = tmp_path / "rows.jsonl"
    found = EncordListDataRowsOperator(task_id="task", dataset_hash=dataset, details_path=str(path)).execute(context)
    assert found == {"count": 1500, "items": None, "details": str(path), "details_conn_id": None}
    assert xcoms["data_hashes"] == {"count": 1500, "details_path": str(path), "details_conn_id": None}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len({line["data_hash"] for line in lines}) == 1500
    assert "signed_url" not in lines[0]


def test_details_and_to_dict_have_one_form(items, dataset, context, hook, tmp_path):
    path = tmp_path / "details"
    for operator, found in (
        (
            EncordListDataRowsOperator(task_id="rows", dataset_hash=dataset, details_path=path),
            hook.list_data_rows(dataset),
        ),
        (EncordListDatasetsOperator(task_id="datasets", details_path=path), hook.get_datasets()),
    ):
        operator.execute(context)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert lines == [each.to_dict() for each in found]
        assert all(isinstance(line["storage_location"], str) for line in lines)


def link(context, dataset, uuids, **arguments):
    return EncordLinkItemsOperator(task_id="task", dataset_hash=dataset, item_uuids=uuids, **arguments).execute(context)


def test_link(items, context, hook, xcoms):
    other = hook.create_dataset("other", create_backing_folder=False).dataset_hash
    assert link(context, other, items)["linked"] == 3
    assert sorted(xcoms["data_hashes"]) == sorted(row.data_hash for row in hook.list_data_rows(other))
    link(context, other, items)
    assert len(hook.list_data_rows(other)) == 3
    with pytest.raises(EncordError):
        link(context, other, items, duplicates_behavior="FAIL")
    link(context, other, items[:1], duplicates_behavior="DUPLICATE")
    assert len(hook.list_data_rows(other)) == 4


# -- link what is in a folder ----------------------------------------------------------------------------------------


@pytest.fixture
def folder(hook, encord, manifest):
    """A folder with three videos and, in a folder in it, another one."""
    made = hook.create_folder("incoming").uuid
    below = hook.create_folder("below", parent_folder=made).uuid
    hook.add_private_data_to_folder(made, "AWS", manifest(3))
    hook.add_private_data_to_folder(below, "AWS", {"videos": [{"objectUrl": "s3://bucket/b.mp4", "title": "b.mp4"}]})
    encord.clear_requests()
    return made


def link_folder(context, dataset, folder, **arguments):
    task = EncordLinkItemsOperator(task_id="task", dataset_hash=dataset, folder_uuid=folder, **arguments)
    return task.execute(context)


@pytest.fixture
def target(hook):
    return hook.create_dataset("to link into", create_backing_folder=False).dataset_hash


def titles(hook, dataset):
    return sorted(row.data_title for row in hook.list_data_rows(dataset))


def test_link_what_is_in_no_dataset_yet(folder, target, context, hook, xcoms, tmp_path):
    first = link_folder(context, target, folder, search="1.MP4", item_types="video")
    assert (first["linked"], [item["data_title"] for item in first["items"]]) == (1, ["1.mp4"])
    details = str(tmp_path / "rows.jsonl")
    rest = link_folder(context, target, {"folder_uuid": folder}, max_items_per_request=1, details_path=details)
    assert (rest["linked"], rest["left_out"]) == (2, {"tombstones": 0, "placeholders": 0})
    assert len(xcoms["data_hashes"]) == 2
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert lines == rest["items"]
    assert titles(hook, target) == ["0.mp4", "1.mp4", "2.mp4"]
    assert link_folder(context, target, folder, recursive=True)["linked"] == 1
    with pytest.raises(AirflowSkipException):
        link_folder({**context, "task_state_store": Store()}, target, folder, recursive=True)
    other = hook.create_dataset("others", create_backing_folder=False).dataset_hash
    assert link_folder(context, other, folder, is_in_dataset=True)["linked"] == 3


def test_nothing_is_linked_before_all_is_listed(folder, target, context, encord, hook, monkeypatch):
    """What is linked is no longer found, so linking what was listed so far would move the pages that are to come."""
    monkeypatch.setattr(type(hook), "iter_items", partialmethod(type(hook).iter_items, page_size=1))
    encord.clear_requests()
    link_folder(context, target, folder, max_items_per_request=1)
    operations = [each["operation"] for each in encord.requests()]
    assert operations == ["list_items"] * 3 + ["link_items"] * 3
    assert titles(hook, target) == ["0.mp4", "1.mp4", "2.mp4"]


def test_tombstones_and_placeholders_are_left_out_and_counted(folder, target, context, hook, monkeypatch):
    found = list(hook.iter_items(folder))
    marked = [replace(found[0], is_tombstone=True), replace(found[1], is_placeholder=True), found[2]]
    monkeypatch.setattr(type(hook), "iter_items", lambda self, *_, **__: iter(marked))
    report = link_folder(context, target, folder)
    assert (report["linked"], report["left_out"]) == (1, {"tombstones": 1, "placeholders": 1})
    assert titles(hook, target) == [found[2].name]


def test_a_retry_links_what_is_left(folder, target, context, hook, monkeypatch):
    link, requests = type(hook).link_items, []

    def link_only_one(self, *given):
        if requests:
            raise EncordNetworkError("Encord did not answer")
        requests.append(given)
        return link(self, *given)

    with monkeypatch.context() as breaking, pytest.raises(EncordNetworkError):
        breaking.setattr(type(hook), "link_items", link_only_one)
        link_folder(context, target, folder, max_items_per_request=1)
    assert len(hook.list_data_rows(target)) == 1
    context["ti"].retry()
    assert link_folder(context, target, folder)["linked"] == 2
    assert titles(hook, target) == ["0.mp4", "1.mp4", "2.mp4"]
    # Had that attempt been lost, too, the next one would not be skipped.
    assert link_folder(context, target, folder)["linked"] == 0


@pytest.mark.parametrize(
    "given",
    [
        {"item_uuids": [NOBODY], "folder_uuid": NOBODY},
        {"item_uuids": [NOBODY], "search": "a"},
        {"item_uuids": [NOBODY], "is_in_dataset": None},
        {},
    ],
    ids=str,
)
def test_items_or_a_folder_with_filters(given):
    with pytest.raises(EncordInputError, match=r"item_uuids|folder_uuid"):
        EncordLinkItemsOperator(task_id="task", dataset_hash=NOBODY, **given)
