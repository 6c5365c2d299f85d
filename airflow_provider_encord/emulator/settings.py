"""What can be changed while the local Encord runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


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
        known = {entry.name for entry in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}; there are: {', '.join(sorted(known))}")
            if name == "upload_headers":
                if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
                    raise ValueError("upload_headers must be an object of texts")
            elif not (value is None and name == "rate_limit") and (
                isinstance(value, bool) or not isinstance(value, int | float) or value < 0
            ):
                raise ValueError(f"{name} must be a number that is not negative")
        for name, value in values.items():
            setattr(self, name, value)
