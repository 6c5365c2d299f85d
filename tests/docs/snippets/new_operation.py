from dataclasses import dataclass
from uuid import UUID

from airflow_provider_encord._client.call import Call
from airflow_provider_encord._client.fields import Fields, Model


@dataclass(frozen=True)
class Folder(Model):
    """A folder of Encord's storage."""

    uuid: str
    name: str


def read_folder(value: object) -> Folder:
    """Read one storage folder."""
    fields = Fields(value, "the folder")
    return Folder(fields.text("uuid"), fields.text("name"))


def get_folder(folder: str | UUID) -> Call[Folder]:
    """Get one storage folder."""
    return Call(
        operation=f"get folder {folder}",
        method="GET",
        path=f"storage/folders/{UUID(str(folder))}",
        read=read_folder,
        repeatable=True,
    )
