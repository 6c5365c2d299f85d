"""All scenarios: which vectors there are, and how each is made."""

from importlib import import_module

from encord._version import __version__ as client_version

from tests.recorder.record import Scenario

# The last release with API keys of datasets; only its own room can be imported beside it.
OLDER = "0.1.145"
_ROOMS = ("folders", "items", "folder_jobs", "folder_uploads", "cloud_sync")


def scenarios() -> dict[str, Scenario]:
    """Return all scenarios for the client that Python finds."""
    tables = (
        import_module(f"{__name__}.{room}").SCENARIOS for room in (("older",) if client_version == OLDER else _ROOMS)
    )
    return {name: scenario for table in tables for name, scenario in table.items()}
