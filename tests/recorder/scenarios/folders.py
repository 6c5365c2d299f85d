"""Storage folders: list, find, create, change, move, delete, and who may use them."""

import json
from typing import Any
from uuid import UUID

from encord.http import bundle
from encord.orm import storage

from tests.recorder.answers import folder, page
from tests.recorder.ids import FOLDER, GROUP, INTEGRATION, OTHER_FOLDER, OTHER_GROUP
from tests.recorder.scenario import Client, Scenario
from tests.recorder.wire import answer, nothing

_CHILD = folder(
    OTHER_FOLDER,
    parent=FOLDER,
    name="Child",
    pathToRoot=[{"uuid": FOLDER, "parentUuid": None, "name": "Example folder", "syncedDatasetHash": None}],
)
_METADATA = {"site": "Zürich", "n": 1, "none": None}
_SYNCED = folder(folderType="cloudLinked", integrationHash=INTEGRATION, remoteUrl="s3://bucket/path/")
_COUNTS = {
    "files": 12,
    "folders": 1,
    "videos": 2,
    "images": 3,
    "imageGroups": 1,
    "imageSequences": 0,
    "dicomFiles": 4,
    "dicomSeries": 1,
    "niftis": 0,
    "audios": 0,
    "pdfs": 0,
    "plainTexts": 1,
    "tombstones": 2,
    "uploadJobs": 5,
    "totalSize": 1048576.0,
}
_FILTERS_TEXT = "dataset_synced=False, order=CREATED_AT, desc=True, page_size=1000"


def _filters() -> dict[str, Any]:
    order = storage.FoldersSortBy.CREATED_AT
    return {"dataset_synced": False, "order": order, "desc": True, "page_size": 1000}


def _change(client: Client) -> object:
    client.folder.update(name="New name", description="New", client_metadata=_METADATA)
    return client.folder


def _change_many(client: Client) -> None:
    folder, other = client.folder, client.other_folder
    with bundle.Bundle() as together:
        folder.update(name="First", bundle=together)
        other.update(client_metadata=_METADATA, bundle=together)


