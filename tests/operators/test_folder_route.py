"""Into a folder, and from there into a dataset: every operator, and nothing twice."""

import gzip
import json

import pytest

from airflow_provider_encord._compat import AirflowSkipException
from airflow_provider_encord._storage.listing import StoredObject
from airflow_provider_encord.exceptions import EncordError, EncordInputError, EncordNetworkError, EncordNotFoundError
from airflow_provider_encord.hooks.encord import EncordHook
from airflow_provider_encord.operators import _registration
from airflow_provider_encord.operators.data_rows import EncordLinkItemsOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.uploads import (
    EncordCreateDicomSeriesOperator,
    EncordCreateImageGroupOperator,
    EncordUploadFilesOperator,
    EncordUploadImageOperator,
    EncordUploadVideoOperator,
)
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:
    from airflow.exceptions import TaskDeferred

NAMES = ["a.png", "b.png", "c.png", "d.png", "a.png"]


class WorkerLost(BaseException):
    """As abrupt as it gets in one process."""


@pytest.fixture
def folder(hook, encord):
    made = hook.create_folder("a folder").uuid
    encord.clear_requests()
    return made


@pytest.fixture
def plain(hook, encord):
    """A dataset without a mirror folder."""
    made = hook.create_dataset("without", create_backing_folder=False).dataset_hash
    encord.clear_requests()
    return made


@pytest.fixture(params=["dataset", "folder", "both"])
def place(request):
    """The three ways to say where data goes."""
    names = {"dataset": ["dataset"], "folder": ["folder"], "both": ["folder", "plain"]}[request.param]
    found = {name: request.getfixturevalue(name) for name in names}
    arguments = {"dataset_hash": found.get("dataset") or found.get("plain"), "folder_uuid": found.get("folder")}
    return {name: value for name, value in arguments.items() if value}


@pytest.fixture
def run(context, encord, monkeypatch):
    """Run an attempt of a task to its end, also when it defers."""
    listed = []

    def run(each, *, lists=(), **arguments):
        listed[:] = [StoredObject(f"s3://bucket/{key}", "bucket", key, 1, None) for key in sorted(lists)]
        task = each(task_id="task", **{"poll_interval": 0.01, **arguments})
        try:
            return task.execute(context)
        except TaskDeferred as deferred:
            path, kwargs = deferred.trigger.serialize()
            assert path.endswith("EncordFolderJobTrigger" if task.folder_uuid else "EncordUploadJobTrigger")
            kwargs = json.loads(json.dumps(kwargs))
            for job in kwargs["job_ids"]:
                encord.force_job(job, status="DONE")
            event = {"status": "done", "message": "It is over", "job_ids": kwargs["job_ids"], "counts": {}}
            again = each(task_id="task", **{"poll_interval": 0.01, **arguments})
            return again.execute_complete(context, event, **json.loads(json.dumps(deferred.kwargs or {})))

    monkeypatch.setattr(BucketToEncordOperator, "objects", lambda self: listed)
    return run


@pytest.fixture
def held(hook):
    """The titles that a place holds: of the dataset if there is one, and of the folder."""

    def titles(dataset_hash=None, folder_uuid=None):
        found = []
        if dataset_hash:
            found.append(sorted(row.data_title for row in hook.list_data_rows(dataset_hash)))
        if folder_uuid:
            found.append(sorted(item.name for item in hook.list_items(folder_uuid) if not item.is_placeholder))
        return found

    return titles


@pytest.fixture
def dies_at(monkeypatch):
    """Lose the worker when a method of the hook is called, before or after it does its work."""

    def prepare(method, *, after=False):
        work = getattr(EncordHook, method)

        def lost(self, *args, **kwargs):
            if after:
                work(self, *args, **kwargs)
            monkeypatch.setattr(EncordHook, method, work)
            raise WorkerLost

        monkeypatch.setattr(EncordHook, method, lost)

    return prepare


@pytest.fixture(params=["3.3", "before"])
def any_airflow(request, context):
    """With a task state store, and without."""
    if request.param == "before":
        del context["task_state_store"]
    return request.param


@pytest.fixture
def quick(monkeypatch):
    """Look again at once for what a job of unknown id adds."""
    monkeypatch.setattr(_registration, "LOOK_SECONDS", 0.01)


