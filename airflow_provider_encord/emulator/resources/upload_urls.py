"""URLs to upload to."""

from typing import Any

from airflow_provider_encord.emulator import legacy, rest
from airflow_provider_encord.emulator.errors import Unprocessable
from airflow_provider_encord.emulator.paging import page
from airflow_provider_encord.emulator.resources.folders import Folders
from airflow_provider_encord.emulator.resources.storage import UPLOAD_TYPES, URLS_PER_REQUEST, Storage

URLS_OF_FOLDER = 10_000
"""The most URLs at once. Encord's client 0.1.211 asks for all files of a group or series in one request."""


class UploadUrls:
    """The ways to ask for upload URLs."""

    def __init__(self, storage: Storage, folders: Folders) -> None:
        self._storage = storage
        self._folders = folders

    @rest.answers("presigned_urls", "GET", "presigned-urls")
    def answer_urls(self, call: rest.Call) -> dict[str, Any]:
        """Hand out URLs to upload to."""
        count = call.number("count", None, 1, URLS_PER_REQUEST)
        upload_type = call.query.get("uploadItemType", "")
        if upload_type not in UPLOAD_TYPES:
            raise Unprocessable("query", "uploadItemType", f"value is none of: {', '.join(UPLOAD_TYPES)}")
        return {"results": self._storage.issue(call.caller.user, upload_type, count), "nextPageToken": None}

    @rest.answers("folder_upload_urls", "POST", "storage/folders/{folder}/upload-signed-urls")
    def answer_folder_urls(self, call: rest.Call) -> dict[str, Any]:
        """Hand out URLs to upload to, each with the item of the folder that its upload is to become."""
        folder, given = self._folders.require(call.caller.user, call.path["folder"])["uuid"], call.json()
        rest.as_string(given, "framesSubfolderName", None)
        upload_type, count = given.get("itemType"), given.get("count")
        if upload_type not in UPLOAD_TYPES:
            raise Unprocessable("body", "itemType", f"value is none of: {', '.join(UPLOAD_TYPES)}")
        if type(count) is not int or not 1 <= count <= URLS_OF_FOLDER:
            raise Unprocessable("body", "count", f"value is not a whole number from 1 to {URLS_OF_FOLDER}")
        return page(self._storage.issue(call.caller.user, upload_type, count, folder))

    @legacy.answers("presigned_urls", "signedvideourl", "GET", scope=legacy.WRITE)
    def answer_old_video(self, call: legacy.Call) -> dict[str, Any]:
        """Hand out one URL to upload a video to, the way of Encord's clients up to 0.1.165."""
        return self._upload_url(call, "video", legacy.as_string(call.uid, "uid") or "")

    @legacy.answers("presigned_urls", "signedimagesurl", "GET", scope=legacy.WRITE)
    def answer_old_images(self, call: legacy.Call) -> list[dict[str, Any]]:
        """Hand out URLs to upload images to, the way of Encord's clients up to 0.1.165."""
        return [self._upload_url(call, "image", name) for name in legacy.as_strings(call.uid, "uid")]

    @legacy.answers("presigned_urls", "signeddicomsurl", "GET", scope=legacy.WRITE)
    def answer_old_dicom(self, call: legacy.Call) -> list[dict[str, Any]]:
        """Hand out URLs to upload DICOM files to, the way of Encord's clients up to 0.1.165."""
        return [self._upload_url(call, "dicomFile", name) for name in legacy.as_strings(call.uid, "uid")]

    def _upload_url(self, call: legacy.Call, upload_type: str, title: str) -> dict[str, Any]:
        ticket = self._storage.issue(call.caller.user, upload_type, 1)[0]
        return {
            "signed_url": ticket["signedUrl"],
            "data_hash": ticket["itemUuid"],
            "title": title,
            "file_link": ticket["objectKey"],
        }
