"""A second attempt finds the job of the first one."""

import pytest

from airflow_provider_encord.exceptions import EncordJobError, EncordNetworkError, EncordRateLimitError
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.operators.uploads import EncordUploadImageOperator


class WorkerLost(Exception):
    pass


def lose_worker(*_, **__):
    raise WorkerLost


@pytest.fixture
def build(dataset, media, hook, encord, manifest):
    """Make the operator of a kind, and name the request that starts its job."""
    added = hook.add_private_data_to_dataset(dataset, encord.integrations["AWS"], manifest(1))
    encord.clear_requests()
    kinds = {
        "upload": (EncordUploadImageOperator, {"file_paths": str(media / "a.png")}, "upload_job_start"),
        "private": (EncordAddPrivateDataOperator, {"integration": "AWS", "manifest": manifest(2)}, "upload_job_start"),
        "re_encode": (EncordReEncodeDataOperator, {"data_hashes": [added[0].data_hash]}, "re_encode_start"),
    }

    def make(kind, **more):
        each, arguments, start = kinds[kind]
        return each(task_id="task", poll_interval=0.01, **{"dataset_hash": dataset, **arguments, **more}), start

    return make


@pytest.fixture
def lose(context, monkeypatch):
    """Run a task and lose its worker when it begins to wait."""

    def run(operator, owner=EncordHook, name="wait"):
        with monkeypatch.context() as dying, pytest.raises(WorkerLost):
            dying.setattr(owner, name, lose_worker)
            operator.execute(context)

    return run


every_kind = pytest.mark.parametrize("kind", ["upload", "private", "re_encode"])


@every_kind
@pytest.mark.parametrize("where", ["push", "wait"])
def test_a_try_after_a_lost_worker_starts_nothing(kind, where, build, context, asked, lose):
    first, start = build(kind)
    lose(first, first if where == "push" else EncordHook, where)
    assert context["task_state_store"]
    second, _ = build(kind)
    done = second.execute(context)
    assert done["status"] == "DONE"
    assert asked().count(start) == 1


@every_kind
def test_a_task_that_is_cleared_after_success_starts_nothing(kind, build, context, asked):
    operator, start = build(kind)
    done = operator.execute(context)
    context["ti"].clear()
    assert build(kind)[0].execute(context) == done
    assert asked().count(start) == 1


@every_kind
def test_another_run_starts_its_own(kind, build, context, asked):
    for _ in range(2):
        operator, start = build(kind)
        operator.execute({**context, "task_state_store": type(context["task_state_store"])()})
    assert asked().count(start) == 2


@pytest.mark.parametrize("kind", ["upload", "private"])
def test_what_was_removed_since_is_added_again_when_the_task_is_cleared(kind, build, context, asked, hook, dataset):
    operator, start = build(kind)
    added = operator.execute(context)["added"]
    hook.delete_data(dataset, [row.data_hash for row in hook.list_data_rows(dataset)])
    context["ti"].clear()
    assert build(kind)[0].execute(context)["added"] >= added
    assert asked().count(start) == 2


def test_a_start_nobody_knows_the_outcome_of_is_warned_of_once(build, context, encord, monkeypatch):
    encord.fault("upload_job_start", drop="after")
    with pytest.raises(EncordNetworkError):
        build("private")[0].execute(context)
    said = []
    for _ in range(2):
        operator, _ = build("private")
        monkeypatch.setattr(operator.log, "warning", lambda text, *args: said.append(text % args))
        operator.execute(context)
    assert len([text for text in said if "may run that job too" in text]) == 1


def test_a_start_that_was_refused_for_its_rate_is_not_warned_of(build, context, encord, monkeypatch):
    encord.fault("upload_job_start", times=4, status=429, headers={"Retry-After": "0"})
    with pytest.raises(EncordRateLimitError):
        build("private")[0].execute(context)
    operator, _ = build("private")
    said = []
    monkeypatch.setattr(operator.log, "warning", lambda text, *args: said.append(text))
    assert operator.execute(context)["status"] == "DONE"
    assert [text for text in said if "earlier try" in text] == []


