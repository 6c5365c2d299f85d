"""Airflow 3's API, asked for everything that it tells of a run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import requests


class Api:
    """Asks as the web page does.

    :param url: where the API server is.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        token = self._session.get(f"{url}/auth/token", timeout=30).json()["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: Any) -> requests.Response:
        """Ask once."""
        return self._session.get(self._url + path, params=query, timeout=60)

    def all_about(self, run: dict[str, str], tasks: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
        """Yield path and text of each answer about a run and some of its task instances.

        Whatever path the API's own description names is asked, if all its parts are known.
        """
        known = self.get("/openapi.json").json()["paths"]
        paths = [path for path in known if "get" in known[path] and "/auth/" not in path]  # one of these logs out
        asked = set()
        for names in [run, *({**run, **task} for task in tasks)]:
            for path in paths:
                parts = re.findall(r"{(\w+)}", path)
                if not set(parts) <= names.keys():
                    continue
                filled = path.format(**{part: quote(str(names[part]), safe="") for part in parts})
                query = {"map_index": names.get("map_index", -1), "full_content": "true", "limit": "1000"}
                key = (filled, query["map_index"] if "task_id" in parts else None)
                if key not in asked:
                    asked.add(key)
                    yield f"{filled}?map_index={query['map_index']}", self.get(filled, **query).text
