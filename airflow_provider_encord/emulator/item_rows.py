"""A storage item as a row of the database, and the names of its kind."""

from typing import Any

from airflow_provider_encord.emulator.media import Facts

KINDS = {
    "VIDEO": "video",
    "IMAGE": "image",
    "GROUP": "group",
    "IMG_GROUP": "imageGroup",
    "IMG_SEQUENCE": "imageSequence",
    "DICOM_FILE": "dicomFile",
    "DICOM": "dicomSeries",
    "AUDIO": "audio",
    "TIME_SERIES": "timeseries",
    "NIFTI": "nifti",
    "PLAIN_TEXT": "plainText",
    "PDF": "pdf",
    "SCENE": "scene",
}
"""Kind of data -> ``itemType`` in v2. A sequence is an image group in rows of datasets, hence :data:`KIND`."""

KIND = "CASE WHEN items.data_type = 'IMG_GROUP' AND items.optimised THEN 'IMG_SEQUENCE' ELSE items.data_type END"
"""SQL for the kind of an item."""


def item_row(
    uuid: str,
    *,
    owner: str,
    folder: str,
    data_type: str,
    title: str,
    now: float,
    url: str | None,
    identity: str,
    storage_location: int = 0,
    job: str | None = None,
    facts: Facts | None = None,
    optimised: bool | None = None,
    client_metadata: str = "{}",
    integration: str | None = None,
    frame: bool = False,
    placeholder: bool = False,
    etag: str | None = None,
    seen_by: str | None = None,
    extra: str = "{}",
) -> tuple[Any, ...]:
    """Return all the values of an item, in the order of the table's columns."""
    return (
        *(uuid, owner, folder, job, data_type, title, url, identity, storage_location),
        *(*(facts or Facts()), optimised, client_metadata, now, now, "", integration),
        *(frame, placeholder, False, etag, seen_by, extra),
    )