@every_kind
def test_a_job_that_ended_badly_meanwhile_is_started_anew(kind, build, context, asked, encord, lose):
    force = encord.force_task if kind == "re_encode" else encord.force_job
    force(status="ERROR")
    first, start = build(kind)
    lose(first)
    assert build(kind)[0].execute(context)["status"] == "DONE"
    assert asked().count(start) == 2


@every_kind
def test_a_failure_is_forgotten_so_that_a_retry_starts_anew(kind, build, context, encord):
    force = encord.force_task if kind == "re_encode" else encord.force_job
    force(status="ERROR")
    with pytest.raises(EncordJobError):
        build(kind)[0].execute(context)
    assert context["task_state_store"]["encord_jobs"]["job_ids"] == []


@pytest.mark.parametrize("change", ["durable", "dataset", "unknown job", "no store"])
def test_what_is_remembered_counts_only_if_it_fits(change, build, context, asked, lose, hook, no_pause):
    first, start = build("private")
    if change == "no store":
        del context["task_state_store"]
    lose(first)
    more = {}
    if change == "durable":
        more = {"durable": False}
    elif change == "dataset":
        more = {"dataset_hash": hook.create_dataset("another").dataset_hash}
    elif change == "unknown job":
        (key,) = context["task_state_store"]
        context["task_state_store"][key]["job_ids"] = ["00000000-0000-0000-0000-00000000000a"]
    build("private", **more)[0].execute(context)
    assert asked().count(start) == 2


def test_a_kill_is_said_once_and_sends_nothing(build, context, encord, monkeypatch, lose):
    operator, _ = build("private")
    lose(operator)
    encord.clear_requests()
    said = []
    monkeypatch.setattr(operator.log, "warning", lambda text, *args: said.append(text % args))
    operator.on_kill()
    assert len(said) == 1
    assert "goes on" in said[0]
    assert encord.requests() == []


def test_a_job_of_other_arguments_is_not_taken_for_this_one(build, context, asked, lose, manifest):
    first, start = build("private")
    lose(first)
    second, _ = build("private", manifest=manifest(3))
    done = second.execute(context)
    assert done["added"] + done["skipped"] == 3
    assert asked().count(start) == 2


def test_a_worker_that_dies_after_three_of_five_jobs_is_followed_by_one_that_starts_two(
    build, context, asked, manifest, monkeypatch
):
    parts = {"manifest": manifest(5), "max_items_per_job": 1}
    first, start = build("private", **parts)
    begin = EncordHook.start_upload_job

    def lose_at_the_fourth(*arguments, **more):
        if asked().count(start) == 3:
            raise WorkerLost
        return begin(*arguments, **more)

    with monkeypatch.context() as dying, pytest.raises(WorkerLost):
        dying.setattr(EncordHook, "start_upload_job", lose_at_the_fourth)
        first.execute(context)
    context["ti"].retry()
    assert len(build("private", **parts)[0].execute(context)["job_ids"]) == 5
    assert asked().count(start) == 5


@every_kind
@pytest.mark.parametrize("wait", [{}, {"deferrable": True, "defer_after": 1, "timeout": 60, "max_poll_failures": 3}])
def test_where_details_go_and_how_is_waited_is_no_part_of_the_work(kind, wait, build, context, asked, lose, tmp_path):
    def details(attempt):
        if kind == "re_encode":  # its reference is to another file at each attempt
            path = tmp_path / f"found {attempt}"
            path.write_text("".join(f'{{"data_hash": "{each}"}}\n' for each in build(kind)[0].data_hashes))
            return {"data_hashes": {"count": 1, "details_path": str(path), "details_conn_id": None}}
        return {"details_path": tmp_path / f"attempt {attempt}"}

    first, start = build(kind, **details(1))
    lose(first)
    context["ti"].retry()
    second, _ = build(kind, **details(2), **wait)
    assert second.execute(context)["status"] == "DONE"
    assert asked().count(start) == 1
    if kind != "re_encode":
        assert (tmp_path / "attempt 2").read_text().count("\n") >= 1
