"""The vectors of storage folders, their items, jobs and syncs: which call or verb of ours makes the same requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.resources import data_items, folder_jobs, folder_sync, folders, items
from airflow_provider_encord._storage.files import find_files
from vectors import FOLDER, INTEGRATION, ITEM, JOB, VECTORS

FOLDER_2, ITEM_2 = FOLDER[:-1] + "2", ITEM[:-1] + "2"
METADATA = {"site": "Zürich", "n": 1, "none": None}
SEVEN_DAYS = 7 * 24 * 60 * 60


def _body(name: str, at: int = 0) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(VECTORS[name]["requests"][at]["body"])
    return body


def _start(name: str, **options: Any) -> Call[str]:
    body = _body(name)
    given = {"data_items": body.get("dataItems"), "files": body.get("externalFiles")}
    return folder_jobs.start_folder_upload_job(FOLDER, **given, **options)


# Encord's client asks for all the time that it has; ours never asks for more than 60 seconds.
def _job(held: int = SEVEN_DAYS) -> Call[folder_jobs.FolderUploadJob]:
    return folder_jobs.get_folder_upload_job(FOLDER, JOB, held_seconds=held)


def _sync(held: int = SEVEN_DAYS) -> Call[folder_sync.FolderSync]:
    return folder_sync.get_folder_sync(FOLDER, JOB, held_seconds=held)


_FOLDER_FILTERS: dict[str, Any] = {"dataset_synced": False, "order": "createdAt", "desc": True, "page_size": 1000}
_ITEM_FILTERS: dict[str, Any] = {"search": "a b&c", "is_in_dataset": False, "item_types": ["video", "plainText"]}
_ITEM_FILTERS |= {"order": "createdAt", "desc": True, "page_size": 1000, "sign_urls": True}

CALLS: dict[str, Call[Any]] = {
    "folder_create": folders.create_folder("Example folder"),
    "folder_create_http_500": folders.create_folder("Example folder"),
    "folder_create_client_metadata": folders.create_folder("Example folder", client_metadata=METADATA),
    "folder_create_cloud_synced": folders.create_folder(
        "Example folder", integration_id=INTEGRATION, remote_url="s3://bucket/path/"
    ),
    "folder_create_in_parent": folders.create_folder("Child", description="A child", parent=FOLDER),
    "folder_create_subfolder": folders.create_folder("Child", parent=FOLDER),
    "folder_delete": folders.delete_folder(FOLDER),
    "folder_delete_http_503": folders.delete_folder(FOLDER),
    "folder_find": folders.list_folders(search="Child", recursive=True),
    "folder_find_subfolders": folders.list_folders(parent=FOLDER, search="x", recursive=True, **_FOLDER_FILTERS),
    "folder_get": folders.get_folder(FOLDER_2.upper()),
    "folder_get_not_found": folders.get_folder(FOLDER),
    "folder_list": folders.list_folders(),
    "folder_list_all_filters": folders.list_folders(search="a b&c", include_org_access=True, **_FOLDER_FILTERS),
    "folder_list_subfolders": folders.list_folders(parent=FOLDER),
    "folder_list_unknown_type": folders.list_folders(),
    "folder_move": folders.move_folders([FOLDER], FOLDER_2),
    "folder_move_to_root": folders.move_folders([FOLDER], None),
    "folder_summary": folders.get_folder_summary(FOLDER),
    "folder_update": folders.update_folder(FOLDER, name="New name", description="New", client_metadata=METADATA),
    "folder_job_cancel": folder_jobs.cancel_folder_upload_job(FOLDER, JOB),
    "folder_job_cancel_not_found": folder_jobs.cancel_folder_upload_job(FOLDER, JOB),
    "folder_job_cancelled": _job(),
    "folder_job_done": _job(),
    "folder_job_error": _job(),
    "folder_job_lower_case_status": _job(),
    "folder_job_poll_gives_up": _job(),
    "folder_job_single_check": _job(0),
    "folder_job_timeout": _job(100),
    "folder_job_unit_errors": _job(),
    "folder_job_start_data_items": _start("folder_job_start_data_items", integration_id=INTEGRATION),
    "folder_job_start_external_files": _start(
        "folder_job_start_external_files", integration_id=INTEGRATION.upper(), ignore_errors=True
    ),
    "folder_job_start_from_file": _start(
        "folder_job_start_from_file", integration_id=INTEGRATION, file_name="upload spec.json"
    ),
    "folder_job_start_http_500": _start("folder_job_start_http_500", integration_id=INTEGRATION),
    "folder_job_start_image_groups_from_items": _start("folder_job_start_image_groups_from_items"),
    "cloud_sync_start": folder_sync.start_folder_sync(FOLDER),
    "cloud_sync_start_http_409": folder_sync.start_folder_sync(FOLDER),
    "cloud_sync_start_http_500": folder_sync.start_folder_sync(FOLDER),
    "cloud_sync_cancelled": _sync(),
    "cloud_sync_done": _sync(),
    "cloud_sync_error": _sync(),
    "cloud_sync_timeout": _sync(100),
    "cloud_sync_unit_errors": _sync(),
    "cloud_sync_upper_case_status": _sync(),
    "item_children": items.list_child_items(FOLDER, ITEM, sign_urls=True),
    "item_delete": items.delete_items(FOLDER, [ITEM], remove_unused_frames=False),
    "item_delete_bulk": items.delete_items(FOLDER, [ITEM, ITEM_2]),
    "item_get": items.get_item(ITEM),
    "item_get_not_found": items.get_item(ITEM),
    "item_get_signed_url": items.get_item(ITEM, sign_url=True),
    "item_get_bulk": items.get_items([ITEM, ITEM_2]),
    "item_get_bulk_signed_urls": items.get_items([ITEM], sign_urls=True),
    "item_list": items.list_items(FOLDER),
    "item_list_all_filters": items.list_items(FOLDER, include_client_metadata=False, **_ITEM_FILTERS),
    "item_list_in_dataset": items.list_items(FOLDER, is_in_dataset=True),
    "item_list_unknown_type": items.list_items(FOLDER),
    "item_move": items.move_items(FOLDER, [ITEM], FOLDER_2),
    "item_move_bulk": items.move_items(FOLDER, [ITEM, ITEM_2], FOLDER_2, allow_mirror_dataset_changes=True),
    "item_reencode": items.re_encode_items([ITEM, ITEM_2], "title of the process", force_full_re_encoding=True),
    "item_reencode_http_500": items.re_encode_items([ITEM], "title of the process"),
    "item_reencode_status_done": items.get_item_re_encoding(JOB),
    "item_reencode_status_error": items.get_item_re_encoding(JOB),
    "item_reencode_status_submitted": items.get_item_re_encoding(JOB),
    "item_summary": items.get_item_summary(FOLDER, ITEM),
    "item_update_bulk": items.update_items(
        {
            ITEM: items.item_patch(client_metadata=METADATA),
            ITEM_2: items.item_patch(name="new.mp4", client_metadata={}),
        }
    ),
}


def _put(hook: Any, folder: Path, item_type: str, *names: str) -> list[tuple[str, str, str]]:
    outcomes = hook.put_files(find_files([folder / name for name in names]), item_type, folder_uuid=FOLDER)
    problems = [outcome.error for outcome in outcomes if outcome.error]
    if problems:
        raise problems[0]
    return [(outcome.object_key, outcome.name, outcome.item_uuid) for outcome in outcomes]


Register = Callable[[list[tuple[str, str, str]]], dict[str, Any]]


def _upload(item_type: str, *names: str, register: Register | None = None) -> Callable[[Any, Path], Any]:
    """Upload as an operator does, for which the hook has its parts."""

    def flow(hook: Any, folder: Path) -> Any:
        files = _put(hook, folder, item_type, *names)
        register_files = register or (lambda files: data_items.single_files(item_type, files))
        job = hook.start_folder_upload_job(FOLDER, data_items=register_files(files))
        # Asked as Encord's client does: for all the time that it has.
        found = hook.run(folder_jobs.get_folder_upload_job(FOLDER, job, held_seconds=SEVEN_DAYS))
        return found.items[0].item_uuid if found.status == "DONE" else found.status

    return flow


def _titled(title: str, item_type: str) -> Register:
    return lambda files: data_items.single_files(item_type, [(key, title, item) for key, _, item in files], _META)


def _described(name: str, item_type: str, added: str, title: str | None = None) -> Register:
    """Register what the customer knows of a file, too; all else is as we lay it out."""

    def register(files: list[tuple[str, str, str]]) -> dict[str, Any]:
        recorded = _body(name, 2)["dataItems"]
        metadata = next(entries[0]["clientMetadata"] for entries in recorded.values() if entries)
        laid_out = data_items.single_files(item_type, [(key, title or own, item) for key, own, item in files], metadata)
        stripped = {
            kind: [{key: value for key, value in entry.items() if key != added} for entry in entries]
            if isinstance(entries, list)
            else entries
            for kind, entries in recorded.items()
        }
        assert json.dumps(laid_out) == json.dumps(stripped)
        return recorded

    return register


_META = {"a": 1, "b": None}
_PAIR = ("zebra.png", "apple.jpg")

FLOWS: dict[str, Callable[[Any, Path], Any]] = {
    "folder_list_pages": lambda hook, folder: list(hook.iter_folders(search="x", page_size=1)),
    "item_list_pages": lambda hook, folder: list(hook.iter_items(FOLDER, item_types=["image"], page_size=1)),
    "folder_upload_audio": _upload(
        "audio", "voice.mp3", register=_described("folder_upload_audio", "audio", "audioMetadata")
    ),
    "folder_upload_dicom_series": _upload(
        "dicomFile",
        "b.dcm",
        "a.dcm",
        register=lambda files: data_items.dicom_series(files, title="series 1", client_metadata=_META),
    ),
    "folder_upload_html": _upload("plainText", "page.html"),
    "folder_upload_image": _upload("image", "photo.jpg"),
    "folder_upload_image_azure_headers": _upload("image", "photo.png", register=_titled("t.png", "image")),
    "folder_upload_image_unknown_type": _upload("image", "photo.unknownext"),
    "folder_upload_job_cancelled": _upload("video", "sample.mp4"),
    "folder_upload_job_error": _upload("video", "sample.mp4"),
    "folder_upload_nifti": _upload("nifti", "brain.nii.gz"),
    "folder_upload_pdf": _upload("pdf", "paper.pdf", register=_described("folder_upload_pdf", "pdf", "pdfMetadata")),
    "folder_upload_scene_file": _upload(
        "scene",
        "cloud.pcd",
        register=lambda files: data_items.scene_files([(key, name, "pcd") for key, name, _ in files]),
    ),
    "folder_upload_storage_refused": lambda hook, folder: hook.upload_files_to_folder(
        FOLDER, "video", folder / "sample.mp4"
    ),
    "folder_upload_storage_retry": _upload("video", "sample.mp4"),
    "folder_upload_text": _upload(
        "plainText", "notes.txt", register=_described("folder_upload_text", "plainText", "textMetadata")
    ),
    "folder_upload_time_series": _upload(
        "timeseries", "speed.csv", register=_described("folder_upload_time_series", "timeseries", "settings")
    ),
    "folder_upload_video": _upload(
        "video", "sample.mp4", register=_described("folder_upload_video", "video", "videoMetadata", "Vidéo 1.mp4")
    ),
    "folder_upload_image_group": _upload(
        "image",
        *_PAIR,
        register=lambda files: data_items.image_group(
            files, title="my group", create_video=False, client_metadata=_META
        ),
    ),
    "folder_upload_image_sequence": _upload(
        "image", *_PAIR, register=lambda files: data_items.image_group(files, create_video=True)
    ),
}

NOT_OFFERED: dict[str, str] = {
    **dict.fromkeys(
        ("cloud_sync_config", "cloud_sync_enable_metadata_ingestion"), "how a folder finds metadata is set up once"
    ),
    **dict.fromkeys(("folder_groups_add", "folder_groups_list", "folder_groups_remove"), "access is set up once"),
    "folder_update_bulk": "folders are few, and changed one by one",
    "folder_upload_scene": "scenes of several files are built by Encord's client",
    "item_create_groups": "groups are made by jobs",
    "item_find": "Encord calls it slow; the items of a folder are listed, with those of the folders in it",
    "item_list_recursive": "we also say what of client metadata we want",
    "item_list_metadata_by_url": "metadata comes with the items; smaller pages help where it is large",
    **dict.fromkeys(("item_migrate_storage", "item_migrate_storage_by_url"), "a bucket moves once"),
    "item_update": "one item is changed by the same request as many",
}
