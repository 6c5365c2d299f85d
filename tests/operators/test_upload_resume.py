"""A killed upload: the next try sends what is missing, and no item is there twice."""

import itertools

import pytest

from airflow_provider_encord._resume import item_tags
from airflow_provider_encord.exceptions import EncordInputError, EncordNetworkError, EncordUploadError
from airflow_provider_encord.operators.uploads import EncordCreateImageGroupOperator, EncordUploadImageOperator

NAMES = ["a.png", "b.png", "c.png", "d.png", "a.png"]


class WorkerLost(BaseException):
    """As abrupt as it gets in one process."""


@pytest.fixture
def files(media):
    return [str(media / name) for name in NAMES]


@pytest.fixture
def upload(dataset, files, context):
    """Run a try of the task."""

    def run(each=EncordUploadImageOperator, **arguments):
        arguments = {"file_paths": files, "max_workers": 1, "poll_interval": 0.01, **arguments}
        return each(task_id="task", dataset_hash=dataset, **arguments).execute(context)

    return run


@pytest.fixture(params=["3.3", "before"])
def any_airflow(request, context):
    """With a task state store, and without."""
    if request.param == "before":
        del context["task_state_store"]
    return request.param


@pytest.fixture
def titles(hook, dataset):
    return lambda: sorted(row.data_title for row in hook.list_data_rows(dataset))


@pytest.fixture
def dies_at(monkeypatch):
    """Lose the worker when a method of the hook is called, before or after it does its work."""
    from airflow_provider_encord.hooks.encord import EncordHook

    def prepare(method, *, after=False, call=1):
        calls = itertools.count(1)
        work = getattr(EncordHook, method)

        def lost(self, *args, **kwargs):
            fatal = next(calls) == call
            if fatal and not after:
                raise WorkerLost
            result = work(self, *args, **kwargs)
            if fatal:
                raise WorkerLost
            return result

        monkeypatch.setattr(EncordHook, method, lost)

    return prepare


@pytest.mark.parametrize("arrived", range(5))
def test_only_what_is_missing_is_sent(arrived, upload, context, titles, asked, encord):
    encord.fault("storage_put", skip=arrived, times=None, status=403)
    with pytest.raises(EncordUploadError, match=f"{5 - arrived} of 5 files"):
        upload()
    encord.clear_faults()
    encord.clear_requests()
    context["ti"].retry()
    done = upload()
    assert (done["added"], done["skipped"]) == (5 - arrived, arrived)
    assert titles() == sorted(NAMES)
    assert asked().count("storage_put") == 5 - arrived


def test_a_worker_that_dies_between_two_files_has_remembered_the_first(
    upload, context, titles, asked, encord, monkeypatch
):
    from airflow_provider_encord._resume.task_store import Uploads

    note = Uploads.note

    def lost(self, file_id, object_key, item_uuid=None):
        if len(self.known) == 2:
            raise WorkerLost
        note(self, file_id, object_key, item_uuid)

    with monkeypatch.context() as dying, pytest.raises(WorkerLost):
        dying.setattr(Uploads, "note", lost)
        upload()
    encord.clear_requests()
    context["ti"].retry()
    upload()
    assert titles() == sorted(NAMES)
    assert asked().count("storage_put") == 3


def test_a_lost_answer_adds_nothing_twice(upload, context, titles, encord, asked):
    encord.settings(job_seconds=3600)
    encord.fault("upload_job_start", drop="after")
    with pytest.raises(EncordNetworkError):
        upload()
    context["ti"].retry()
    encord.clear_requests()
    upload(wait_for_completion=False)
    assert asked().count("storage_put") == 0
    for job in encord.state()["jobs"]:
        encord.force_job(job, status="DONE")
    assert titles() == sorted(NAMES)


def test_what_was_added_before_the_answer_was_kept_is_not_sent_again(
    any_airflow, upload, context, titles, encord, asked, dies_at, xcoms, hook, dataset
):
    dies_at("start_upload_job", after=True)
    with pytest.raises(WorkerLost):
        upload()
    context["ti"].retry()
    encord.clear_requests()
    done = upload()
    assert (done["added"], done["skipped"], done["status"], done["job_ids"]) == (0, 5, "NOTHING NEW", [])
    assert {"storage_put", "upload_job_start"}.isdisjoint(asked())
    assert titles() == sorted(NAMES)
    assert set(xcoms["data_hashes"]) == {row.data_hash for row in hook.list_data_rows(dataset)}


def test_what_is_missing_of_several_jobs_is_added(any_airflow, upload, context, titles, encord, asked, dies_at):
    dies_at("start_upload_job", call=2)
    with pytest.raises(WorkerLost):
        upload(max_items_per_job=2)
    context["ti"].retry()
    encord.clear_requests()
    done = upload(max_items_per_job=2)
    assert done["added"] + done["skipped"] == 5
    assert len(done["items"]) == 5
    assert titles() == sorted(NAMES)
    assert asked().count("storage_put") == {"3.3": 1, "before": 3}[any_airflow]
    assert asked().count("upload_job_start") == 2


