"""Cloud integrations."""

import sqlite3
import uuid
from typing import Any

from airflow_provider_encord.emulator import legacy, rest
from airflow_provider_encord.emulator.errors import Reason, Refusal, Unprocessable
from airflow_provider_encord.emulator.store import Store
from airflow_provider_encord.emulator.uuids import is_uuid

INTEGRATIONS = {
    title: (str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{title.lower()}.integration.local-encord")), provider)
    for provider, title in enumerate(("AWS", "GCP", "Azure"), start=1)
}
"""Title of a cloud integration -> its UUID, the same in every local Encord, and its storage location."""


class Integrations:
    """The cloud integrations: one per cloud, from the start."""

    def __init__(self, store: Store) -> None:
        self._store = store
        with store.transaction():
            store.run_many(
                "INSERT OR IGNORE INTO integrations VALUES (?, ?, ?)",
                [(name, title, provider) for title, (name, provider) in INTEGRATIONS.items()],
            )

    @rest.answers("get_cloud_integrations", "GET", "cloud-integrations")
    def answer_list(self, call: rest.Call) -> dict[str, Any]:
        """List the cloud integrations that pass both filters."""
        wanted = [uuid.lower() for uuid in call.query.getall("filterIntegrationUuids", [])]
        if not all(map(is_uuid, wanted)):
            raise Unprocessable("query", "filterIntegrationUuids", "value is not a UUID")
        titles = call.query.getall("filterIntegrationTitles", [])
        call.flag("includeOrgAccess")
        return {
            "result": [
                {"integrationUuid": row["uuid"], "title": row["title"]}
                for row in self.all()
                if (not wanted or row["uuid"] in wanted) and (not titles or row["title"] in titles)
            ]
        }

    @legacy.answers("get_cloud_integrations", "cloudintegration", "GET", path=legacy.USER_PATH)
    @legacy.answers("get_cloud_integrations", "cloudintegration", "GET")
    def answer_old_list(self, call: legacy.Call) -> list[dict[str, str]]:
        """List the cloud integrations, the way of Encord's clients up to 0.1.145."""
        return [{"id": row["uuid"], "title": row["title"]} for row in self.all()]

    def all(self) -> list[sqlite3.Row]:
        """Return the cloud integrations."""
        return self._store.all("SELECT * FROM integrations ORDER BY rowid")

    def provider(self, integration: Any) -> int:
        """Return the storage location of an integration's data."""
        if not is_uuid(integration):
            raise Refusal(Reason.INVALID_ARGUMENTS, "integrationId is not a UUID")
        provider = self._store.value("SELECT provider FROM integrations WHERE uuid = ?", (integration.lower(),))
        if provider is None:
            raise Refusal(Reason.NOT_FOUND, f"there is no cloud integration {integration}")
        return int(provider)
