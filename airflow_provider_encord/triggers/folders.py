"""Triggers that wait for a storage folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_encord.triggers.encord import EncordUploadJobTrigger

if TYPE_CHECKING:
    from airflow_provider_encord._client.jobs import Watch


class EncordFolderSyncTrigger(EncordUploadJobTrigger):
    """Waits for syncs of a cloud-synced folder with its bucket; its event has ``folder_uuid`` too.

    :param folder_uuid: the folder.
    """

    def __init__(self, *, folder_uuid: str, dataset_hash: str | None = None, **kwargs: Any) -> None:
        super().__init__(dataset_hash=dataset_hash, **kwargs)
        self.folder_uuid = folder_uuid

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and exactly the constructor's arguments."""
        path, kwargs = super().serialize()
        return path, {**kwargs, "folder_uuid": self.folder_uuid}

    def watches(self) -> list[Watch]:
        """Return the syncs to wait for."""
        from airflow_provider_encord._client.jobs import FolderSyncWatch

        return [FolderSyncWatch(self.folder_uuid, str(job_id)) for job_id in self.job_ids]

    def event(self, status: str, message: str, **more: Any) -> dict[str, Any]:
        """Return the event of how the wait ended."""
        return super().event(status, message, folder_uuid=self.folder_uuid, **more)
