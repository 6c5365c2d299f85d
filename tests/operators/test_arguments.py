"""What people and templates hand in for a list, a hash, a date or a path: taken for what it is, or refused by name."""

from datetime import timedelta

import pytest

from airflow_provider_encord._compat import AirflowSkipException, ObjectStoragePath
from airflow_provider_encord.exceptions import EncordInputError
from airflow_provider_encord.operators.data_rows import EncordLinkItemsOperator, EncordListDataRowsOperator
from airflow_provider_encord.operators.datasets import EncordDeleteDataOperator, EncordListDatasetsOperator
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.operators.uploads import EncordUploadImageOperator, EncordUploadVideoOperator
from airflow_provider_encord.sensors.encord import EncordDataRowSensor, EncordReEncodeSensor, EncordUploadJobSensor
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator
from operator_classes import CLASSES, REQUIRED, parameters, required

ID = "00000000-0000-0000-0000-000000000001"
RE_ENCODE = (EncordReEncodeDataOperator, {"dataset_hash": ID, "data_hashes": [ID]})
SENSOR = (EncordUploadJobSensor, {"dataset_hash": ID, "job_ids": [ID]})


class Array:
    """As much of numpy's arrays and pandas' columns as matters here."""

    def __init__(self, values):
        self._values = list(values)

    def tolist(self):
        return self._values

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)

    def __bool__(self):
        raise ValueError("The truth value of an array is ambiguous.")

    def __eq__(self, other):
        return Array(each == other for each in self._values)

    __hash__ = None


@pytest.fixture
def rows(hook, dataset, encord, manifest):
    """Hashes of three videos of the dataset; that they were added is forgotten."""
    added = hook.add_private_data_to_dataset(dataset, encord.integrations["AWS"], manifest(3))
    encord.clear_requests()
    return [item.data_hash for item in added]


@pytest.fixture
def run(dataset, context):
    def run(each, **arguments):
        return each(task_id="task", **{"dataset_hash": dataset, **arguments}).execute(context)

    return run


@pytest.fixture
def left(hook, dataset):
    return lambda: [row.data_hash for row in hook.list_data_rows(dataset)]


@pytest.mark.parametrize(
    ("each", "given", "name", "value"),
    [
        *((*RE_ENCODE, "max_poll_failures", value) for value in ("10", 10.0, 10**30)),
        *((*RE_ENCODE, "timeout", value) for value in (float("nan"), float("inf"), 1e-9, 10**400, "60")),
        *((*RE_ENCODE, "poll_interval", value) for value in (float("nan"), 1e-9, 0, timedelta(0))),
        *((*RE_ENCODE, "execution_timeout", value) for value in (timedelta(0), timedelta(-1), timedelta.max)),
        *((*SENSOR, "poke_interval", value) for value in (float("nan"), float("inf"), 1e-9, 0, "60", None, True)),
        *((*SENSOR, "timeout", value) for value in (float("nan"), float("inf"), 1e-9, -1, "60", True)),
        *((*SENSOR, "max_poll_failures", value) for value in ("10", 10**30)),
        *((*SENSOR, "execution_timeout", value) for value in (timedelta(0), timedelta(-1))),
    ],
)
def test_a_time_or_count_that_no_wait_can_use_is_refused_at_parse(each, given, name, value):
    with pytest.raises(EncordInputError, match=name):
        each(task_id="task", **given, **{name: value})


def test_a_template_in_an_argument_that_is_not_templated_is_refused_at_parse():
    with pytest.raises(EncordInputError, match=r"max_poll_failures .* is not templated"):
        EncordReEncodeDataOperator(task_id="task", **RE_ENCODE[1], max_poll_failures="{{ params.failures }}")


@pytest.mark.parametrize("form", [str, lambda hashes: str(hashes).replace("'", '"'), lambda hashes: str(tuple(hashes))])
def test_the_rendered_text_of_a_list_is_the_list(form, rows, run, left):
    assert run(EncordDeleteDataOperator, data_hashes=form(rows[:2]))["deleted"] == 2
    assert left() == rows[2:]


@pytest.mark.parametrize(
    "value", ["['{0}', 'a title']", "['{0}', None]", "[{{'data_hash': '{0}'}}]", "['{0}'", "<list of {0}>"]
)
def test_the_text_of_a_list_of_other_things_is_refused_with_the_cure(value, rows, run, left, asked):
    with pytest.raises(EncordInputError, match=r"data_hashes.*"):
        run(EncordDeleteDataOperator, data_hashes=value.format(rows[0]))
    assert asked() == []


@pytest.mark.parametrize("value", ["['a', 'b'", "<xarray>", "LazySelectSequence([2 items])"])
def test_the_cure_is_named(value, run):
    with pytest.raises(EncordInputError, match=r"\.output.*render_template_as_native_obj"):
        run(EncordDeleteDataOperator, data_hashes=value)


