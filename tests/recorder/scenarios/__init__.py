"""All scenarios: which vectors there are, and how each is made."""

from importlib import import_module

from encord._version import __version__ as client_version

from tests.recorder import OLDER
from tests.recorder.scenario import Scenario

_ROOMS = (
    "datasets",
    "uploads",
    "private_data",
    "users",
    "errors",
    "folders",
    "items",
    "folder_jobs",
    "folder_uploads",
    "cloud_sync",
)


def scenarios() -> dict[str, Scenario]:
    """Return all scenarios for the client that Python finds."""
    tables = (
        import_module(f"{__name__}.{room}").SCENARIOS for room in (("older",) if client_version == OLDER else _ROOMS)
    )
    return {name: scenario for table in tables for name, scenario in table.items()}
