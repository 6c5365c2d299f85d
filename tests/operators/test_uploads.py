"""Uploads: what is registered, in which order, and what is said when it goes wrong."""

import hashlib

import pytest

from airflow_provider_encord.exceptions import EncordInputError, EncordUploadError
from airflow_provider_encord.operators.uploads import (
    EncordCreateDicomSeriesOperator,
    EncordCreateImageGroupOperator,
    EncordUploadImageOperator,
    EncordUploadVideoOperator,
)


@pytest.fixture
def upload(context, dataset, media, encord):
    def run(each, names, **arguments):
        paths = [str(media / name) for name in names]
        return each(task_id="task", dataset_hash=dataset, file_paths=paths, **arguments).execute(context)

    return run


@pytest.mark.parametrize(
    ("each", "names", "kinds"),
    [
        (EncordUploadVideoOperator, ["clip.mp4"], {"VIDEO": 1}),
        (EncordUploadImageOperator, ["a.png", "b.png"], {"IMAGE": 2}),
        (EncordUploadImageOperator, ["a.png", "a.png"], {"IMAGE": 2}),
        (EncordCreateImageGroupOperator, ["a.png", "b.png", "c.png", "d.png"], {"IMG_GROUP": 3}),
        (EncordCreateDicomSeriesOperator, ["1.dcm", "2.dcm"], {"DICOM": 1}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_it_adds_what_it_should_with_one_job(each, names, kinds, upload, hook, dataset, xcoms, asked):
    done = upload(each, names)
    rows = hook.list_data_rows(dataset)
    assert {kind: [row.data_type for row in rows].count(kind) for kind in kinds} == kinds
    assert (done["status"], done["added"], done["failed"], done["errors"]) == ("DONE", sum(kinds.values()), 0, [])
    assert [item["data_hash"] for item in done["items"]] == xcoms["data_hashes"]
    assert set(xcoms["data_hashes"]) == {row.data_hash for row in rows}
    assert xcoms["job_ids"] == done["job_ids"] == [xcoms["job_id"]]
    assert asked().count("upload_job_start") == 1


@pytest.mark.parametrize("names", [["a.png", "d.png"], ["d.png", "a.png"]], ids=str)
def test_the_order_of_a_group_is_kept(names, upload, hook, dataset):
    done = upload(EncordCreateImageGroupOperator, names, title="ordered", create_video=False)
    row = hook.get_data_row(dataset, done["items"][0]["data_hash"], images_signed_urls=False)
    assert [image["title"] for image in row.images_data] == names


def test_title_and_metadata(upload, hook, dataset, media):
    upload(EncordUploadVideoOperator, ["clip.mp4"], title="a title", client_metadata={"night": True})
    (row,) = hook.list_data_rows(dataset, fetch_client_metadata=True)
    content = (media / "clip.mp4").read_bytes()
    digest = hashlib.sha1(content[:65536] + content[65536:][-65536:]).hexdigest()[:16]
    tags = {"airflow_task": "dag/task/run/-1", "airflow_file": f"clip.mp4:{len(content)}:{digest}:1"}
    assert (row.data_title, row.client_metadata) == ("a title", {"night": True, **tags})


def test_nothing_is_registered_when_a_file_cannot_be_put(upload, encord, asked):
    encord.fault(method="PUT", path="/storage/", status=403, times=None)
    with pytest.raises(EncordUploadError, match=r"a\.png"):
        upload(EncordUploadImageOperator, ["a.png", "b.png"])
    assert "upload_job_start" not in asked()


def test_a_plan_sends_nothing(upload, encord):
    done = upload(EncordUploadImageOperator, ["a.png", "b.png"], dry_run=True)
    assert (done["dry_run"], done["items"], done["jobs"]) == (True, 2, 1)
    assert [each["operation"] for each in encord.requests()] == ["get_dataset"]


@pytest.mark.parametrize(
    ("mirror", "folder"), [(False, None), (False, ""), (True, "6e26f6a8-3d0b-4f0b-9c37-2f1d8a1f9d60")]
)
def test_the_folder_is_checked_before_any_byte(mirror, folder, context, hook, encord, media):
    dataset = hook.create_dataset("folders", create_backing_folder=mirror).dataset_hash
    encord.clear_requests()
    file = str(media / "a.png")
    operator = EncordUploadImageOperator(task_id="task", dataset_hash=dataset, file_paths=file, folder_uuid=folder)
    with pytest.raises(EncordInputError, match="mirror folder"):
        operator.execute(context)
    assert [each["operation"] for each in encord.requests()] == ["get_dataset"]