@pytest.mark.parametrize("value", ["None", "not a hash", "{0}\n{0}", "{0},{0}", "{0} {0}", "x{0}", "{0}\x00"])
@pytest.mark.parametrize("each", [EncordDeleteDataOperator, EncordReEncodeDataOperator, EncordListDataRowsOperator])
def test_what_is_no_hash_is_refused(each, value, rows, run, asked):
    with pytest.raises(EncordInputError, match="data_hashes must be"):
        run(each, data_hashes=value.format(rows[0]))
    assert asked() == []


def test_white_space_around_a_hash_may_go(rows, run, left):
    assert run(EncordDeleteDataOperator, data_hashes=f" {rows[0]}\n")["deleted"] == 1
    assert left() == rows[1:]


@pytest.mark.parametrize("kinds", ["VIDEO", "video", ["VIDEO"], "['VIDEO', 'IMAGE']"])
def test_one_kind_of_data_is_one_kind_and_not_its_letters(kinds, rows, run):
    assert run(EncordListDataRowsOperator, data_types=kinds)["count"] == 3
    assert run(EncordDataRowSensor, data_types=kinds, min_count=3, timeout=0)["counts"] == {"found": 3}


DATES = ["1", "sat", "12:30", "10/11/12", "now", "02/01/2027", "2027-13-01", "2026-02-30", "1767225600", "2026", "None"]
BY_DATE = {
    "delete": (EncordDeleteDataOperator, ["created_before"]),
    "list rows": (EncordListDataRowsOperator, ["created_before", "created_after"]),
    "re-encode": (EncordReEncodeDataOperator, ["created_before"]),
    "sensor": (EncordDataRowSensor, ["created_after"]),
    "list datasets": (EncordListDatasetsOperator, ["created_before", "edited_before", "edited_after"]),
}


@pytest.mark.parametrize("date", DATES)
@pytest.mark.parametrize("kind", BY_DATE)
def test_no_date_is_guessed(kind, date, asked):
    each, names = BY_DATE[kind]
    dataset = {"dataset_hash": ID} if "dataset_hash" in parameters(each) else {}
    for name in names:
        with pytest.raises(EncordInputError, match=f"{name} must be .*ISO 8601"):
            each(task_id="task", **dataset, **{name: date}).execute({})
    assert asked() == []


@pytest.mark.parametrize("date", ["2027-01-31", "20270131", "2027-01-31T12:00:00+02:00", " 2027-01-31T12:00Z "])
def test_dates_in_iso_8601_are_taken(date, rows, run):
    assert run(EncordListDataRowsOperator, created_before=date)["count"] == 3


def test_the_second_clean_up_of_a_night_has_nothing_to_do(rows, run, context):
    assert run(EncordDeleteDataOperator, title_like="%.mp4")["deleted"] == 3
    context["task_state_store"].clear()  # another run
    with pytest.raises(AirflowSkipException):
        run(EncordDeleteDataOperator, title_like="%.mp4")


@pytest.mark.parametrize(
    ("each", "name"),
    [
        (EncordDeleteDataOperator, "data_hashes"),
        (EncordReEncodeDataOperator, "data_hashes"),
        (EncordUploadImageOperator, "file_paths"),
    ],
)
@pytest.mark.parametrize("empty", [[], "[]", (), Array([])], ids=["list", "text", "tuple", "array"])
def test_an_empty_list_is_nothing_to_do(each, name, empty, run):
    with pytest.raises(AirflowSkipException):
        run(each, **{name: empty})


@pytest.mark.parametrize("form", [dict, str], ids=["native", "text"])
def test_a_sensor_takes_the_report_of_the_task_that_started_the_jobs(form, rows, run, encord, manifest):
    private = {"integration": "AWS", "manifest": manifest(2), "max_items_per_job": 1, "wait_for_completion": False}
    started = run(EncordAddPrivateDataOperator, **private)
    assert len(started["job_ids"]) == 2
    done = run(EncordUploadJobSensor, dataset_hash=started, job_ids=form(started))
    assert (done["status"], done["job_ids"]) == ("done", started["job_ids"])
    started = run(EncordReEncodeDataOperator, data_hashes=rows, wait_for_completion=False)
    done = run(EncordReEncodeSensor, dataset_hash=started, job_id=form(started))
    assert (done["status"], done["job_ids"]) == ("done", started["job_ids"])


def test_the_report_of_a_task_that_started_no_job_is_said_to_name_none(run, asked):
    report = run(EncordAddPrivateDataOperator, integration="AWS", manifest={"videos": []}, on_empty="succeed")
    with pytest.raises(EncordInputError, match=r"job_ids.*No job was started"):
        run(EncordUploadJobSensor, job_ids=report)
    assert asked() == []


@pytest.mark.parametrize("value", ["A dataset", "None", "8f2e1c5a", ID[:-1], f"{ID}0", 7, {"title": "t"}])
@pytest.mark.parametrize(
    "each", [each for each in CLASSES if "dataset_hash" in parameters(each)], ids=lambda each: each.__name__
)
def test_a_title_is_no_hash_of_a_dataset(each, value, context, asked):
    given = {name: REQUIRED[name] for name in required(each)} | {"dataset_hash": value}
    with pytest.raises(EncordInputError, match="dataset_hash must be the hash of a dataset"):
        each(task_id="task", **given).execute(context)
    assert asked() == []


