"""What can be changed while the local Encord runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from airflow_provider_encord.emulator import checks

CHOICES = {
    "placeholders_from": ("url", "upload", "job"),
    "filled_placeholder": ("done", "error"),
    "metadata_patch": ("replace", "merge"),
    "second_sync": ("refuse", "join"),
}
"""Settings that are one of several words."""


@dataclass
class Settings:
    """Behaviour knobs; times are in seconds. Where Encord's behaviour is not known, the default is a guess."""

    job_seconds: float = 0
    """How long a registration job stays PENDING."""
    re_encode_seconds: float = 0
    """How long a re-encode task stays SUBMITTED."""
    url_lifetime: float = 3600
    """How long a signed URL works."""
    rate_limit: float | None = None
    """API requests per second before HTTP 429; None for no limit."""
    upload_headers: dict[str, str] = field(default_factory=dict)
    """Headers handed out with upload URLs and demanded on the PUT, such as Azure's ``x-ms-blob-type``."""
    sync_seconds: float = 0
    """How long the sync of a folder with its bucket stays pending."""
    scan_page_size: int = 1000
    """How many objects a sync reads from its bucket at once."""
    placeholders_from: str = "url"
    """From when on an upload into a folder is an item that is a placeholder: once its ``url`` was handed out, its
    ``upload`` has arrived, or a ``job`` that names it was started."""
    filled_placeholder: str = "done"
    """What becomes of a unit whose placeholder was filled before: it is ``done`` and tells that item, or ``error``."""
    metadata_patch: str = "replace"
    """What a PATCH does to client metadata: ``replace`` or ``merge``."""
    second_sync: str = "refuse"
    """What the start of a sync does while another runs: ``refuse`` with HTTP 409, or ``join`` that one."""
    bulk_requires_all: bool = True
    """Whether a bulk get that does not say so is refused if one of the items is missing."""
    delete_full_folders: bool = False
    """Whether a folder that is not empty can be deleted, with all that is in it."""
    list_frames: bool = False
    """Whether the frames of image groups and the files of DICOM series are listed in their folder."""
    current_user: bool = True
    """Whether there is ``user/current``; without it, it is answered with HTTP 404."""

    def update(self, values: Mapping[str, Any]) -> None:
        """Change some settings; nothing is changed when one of them does not fit."""
        checks.known(values, {entry.name for entry in fields(self)}, "setting")
        for name, value in values.items():
            _check(name, value)
        for name, value in values.items():
            setattr(self, name, value)


def _check(name: str, value: Any) -> None:
    if name == "upload_headers":
        checks.headers(value, name)
    elif name in CHOICES:
        checks.known([value], CHOICES[name], f"value of {name}")
    elif name == "scan_page_size":
        checks.whole(value, name, 1, 1000)
    elif isinstance(getattr(Settings, name, None), bool):
        checks.flag(value, name)
    elif value is not None or name != "rate_limit":
        checks.number(value, name)
