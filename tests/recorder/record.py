"""Runs one scenario with the official client that Python finds, and returns its vector."""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from encord._version import __version__ as client_version

from tests.recorder import OLDER, VECTORS
from tests.recorder.network import FROZEN, Network, frozen
from tests.recorder.result import result
from tests.recorder.scenario import Client, Scenario
from tests.recorder.wire import Wire

Vector = dict[str, Any]

# Releases of other libraries and of Python are no part of a vector.
_AGENTS = {
    r"python/\S+ pydantic/\S+": f"python/{'3.11.7' if client_version == OLDER else '3.12.1'} pydantic/2.14.3",
    r"python-requests/\S+": "python-requests/2.34.2",
    r"python-urllib3/\S+": "python-urllib3/2.8.0",
}


def record(name: str, scenario: Scenario) -> Vector:
    """Run a scenario and return its vector."""
    path = VECTORS / f"{name}.json"
    complete = scenario.completed(json.loads(path.read_text()) if path.exists() else {})
    network = Network(wire := Wire(complete.answers or ()), list(complete.held))
    with TemporaryDirectory() as files, frozen(network):
        client = Client(complete.auth, Path(files), network)
        outcome = result(lambda: complete.run(client), wire)
    vector = {
        "operation": complete.operation,
        "sdk_version": client_version,
        "auth": complete.auth,
        "call": complete.call,
        "frozen": FROZEN,
        "requests": [_with_frozen_agent(request) for request in wire.requests[: complete.kept]],
        "responses": wire.answered[: complete.kept],
        "sleeps": network.sleeps,
        "result": outcome,
    }
    return vector | ({"notes": complete.notes} if complete.notes else {})


def text_of(vector: Vector) -> str:
    """Return a vector as its file holds it."""
    return json.dumps(vector, indent=2) + "\n"


def _with_frozen_agent(request: dict[str, Any]) -> dict[str, Any]:
    if agent := request["headers"].get("User-Agent"):
        for pattern, frozen in _AGENTS.items():
            agent = re.sub(pattern, frozen, agent)
        request["headers"]["User-Agent"] = agent
    return request
