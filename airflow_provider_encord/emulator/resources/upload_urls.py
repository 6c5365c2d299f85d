"""URLs to upload to."""

from typing import Any

from airflow_provider_encord.emulator import legacy, rest
from airflow_provider_encord.emulator.errors import Unprocessable
from airflow_provider_encord.emulator.resources.storage import UPLOAD_TYPES, URLS_PER_REQUEST, Storage


class UploadUrls:
    """The ways to ask for upload URLs."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    @rest.answers("presigned_urls", "GET", "presigned-urls")
    def answer_urls(self, call: rest.Call) -> dict[str, Any]:
        """Hand out URLs to upload to."""
        count = call.number("count", None, 1, URLS_PER_REQUEST)
        upload_type = call.query.get("uploadItemType", "")
        if upload_type not in UPLOAD_TYPES:
            raise Unprocessable("query", "uploadItemType", f"value is none of: {', '.join(UPLOAD_TYPES)}")
        return {"results": self._storage.issue(call.caller.user, upload_type, count), "nextPageToken": None}

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
