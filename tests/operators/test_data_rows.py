"""Listing rows, and linking items."""

import json

import pytest

from airflow_provider_encord.exceptions import EncordError
from airflow_provider_encord.operators.data_rows import EncordLinkItemsOperator, EncordListDataRowsOperator
from airflow_provider_encord.operators.datasets import EncordListDatasetsOperator


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
