"""The control API of the local Encord."""

from __future__ import annotations

from typing import Any

import requests


class Control:
    """Lets things go wrong in the local Encord."""

    def __init__(self, url: str) -> None:
        self._root = f"{url}/_emulator"
        self._session = requests.Session()
        self._session.trust_env = False

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """Send one request."""
        answer = self._session.request(method, f"{self._root}/{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def rules(self) -> set[int]:
        """Return the ids of the rules that wait for their request."""
        return {rule["id"] for rule in self.ask("GET", "faults")["faults"]}