def test_a_title_is_told_from_a_hash():
    with pytest.raises(EncordInputError, match="A title is not a hash; EncordCreateDatasetOperator"):
        EncordListDataRowsOperator(task_id="task", dataset_hash="My dataset")


@pytest.mark.parametrize(
    ("each", "name"),
    [
        (EncordUploadVideoOperator, "photo.jpg"),
        (EncordUploadVideoOperator, "clip.mp4.gz"),
        (EncordUploadImageOperator, "script.py"),
        (EncordUploadImageOperator, "clip.mp4"),
    ],
)
def test_a_file_of_another_kind_is_refused_before_a_byte(each, name, run, tmp_path, asked):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(EncordInputError, match=f"{name}: is .* by its name"):
        run(each, file_paths=str(tmp_path / name))
    assert asked() == []


@pytest.mark.parametrize(("value", "cure"), [(20260101, "'20260101'"), (2026.5, "'2026.5'"), (None, None), (["t"], "")])
def test_a_title_that_native_rendering_made_a_number_is_refused_before_a_byte(value, cure, run, media, asked):
    arguments = {"file_paths": str(media / "a.png"), "title": value}
    if cure is None:
        assert run(EncordUploadImageOperator, **arguments)["added"] == 1
    else:
        with pytest.raises(EncordInputError, match=f"title must be a string.*{cure}"):
            run(EncordUploadImageOperator, **arguments)
        assert asked() == []


def test_airflows_paths_are_taken(run, media, tmp_path, dataset):
    image = ObjectStoragePath(f"file://{media}/a.png")
    assert run(EncordUploadImageOperator, file_paths=image, title="one")["added"] == 1
    assert run(EncordUploadImageOperator, file_paths=[image, media / "b.png"])["added"] == 2
    (tmp_path / "manifest.json").write_text('{"videos": [{"objectUrl": "s3://bucket/a.mp4"}]}')
    manifest = ObjectStoragePath(f"file://{tmp_path}/manifest.json")
    assert run(EncordAddPrivateDataOperator, integration="AWS", manifest=manifest)["added"] == 1
    details = ObjectStoragePath(f"file://{tmp_path}/details")
    found = run(EncordListDataRowsOperator, details_path=details)
    assert (found["count"], found["details"]) == (4, str(details))
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.mp4").write_bytes(b"x")
    prefix = ObjectStoragePath(f"file://{tmp_path}/in/")
    bucket = {"integration": "Azure", "object_url": "https://a.blob.core.windows.net/{bucket}/{key}"}
    assert run(BucketToEncordOperator, prefix=prefix, **bucket)["added"] == 1


@pytest.mark.parametrize(
    "value",
    [
        "https://a.blob.core.windows.net/{bucket}",
        "{key}",
        "https://a/{name}",
        "s3://{",
        "https://a/{key:.3}",
        "https://a/{key!r}",
        "https://a b/{key}",
        "https://a/\u200b{key}",
        "file:///{key}",
    ],
)
def test_how_an_object_is_reached_must_name_its_key(value, run, tmp_path, asked):
    with pytest.raises(EncordInputError, match=r"object_url must be a URL with \{key\}"):
        run(BucketToEncordOperator, integration="Azure", prefix=f"file://{tmp_path}", object_url=value)
    assert asked() == []


def test_arrays_and_columns_are_lists(rows, run, media, hook, dataset):
    found = run(EncordListDataRowsOperator, data_types=Array(["VIDEO"]), data_hashes=Array(rows[:2]))
    assert found["count"] == 2
    assert run(EncordReEncodeDataOperator, data_hashes=Array(rows))["re_encoded"] == rows
    assert run(EncordUploadImageOperator, file_paths=Array([str(media / "a.png")]))["added"] == 1
    items = [row.backing_item_uuid for row in hook.list_data_rows(dataset, data_hashes=rows)]
    assert run(EncordLinkItemsOperator, item_uuids=Array(items), duplicates_behavior="DUPLICATE")["linked"] == 3
    assert run(EncordDeleteDataOperator, data_hashes=Array(rows))["deleted"] == 3


@pytest.mark.parametrize(
    ("each", "name"),
    [
        (EncordUploadImageOperator, "title"),
        (EncordUploadImageOperator, "client_metadata"),
        (EncordUploadImageOperator, "folder_uuid"),
        (EncordUploadImageOperator, "max_workers"),
        (EncordListDataRowsOperator, "title_like"),
        (EncordDeleteDataOperator, "created_before"),
        (EncordDataRowSensor, "min_count"),
    ],
)
def test_an_array_where_one_value_is_taken_is_refused_by_name(each, name, run, media, asked):
    files = {"file_paths": str(media / "a.png")} if each is EncordUploadImageOperator else {}
    with pytest.raises(EncordInputError, match=f"{name} must be"):
        run(each, **files, **{name: Array([1, 2])})
    assert asked() == []
