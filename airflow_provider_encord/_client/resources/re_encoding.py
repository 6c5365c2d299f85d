"""Re-encode tasks: start one, and ask how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.errors import ErrorKind
from airflow_provider_encord._client.fields import LONG, Fields, Model, Unreadable, is_id
from airflow_provider_encord._client.outgoing import LARGEST_NUMBER
from airflow_provider_encord._client.parameters import checked_hash, checked_hashes


@dataclass(frozen=True)
class ReEncodedVideo(Model):
    """A video that was re-encoded; ``signed_url`` only if it lies in Encord's storage, and never shown."""

    data_hash: str
    bucket_path: str | None
    signed_url: str | None = field(repr=False)


@dataclass(frozen=True)
class ReEncodeTask(Model):
    """A re-encode task as it stands; ``videos`` is empty until it is done."""

    status: str
    videos: tuple[ReEncodedVideo, ...] = field(default=(), repr=False, metadata=LONG)


def re_encode_data(dataset_hash: str, data_hashes: Sequence[str]) -> Call[int | str]:
    """Start to re-encode videos and return the task's id, in the type the server uses.

    Never repeated after an unclear outcome, unlike Encord's client: a repeat may start a second task.
    """

    def read(value: Any) -> int | str:
        single = value[0] if isinstance(value, list) and len(value) == 1 else value
        if isinstance(single, str) and is_id(single):
            return single
        if isinstance(single, int) and not isinstance(single, bool) and abs(single) <= LARGEST_NUMBER:
            return single
        raise Unreadable("the task id should be a number or a short text")

    return Call(
        operation="start re-encoding",
        method="PUT",
        query_type="reencodevideotask",
        payload={"data_hash": checked_hashes(data_hashes)},
        dataset_hash=checked_hash(dataset_hash, "dataset_hash"),
        read=read,
        repeatable=False,
        empty=ErrorKind.SERVER,
    )


def re_encode_data_status(dataset_hash: str, task_id: int | str) -> Call[ReEncodeTask]:
    """Get a re-encode task.

    Encord takes the id as the number it handed out; an Airflow template may have made a text of it.
    """
    if isinstance(task_id, str) and task_id.isascii() and task_id.isdigit():
        task_id = int(task_id)
    return Call(
        operation=f"get re-encode task {task_id}",
        method="GET",
        query_type="reencodevideotask",
        uid=task_id,
        dataset_hash=checked_hash(dataset_hash, "dataset_hash"),
        read=read_re_encode_task,
        repeatable=True,
        large=True,
        empty=ErrorKind.UNREADABLE,  # only Encord's own words say that a job is lost
    )


def read_re_encode_task(value: Any) -> ReEncodeTask:
    """Read a re-encode task."""
    fields = Fields(value, "the re-encode task")
    return ReEncodeTask(fields.text("status"), fields.each("result", _read_re_encoded_video))


def _read_re_encoded_video(value: Any) -> ReEncodedVideo:
    fields = Fields(value, "a re-encoded video")
    return ReEncodedVideo(
        fields.id("data_hash"), fields.optional_text("bucket_path"), fields.optional_text("signed_url")
    )
