"""Tasks that hand 5,000 items to the next one: by a file of details, or with an error that says how."""

import json
from datetime import datetime

import pytest

from airflow_provider_encord._compat import AirflowFailException
from airflow_provider_encord.exceptions import EncordInputError, EncordMachineError
from airflow_provider_encord.operators.data_rows import EncordLinkItemsOperator, EncordListDataRowsOperator
from airflow_provider_encord.operators.datasets import EncordDeleteDataOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.sensors.encord import EncordDataRowSensor

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG

MANY = 5000
ID = "00000000-0000-0000-0000-000000000001"
REFERENCE = {"count": MANY, "details_path": None, "details_conn_id": None}


@pytest.fixture
def filled(dataset, hook, encord, manifest):
    """A dataset of so many videos."""
    hook.add_private_data_to_dataset(dataset, encord.integrations["AWS"], manifest(MANY))
    encord.clear_requests()
    return dataset


@pytest.fixture
def run(context, xcoms):
    """Run a task of a run of its own; return its report, and what it pushed."""

    def run(each, **arguments):
        xcoms.clear()
        context["task_state_store"].clear()
        report = each(task_id="task", **arguments).execute(context)
        json.dumps(report)
        return report, dict(xcoms)

    return run


def whole(report, xcoms):
    return report


def pushed(report, xcoms):
    return xcoms["data_hashes"]


def rendered(report, xcoms):
    return str(xcoms["data_hashes"])


every_form = pytest.mark.parametrize("form", [whole, pushed, rendered])


@every_form
def test_what_is_listed_is_re_encoded(form, filled, run, tmp_path):
    found = run(EncordListDataRowsOperator, dataset_hash=filled, details_path=tmp_path / "rows")
    assert found[1]["data_hashes"] == {**REFERENCE, "details_path": str(tmp_path / "rows")}
    done, _ = run(EncordReEncodeDataOperator, dataset_hash=filled, data_hashes=form(*found), poll_interval=0.01)
    assert done["re_encoded"] == REFERENCE
    assert [batch["re_encoded"] for batch in done["batches"]] == [1000] * 5


@every_form
def test_what_is_listed_is_deleted(form, filled, run, tmp_path, hook):
    found = run(EncordListDataRowsOperator, dataset_hash=filled, details_path=tmp_path / "rows")
    done, _ = run(EncordDeleteDataOperator, dataset_hash=filled, data_hashes=form(*found))
    assert (done["deleted"], done["items"], done["missing"]) == (MANY, None, [])
    assert hook.list_data_rows(filled) == []


def test_what_is_listed_is_linked_and_re_encoded(filled, run, tmp_path, hook):
    other = hook.create_dataset("linked").dataset_hash
    found, _ = run(EncordListDataRowsOperator, dataset_hash=filled, details_path=tmp_path / "rows")
    linked = run(
        EncordLinkItemsOperator, dataset_hash=other, item_uuids=found, details_path=(tmp_path / "linked").as_uri()
    )
    assert linked[0]["linked"] == MANY
    for form in (whole, pushed):
        done, _ = run(EncordReEncodeDataOperator, dataset_hash=other, data_hashes=form(*linked), poll_interval=0.01)
        assert done["re_encoded"] == REFERENCE


def test_what_is_registered_is_re_encoded_and_waited_for(dataset, run, tmp_path, manifest):
    added = run(
        EncordAddPrivateDataOperator,
        dataset_hash=dataset,
        integration="AWS",
        manifest=manifest(MANY),
        max_items_per_job=2000,
        details_path=tmp_path / "added",
    )
    assert added[0]["added"] == MANY
    for form in (whole, pushed):
        done, _ = run(EncordReEncodeDataOperator, dataset_hash=dataset, data_hashes=form(*added), poll_interval=0.01)
        assert done["re_encoded"] == REFERENCE
    arguments = {"data_hashes": added[1]["data_hashes"], "min_count": MANY, "timeout": 0}
    seen, _ = run(EncordDataRowSensor, dataset_hash=added[0], **arguments)
    assert seen["counts"] == {"found": MANY}


def pushes_too_much():
    """Each task that can have found or made too much for an XCom, and what it pushed."""
    return [
        ("list", EncordListDataRowsOperator, {}, {"count": MANY, "items": None, "details": None}),
        (
            "link",
            EncordLinkItemsOperator,
            {"item_uuids": [ID]},
            {"dataset_hash": ID, "linked": MANY, "items": None, "details": None},
        ),
        (
            "register",
            EncordAddPrivateDataOperator,
            {"integration": "AWS", "manifest": {}},
            {"dataset_hash": ID, "added": MANY, "skipped": 0, "items": None, "details": None},
        ),
    ]


