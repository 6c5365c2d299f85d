"""Where the files of a dataset live."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Any


class StorageLocation(IntEnum):
    """Where the files of a dataset live; numbers as on the wire."""

    CORD_STORAGE = 0
    AWS = 1
    GCP = 2
    AZURE = 3
    S3_COMPATIBLE = 4
    UNKNOWN = -99

    @classmethod
    def parse(cls, value: Any) -> StorageLocation:
        """Read a number, its text, or the legacy name such as ``AWS_S3``; anything else is UNKNOWN."""
        if isinstance(value, str):
            if value.upper() in _STORAGE_NAMES:
                return _STORAGE_NAMES[value.upper()]
            value = int(value) if re.fullmatch("-?[0-9]{1,4}", value) else None
        return cls(value) if isinstance(value, int) and value in cls._value2member_map_ else cls.UNKNOWN


_STORAGE_NAMES = {
    "CORD_STORAGE": StorageLocation.CORD_STORAGE,
    "ENCORD": StorageLocation.CORD_STORAGE,
    "AWS": StorageLocation.AWS,
    "AWS_S3": StorageLocation.AWS,
    "GCP": StorageLocation.GCP,
    "GCP_STR": StorageLocation.GCP,
    "AZURE": StorageLocation.AZURE,
    "AZURE_STR": StorageLocation.AZURE,
    "S3_COMPATIBLE": StorageLocation.S3_COMPATIBLE,
    "S3_COMPATIBLE_STR": StorageLocation.S3_COMPATIBLE,
    "OTC": StorageLocation.S3_COMPATIBLE,
}
