"""What mapped tasks give, one list or report each, where one task takes it all."""

import json

import pytest

from airflow_provider_encord._compat import AirflowSkipException
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators.data_rows import EncordLinkItemsOperator, EncordListDataRowsOperator
from airflow_provider_encord.operators.datasets import EncordDeleteDataOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.sensors.encord import EncordDataRowSensor, EncordReEncodeSensor, EncordUploadJobSensor


class Lazy:
    """As much of what Airflow gives for the XComs of mapped tasks as matters here."""

    def __init__(self, values):
        self._values = values

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)


every_form = pytest.mark.parametrize("form", [list, tuple, Lazy, str, json.dumps], ids=lambda form: form.__name__)


@pytest.fixture
def run(dataset, context, xcoms):
    """Run a task of a run of its own; return its report, and what it pushed."""

    def run(each, **arguments):
        xcoms.clear()
        context["task_state_store"].clear()
        report = each(task_id="task", **{"dataset_hash": dataset, **arguments}).execute(context)
        return report, dict(xcoms)

    return run


@pytest.fixture
def listed(run, dataset, hook, encord, manifest, tmp_path):
    """What three mapped tasks returned and pushed that listed videos; the last one had too many for an XCom."""
    for number in range(3):
        hook.add_private_data_to_dataset(
            dataset,
            encord.integrations["AWS"],
            {"videos": [{"objectUrl": f"s3://b/{number}{at}", "title": f"{number}-{at}"} for at in range(2)]},
        )
    found = [
        run(EncordListDataRowsOperator, title_like=f"{number}-%", details_path=tmp_path / str(number))
        for number in range(3)
    ]
    found[2][0]["items"] = None
    found[2][1]["data_hashes"] = {"count": 2, "details_path": str(tmp_path / "2"), "details_conn_id": None}
    encord.clear_requests()
    return found


@pytest.fixture
def hashes(listed, hook, dataset):
    by_title = {row.data_title: row.data_hash for row in hook.list_data_rows(dataset)}
    return [by_title[title] for title in sorted(by_title)]


@every_form
@pytest.mark.parametrize("kind", [0, 1], ids=["reports", "lists and references"])
def test_reports_and_lists_are_joined_in_order(form, kind, listed, hashes, run):
    given = form([each[0] if kind == 0 else each[1]["data_hashes"] for each in listed])
    assert run(EncordReEncodeDataOperator, data_hashes=given)[0]["re_encoded"] == hashes
    assert run(EncordListDataRowsOperator, data_hashes=given)[0]["count"] == 6
    assert run(EncordDataRowSensor, data_hashes=given, min_count=6)[0]["counts"] == {"found": 6}
    assert run(EncordDeleteDataOperator, data_hashes=given)[0]["deleted"] == 6


def test_repeats_count_once_and_tasks_that_found_nothing_not_at_all(listed, hashes, run):
    nothing = {"count": 0, "items": [], "details": None, "details_conn_id": None}
    given = [hashes[:2], [], nothing, listed[0][0], hashes[1:3]]
    assert run(EncordReEncodeDataOperator, data_hashes=given)[0]["re_encoded"] == hashes[:3]
    for none in ([], [[], nothing], [[]]):
        with pytest.raises(AirflowSkipException):
            run(EncordReEncodeDataOperator, data_hashes=none)


def test_items_are_linked(listed, run, hook):
    other = hook.create_dataset("linked").dataset_hash
    given = Lazy([report | {"items": None} for report, _ in listed])
    assert run(EncordLinkItemsOperator, dataset_hash=other, item_uuids=given)[0]["linked"] == 6


@pytest.mark.parametrize("kind", ["reports", "lists"])
def test_a_sensor_waits_for_the_jobs_of_all(kind, run, manifest, hashes):
    private = {"integration": "AWS", "max_items_per_job": 1, "wait_for_completion": False}
    started = [run(EncordAddPrivateDataOperator, manifest=manifest(count), **private)[0] for count in (1, 2)]
    ids = [job_id for report in started for job_id in report["job_ids"]]
    nothing = {**started[0], "job_ids": []}
    given = Lazy([nothing, *started] if kind == "reports" else [report["job_ids"] for report in started])
    assert run(EncordUploadJobSensor, job_ids=given)[0]["job_ids"] == ids
    begun = [
        run(EncordReEncodeDataOperator, data_hashes=some, wait_for_completion=False)[0]
        for some in (hashes[:1], hashes[1:])
    ]
    assert run(EncordReEncodeSensor, job_id=Lazy(begun))[0]["job_ids"] == [each["job_ids"][0] for each in begun]


@pytest.mark.parametrize(
    ("mix", "at"),
    [
        (lambda report, some: [report, some[0]], 1),
        (lambda report, some: [some[0], [some[1]]], 0),
        (lambda report, some: [some, None], 1),
        (lambda report, some: [some, str(some)], 1),
        (lambda report, some: [some, [some]], 1),
        (lambda report, some: [report, {"title": "t"}], 1),
        (lambda report, some: [report, {"count": 5, "items": None, "details": None}], 1),
        (lambda report, some: [some, ["a title"]], 1),
    ],
)
def test_a_mix_is_refused_by_its_place(mix, at, listed, hashes, run, asked):
    given = mix(listed[0][0], hashes[:2])
    asked_before = len(asked())
    for each in (EncordDeleteDataOperator, EncordReEncodeDataOperator, EncordListDataRowsOperator):
        with pytest.raises(EncordInputError, match=rf"data_hashes\[{at}\]"):
            run(each, data_hashes=Lazy(given))
    assert len(asked()) == asked_before


def test_nothing_is_read_when_the_dag_is_parsed():
    reference = {"count": 1, "details_path": "/nowhere", "details_conn_id": None}
    EncordReEncodeDataOperator(task_id="task", dataset_hash="{{ dataset }}", data_hashes=[reference])


def test_the_dataset_of_one_report_is_meant_and_none_of_several(listed, run, dataset, asked):
    report = {"dataset_hash": dataset, "added": 1}
    assert run(EncordListDataRowsOperator, dataset_hash=Lazy([report]))[0]["count"] == 6
    before = len(asked())
    with pytest.raises(EncordInputError, match=r"dataset_hash must be the hash of one dataset.* mapped tasks"):
        run(EncordListDataRowsOperator, dataset_hash=Lazy([report, report]))
    with pytest.raises(EncordInputError, match="dataset_hash must be the hash of a dataset"):
        run(EncordListDataRowsOperator, dataset_hash=Lazy([]))
    assert len(asked()) == before
