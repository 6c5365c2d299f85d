"""The vectors that are several requests: which verb of the hook makes them, and where it differs on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_encord import exceptions
from airflow_provider_encord.hooks.encord import EncordHook
from folder_cases import FLOWS as FOLDER_FLOWS
from vectors import DATASET, FOLDER, INTEGRATION, JOB, VECTORS, Clock, StandingClock

Flow = Callable[[EncordHook, Path], Any]
_GROUP = ("zebra.png", "apple.jpg", "mango.jpeg")


def _files(name: str) -> dict[str, Any]:
    files: dict[str, Any] = json.loads(VECTORS[name]["requests"][0]["body"])["values"]["payload"]["files"]
    return files


def _paths(folder: Path, *names: str) -> list[Path]:
    return [folder / name for name in names]


def _manifest(folder: Path) -> Path:
    path = folder / "upload spec.json"
    path.write_text(json.dumps(_files("add_private_data_start_from_file")))
    return path


# Encord's client sends manifests as they are; our default adds a flag, which test_oracle.py compares.
def _add(name: str) -> Flow:
    return lambda hook, folder: hook.add_private_data_to_dataset(
        DATASET, INTEGRATION, _files(name), skip_duplicate_urls=False
    )


def _result(**arguments: Any) -> Flow:
    return lambda hook, folder: hook.add_private_data_to_dataset_get_result(DATASET, JOB, **arguments)


FLOWS: dict[str, Flow] = {
    "upload_video": lambda hook, folder: hook.upload_video(DATASET, folder / "sample.mp4"),
    "upload_video_title_folder": lambda hook, folder: hook.upload_video(
        DATASET, str(folder / "sample.mp4"), title="Vidéo 1.mp4", folder=FOLDER
    ),
    "upload_video_job_error": lambda hook, folder: hook.upload_video(DATASET, folder / "sample.mp4"),
    "upload_video_empty_file": lambda hook, folder: hook.upload_video(DATASET, folder / "empty.mp4"),
    "upload_storage_retry": lambda hook, folder: hook.upload_video(DATASET, folder / "sample.mp4"),
    "upload_storage_refused": lambda hook, folder: hook.upload_video(DATASET, folder / "sample.mp4"),
    "upload_missing_file": lambda hook, folder: hook.upload_image(DATASET, folder / "does-not-exist.jpg"),
    "upload_image": lambda hook, folder: hook.upload_image(DATASET, folder / "photo.jpg"),
    "upload_image_camel_case_poll": lambda hook, folder: hook.upload_image(DATASET, folder / "photo.jpg"),
    "upload_image_unknown_type": lambda hook, folder: hook.upload_image(DATASET, folder / "photo.unknownext"),
    "upload_image_azure_headers": lambda hook, folder: hook.upload_image(DATASET, folder / "photo.png", title="t.png"),
    "upload_image_upload_headers_override": lambda hook, folder: hook.upload_image(DATASET, folder / "photo.png"),
    "create_image_group": lambda hook, folder: hook.create_image_group(DATASET, _paths(folder, *_GROUP)),
    "create_image_group_title_no_video": lambda hook, folder: hook.create_image_group(
        DATASET, _paths(folder, *_GROUP), "my group", create_video=False, folder=FOLDER
    ),
    "create_image_group_two_results": lambda hook, folder: hook.create_image_group(
        DATASET, iter(_paths(folder, *_GROUP[:2]))
    ),
    "create_dicom_series": lambda hook, folder: hook.create_dicom_series(
        DATASET, _paths(folder, "b.dcm", "a.dcm"), "series 1"
    ),
    "add_private_data": _add("add_private_data"),
    "add_private_data_cancelled": _add("add_private_data_cancelled"),
    "add_private_data_error": _add("add_private_data_error"),
    "add_private_data_start_from_file": lambda hook, folder: hook.add_private_data_to_dataset_start(
        DATASET, INTEGRATION, _manifest(folder), skip_duplicate_urls=False
    ),
    "add_private_data_start_from_string": lambda hook, folder: hook.add_private_data_to_dataset_start(
        DATASET,
        INTEGRATION.upper(),
        json.dumps(_files("add_private_data_start_from_string")),
        skip_duplicate_urls=False,
    ),
    "add_private_data_get_result": _result(),
    "add_private_data_get_result_cancelled": _result(),
    "add_private_data_get_result_ignored_errors": _result(),
    "add_private_data_get_result_single_check": _result(timeout_seconds=0),
    "add_private_data_get_result_timeout": _result(timeout_seconds=100),
    "add_private_data_poll_gives_up": _result(),
    "add_private_data_poll_http_429": _result(),
    "add_private_data_poll_rate_limited": _result(),
    "apikey_get_or_create_existing": lambda hook, folder: hook.get_or_create_dataset_api_key(DATASET),
    "apikey_get_or_create_new": lambda hook, folder: hook.get_or_create_dataset_api_key(DATASET),
    **FOLDER_FLOWS,
}


@dataclass(frozen=True)
class Outcome:
    """What the hook does other than returning what Encord's client returns.

    :param reason: why it differs from Encord's client; empty where only the exception has another name.
    :param raises: our exception.
    :param says: a part of its message.
    :param plays: the recorded answers that we get, by position.
    :param sleeps: seconds between our requests.
    :param fresh_url_refused: storage refuses a fresh URL too.
    :param returns: what we return instead.
    :param image_types: we send images as what they are, where Encord's client says DICOM.
    :param clock: how time goes by.
    """

    reason: str = ""
    raises: type[Exception] | None = None
    says: str = ""
    plays: tuple[int, ...] | None = None
    sleeps: tuple[float, ...] = ()
    fresh_url_refused: bool = False
    returns: Any = None
    image_types: bool = False
    clock: type[Clock] = Clock


_POLLS = "a server that answers a held poll at once is not asked again at once"
OUTCOMES: dict[str, Outcome] = {
    "upload_video_title_folder": Outcome(_POLLS, sleeps=(5.0,)),
    "upload_video_job_error": Outcome(raises=exceptions.EncordJobError, says="stub: could not read the file"),
    "upload_video_empty_file": Outcome(
        "an empty file is refused before any request", raises=exceptions.EncordInputError, says="is empty", plays=()
    ),
    "upload_missing_file": Outcome(raises=exceptions.EncordMachineError, says="does not exist", plays=()),
    "upload_storage_retry": Outcome("the first repeat of a PUT waits, too", sleeps=(1.0,)),
    "upload_storage_refused": Outcome(
        "403 may mean an expired URL, so one fresh URL is tried",
        raises=exceptions.EncordUploadError,
        says="HTTP 403",
        plays=(0, 1),
        fresh_url_refused=True,
    ),
    "folder_upload_job_cancelled": Outcome("who asks decides what it means", returns="CANCELLED"),
    "folder_upload_job_error": Outcome("who asks decides what it means", returns="ERROR"),
    "folder_upload_image_group": Outcome("an image is no DICOM file", image_types=True),
    "folder_upload_image_sequence": Outcome("an image is no DICOM file", image_types=True),
    "folder_upload_storage_retry": Outcome("the first repeat of a PUT waits, too", sleeps=(1.0,), clock=StandingClock),
    "folder_upload_storage_refused": Outcome(
        "403 may mean an expired URL, so one fresh URL is tried",
        raises=exceptions.EncordUploadError,
        says="HTTP 403",
        plays=(0, 1),
        fresh_url_refused=True,
    ),
    "add_private_data_cancelled": Outcome(
        "a cancelled job is a proper error", raises=exceptions.EncordJobCancelledError, says="CANCELLED"
    ),
    "add_private_data_error": Outcome(raises=exceptions.EncordJobError, says="stub: no access"),
    "add_private_data_get_result": Outcome(_POLLS, sleeps=(5.0, 5.0)),
    "add_private_data_get_result_timeout": Outcome(
        "time that the server held the poll counts as waiting", sleeps=(0.0,)
    ),
    "add_private_data_poll_gives_up": Outcome(
        "ten polls in a row may fail instead of three, with growing pauses",
        raises=exceptions.EncordServerError,
        says="this answer is not Encord's",
        plays=(0,) * 10,
        sleeps=(5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0),
    ),
    "add_private_data_poll_http_429": Outcome(
        "a poll has no retries of its own; its failures pause longer and longer", sleeps=(25.0, 25.0, 25.0, 40.0)
    ),
    "add_private_data_poll_rate_limited": Outcome("a failed poll pauses at least the poll interval", sleeps=(5.0,)),
}