@pytest.mark.parametrize(("task_id", "each", "arguments", "report"), pushes_too_much())
@pytest.mark.parametrize("key", ["return_value", "data_hashes"])
@pytest.mark.parametrize(
    ("next_one", "name"),
    [
        (EncordReEncodeDataOperator, "data_hashes"),
        (EncordDeleteDataOperator, "data_hashes"),
        (EncordListDataRowsOperator, "data_hashes"),
        (EncordDataRowSensor, "data_hashes"),
        (EncordLinkItemsOperator, "item_uuids"),
    ],
)
@pytest.mark.parametrize("written", ["output", "template"])
def test_without_a_file_the_error_names_the_task_that_should_write_one(
    task_id, each, arguments, report, key, next_one, name, written, context, asked
):
    with DAG("dag", schedule=None, start_date=datetime(2026, 1, 1)):
        first = each(task_id=task_id, dataset_hash=ID, **arguments)
        value = first.output[key] if key != "return_value" else first.output
        if written == "template":
            value = f"{{{{ ti.xcom_pull(task_ids='{task_id}', key='{key}') }}}}"
        second = next_one(task_id="next", dataset_hash=ID, **{name: value})
    setattr(second, name, report if key == "return_value" else REFERENCE)  # as Airflow renders it
    with pytest.raises(EncordInputError, match=rf"{name}.*5,000.*details_path.*task '{task_id}'"):
        second.execute(context)
    assert asked() == []


def test_what_was_re_encoded_can_be_too_much_for_the_next_task(context, asked):
    report = {"dataset_hash": ID, "re_encoded": REFERENCE, "ignored": []}
    task = EncordDeleteDataOperator(task_id="task", dataset_hash=ID, data_hashes=report)
    with pytest.raises(EncordInputError, match=r"5,000.*details_path"):
        task.execute(context)
    assert asked() == []


def test_a_file_that_tells_no_uuids_of_items_is_said_to(dataset, run, tmp_path, asked):
    (tmp_path / "linked").write_text('{"data_hash": "h", "data_title": "t"}\n')
    reference = {"count": 1, "details_path": str(tmp_path / "linked"), "details_conn_id": None}
    with pytest.raises(EncordInputError, match=r"has no item_uuid. EncordListDataRowsOperator"):
        run(EncordLinkItemsOperator, dataset_hash=dataset, item_uuids=reference)
    assert asked() == []


def test_a_short_report_is_taken_whole(dataset, run, manifest, hook):
    added, _ = run(EncordAddPrivateDataOperator, dataset_hash=dataset, integration="AWS", manifest=manifest(2))
    items = [row.backing_item_uuid for row in hook.list_data_rows(dataset)]
    linked, _ = run(EncordLinkItemsOperator, dataset_hash=dataset, item_uuids=items, duplicates_behavior="DUPLICATE")
    found, _ = run(EncordListDataRowsOperator, dataset_hash=dataset, data_hashes=linked)
    assert found["count"] == linked["linked"] == 2
    done, _ = run(EncordReEncodeDataOperator, dataset_hash=added, data_hashes=added, poll_interval=0.01)
    deleted, _ = run(EncordDeleteDataOperator, dataset_hash=done, data_hashes=done)
    assert deleted["deleted"] == 2


@pytest.mark.parametrize("form", [whole, pushed])
def test_a_file_that_this_worker_lacks_may_be_on_another(form, context, asked, tmp_path):
    path = str(tmp_path / "of another worker")
    report = {"count": MANY, "items": None, "details": path}
    value = form(report, {"data_hashes": {**REFERENCE, "details_path": path}})
    task = EncordReEncodeDataOperator(task_id="task", dataset_hash=ID, data_hashes=value)
    with pytest.raises(EncordMachineError, match=r"of another worker cannot be read .*host \S+") as caught:
        task.execute(context)
    assert not isinstance(caught.value, AirflowFailException)
    assert asked() == []


@pytest.mark.parametrize(
    "content", [b"{}\n[]\n", b"\x00\xff\n", b'{"data_hash": "a title"}\n', b"data_hash\nb\n"], ids=repr
)
def test_a_file_of_something_else_is_refused(content, context, asked, tmp_path):
    (tmp_path / "file").write_bytes(content)
    value = {"count": 1, "details_path": str(tmp_path / "file"), "details_conn_id": None}
    task = EncordDeleteDataOperator(task_id="task", dataset_hash=ID, data_hashes=value)
    with pytest.raises(EncordInputError, match=r"details file|data_hashes must be"):
        task.execute(context)
    assert asked() == []
