"""Dataset API keys."""

import json
import secrets
import sqlite3
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from airflow_provider_encord.emulator import legacy
from airflow_provider_encord.emulator.caller import ApiKey
from airflow_provider_encord.emulator.errors import Reason, Refusal
from airflow_provider_encord.emulator.store import Store

SCOPES = frozenset({legacy.READ, legacy.WRITE})


class ApiKeys:
    """The API keys of all datasets.

    :param find_dataset: returns a dataset of a user's, by its id
    """

    def __init__(self, store: Store, find_dataset: Callable[[str, str], sqlite3.Row]) -> None:
        self._store = store
        self._find_dataset = find_dataset

    @legacy.answers("create_api_key", "datasetapikey", "POST", path=legacy.USER_PATH)
    def answer_create(self, call: legacy.Call) -> dict[str, Any]:
        """Make a dataset API key."""
        dataset = self._find_dataset(call.caller.user, call.payload.get("dataset_hash", ""))
        title, scopes = call.payload.get("title"), call.strings("scopes")
        if not isinstance(title, str) or not scopes or not SCOPES.issuperset(scopes):
            raise Refusal(Reason.INVALID_ARGUMENTS, f"needed: a title and scopes out of {', '.join(sorted(SCOPES))}")
        return self.create(dataset["uuid"], title, scopes)

    @legacy.answers("list_api_keys", "datasetapikey", "GET", path=legacy.USER_PATH)
    def answer_list(self, call: legacy.Call) -> list[dict[str, Any]]:
        """List a dataset's API keys."""
        dataset = self._find_dataset(call.caller.user, call.payload.get("dataset_hash", ""))
        return self.all(dataset["uuid"])

    @legacy.answers("get_api_key", "apikeymeta", "GET", needs_dataset=False)
    def answer_get(self, call: legacy.Call) -> dict[str, str]:
        """Tell an API key what it is."""
        if call.caller.api_key is None:
            raise Refusal(Reason.INVALID_ARGUMENTS, "the request was not made with an API key")
        return {"title": call.caller.api_key.title, "resource_type": "dataset"}

    def create(self, dataset: str, title: str, scopes: Sequence[str]) -> dict[str, Any]:
        """Make an API key for a dataset."""
        key, key_hash = secrets.token_urlsafe(32), str(uuid.uuid4())
        with self._store.transaction():
            self._store.run(
                "INSERT INTO api_keys VALUES (?, ?, ?, ?, ?)", (key, key_hash, dataset, title, json.dumps(list(scopes)))
            )
        return self.all(dataset)[-1]

    def all(self, dataset: str) -> list[dict[str, Any]]:
        """Return a dataset's API keys. Encord's old client relies on getting them in clear text."""
        return [
            {
                "resource_hash": row["dataset"],
                "api_key": row["key"],
                "title": row["title"],
                "key_hash": row["key_hash"],
                "scopes": json.loads(row["scopes"]),
            }
            for row in self._store.all("SELECT * FROM api_keys WHERE dataset = ? ORDER BY rowid", (dataset,))
        ]

    def find(self, key: str) -> tuple[str, ApiKey] | None:
        """Return the owner behind an API key, and what it is for."""
        row = self._store.one(
            "SELECT api_keys.*, datasets.owner FROM api_keys JOIN datasets ON datasets.uuid = dataset WHERE key = ?",
            (key,),
        )
        if row is None:
            return None
        return row["owner"], ApiKey(row["dataset"], row["title"], frozenset(json.loads(row["scopes"])))
