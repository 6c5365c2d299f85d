"""Bad arguments are named before anything is asked of Encord."""

from datetime import timedelta

import pytest

from airflow_provider_encord._compat import AirflowFailException
from airflow_provider_encord.exceptions import EncordInputError, EncordMachineError
from airflow_provider_encord.operators.data_rows import EncordLinkItemsOperator, EncordListDataRowsOperator
from airflow_provider_encord.operators.datasets import (
    EncordCreateDatasetOperator,
    EncordDeleteDataOperator,
    EncordListDatasetsOperator,
)
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.operators.uploads import (
    EncordCreateDicomSeriesOperator,
    EncordCreateImageGroupOperator,
    EncordUploadImageOperator,
    EncordUploadVideoOperator,
)
from airflow_provider_encord.sensors.encord import EncordDataRowSensor, EncordReEncodeSensor, EncordUploadJobSensor
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator
from airflow_provider_encord.transfers.s3_to_encord import S3ToEncordOperator

VIDEO = {"objectUrl": "s3://bucket/a.mp4"}
ID = "00000000-0000-0000-0000-000000000001"


def table():
    def add(each, message, **arguments):
        shown = ",".join(f"{name}={value!r}" for name, value in arguments.items())[:70]
        cases.append(pytest.param(each, arguments, message, id=f"{each.__name__}-{shown}"))

    cases = []
    for value in ("overwrite", "", None, 1):
        add(EncordCreateDatasetOperator, "if_exists", title="t", if_exists=value)
    for value in ("MOON", "", None):
        add(EncordCreateDatasetOperator, "storage_location", title="t", storage_location=value)
    for value in (None, "", "  ", 3):
        add(EncordCreateDatasetOperator, "title", title=value)

    for each in (
        EncordUploadVideoOperator,
        EncordUploadImageOperator,
        EncordCreateImageGroupOperator,
        EncordCreateDicomSeriesOperator,
    ):
        for value in (None, "", {"a": 1}, b"a", [None], [1], [b"a"], [["a"]]):
            add(each, "file_paths.* must be", dataset_hash=ID, file_paths=value)
        add(each, "empty.mp4: is empty", dataset_hash=ID, file_paths="MEDIA/empty.mp4")
        other = (
            "MEDIA/a.png" if each in (EncordUploadVideoOperator, EncordCreateDicomSeriesOperator) else "MEDIA/clip.mp4"
        )
        add(each, "by its name", dataset_hash=ID, file_paths=other)
        add(each, "by its name", dataset_hash=ID, file_paths="MEDIA/script.py")
        add(each, "folder: is not a file", dataset_hash=ID, file_paths="MEDIA/folder")
        for value in (0, -1, True, "4", 257, None, 1.5):
            add(each, "max_workers", dataset_hash=ID, file_paths="MEDIA/a.png", max_workers=value)
    for each, name in ((EncordUploadVideoOperator, "clip.mp4"), (EncordUploadImageOperator, "a.png")):
        add(
            each,
            "title can only be set for a single file",
            dataset_hash=ID,
            file_paths=[f"MEDIA/{name}"] * 2,
            title="t",
        )

    for value in (0, -1, timedelta(0), "5", True):
        add(EncordUploadVideoOperator, "timeout", dataset_hash=ID, file_paths="MEDIA/clip.mp4", timeout=value)
        add(EncordReEncodeDataOperator, "poll_interval", dataset_hash=ID, data_hashes=[ID], poll_interval=value)

    private = {"dataset_hash": ID, "integration": ID, "manifest": {"videos": [VIDEO]}}
    for value in (-1, 1.5, True, None, "1", float("nan"), float("inf")):
        add(EncordAddPrivateDataOperator, "max_failed_items", **private, max_failed_items=value)
    add(EncordAddPrivateDataOperator, "ignore_errors", **private, max_failed_items=1, ignore_errors=False)
    for value in (None, "", "  ", 5):
        add(EncordAddPrivateDataOperator, "integration", **private | {"integration": value})
    for value, message in {
        "MEDIA/clip.mp4": "UTF-16|not JSON|begin like JSON",
        "MEDIA/script.py": "CSV",
        "": "manifest",
        "[]": "object",
        "{": "not JSON",
    }.items():
        add(EncordAddPrivateDataOperator, message, **private | {"manifest": value})
    for value, message in (
        (None, "manifest"),
        ([], "manifest"),
        (7, "manifest"),
        ({"films": [VIDEO]}, "films: unknown"),
        ({"videos": VIDEO}, "videos: must be a list"),
        ({"videos": [VIDEO, None]}, r"videos\[1\]: must be an object"),
        ({"videos": [VIDEO, {}]}, r"videos\[1\]\.objectUrl: missing"),
        ({"videos": [{"objectUrl": "s3://b/a b"}]}, r"videos\[0\]\.objectUrl: has white space"),
        ({"images": [{"objectUrl": "a.jpg"}]}, r"images\[0\]\.objectUrl: not a URL"),
        ({"videos": [VIDEO | {"title": 3}]}, r"videos\[0\]\.title"),
        ({"image_groups": [{"title": "t"}]}, r"image_groups\[0\]\.objectUrl_0: missing"),
        ({"image_groups": [{"title": "t", "objectUrl_1": "s3://b/1"}]}, "without gaps"),
        ({"dicom_series": [{"objectUrl_0": "s3://b/1"}]}, r"dicom_series\[0\]\.title"),
        ({"videos": [VIDEO], "skip_duplicate_urls": "yes"}, "skip_duplicate_urls"),
        ({"videos": [VIDEO | {"clientMetadata": "x"}]}, "clientMetadata"),
    ):
        add(EncordAddPrivateDataOperator, message, **private | {"manifest": value})

    for each in (EncordReEncodeDataOperator, EncordDeleteDataOperator):
        for value in (None, "", [""], [None], [1], 5, {"a": 1}, {"a"}, "None", "a title", f"['{ID}', None]"):
            add(each, "data_hashes", dataset_hash=ID, data_hashes=value)
    for name in ("title_like", "created_before"):
        for value in ("", "  ", "None"):
            add(EncordDeleteDataOperator, name, dataset_hash=ID, **{name: value})
    add(EncordDeleteDataOperator, "not both", dataset_hash=ID, data_hashes=[ID], title_like="%")
    add(EncordDeleteDataOperator, "not both", dataset_hash=ID, created_before="2026-01-01", older_than=timedelta(1))
    for value in (timedelta(-1), 5, "5"):
        add(EncordDeleteDataOperator, "older_than", dataset_hash=ID, older_than=value)
    add(EncordDeleteDataOperator, "yesterday", dataset_hash=ID, created_before="yesterday")

    for value in (None, "", ["no uuid"], [None], 5, {"a": 1}):
        add(EncordLinkItemsOperator, r"item_uuids|no uuid|None|UUID", dataset_hash=ID, item_uuids=value)
    for value in ("skip", None, ""):
        add(EncordLinkItemsOperator, "duplicates_behavior", dataset_hash=ID, item_uuids=[ID], duplicates_behavior=value)

    for name in ("title_eq", "title_like", "created_before", "created_after"):
        for value in ("", " ", "None"):
            add(EncordListDatasetsOperator, name, **{name: value})
            add(EncordListDataRowsOperator, name, dataset_hash=ID, **{name: value})
    add(EncordListDatasetsOperator, "tomorrow", created_before="tomorrow")
    for value in ([], "", [1], {"VIDEO"}, "a title"):
        add(EncordListDataRowsOperator, "data_types", dataset_hash=ID, data_types=value)

    for each, name in ((EncordReEncodeSensor, "job_id"), (EncordUploadJobSensor, "job_ids")):
        for value in (None, "", [], " ", [None], [""], {}, {"job_ids": []}, 1.5):
            add(each, name, dataset_hash=ID, **{name: value})
    for value in (0, -1, True, "2", None):
        add(EncordDataRowSensor, "min_count", dataset_hash=ID, min_count=value)
    for name in ("title_eq", "title_like", "created_after", "data_types", "data_hashes"):
        add(EncordDataRowSensor, name, dataset_hash=ID, **{name: [] if name.startswith("data") else ""})

    bucket = {"dataset_hash": ID, "integration": ID, "prefix": "s3://bucket/"}
    for each in (BucketToEncordOperator, S3ToEncordOperator):
        for value in (0, -1):
            add(each, "max_items_per_job", **bucket, max_items_per_job=value)
        for value in (-1, 1.5, True):
            add(each, "max_failed_items", **bucket, max_failed_items=value)
    return cases


@pytest.mark.parametrize("path", ["missing.mp4", "no/such/folder/clip.mp4"])
def test_what_this_machine_lacks_may_be_on_another(path, encord, context, media):
    task = EncordUploadVideoOperator(task_id="task", dataset_hash=ID, file_paths=str(media / path))
    with pytest.raises(EncordMachineError, match=rf"{path}: does not exist\nLooked for on host \S+ by user") as caught:
        task.execute(context)
    assert not isinstance(caught.value, AirflowFailException)
    assert encord.requests() == []


@pytest.mark.parametrize(("each", "arguments", "message"), table())
def test_it_is_refused_before_the_first_request(each, arguments, message, encord, context, media):
    def placed(value):
        if isinstance(value, list):
            return [placed(entry) for entry in value]
        return value.replace("MEDIA", str(media)) if isinstance(value, str) else value

    with pytest.raises(EncordInputError, match=message):
        each(task_id="task", **{name: placed(value) for name, value in arguments.items()}).execute(context)
    assert encord.requests() == []
