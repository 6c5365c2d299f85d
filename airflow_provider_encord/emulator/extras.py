"""Optional packages, imported only where they are used."""

import importlib
from typing import Any

from airflow_provider_encord.emulator.errors import MissingExtra


def need(module: str) -> Any:
    """Import an optional module or say which extra brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(module) from error
