"""What can be changed while the local Encord runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from airflow_provider_encord.emulator import checks


@dataclass
class Settings:
    """Behaviour knobs; times are in seconds."""

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

    def update(self, values: Mapping[str, Any]) -> None:
        """Change some settings; nothing is changed when one of them does not fit."""
        checks.known(values, {entry.name for entry in fields(self)}, "setting")
        for name, value in values.items():
            if name == "upload_headers":
                checks.headers(value, name)
            elif value is not None or name != "rate_limit":
                checks.number(value, name)
        for name, value in values.items():
            setattr(self, name, value)
