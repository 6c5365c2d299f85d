"""Files of a bucket registered into a dataset."""

from __future__ import annotations

import json
from uuid import UUID

from encord.orm import storage
from encord.orm.dataset import DatasetDataLongPolling

from tests.recorder.ids import DATASET, FOLDER, INTEGRATION, ITEM, JOB
from tests.recorder.scenario import Client, Scenario, kept

_BUCKET = "https://bucket.example"
_ONE = {"videos": [{"objectUrl": f"{_BUCKET}/v1.mp4"}]}
_FIVE_KINDS = {
    "videos": [
        {
            "objectUrl": f"{_BUCKET}/v1.mp4",
            "title": "v1",
            "clientMetadata": {"a": 1, "b": None},
            "videoMetadata": {
                "fps": 25.0,
                "duration": 12.5,
                "width": 1920,
                "height": 1080,
                "file_size": 1048576,
                "mime_type": "video/mp4",
            },
        }
    ],
    "images": [{"objectUrl": f"{_BUCKET}/i1.jpg", "title": "i1"}],
    "image_groups": [
        {
            "title": "group 1",
            "createVideo": False,
            "objectUrl_0": f"{_BUCKET}/z.png",
            "objectUrl_1": f"{_BUCKET}/a.png",
        }
    ],
    "dicom_series": [{"title": "series 1", "objectUrl_0": f"{_BUCKET}/1.dcm", "objectUrl_1": f"{_BUCKET}/2.dcm"}],
    "audio": [{"objectUrl": f"{_BUCKET}/a.mp3"}],
    "skip_duplicate_urls": True,
}


def _every_kind() -> storage.DataUploadItems:
    return storage.DataUploadItems(
        videos=[
            storage.DataUploadVideo(
                object_url=f"{_BUCKET}/v.mp4",
                title="v",
                client_metadata={"a": None},
                video_metadata=storage.CustomerProvidedVideoMetadata(
                    fps=25.0, duration=1.5, width=3, height=4, file_size=5, mime_type="video/mp4"
                ),
            )
        ],
        image_groups=[
            storage.DataUploadImageGroup(
                images=[
                    storage.DataUploadImageGroupImage(url=f"{_BUCKET}/1.jpg"),
                    storage.DataUploadImageGroupImage(url=f"{_BUCKET}/2.jpg", title="two"),
                ],
                title="g",
            )
        ],
        dicom_series=[
            storage.DataUploadDicomSeries(
                dicom_files=[storage.DataUploadDicomSeriesDicomFile(url=f"{_BUCKET}/1.dcm", title=None)], title="s"
            )
        ],
        images=[
            storage.DataUploadImage(
                object_url=f"{_BUCKET}/i.jpg",
                image_metadata=storage.CustomerProvidedImageMetadata(
                    mime_type="image/jpeg", file_size=1, height=2, width=3
                ),
            )
        ],
        image_groups_from_items=[
            storage.DataUploadImageGroupFromItems(image_items=[UUID(ITEM)], title="t", create_video=False)
        ],
        audio=[
            storage.DataUploadAudio(
                object_url=f"{_BUCKET}/a.mp3",
                audio_metadata=storage.CustomerProvidedAudioMetadata(
                    duration=1.0,
                    file_size=2,
                    mime_type="audio/mpeg",
                    sample_rate=44100,
                    bit_depth=16,
                    codec="mp3",
                    num_channels=2,
                ),
            )
        ],
        time_series=[storage.DataUploadTimeSeries(object_url=f"{_BUCKET}/t.csv")],
        nifti=[storage.DataUploadNifti(object_url=f"{_BUCKET}/n.nii")],
        text=[
            storage.DataUploadText(
                object_url=f"{_BUCKET}/t.txt",
                text_metadata=storage.CustomerProvidedTextMetadata(file_size=1, mime_type="text/plain"),
            )
        ],
        pdf=[
            storage.DataUploadPDF(
                object_url=f"{_BUCKET}/p.pdf",
                pdf_metadata=storage.CustomerProvidedPdfMetadata(file_size=1, num_pages=2),
            )
        ],
        scenes=[storage.DataUploadScene(title="scene", scene={"x": 1})],
        skip_duplicate_urls=True,
        upsert_metadata=True,
    )


def _start_every_kind(client: Client) -> object:
    # No method of the client sends structured items together with an integration.
    return client.dataset._client._querier.basic_setter(
        DatasetDataLongPolling,
        uid=DATASET,
        payload=storage.DatasetDataLongPollingParams(
            data_items=_every_kind(),
            files=None,
            integration_id=UUID(INTEGRATION),
            ignore_errors=True,
            folder_uuid=None,
            file_name=None,
        ),
    )


def _start_from_file(client: Client) -> object:
    path = client.file("upload spec.json", json.dumps({"images": [{"objectUrl": f"{_BUCKET}/ü.jpg"}]}))
    return client.dataset.add_private_data_to_dataset_start(INTEGRATION, path)


def _add(client: Client) -> object:
    return client.dataset.add_private_data_to_dataset(INTEGRATION, _ONE)


def _result(client: Client) -> object:
    return client.dataset.add_private_data_to_dataset_get_result(JOB)


SCENARIOS = kept(
    {
        "add_private_data": lambda client: client.dataset.add_private_data_to_dataset(INTEGRATION, _FIVE_KINDS),
        "add_private_data_cancelled": _add,
        "add_private_data_error": _add,
        "add_private_data_start": lambda client: client.dataset.add_private_data_to_dataset_start(
            INTEGRATION, _ONE, ignore_errors=True, folder=FOLDER
        ),
        "add_private_data_start_from_file": _start_from_file,
        "add_private_data_start_from_string": lambda client: client.dataset.add_private_data_to_dataset_start(
            INTEGRATION.upper(), json.dumps({"images": [{"objectUrl": f"{_BUCKET}/1.jpg"}]})
        ),
        "job_start_data_items_all_kinds": _start_every_kind,
        "add_private_data_get_result": _result,
        "add_private_data_get_result_cancelled": _result,
        "add_private_data_get_result_ignored_errors": _result,
        "add_private_data_get_result_single_check": lambda client: (
            client.dataset.add_private_data_to_dataset_get_result(JOB, timeout_seconds=0)
        ),
        "add_private_data_poll_gives_up": _result,
        "add_private_data_poll_http_429": _result,
        "add_private_data_poll_rate_limited": _result,
    }
) | {
    "add_private_data_get_result_timeout": Scenario(
        lambda client: client.dataset.add_private_data_to_dataset_get_result(JOB, timeout_seconds=100),
        held=(60.5, 39.5),
    ),
}
