"""Bodies of answers: the least that the official client accepts, with values that tell fields apart."""

from __future__ import annotations

import json
from typing import Any

from tests.recorder.ids import DATASET, FOLDER, ITEM, JOB, VIDEO
from tests.recorder.wire import STORAGE, Answer, answer, nothing

Body = dict[str, Any]

_TIMES = {"createdAt": "2025-03-01T10:00:00+00:00", "lastEditedAt": "2025-03-02T11:30:00.123456+00:00"}
NO_METADATA = json.dumps({})


def dataset() -> Body:
    return {
        "dataset_hash": DATASET,
        "title": "Example title",
        "description": "Example description ..",
        "dataset_type": "CORD_STORAGE",
        "backing_folder_uuid": FOLDER,
        "data_rows": [
            {
                "data_hash": VIDEO,
                "data_title": "sample_data.mp4",
                "data_type": "VIDEO",
                "created_at": "2025-03-01 10:00:00",
                "last_edited_at": "2025-03-02 11:30:00",
                "width": 1920,
                "height": 1080,
                "file_link": "user-uploads/key-1",
                "file_size": 1048576,
                "file_type": "video/mp4",
                "storage_location": 0,
                "frames_per_second": 25,
                "duration": 12,
                "backing_item_uuid": ITEM,
            }
        ],
    }


def page(*results: Body, token: str | None = None) -> Answer:
    """Return one page of a list; a token says that another one follows."""
    return answer({"results": list(results), "nextPageToken": token})


def folder(uuid: str = FOLDER, **fields: Any) -> Body:
    return {
        "uuid": uuid,
        "parent": None,
        "name": "Example folder",
        "description": "",
        "clientMetadata": None,
        "owner": "owner@example.com",
        **_TIMES,
        "userRole": "admin",
        "syncedDatasetHash": None,
        "pathToRoot": [],
        "folderType": "generic",
        "integrationHash": None,
        "remoteUrl": None,
    } | fields


def item(uuid: str = ITEM, **fields: Any) -> Body:
    return {
        "uuid": uuid,
        "parent": FOLDER,
        "itemType": "video",
        "name": "sample.mp4",
        "description": "",
        "clientMetadata": NO_METADATA,
        "owner": "owner@example.com",
        **_TIMES,
        "isTombstone": False,
        "isPlaceholder": False,
        "backedDataUnitsCount": 1,
        "storageLocation": "encord",
        "integrationHash": None,
        "url": "user-uploads/key-1",
        "signedUrl": None,
        "fileSize": 1048576,
        "mimeType": "video/mp4",
        "duration": 12.5,
        "fps": 25.0,
        "height": 1080,
        "width": 1920,
        "dicomInstanceUid": None,
        "dicomStudyUid": None,
        "dicomSeriesUid": None,
        "frameCount": 312,
        "audioSampleRate": None,
        "audioBitDepth": None,
        "audioCodec": None,
        "audioNumChannels": None,
    } | fields


def upload_job(status: str, *names: str, **fields: Any) -> Answer:
    """Return the state of a folder's upload job; its items have the uuids of the signed URLs."""
    return answer(
        {
            "status": status,
            "itemsWithNames": [{"itemUuid": _item(at), "name": name} for at, name in enumerate(names, 1)],
            "errors": [],
            "unitsPendingCount": 0,
            "unitsDoneCount": len(names),
            "unitsErrorCount": 0,
            "unitsCancelledCount": 0,
            "unitErrors": [],
            "fileName": None,
        }
        | fields
    )


def upload(*names: str, makes: str = "", headers: dict[str, str] | None = None) -> list[Answer]:
    """Return the answers to an upload: signed URLs, a PUT each, job started, job done.

    :param makes: the name of the one item that many files make.
    :param headers: what Encord wants sent with the PUT.
    """
    made = {"itemsWithNames": [{"itemUuid": _item(9), "name": makes}], "unitsDoneCount": 1} if makes else {}
    return [
        signed_urls(len(names), headers),
        *[nothing()] * len(names),
        answer(JOB),
        upload_job("DONE", *names, **made),
    ]


def signed_urls(count: int, headers: dict[str, str] | None = None, first: int = 1) -> Answer:
    urls = [
        {
            "itemUuid": _item(at),
            "objectKey": f"user-uploads/key-{at}",
            "signedUrl": f"{STORAGE}/bucket/key-{at}?sig=s{at}",
            "uploadHeaders": headers or {},
        }
        for at in range(first, first + count)
    ]
    return answer({"results": urls})


def sync_job(status: str, **counts: int) -> Answer:
    """Return the state of a sync of a cloud-synced folder."""
    zero = dict.fromkeys(
        (
            "scanPagesProcessingPending",
            "scanPagesProcessingDone",
            "scanPagesProcessingError",
            "scanPagesProcessingCancelled",
            "uploadJobsPending",
            "uploadJobsDone",
            "uploadJobsError",
            "uploadJobsUnitsPending",
            "uploadJobsUnitsDone",
            "uploadJobsUnitsError",
            "uploadJobsUnitsCancelled",
        ),
        0,
    )
    return answer({"status": status} | zero | counts)


def _item(at: int) -> str:
    return f"{ITEM[:-3]}{at:03}"
