"""Stands in for the hook: a dataset that holds objects of a bucket already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

_MADE = datetime.now(UTC)


class Encord:
    """A dataset with a mirror folder.

    :param held: makes the keys of the objects that it holds, in no order.
    """

    def __init__(self, bucket: str, held: Callable[[], Iterable[str]] = tuple) -> None:
        self._bucket = bucket
        self._held = held

    def find_cloud_integration(self, integration: str) -> str:
        return "9a1f4e52-6b7c-4d3e-8f90-1a2b3c4d5e6f"

    def get_dataset(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(has_mirror_folder=True, backing_folder_uuid="folder")

    def iter_items(self, *_: Any, **__: Any) -> Iterator[Any]:
        for number, key in enumerate(self._held()):
            url = f"s3://{self._bucket}/{key}"
            yield SimpleNamespace(
                uuid=f"{number:032x}",
                url=url,
                name=key,
                item_type="video",
                client_metadata={"airflow_source": {"url": url}},
                created_at=_MADE,
                is_placeholder=False,
            )

    def iter_data_rows(self, *_: Any, **__: Any) -> Iterator[Any]:
        for number, key in enumerate(self._held()):
            yield SimpleNamespace(
                data_hash=f"{number:032x}", backing_item_uuid=f"{number:032x}", data_title=key, file_link=None
            )
