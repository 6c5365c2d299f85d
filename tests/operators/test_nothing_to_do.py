"""Nothing to do is told by the task's state, over all attempts of a task instance."""

import pytest

from airflow_provider_encord._compat import AirflowSkipException
from airflow_provider_encord.exceptions import EncordInputError, EncordNothingToDoError
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.operators.data_rows import EncordLinkItemsOperator, EncordListDataRowsOperator
from airflow_provider_encord.operators.datasets import EncordDeleteDataOperator, EncordListDatasetsOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.operators.uploads import EncordUploadImageOperator
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator

NOBODY = "00000000-0000-0000-0000-000000000000"
EMPTY = {
    "delete": (EncordDeleteDataOperator, {"data_hashes": []}),
    "delete what is gone": (EncordDeleteDataOperator, {"data_hashes": [NOBODY]}),
    "delete by filter": (EncordDeleteDataOperator, {"title_like": "nothing"}),
    "re-encode": (EncordReEncodeDataOperator, {"data_hashes": "[]"}),
    "re-encode by filter": (EncordReEncodeDataOperator, {"title_like": "nothing"}),
    "upload": (EncordUploadImageOperator, {"file_paths": ()}),
    "private data": (EncordAddPrivateDataOperator, {"integration": "AWS", "manifest": {"videos": []}}),
    "link": (EncordLinkItemsOperator, {"item_uuids": []}),
    "list rows": (EncordListDataRowsOperator, {"title_eq": "nothing"}),
    "bucket": (BucketToEncordOperator, {"integration": "AWS", "prefix": "file://FOLDER"}),
}
every = pytest.mark.parametrize("kind", EMPTY)


class WorkerLost(BaseException):
    pass


@pytest.fixture
def run(dataset, context, tmp_path, encord):
    def build(kind, **more):
        each, arguments = EMPTY[kind]
        given = {
            name: value.replace("FOLDER", str(tmp_path)) if isinstance(value, str) else value
            for name, value in arguments.items()
        }
        return each(task_id="task", dataset_hash=dataset, **given, **more).execute(context)

    return build


@every
def test_each_choice(kind, run, xcoms):
    assert isinstance(run(kind, on_empty="succeed"), dict)
    xcoms.clear()
    with pytest.raises(AirflowSkipException):
        run(kind, on_empty="skip")
    assert isinstance(xcoms["return_value"], dict)
    with pytest.raises(EncordNothingToDoError, match="on_empty"):
        run(kind, on_empty="fail")
    with pytest.raises(EncordInputError, match="on_empty"):
        run(kind, on_empty="ignore")


@every
def test_the_default_is_to_skip_but_for_lists(kind, run):
    if kind.startswith("list"):
        run(kind)
    else:
        with pytest.raises(AirflowSkipException):
            run(kind)


@every
def test_an_attempt_after_the_first_succeeds_where_nothing_is_remembered(kind, run, context):
    """Before Airflow 3.3 an earlier attempt may have done it."""
    del context["task_state_store"]
    context["ti"].retry()
    if kind in ("link",):
        with pytest.raises(AirflowSkipException):
            run(kind, on_empty="skip")
    elif not kind.startswith("list"):
        assert isinstance(run(kind, on_empty="skip"), dict)


@every
def test_a_retry_of_an_attempt_that_did_nothing_skips_too(kind, run, context):
    for _ in range(2):
        with pytest.raises(AirflowSkipException):
            run(kind, on_empty="skip")
        context["ti"].retry()


@pytest.fixture
def rows(hook, dataset, encord, manifest):
    hook.add_private_data_to_dataset(dataset, encord.integrations["AWS"], manifest(3))
    return [row.data_hash for row in hook.list_data_rows(dataset)]


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("by", ["hashes", "filter"])
def test_a_worker_that_dies_after_the_deletion_is_followed_by_success(
    remembers, by, rows, dataset, context, monkeypatch, hook
):
    if not remembers:
        del context["task_state_store"]
    chosen = {"data_hashes": rows} if by == "hashes" else {"title_like": "%.mp4"}
    operator = EncordDeleteDataOperator(task_id="task", dataset_hash=dataset, **chosen)
    delete = EncordHook.delete_data

    def dies(*arguments):
        delete(*arguments)
        raise WorkerLost

    with monkeypatch.context() as dying, pytest.raises(WorkerLost):
        dying.setattr(EncordHook, "delete_data", dies)
        operator.execute(context)
    assert hook.list_data_rows(dataset) == []
    context["ti"].retry()
    report = EncordDeleteDataOperator(task_id="task", dataset_hash=dataset, **chosen).execute(context)
    assert report["deleted"] == 0


def test_a_list_of_datasets_that_finds_nothing(context, encord):
    with pytest.raises(AirflowSkipException):
        EncordListDatasetsOperator(task_id="task", title_eq="nowhere", on_empty="skip").execute(context)