def test_a_cleared_task_adds_nothing(any_airflow, upload, context, titles, encord, asked):
    first = upload()
    context["ti"].clear()
    encord.clear_requests()
    again = upload()
    assert {item["data_hash"] for item in again["items"]} == {item["data_hash"] for item in first["items"]}
    assert {"storage_put", "upload_job_start"}.isdisjoint(asked())


def test_another_map_index_is_another_task(upload, context, titles):
    del context["task_state_store"]
    upload()
    context["ti"].map_index = 7
    context["ti"].retry()
    assert upload()["added"] == 5
    assert len(titles()) == 10


def test_what_is_not_durable_is_done_anew(upload, context, titles, hook, dataset):
    for _ in range(2):
        assert upload(durable=False)["added"] == 5
        context["ti"].retry()
    assert len(titles()) == 10
    assert {str(row.client_metadata) for row in hook.list_data_rows(dataset, fetch_client_metadata=True)} == {"{}"}


@pytest.mark.parametrize("method", ["put_files", "start_upload_job"])
def test_a_group_is_there_once(method, any_airflow, upload, context, titles, dies_at):
    dies_at(method, after=True)
    with pytest.raises(WorkerLost):
        upload(EncordCreateImageGroupOperator, title="group", create_video=False)
    context["ti"].retry()
    done = upload(EncordCreateImageGroupOperator, title="group", create_video=False)
    assert len(done["items"]) == 1
    assert titles() == ["group"]


def test_a_file_of_another_size_is_another_file(upload, context, titles, tmp_path, media):
    file = tmp_path / "x.png"
    file.write_bytes((media / "a.png").read_bytes())
    upload(file_paths=[str(file)])
    file.write_bytes((media / "c.png").read_bytes())
    context["ti"].clear()
    del context["task_state_store"]
    upload(file_paths=[str(file)])
    assert titles() == ["x.png", "x.png"]


def test_a_corrected_file_of_the_same_size_is_sent_after_a_clear(
    any_airflow, upload, context, titles, tmp_path, asked, encord
):
    image = pytest.importorskip("PIL.Image")
    files = [tmp_path / "x.bmp", tmp_path / "y.bmp"]
    for file in files:
        image.new("RGB", (8, 8), (1, 2, 3)).save(file)
    paths = {"file_paths": [str(file) for file in files]}
    upload(**paths)
    size = files[0].stat().st_size
    image.new("RGB", (8, 8), (3, 2, 1)).save(files[0])
    assert files[0].stat().st_size == size
    context["ti"].clear()
    encord.clear_requests()
    upload(**paths)
    assert asked().count("storage_put") == 1
    assert titles() == ["x.bmp", "x.bmp", "y.bmp"]
    context["ti"].clear()
    encord.clear_requests()
    upload(**paths)
    assert "storage_put" not in asked()


@pytest.mark.parametrize("is_group", [False, True])
@pytest.mark.parametrize("after", [True, False], ids=["added", "only uploaded"])
def test_an_attempt_goes_on_after_an_upgrade(
    is_group, after, upload, context, titles, encord, asked, monkeypatch, dies_at
):
    group = {"each": EncordCreateImageGroupOperator, "title": "group", "create_video": False} if is_group else {}
    with monkeypatch.context() as older:
        older.setattr(item_tags, "file_ids", lambda files, digests: item_tags.older_file_ids(files))
        dies_at("start_upload_job", after=after)
        with pytest.raises(WorkerLost):
            upload(**group)
    if after:
        del context["task_state_store"]
    context["ti"].retry()
    encord.clear_requests()
    upload(**group)
    assert "storage_put" not in asked()
    assert titles() == (["group"] if is_group else sorted(NAMES))


def test_a_generator_of_paths_is_the_same_at_each_try(upload, context, files, asked):
    for _ in range(2):
        upload(file_paths=(path for path in files))
        context["ti"].retry()
    assert asked().count("upload_job_start") == 1


def test_a_store_that_fails_costs_no_upload(upload, context, titles, caplog):
    store = context["task_state_store"]
    keep = store.set

    def fail_for_files(key, value):
        if key.startswith("encord_files"):
            raise OSError
        keep(key, value)

    store.set = fail_for_files
    upload()
    assert titles() == sorted(NAMES)
    assert "could not be remembered" in caplog.text


def test_many_files_are_remembered_in_values_that_airflow_takes(context):
    from airflow_provider_encord._resume.task_store import Memory

    memory = Memory(context, durable=True, identity={"s": 1})
    with memory.uploads() as uploads:
        for number in range(1000):
            uploads.note(f"{number}.png:1:1", f"user-uploads/{number:036}")
    assert Memory(context, durable=True, identity={"s": 1}).uploads().known == uploads.known
    assert len(uploads.known) == 1000
    store = context["task_state_store"]
    assert max(len(str(value)) for value in store.values()) < 60_000
    memory.forget()
    assert list(store) == ["encord_jobs"]


@pytest.mark.parametrize(
    "metadata", [{"airflow_task": "x"}, {"airflow_file": "x"}, ["x"], "text", {"a": object()}, {1: 2}]
)
def test_metadata_that_cannot_be_is_refused_before_the_first_request(metadata, upload, asked):
    with pytest.raises(EncordInputError, match="client_metadata"):
        upload(client_metadata=metadata)
    assert asked() == []
