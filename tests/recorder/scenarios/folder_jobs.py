"""Jobs that register files into a folder: start, poll, cancel."""

from __future__ import annotations

import json
from uuid import UUID

from encord.orm import storage

from tests.recorder.answers import upload_job
from tests.recorder.ids import INTEGRATION, ITEM, JOB, OTHER_ITEM
from tests.recorder.scenario import Client, Scenario
from tests.recorder.wire import answer

_UNIT_ERROR = {
    "objectUrls": ["s3://bucket/broken.mp4"],
    "error": "stub: could not read the file",
    "subtaskUuid": "5b000000-0000-4000-8000-000000000001",
    "actionDescription": "Uploading video",
}
_FILES = {
    "videos": [{"objectUrl": "s3://bucket/v.mp4", "title": "v", "clientMetadata": {"a": 1, "b": None}}],
    "image_groups": [{"title": "g", "createVideo": False, "objectUrl_0": "s3://bucket/1.png"}],
    "skip_duplicate_urls": True,
}
_PENDING = upload_job("PENDING", unitsPendingCount=2)
_POLL = "folder upload job: result"


def _every_kind() -> storage.DataUploadItems:
    return storage.DataUploadItems(
        videos=[
            storage.DataUploadVideo(object_url="s3://bucket/v.mp4", title="v", client_metadata={"a": 1, "b": None})
        ],
        image_groups=[
            storage.DataUploadImageGroup(
                images=[storage.DataUploadImageGroupImage(url="s3://bucket/1.png", title="1.png")], title="g"
            )
        ],
        dicom_series=[
            storage.DataUploadDicomSeries(
                dicom_files=[storage.DataUploadDicomSeriesDicomFile(url="s3://bucket/1.dcm", title="1.dcm")], title="s"
            )
        ],
        images=[storage.DataUploadImage(object_url="s3://bucket/i.jpg", title="i")],
        audio=[storage.DataUploadAudio(object_url="s3://bucket/a.mp3", title="a")],
        nifti=[storage.DataUploadNifti(object_url="s3://bucket/n.nii.gz", title="n")],
        text=[storage.DataUploadText(object_url="s3://bucket/t.txt", title="t")],
        pdf=[storage.DataUploadPDF(object_url="s3://bucket/p.pdf", title="p")],
        scenes=[storage.DataUploadScene(title="c", scene={"url": "s3://bucket/c.pcd", "format": "pcd"})],
        skip_duplicate_urls=True,
        upsert_metadata=True,
    )


def _group_of_items() -> storage.DataUploadItems:
    return storage.DataUploadItems(
        image_groups_from_items=[
            storage.DataUploadImageGroupFromItems(
                image_items=[UUID(ITEM), UUID(OTHER_ITEM)], title="g", create_video=False, client_metadata={"a": 1}
            )
        ]
    )


def _start_from_file(client: Client) -> object:
    path = client.file("upload spec.json", json.dumps(_FILES))
    return client.folder.add_private_data_to_folder_start(INTEGRATION, path)


def _result(client: Client) -> object:
    return client.folder.add_private_data_to_folder_get_result(UUID(JOB))


SCENARIOS = {
    "folder_job_start_external_files": Scenario(
        lambda client: client.folder.add_private_data_to_folder_start(INTEGRATION.upper(), _FILES, ignore_errors=True),
        "folder upload job: start",
        f"add_private_data_to_folder_start('{INTEGRATION.upper()}', dict, ignore_errors=True)",
        [answer(JOB)],
        "The dictionary is sent unchanged, None included.",
    ),
    "folder_job_start_from_file": Scenario(
        _start_from_file,
        "folder upload job: start",
        f"add_private_data_to_folder_start('{INTEGRATION}', path of the file 'upload spec.json')",
        [answer(JOB)],
    ),
    "folder_job_start_data_items": Scenario(
        lambda client: client.folder.add_private_data_to_folder_start(INTEGRATION, _every_kind()),
        "folder upload job: start",
        f"add_private_data_to_folder_start('{INTEGRATION}', DataUploadItems of every kind)",
        [answer(JOB)],
        "Structured items together with an integration. Kinds without items are sent as empty lists.",
    ),
    "folder_job_start_image_groups_from_items": Scenario(
        lambda client: client.folder.add_private_data_to_folder_start(None, _group_of_items()),
        "folder upload job: start",
        "add_private_data_to_folder_start(None, DataUploadItems with an image group of two stored items)",
        [answer(JOB)],
    ),
    "folder_job_start_http_500": Scenario(
        lambda client: client.folder.add_private_data_to_folder_start(INTEGRATION, _FILES),
        "folder upload job: start",
        "add_private_data_to_folder_start(...); HTTP 500: not retried",
        [answer({"message": "text from the stub"}, 500)],
    ),
    "folder_job_done": Scenario(
        _result,
        _POLL,
        "add_private_data_to_folder_get_result(job) with the default limit of 7 days; pending once, then done",
        [_PENDING, upload_job("DONE", "v", "g", fileName="upload spec.json")],
        "The client sends its whole limit each time, and does not sleep between polls.",
    ),
    "folder_job_unit_errors": Scenario(
        _result,
        _POLL,
        "get_result of a job started with ignore_errors=True; done with one failed unit",
        [upload_job("DONE", "v", unitsErrorCount=1, unitErrors=[_UNIT_ERROR])],
    ),
    "folder_job_error": Scenario(
        _result,
        _POLL,
        "get_result of a failed job",
        [upload_job("ERROR", errors=["stub: no access"], unitsErrorCount=1, unitErrors=[_UNIT_ERROR])],
        "Nothing is raised.",
    ),
    "folder_job_cancelled": Scenario(
        _result,
        _POLL,
        "get_result of a cancelled job; one unit was done",
        [upload_job("CANCELLED", "v", unitsCancelledCount=1)],
    ),
    "folder_job_timeout": Scenario(
        lambda client: client.folder.add_private_data_to_folder_get_result(UUID(JOB), timeout_seconds=100),
        _POLL,
        "add_private_data_to_folder_get_result(job, timeout_seconds=100); the server holds each request for 60 s",
        [_PENDING, _PENDING],
        "The last PENDING answer is returned, nothing is raised.",
        held=(60, 60),
    ),
    "folder_job_single_check": Scenario(
        lambda client: client.folder.add_private_data_to_folder_get_result(UUID(JOB), timeout_seconds=0),
        _POLL,
        "add_private_data_to_folder_get_result(job, timeout_seconds=0): one request",
        [_PENDING],
    ),
    "folder_job_lower_case_status": Scenario(
        _result,
        _POLL,
        "get_result; the status comes in lower case",
        [upload_job("done", "v")],
        "The client refuses it.",
    ),
    "folder_job_poll_gives_up": Scenario(
        _result,
        _POLL,
        "get_result; three polls in a row answered with something that is not JSON",
        [{"status": 200, "headers": {"Content-Type": "text/html"}, "body": "<html>"}] * 3,
    ),
    "folder_job_cancel": Scenario(
        lambda client: client.folder.add_data_to_folder_job_cancel(UUID(JOB)),
        "folder upload job: cancel",
        "add_data_to_folder_job_cancel(job)",
        [answer({"unitsCancelledCount": 2})],
    ),
    "folder_job_cancel_not_found": Scenario(
        lambda client: client.folder.add_data_to_folder_job_cancel(UUID(JOB)),
        "folder upload job: cancel",
        "add_data_to_folder_job_cancel of a job that does not exist",
        [answer({"message": "text from the stub"}, 404)],
    ),
}
