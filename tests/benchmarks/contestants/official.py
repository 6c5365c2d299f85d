"""Uploads with Encord's own client, by its own code and with its own number of threads; it gets its URLs for free."""

from __future__ import annotations

import json
import logging
import sys
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

import encord.http.utils as uploads
from encord.http.constants import RequestsSettings
from encord.http.v2.payloads import Page
from encord.orm.storage import StorageItemType, UploadSignedUrl
from tqdm import tqdm  # type: ignore[import-untyped]

from tests.benchmarks.contestants import measured

TYPES = {"image": StorageItemType.IMAGE, "video": StorageItemType.VIDEO}


class Urls:
    """Stands in for the client's connection to Encord."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = count()

    def get(self, path: str, params: Any, result_type: Any) -> Page[UploadSignedUrl]:
        """Hand out upload URLs."""
        numbers = [next(self._numbers) for _ in range(params.count)]
        return Page(
            results=[
                UploadSignedUrl(
                    item_uuid=UUID(int=at), object_key=f"key-{at}", signed_url=f"{self._url}/bucket/{at}?signature=none"
                )
                for at in numbers
            ]
        )


class Config:
    """The one thing that the uploads read of the client's configuration."""

    requests_settings = RequestsSettings()


def main() -> None:
    """Upload what standard input tells."""
    task = json.load(sys.stdin)
    logging.disable(logging.ERROR)
    uploads.tqdm = partial(tqdm, disable=True)  # type: ignore[attr-defined]
    settings = uploads.CloudUploadSettings()
    api: Any = Urls(task["url"])
    config: Any = Config

    def work() -> None:
        uploads.upload_to_signed_url_list(task["paths"], config, api, TYPES[task["item_type"]], settings)

    print(json.dumps(measured(work)))


main()
