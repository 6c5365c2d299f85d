"""Re-encoding: what was re-encoded, what Encord ignored, how it may end."""

import json

import pytest

from airflow_provider_encord.exceptions import EncordJobError, EncordTimeoutError
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:
    from airflow.exceptions import TaskDeferred

FOREIGN = "00000000-0000-0000-0000-000000000009"


@pytest.fixture
def videos(hook, dataset, encord, manifest):
    added = hook.add_private_data_to_dataset(dataset, encord.integrations["AWS"], manifest(2))
    encord.clear_requests()
    return [item.data_hash for item in added]


@pytest.fixture
def re_encode(context, dataset):
    def run(hashes, **arguments):
        arguments = {"poll_interval": 0.01, **arguments}
        return EncordReEncodeDataOperator(
            task_id="task", dataset_hash=dataset, data_hashes=hashes, **arguments
        ).execute(context)

    return run


def test_it_tells_what_was_re_encoded(videos, re_encode, xcoms, asked):
    done = re_encode(videos)
    assert (sorted(done["re_encoded"]), done["ignored"], done["status"]) == (sorted(videos), [], "DONE")
    assert done["job_id"] == xcoms["job_id"]
    assert asked().count("re_encode_start") == 1


def test_ignored_hashes_fail_the_task_unless_they_may_be_missing(videos, re_encode):
    with pytest.raises(EncordJobError, match=FOREIGN):
        re_encode([*videos, FOREIGN])
    assert re_encode([*videos, FOREIGN], ignore_if_missing=True)["ignored"] == [FOREIGN]


@pytest.mark.parametrize(
    ("status", "arguments", "error"),
    [
        ("ERROR", {}, EncordJobError),
        ("SUBMITTED", {"timeout": 0.001}, EncordTimeoutError),
        ("SOMETHING_NEW", {"timeout": 0.001}, EncordTimeoutError),
    ],
)
def test_other_endings(status, arguments, error, videos, re_encode, encord):
    encord.force_task(status=status)
    with pytest.raises(error):
        re_encode(videos, **arguments)


def test_a_start_whose_answer_is_lost_is_not_repeated(videos, re_encode, encord, asked):
    encord.fault("re_encode_start", drop="after")
    with pytest.raises(Exception, match="re-encoding"):
        re_encode(videos)
    assert asked().count("re_encode_start") == 1


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("max_items_per_job", [1, 1000])
def test_what_comes_in_after_a_filter_has_chosen_is_no_part_of_the_work(
    remembers, max_items_per_job, videos, hook, dataset, encord, manifest, context
):
    """Before Airflow 3.3 nothing keeps what the filter found while the task is deferred."""
    if not remembers:
        del context["task_state_store"]
    arguments = {"title_like": "%.mp4", "deferrable": True, "defer_after": 0, "max_items_per_job": max_items_per_job}
    build = lambda: EncordReEncodeDataOperator(task_id="task", dataset_hash=dataset, **arguments)  # noqa: E731
    with pytest.raises(TaskDeferred) as deferred:
        build().execute(context)
    _, kwargs = deferred.value.trigger.serialize()
    files = {"videos": [{"objectUrl": "s3://bucket/later.mp4", "title": "later.mp4"}]}
    hook.add_private_data_to_dataset(dataset, encord.integrations["AWS"], files)
    event = {"status": "done", "message": "done", "dataset_hash": dataset, "job_ids": kwargs["job_ids"]}
    done = build().execute_complete(context, event)
    assert (sorted(done["re_encoded"]), done["ignored"]) == (sorted(videos), [])


@pytest.mark.parametrize("form", [dict, json.dumps, lambda reference: [reference]], ids=["dict", "text", "mapped"])
@pytest.mark.parametrize("later", ["gone", "other", "same"])
@pytest.mark.parametrize("remembers", [True, False])
def test_a_file_of_hashes_may_change_while_the_task_is_deferred(
    remembers, later, form, videos, dataset, context, tmp_path
):
    """Before Airflow 3.3 nothing keeps what was in it, so the report does not tell what Encord ignored."""
    if not remembers:
        del context["task_state_store"]
    path = tmp_path / "rows"
    path.write_text("".join(json.dumps({"data_hash": each}) + "\n" for each in [*videos, FOREIGN]))
    reference = {"count": 3, "details_path": str(path), "details_conn_id": None}
    build = lambda **more: EncordReEncodeDataOperator(  # noqa: E731
        task_id="task", dataset_hash=dataset, data_hashes=form(reference), deferrable=True, defer_after=0, **more
    )
    with pytest.raises(TaskDeferred) as deferred:
        build().execute(context)
    _, kwargs = deferred.value.trigger.serialize()
    if later == "gone":
        path.unlink()
    elif later == "other":
        path.write_text(json.dumps({"data_hash": "00000000-0000-0000-0000-00000000000a"}) + "\n")
    event = {"status": "done", "message": "done", "dataset_hash": dataset, "job_ids": kwargs["job_ids"]}
    if remembers:
        with pytest.raises(EncordJobError, match=FOREIGN):
            build().execute_complete(context, event)
    else:
        done = build(ignore_if_missing=True).execute_complete(context, event)
        assert (sorted(done["re_encoded"]), done["ignored"]) == (sorted(videos), [])
