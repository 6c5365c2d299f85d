"""Local files uploaded into a dataset."""

from encord.http import utils

from tests.recorder.answers import signed_urls
from tests.recorder.ids import FOLDER, ITEM, JOB, VIDEO
from tests.recorder.scenario import Client, Scenario, kept
from tests.recorder.wire import legacy, nothing

_GROUP = ("zebra.png", "apple.jpg", "mango.jpeg")
_GROUP_MADE = {
    "status": "DONE",
    "data_hashes_with_titles": [{"data_hash": VIDEO, "title": "g", "backing_item_uuid": ITEM}],
    "errors": [],
    "data_unit_errors": [],
    "units_pending_count": 0,
    "units_done_count": 1,
    "units_error_count": 0,
    "units_cancelled_count": 0,
}


def _video(client: Client) -> object:
    return client.dataset.upload_video(client.file("sample.mp4"))


def _photo(client: Client) -> object:
    return client.dataset.upload_image(client.file("photo.jpg"))


SCENARIOS = kept(
    {
        "upload_video": _video,
        "upload_video_job_error": _video,
        "upload_storage_retry": _video,
        "upload_storage_refused": _video,
        "upload_video_empty_file": lambda client: client.dataset.upload_video(client.file("empty.mp4", "")),
        "upload_video_title_folder": lambda client: client.dataset.upload_video(
            client.file("sample.mp4"), title="Vidéo 1.mp4", folder=FOLDER
        ),
        "upload_missing_file": lambda client: client.dataset.upload_image(client.files / "does-not-exist.jpg"),
        "upload_image": _photo,
        "upload_image_camel_case_poll": _photo,
        "upload_image_unknown_type": lambda client: client.dataset.upload_image(client.file("photo.unknownext")),
        "upload_image_azure_headers": lambda client: client.dataset.upload_image(
            client.file("photo.png"), title="t.png"
        ),
        "upload_image_upload_headers_override": lambda client: client.dataset.upload_image(client.file("photo.png")),
        "create_image_group": lambda client: client.dataset.create_image_group(client.all_files(*_GROUP)),
        "create_image_group_allow_failures": lambda client: client.dataset.create_image_group(
            client.all_files(*_GROUP), cloud_upload_settings=utils.CloudUploadSettings(allow_failures=True)
        ),
        "create_image_group_title_no_video": lambda client: client.dataset.create_image_group(
            client.all_files(*_GROUP), title="my group", create_video=False, folder=FOLDER
        ),
        "create_image_group_two_results": lambda client: client.dataset.create_image_group(
            client.all_files(*_GROUP[:2])
        ),
        "create_dicom_series": lambda client: client.dataset.create_dicom_series(
            client.all_files("b.dcm", "a.dcm"), title="series 1"
        ),
    }
) | {
    "presigned_urls_batches": Scenario(
        lambda client: client.dataset.create_image_group(client.all_files(*(f"{at}.jpg" for at in range(201)))),
        answers=[
            signed_urls(200),
            signed_urls(1, first=201),
            *[nothing()] * 201,
            legacy({"process_hash": JOB}),
            legacy(_GROUP_MADE),
        ],
        kept=2,
    ),
}