def check_report(done, xcoms, place, hook, count):
    """The report and the XComs name all that is in the place, and what it is there."""
    assert (done["dataset_hash"], done["folder_uuid"]) == (place.get("dataset_hash"), place.get("folder_uuid"))
    assert len(done["items"]) == count
    told = {tuple(sorted(item)) for item in done["items"]}
    if "folder_uuid" not in place:
        assert told == {("data_hash", "item_uuid", "title")}
    else:
        assert told == {("data_hash", "item_uuid", "title") if "dataset_hash" in place else ("item_uuid", "title")}
        assert set(xcoms["item_uuids"]) == {item.uuid for item in hook.list_items(place["folder_uuid"])}
    if "dataset_hash" in place:
        assert set(xcoms["data_hashes"]) == {row.data_hash for row in hook.list_data_rows(place["dataset_hash"])}
        assert xcoms["encord_dataset_url"].endswith(place["dataset_hash"])
    else:
        assert "data_hashes" not in xcoms
    assert [item["item_uuid"] for item in done["items"]] == xcoms["item_uuids"]


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize(
    ("each", "names", "count"),
    [
        (EncordUploadVideoOperator, ["clip.mp4"], 1),
        (EncordUploadImageOperator, NAMES, 5),
        (EncordCreateImageGroupOperator, ["a.png", "d.png"], 1),
        (EncordCreateDicomSeriesOperator, ["1.dcm", "2.dcm"], 1),
        (EncordUploadFilesOperator, ["a.png", "b.png"], 2),
        (EncordAddPrivateDataOperator, None, 3),
        (BucketToEncordOperator, None, 2),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_operator_adds_to_every_place(
    each, names, count, deferrable, place, run, media, manifest, xcoms, hook, held, encord
):
    given = {"deferrable": deferrable, "defer_after": 0, **place}
    if deferrable:
        encord.settings(job_seconds=3600)
    if names:
        given |= {"file_paths": [str(media / name) for name in names]}
        given |= {"kind": "image"} if each is EncordUploadFilesOperator else {}
    else:
        given |= {"integration": "AWS"}
    if each is EncordAddPrivateDataOperator:
        given |= {"manifest": manifest(3)}
    if each is BucketToEncordOperator:
        given |= {"prefix": "s3://bucket/in/", "lists": ["in/a.mp4", "in/b.jpg"]}
    done = run(each, **given)
    assert (done["status"], done["added"], done["failed"]) == ("DONE", count, 0)
    check_report(done, xcoms, place, hook, count)
    assert [len(titles) for titles in held(**place)] == [count] * len(place)


def test_neither_is_refused_at_parse():
    with pytest.raises(EncordInputError, match="Neither dataset_hash nor folder_uuid"):
        EncordUploadImageOperator(task_id="task", file_paths=["a.png"])


def test_places_that_are_refused_before_any_byte(run, media, dataset, folder, hook, encord, asked):
    image = {"file_paths": str(media / "a.png")}
    missing = "6e26f6a8-3d0b-4f0b-9c37-2f1d8a1f9d60"
    synced = hook.create_folder("filled by a bucket", integration="AWS", remote_url="s3://bucket/x/").uuid
    encord.clear_requests()
    for place, error, match in [
        ({"dataset_hash": dataset, "folder_uuid": folder}, EncordInputError, "mirror folder of its own"),
        ({"folder_uuid": missing}, EncordNotFoundError, missing),
        ({"folder_uuid": synced}, EncordInputError, "synced with a bucket"),
    ]:
        with pytest.raises(error, match=match):
            run(EncordUploadImageOperator, **image, **place)
    assert set(asked()) <= {"get_dataset", "get_folder"}


@pytest.mark.parametrize("kind", ["audio", "pdf", "plainText", "nifti", "timeseries"])
def test_kinds_that_only_folders_take(kind, dataset):
    with pytest.raises(EncordInputError, match=f"'{kind}' can be uploaded into a storage folder only"):
        EncordUploadFilesOperator(task_id="task", dataset_hash=dataset, kind=kind, file_paths=["a"])


@pytest.mark.parametrize(
    ("kind", "name", "content"),
    [
        ("pdf", "a.pdf", b"%PDF-1.4\n"),
        ("plainText", "a.txt", b"text"),
        ("nifti", "a.nii.gz", gzip.compress((348).to_bytes(4, "little") + bytes(344))),
        ("image", None, None),
    ],
    ids=["pdf", "plainText", "nifti", "image"],
)
def test_files_of_any_kind(kind, name, content, run, folder, hook, media, tmp_path):
    path = media / "a.png" if name is None else tmp_path / name
    if content:
        path.write_bytes(content)
    done = run(EncordUploadFilesOperator, folder_uuid=folder, kind=kind, file_paths=[str(path)])
    (item,) = hook.list_items(folder)
    assert (done["added"], item.item_type, item.name) == (1, kind, path.name)


@pytest.mark.parametrize(
    ("kind", "name"), [("pdf", "a.png"), ("nifti", "a.gz"), ("plainText", "a.mp4"), ("audio", "a.pdf")]
)
def test_files_of_another_kind_are_refused(kind, name, run, folder, tmp_path, asked):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(EncordInputError, match=f"{kind} files are uploaded here"):
        run(EncordUploadFilesOperator, folder_uuid=folder, kind=kind, file_paths=[str(tmp_path / name)])
    assert asked() == []


# -- again -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(media):
    return [str(media / name) for name in NAMES]


@pytest.mark.parametrize(
    ("method", "after"),
    [("put_files", True), ("start_folder_upload_job", False), ("start_folder_upload_job", True)],
)
def test_a_retry_adds_nothing_twice(
    method, after, any_airflow, run, files, folder, context, held, asked, encord, dies_at, quick
):
    dies_at(method, after=after)
    with pytest.raises(WorkerLost):
        run(EncordUploadImageOperator, folder_uuid=folder, file_paths=files)
    context["ti"].retry()
    encord.clear_requests()
    done = run(EncordUploadImageOperator, folder_uuid=folder, file_paths=files)
    started = method == "start_folder_upload_job" and after
    assert (done["added"], done["skipped"]) == ((0, 5) if started else (5, 0))
    assert len(done["items"]) == 5
    assert held(folder_uuid=folder) == [sorted(NAMES)]
    if any_airflow == "3.3" or started:
        assert "storage_put" not in asked()


def test_items_whose_metadata_was_replaced_are_known_by_their_ids(run, files, folder, context, hook, held):
    run(EncordUploadImageOperator, folder_uuid=folder, file_paths=files[:2])
    hook.update_items(
        {item.uuid: {"client_metadata": {"a": 1}} for item in hook.list_items(folder)}, merge_metadata=False
    )
    del context["task_state_store"]["encord_jobs"]
    context["ti"].retry()
    done = run(EncordUploadImageOperator, folder_uuid=folder, file_paths=files[:2])
    assert (done["added"], done["skipped"]) == (0, 2)
    assert len(held(folder_uuid=folder)[0]) == 2


def test_a_lost_answer_is_waited_for(any_airflow, run, files, folder, context, held, encord, asked, quick, monkeypatch):
    encord.settings(job_seconds=3600)
    encord.fault("folder_job_start", drop="after")
    with pytest.raises(EncordNetworkError):
        run(EncordUploadImageOperator, folder_uuid=folder, file_paths=files)
    context["ti"].retry()
    encord.clear_requests()
    looks = iter(range(3))

    def sleep(seconds):
        if next(looks, None) is None:
            for job in encord.state()["jobs"]:
                encord.force_job(job, status="DONE")

    monkeypatch.setattr(_registration.time, "sleep", sleep)
    done = run(EncordUploadImageOperator, folder_uuid=folder, file_paths=files)
    assert (done["status"], done["skipped"], done["job_ids"]) == ("NOTHING NEW", 5, [])
    assert held(folder_uuid=folder) == [sorted(NAMES)]
    assert {"storage_put", "folder_job_start"}.isdisjoint(asked())


def test_a_lost_answer_that_nothing_follows_is_not_waited_for_for_ever(
    run, files, folder, context, encord, asked, quick, monkeypatch
):
    monkeypatch.setattr(_registration, "NO_CHANGE_SECONDS", 0)
    encord.settings(job_seconds=3600)
    encord.fault("folder_job_start", drop="after")
    with pytest.raises(EncordNetworkError):
        run(EncordUploadImageOperator, folder_uuid=folder, file_paths=files)
    context["ti"].retry()
    encord.clear_requests()
    run(EncordUploadImageOperator, folder_uuid=folder, file_paths=files, wait_for_completion=False)
    assert asked().count("folder_job_start") == 1
    assert "storage_put" not in asked()


@pytest.mark.parametrize("lists", [None, ["in/a.mp4", "in/b.mp4", "in/c.mp4"]], ids=["manifest", "bucket"])
def test_a_lost_answer_of_private_data_is_waited_for(
    lists, run, folder, context, held, encord, asked, manifest, quick, monkeypatch
):
    given = {"folder_uuid": folder, "integration": "AWS"}
    each = BucketToEncordOperator if lists else EncordAddPrivateDataOperator
    given |= {"prefix": "s3://bucket/in/", "lists": lists} if lists else {"manifest": manifest(3)}
    encord.settings(job_seconds=3600)
    encord.fault("folder_job_start", drop="after")
    with pytest.raises(EncordNetworkError):
        run(each, **given)
    context["ti"].retry()
    monkeypatch.setattr(
        _registration.time,
        "sleep",
        lambda seconds: [encord.force_job(job, status="DONE") for job in encord.state()["jobs"]],
    )
    encord.settings(job_seconds=0)
    done = run(each, **given)
    assert (done["added"], done["skipped"], len(held(folder_uuid=folder)[0])) == (0, 3, 3)


@pytest.mark.parametrize("each", [EncordUploadImageOperator, EncordAddPrivateDataOperator])
def test_a_cleared_task_adds_nothing(each, any_airflow, run, files, folder, plain, context, held, manifest):
    given = {"folder_uuid": folder, "dataset_hash": plain}
    given |= (
        {"file_paths": files} if each is EncordUploadImageOperator else {"integration": "AWS", "manifest": manifest(5)}
    )
    first = run(each, **given)
    context["ti"].clear()
    again = run(each, **given)
    if (each, any_airflow) != (EncordAddPrivateDataOperator, "before"):
        assert {item["data_hash"] for item in again["items"]} == {item["data_hash"] for item in first["items"]}
    assert [len(titles) for titles in held(plain, folder)] == [5, 5]


def test_who_removed_the_items_and_clears_the_task_gets_them_again(run, files, folder, context, hook, held):
    run(EncordUploadImageOperator, folder_uuid=folder, file_paths=files)
    hook.delete_items(folder, [item.uuid for item in hook.list_items(folder)])
    context["ti"].clear()
    assert run(EncordUploadImageOperator, folder_uuid=folder, file_paths=files)["added"] == 5
    assert held(folder_uuid=folder) == [sorted(NAMES)]


# -- into the dataset ------------------------------------------------------------------------------------------------


def test_what_the_folder_held_already_is_linked(run, folder, plain, hook, manifest, context, xcoms, held):
    run(EncordAddPrivateDataOperator, folder_uuid=folder, integration="AWS", manifest=manifest(3))
    context["ti"].run_id = "another"
    context["task_state_store"].clear()
    done = run(
        EncordAddPrivateDataOperator, folder_uuid=folder, dataset_hash=plain, integration="AWS", manifest=manifest(4)
    )
    assert (done["added"], done["skipped"], len(done["items"])) == (1, 3, 4)
    assert [len(titles) for titles in held(plain, folder)] == [4, 4]
    assert set(xcoms["data_hashes"]) == {row.data_hash for row in hook.list_data_rows(plain)}


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_bucket_whose_objects_the_folder_holds_is_linked_and_then_nothing_is_left(
    deferrable, run, folder, plain, context, held
):
    bucket = {"integration": "AWS", "prefix": "s3://bucket/in/", "lists": ["in/a.mp4", "in/b.mp4"]}
    run(BucketToEncordOperator, folder_uuid=folder, **bucket)
    context["task_state_store"].clear()
    given = {"folder_uuid": folder, "dataset_hash": plain, "deferrable": deferrable, "defer_after": 0, **bucket}
    done = run(BucketToEncordOperator, **given)
    assert (done["added"], done["skipped"], done["job_ids"], len(done["items"])) == (0, 2, [], 2)
    assert [len(titles) for titles in held(plain, folder)] == [2, 2]
    context["task_state_store"].clear()
    with pytest.raises(AirflowSkipException):
        run(BucketToEncordOperator, **given)


def test_a_link_that_fails_is_made_by_the_retry(run, files, folder, plain, context, encord, held, asked):
    encord.fault("link_items", times=None, status=503)
    with pytest.raises(EncordError):
        run(EncordUploadImageOperator, folder_uuid=folder, dataset_hash=plain, file_paths=files)
    encord.clear_faults()
    encord.clear_requests()
    context["ti"].retry()
    done = run(EncordUploadImageOperator, folder_uuid=folder, dataset_hash=plain, file_paths=files)
    assert len(done["items"]) == 5
    assert [len(titles) for titles in held(plain, folder)] == [5, 5]
    assert "folder_job_start" not in asked()


@pytest.mark.parametrize("form", ["report", "item_uuids"])
def test_link_items_takes_what_an_upload_returns(form, run, files, folder, plain, xcoms, held, context):
    done = run(EncordUploadImageOperator, folder_uuid=folder, file_paths=files)
    told = {"report": done, "item_uuids": xcoms["item_uuids"]}[form]
    assert EncordLinkItemsOperator(task_id="link", dataset_hash=plain, item_uuids=told).execute(context)["linked"] == 5
    assert held(plain) == [sorted(NAMES)]


def test_too_many_items_for_an_xcom_are_told_by_a_reference(run, folder, plain, manifest, xcoms, tmp_path, context):
    details = str(tmp_path / "details")
    done = run(
        EncordAddPrivateDataOperator,
        folder_uuid=folder,
        integration="AWS",
        manifest=manifest(1500),
        details_path=details,
    )
    reference = {"count": 1500, "details_path": details, "details_conn_id": None}
    assert (done["items"], xcoms["item_uuids"]) == (None, reference)
    link = EncordLinkItemsOperator(task_id="link", dataset_hash=plain, item_uuids=reference)
    assert link.execute(context)["linked"] == 1500


# -- buckets ---------------------------------------------------------------------------------------------------------


def test_in_a_folder_the_url_and_not_the_title_tells_what_is_new(run, folder, hook, context):
    bucket = {"folder_uuid": folder, "integration": "AWS", "prefix": "s3://bucket/in/"}
    run(BucketToEncordOperator, **bucket, lists=["in/a.mp4"])
    (item,) = hook.list_items(folder)
    hook.update_items({item.uuid: {"name": "renamed"}})
    context["task_state_store"].clear()
    done = run(BucketToEncordOperator, **bucket, lists=["in/a.mp4", "in/b.mp4"])
    assert (done["added"], sorted(item.name for item in hook.list_items(folder))) == (1, ["in/b.mp4", "renamed"])


@pytest.mark.parametrize("deferrable", [False, True])
def test_nifti_goes_into_folders_and_is_counted_elsewhere(deferrable, run, place, hook, encord):
    if deferrable:
        encord.settings(job_seconds=3600)
    listed = ["in/a.mp4", "in/b.nii.gz", "in/c.nii", "in/d.gz"]
    given = {"integration": "AWS", "prefix": "s3://bucket/in/", "deferrable": deferrable, "defer_after": 0}
    done = run(BucketToEncordOperator, **given, **place, lists=listed)
    if "folder_uuid" in place:
        assert (done["added"], done["left_out"]["kind"], len(done["job_ids"])) == (3, 1, 2)
        kinds = sorted((item.item_type, item.name) for item in hook.list_items(place["folder_uuid"]))
        assert kinds == [("nifti", "in/b.nii.gz"), ("nifti", "in/c.nii"), ("video", "in/a.mp4")]
    else:
        assert (done["added"], done["left_out"]["kind"]) == (1, 3)
    assert (done["listed"], done["new"]) == (4, done["added"])


def test_nifti_in_a_dataset_if_it_is_named(run, dataset):
    given = {"integration": "AWS", "prefix": "s3://bucket/in/", "kinds": {"nii.gz": "nifti"}}
    done = run(BucketToEncordOperator, dataset_hash=dataset, **given, lists=["in/b.nii.gz", "in/c.gz"])
    assert (done["added"], done["left_out"]["kind"]) == (1, 1)
