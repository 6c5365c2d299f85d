"""A second attempt, and what comes in its way: nothing is started or added twice because of a proxy."""

import pytest

from airflow_provider_encord._client.transport.sync_transport import BlockingTransport
from airflow_provider_encord._compat import AirflowFailException
from airflow_provider_encord.exceptions import EncordError
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.operators.uploads import (
    EncordCreateDicomSeriesOperator,
    EncordCreateImageGroupOperator,
    EncordUploadImageOperator,
    EncordUploadVideoOperator,
)
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator

PAGE = "<html><head><title>Not here</title></head></html>"
HTML = {"Content-Type": "text/html"}
ANSWERS = {
    "404 page": {"status": 404, "body": PAGE, "headers": HTML},
    "403 page": {"status": 403, "body": PAGE, "headers": HTML},
    "200 page": {"status": 200, "body": PAGE, "headers": HTML},
    "401 of a portal": {"status": 401, "body": {"error": "log in"}},
    "redirect": {"status": 302, "headers": {"Location": "https://login.example/"}},
    "nothing": {"status": 200, "body": ""},
}
KINDS = {
    "video": (EncordUploadVideoOperator, {"file_paths": "MEDIA/clip.mp4"}),
    "images": (EncordUploadImageOperator, {"file_paths": ["MEDIA/a.png", "MEDIA/b.png"], "max_items_per_job": 1}),
    "group": (EncordCreateImageGroupOperator, {"file_paths": ["MEDIA/a.png", "MEDIA/d.png"], "create_video": False}),
    "series": (EncordCreateDicomSeriesOperator, {"file_paths": ["MEDIA/1.dcm", "MEDIA/2.dcm"], "title": "s"}),
    "private": (EncordAddPrivateDataOperator, {"integration": "AWS", "manifest": "MANIFEST", "max_items_per_job": 1}),
    "bucket": (
        BucketToEncordOperator,
        {"integration": "Azure", "prefix": "file://MEDIA", "object_url": "https://a.blob.core.windows.net/c{key}"},
    ),
    "re-encode": (EncordReEncodeDataOperator, {"data_hashes": "HASHES"}),
}


class WorkerLost(BaseException):
    pass


@pytest.fixture
def build(dataset, media, hook, encord, manifest):
    """Make the operator of a kind; the videos to re-encode are there already."""
    hashes = [
        item.data_hash for item in hook.add_private_data_to_dataset(dataset, encord.integrations["AWS"], manifest(1))
    ]
    encord.clear_requests()
    known = {"MANIFEST": manifest(3), "HASHES": hashes}

    def placed(value):
        if isinstance(value, list):
            return [placed(each) for each in value]
        return known.get(value, value.replace("MEDIA", str(media))) if isinstance(value, str) else value

    def make(kind):
        each, arguments = KINDS[kind]
        given = {name: placed(value) for name, value in arguments.items()}
        return each(task_id="task", dataset_hash=dataset, poll_interval=0.01, on_empty="succeed", **given)

    return make


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch, no_pause):
    monkeypatch.setitem(BlockingTransport.__init__.__kwdefaults__, "sleep", lambda seconds: None)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("kind", KINDS)
def test_one_answer_that_is_not_encords_starts_nothing_again(
    kind, answer, build, context, encord, hook, dataset, asked, monkeypatch
):
    start = "re_encode_start" if kind == "re-encode" else "upload_job_start"
    with monkeypatch.context() as dying, pytest.raises(WorkerLost):
        dying.setattr(EncordHook, "wait", lambda *_, **__: (_ for _ in ()).throw(WorkerLost))
        build(kind).execute(context)
    jobs = asked().count(start)
    assert jobs
    context["ti"].max_tries = 99
    for at in range(10):
        context["ti"].retry()
        encord.clear_faults()
        encord.fault(skip=at, **ANSWERS[answer])
        try:
            build(kind).execute(context)
        except EncordError as error:
            assert not isinstance(error, AirflowFailException), error
    encord.clear_faults()
    context["ti"].retry()
    build(kind).execute(context)
    assert asked().count(start) == jobs
    titles = [row.data_title for row in hook.list_data_rows(dataset)]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("kind", ["private", "re-encode"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_job_is_lost_when_encord_says_so_twice(kind, times, build, context, encord, asked, monkeypatch):
    start, poll = (
        ("re_encode_start", "re_encode_status") if kind == "re-encode" else ("upload_job_start", "upload_job_poll")
    )
    with monkeypatch.context() as dying, pytest.raises(WorkerLost):
        dying.setattr(EncordHook, "wait", lambda *_, **__: (_ for _ in ()).throw(WorkerLost))
        build(kind).execute(context)
    jobs = asked().count(start)
    context["ti"].retry()
    encord.fault(poll, times=times, status=404, body={"status": 404, "response": ["RESOURCE_NOT_FOUND_ERROR"]})
    build(kind).execute(context)
    assert asked().count(start) == (jobs if times == 1 else 2 * jobs)


def test_polls_without_an_answer_end_the_attempt_and_the_job_is_found_again(build, context, encord, asked):
    encord.fault("upload_job_poll", times=None, status=502, body=PAGE, headers=HTML)
    for _ in range(2):
        with pytest.raises(EncordError) as caught:
            build("private").execute(context)
        assert not isinstance(caught.value, AirflowFailException)
        context["ti"].retry()
    encord.clear_faults()
    context["ti"].clear()
    assert build("private").execute(context)["added"] == 3 - 1
    assert asked().count("upload_job_start") == 3