SCENARIOS = {
    "folder_list": Scenario(
        lambda client: client.user.list_storage_folders(),
        "list folders",
        "list_storage_folders() without arguments",
        [page(folder(), _SYNCED)],
    ),
    "folder_list_all_filters": Scenario(
        lambda client: client.user.list_storage_folders(search="a b&c", org_access=True, **_filters()),
        "list folders",
        f"list_storage_folders(search='a b&c', org_access=True, {_FILTERS_TEXT})",
        [page()],
    ),
    "folder_list_pages": Scenario(
        lambda client: client.user.list_storage_folders(search="x", page_size=1),
        "list folders",
        "list_storage_folders(search='x', page_size=1), two pages",
        [page(folder(), token="next+page/2="), page(_CHILD)],
    ),
    "folder_list_unknown_type": Scenario(
        lambda client: client.user.list_storage_folders(),
        "list folders",
        "list_storage_folders(); one folder is of a type that the client does not know",
        [page(folder(folderType="somethingNew"))],
        "The client tolerates it.",
    ),
    "folder_list_subfolders": Scenario(
        lambda client: client.folder.list_subfolders(),
        "list sub-folders",
        "list_subfolders() of a folder",
        [page(_CHILD)],
    ),
    "folder_find_subfolders": Scenario(
        lambda client: client.folder.find_subfolders("x", **_filters()),
        "find sub-folders",
        f"find_subfolders('x', {_FILTERS_TEXT}) of a folder",
        [page(_CHILD)],
        "The same request as for the sub-folders of one level, with isRecursive.",
    ),
    "folder_find": Scenario(
        lambda client: client.user.find_storage_folders(search="Child"),
        "find folders everywhere",
        "find_storage_folders(search='Child')",
        [page(_CHILD)],
    ),
    "folder_get": Scenario(
        lambda client: client.user.get_storage_folder(OTHER_FOLDER.upper()),
        "get folder",
        f"get_storage_folder('{OTHER_FOLDER.upper()}')",
        [answer(_CHILD | {"clientMetadata": json.dumps(_METADATA)})],
        "Ids go out in lower case. Client metadata comes as a JSON text.",
    ),
    "folder_get_not_found": Scenario(
        lambda client: client.user.get_storage_folder(FOLDER),
        "get folder",
        "get_storage_folder of a folder that does not exist",
        [answer({"message": "text from the stub"}, 404)],
    ),
    "folder_create": Scenario(
        lambda client: client.user.create_storage_folder("Example folder"),
        "create folder",
        "create_storage_folder('Example folder')",
        [answer(folder())],
    ),
    "folder_create_in_parent": Scenario(
        lambda client: client.user.create_storage_folder("Child", "A child", parent_folder=UUID(FOLDER)),
        "create folder",
        f"create_storage_folder('Child', 'A child', parent_folder='{FOLDER}')",
        [answer(_CHILD)],
    ),
    "folder_create_subfolder": Scenario(
        lambda client: client.folder.create_subfolder("Child"),
        "create folder",
        "create_subfolder('Child') of a folder",
        [answer(_CHILD)],
    ),
    "folder_create_client_metadata": Scenario(
        lambda client: client.user.create_storage_folder("Example folder", client_metadata=_METADATA),
        "create folder",
        f"create_storage_folder('Example folder', client_metadata={_METADATA})",
        [answer(folder(clientMetadata=json.dumps(_METADATA)))],
        "The metadata goes out as a JSON text.",
    ),
    "folder_create_cloud_synced": Scenario(
        lambda client: client.user.create_storage_folder(
            "Example folder",
            cloud_synced_folder_params=storage.CloudSyncedFolderParams(
                integration_uuid=UUID(INTEGRATION), remote_url="s3://bucket/path/"
            ),
        ),
        "create folder",
        f"create_storage_folder('Example folder', integration '{INTEGRATION}', remote URL 's3://bucket/path/')",
        [answer(_SYNCED)],
    ),
    "folder_create_http_500": Scenario(
        lambda client: client.user.create_storage_folder("Example folder"),
        "create folder",
        "create_storage_folder('Example folder'); HTTP 500: not retried",
        [answer({"message": "text from the stub"}, 500)],
    ),
    "folder_update": Scenario(
        _change,
        "change folder",
        f"update(name='New name', description='New', client_metadata={_METADATA}) of a folder",
        [answer(folder(name="New name", description="New", clientMetadata=json.dumps(_METADATA)))],
        "The metadata goes out as an object.",
    ),
    "folder_update_bulk": Scenario(
        _change_many,
        "change folders",
        f"update(name='First') of one folder, update(client_metadata={_METADATA}) of another, in one bundle",
        [page(folder(name="First"), _CHILD | {"clientMetadata": json.dumps(_METADATA)})],
    ),
    "folder_move": Scenario(
        lambda client: client.folder.move_to_folder(UUID(OTHER_FOLDER)),
        "move folder",
        f"move_to_folder('{OTHER_FOLDER}') of a folder",
        [nothing(204), answer(folder(parent=OTHER_FOLDER))],
        "The client reads the folder again.",
    ),
    "folder_move_to_root": Scenario(
        lambda client: client.folder.move_to_folder(None),
        "move folder",
        "move_to_folder(None) of a folder",
        [answer(None), answer(folder())],
        "The parent is left out. A JSON null is a success, like 204.",
    ),
    "folder_delete": Scenario(
        lambda client: client.folder.delete(), "delete folder", "delete() of a folder", [nothing(204)]
    ),
    "folder_delete_http_503": Scenario(
        lambda client: client.folder.delete(),
        "delete folder",
        "delete() of a folder; HTTP 503: not retried",
        [answer({"message": "text from the stub"}, 503)],
        "DELETE and PATCH are not in the client's list of methods to retry.",
    ),
    "folder_summary": Scenario(
        lambda client: client.folder.get_summary(),
        "summary of a folder",
        "get_summary() of a folder",
        [answer(_COUNTS)],
    ),
    "folder_groups_list": Scenario(
        lambda client: client.folder.list_groups(),
        "list user groups of a folder",
        "list_groups() of a folder",
        [
            page(
                {
                    "groupHash": GROUP,
                    "name": "Annotators",
                    "description": "",
                    "createdAt": "2025-03-01T10:00:00+00:00",
                    "isSameOrganisation": True,
                    "userRole": "user",
                }
            )
        ],
    ),
    "folder_groups_add": Scenario(
        lambda client: client.folder.add_group([UUID(GROUP), UUID(OTHER_GROUP)], storage.StorageUserRole.ADMIN),
        "add user groups to a folder",
        "add_group([two groups], ADMIN) to a folder",
        [nothing(204)],
    ),
    "folder_groups_remove": Scenario(
        lambda client: client.folder.remove_group([UUID(GROUP), UUID(OTHER_GROUP)]),
        "remove user groups from a folder",
        "remove_group([two groups]) from a folder",
        [nothing(204)],
    ),
}
