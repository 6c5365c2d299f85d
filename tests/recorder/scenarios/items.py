"""Storage items: list, find, get, change, move, delete, group, re-encode."""

import json
from typing import Any
from uuid import UUID

from encord.http import bundle
from encord.orm import storage
from encord.utilities.storage import cloud_data_migration

from tests.recorder.answers import item, page
from tests.recorder.ids import (
    DATASET,
    FOLDER,
    IMAGE_GROUP,
    INTEGRATION,
    ITEM,
    JOB,
    OTHER_FOLDER,
    OTHER_INTEGRATION,
    OTHER_ITEM,
    VIDEO,
)
from tests.recorder.scenario import Client, Scenario
from tests.recorder.wire import STORAGE, answer, nothing

_SIGNED = "https://signed.example/sample.mp4?sig=x"
_METADATA = {"site": "Zürich", "n": 1, "none": None}
_IMAGE = item(
    OTHER_ITEM,
    itemType="image",
    name="photo.jpg",
    clientMetadata=json.dumps(_METADATA),
    storageLocation="s3",
    integrationHash=INTEGRATION,
    url="s3://bucket/path/photo.jpg",
    mimeType="image/jpeg",
    duration=None,
    fps=None,
    frameCount=None,
)
_GONE = item(OTHER_ITEM, isTombstone=True, fileSize=None, mimeType=None, url=None)
_WAITS = item(OTHER_ITEM[:-1] + "3", isPlaceholder=True, fileSize=None, mimeType=None, url=None)
_USED = {
    "frameInGroups": 0,
    "accessibleGroupItems": [
        {
            "uuid": OTHER_ITEM,
            "name": "a group",
            "parentUuid": FOLDER,
            "parentName": "Example folder",
            "itemType": "imageGroup",
        }
    ],
    "usedInDatasets": 2,
    "accessibleDatasets": [
        {
            "datasetHash": DATASET,
            "backingFolderUuid": FOLDER,
            "title": "Example title",
            "dataHashes": [VIDEO, IMAGE_GROUP],
            "dataUnitsCreatedAt": "2025-03-01T10:00:00+00:00",
        }
    ],
    "groupLayout": None,
}
_FILTERS_TEXT = (
    "search='a b&c', is_in_dataset=False, item_types=[VIDEO, PLAIN_TEXT], order=CREATED_AT, desc=True, page_size=1000, "
    "get_signed_urls=True"
)


def _filters() -> dict[str, Any]:
    return {
        "search": "a b&c",
        "is_in_dataset": False,
        "item_types": [storage.StorageItemType.VIDEO, storage.StorageItemType.PLAIN_TEXT],
        "order": storage.FoldersSortBy.CREATED_AT,
        "desc": True,
        "page_size": 1000,
        "get_signed_urls": True,
    }


def _change(client: Client) -> object:
    changed = client.item()
    changed.update(name="new.mp4", client_metadata=_METADATA)
    return changed


def _change_many(client: Client) -> None:
    first, second = client.item(), client.item(uuid=OTHER_ITEM)
    with bundle.Bundle() as together:
        first.update(client_metadata=_METADATA, bundle=together)
        second.update(name="new.mp4", client_metadata={}, bundle=together)


SCENARIOS = {
    "item_list": Scenario(
        lambda client: client.folder.list_items(),
        "list items of a folder",
        "list_items() of a folder; one item is a tombstone, one a placeholder",
        [page(item(), _GONE, _WAITS)],
    ),
    "item_list_all_filters": Scenario(
        lambda client: client.folder.list_items(include_client_metadata=False, **_filters()),
        "list items of a folder",
        f"list_items({_FILTERS_TEXT}, include_client_metadata=False) of a folder",
        [page()],
    ),
    "item_list_in_dataset": Scenario(
        lambda client: client.folder.list_items(is_in_dataset=True),
        "list items of a folder",
        "list_items(is_in_dataset=True) of a folder",
        [page(item())],
    ),
    "item_list_pages": Scenario(
        lambda client: client.folder.list_items(item_types=[storage.StorageItemType.IMAGE], page_size=1),
        "list items of a folder",
        "list_items(item_types=[IMAGE], page_size=1) of a folder, two pages",
        [page(_IMAGE, token="next+page/2="), page(_IMAGE | {"uuid": ITEM})],
        "The second page repeats the whole query.",
    ),
    "item_list_metadata_by_url": Scenario(
        lambda client: client.folder.list_items(resolve_client_metadata_locally=True),
        "list items of a folder",
        "list_items(resolve_client_metadata_locally=True) of a folder",
        [page(item(clientMetadataSignedUrl=f"{STORAGE}/bucket/metadata-1?sig=m1")), answer(_METADATA)],
        "The client fetches each item's metadata from a signed URL.",
    ),
    "item_list_recursive": Scenario(
        lambda client: client.folder.find_items(**_filters()),
        "list items of a folder and its sub-folders",
        f"find_items({_FILTERS_TEXT}) of a folder",
        [page(item(signedUrl=_SIGNED))],
    ),
    "item_list_unknown_type": Scenario(
        lambda client: client.folder.list_items(),
        "list items of a folder",
        "list_items() of a folder; one item is of a type that the client does not know",
        [page(item(itemType="somethingNew"))],
        "The client refuses the whole page.",
    ),
    "item_find": Scenario(
        lambda client: client.user.find_storage_items(org_access=True, **_filters()),
        "find items everywhere",
        f"find_storage_items({_FILTERS_TEXT}, org_access=True)",
        [page(item(signedUrl=_SIGNED))],
    ),
    "item_get": Scenario(
        lambda client: client.user.get_storage_item(ITEM), "get item", f"get_storage_item('{ITEM}')", [answer(item())]
    ),
    "item_get_signed_url": Scenario(
        lambda client: client.user.get_storage_item(ITEM, sign_url=True),
        "get item",
        f"get_storage_item('{ITEM}', sign_url=True)",
        [answer(item(signedUrl=_SIGNED))],
    ),
    "item_get_not_found": Scenario(
        lambda client: client.user.get_storage_item(ITEM),
        "get item",
        "get_storage_item of an item that does not exist",
        [answer({"message": "text from the stub"}, 404)],
    ),
    "item_get_bulk": Scenario(
        lambda client: client.user.get_storage_items([ITEM, UUID(OTHER_ITEM)]),
        "get items",
        "get_storage_items([two items])",
        [page(item(), _IMAGE)],
    ),
    "item_get_bulk_signed_urls": Scenario(
        lambda client: client.user.get_storage_items([ITEM], sign_url=True),
        "get items",
        "get_storage_items([one item], sign_url=True)",
        [page(item(signedUrl=_SIGNED))],
    ),
    "item_children": Scenario(
        lambda client: client.item(itemType="imageGroup").get_child_items(get_signed_urls=True),
        "list children of an item",
        "get_child_items(get_signed_urls=True) of an image group",
        [page(_IMAGE | {"signedUrl": _SIGNED})],
    ),
    "item_summary": Scenario(
        lambda client: client.item().get_summary(),
        "where an item is used",
        "get_summary() of an item",
        [answer(_USED)],
    ),
    "item_update": Scenario(
        _change,
        "change item",
        f"update(name='new.mp4', client_metadata={_METADATA}) of an item",
        [answer(item(name="new.mp4", clientMetadata=json.dumps(_METADATA)))],
        "The metadata goes out as an object, nulls included.",
    ),
    "item_update_bulk": Scenario(
        _change_many,
        "change items",
        "update(client_metadata) of one item, update(name='new.mp4', client_metadata={}) of another, in one bundle",
        [page(item(clientMetadata=json.dumps(_METADATA)), item(OTHER_ITEM, name="new.mp4"))],
    ),
    "item_delete": Scenario(
        lambda client: client.item().delete(remove_unused_frames=False),
        "delete items",
        "delete(remove_unused_frames=False) of an item",
        [answer({"removedItemsCount": 1, "removedFoldersCount": 0})],
    ),
    "item_delete_bulk": Scenario(
        lambda client: client.folder.delete_storage_items([UUID(ITEM), UUID(OTHER_ITEM)]),
        "delete items",
        "delete_storage_items([two items]) of a folder",
        [answer({"removedItemsCount": 2, "removedFoldersCount": 0})],
    ),
    "item_move": Scenario(
        lambda client: client.item().move_to_folder(UUID(OTHER_FOLDER)),
        "move items",
        f"move_to_folder('{OTHER_FOLDER}') of an item",
        [nothing(204), answer(item(parent=OTHER_FOLDER))],
        "The client reads the item again.",
    ),
    "item_move_bulk": Scenario(
        lambda client: client.folder.move_items_to_folder(
            UUID(OTHER_FOLDER), [UUID(ITEM), UUID(OTHER_ITEM)], allow_mirror_dataset_changes=True
        ),
        "move items",
        f"move_items_to_folder('{OTHER_FOLDER}', [two items], allow_mirror_dataset_changes=True) of a folder",
        [nothing(204)],
    ),
    "item_migrate_storage": Scenario(
        lambda client: cloud_data_migration.update_storage_item_cloud_info(
            client.user,
            ITEM,
            new_url="s3://new/sample.mp4",
            new_cloud_integration=OTHER_INTEGRATION,
            from_cloud_integration=INTEGRATION,
        ),
        "change where items are stored",
        f"update_storage_item_cloud_info('{ITEM}', new URL, new and old integration)",
        [answer([ITEM])],
    ),
    "item_migrate_storage_by_url": Scenario(
        lambda client: cloud_data_migration.update_storage_item_cloud_info(
            client.user,
            "s3://old/sample.mp4",
            new_url="s3://new/sample.mp4",
            verify_access=False,
            skip_missing=True,
        ),
        "change where items are stored",
        "update_storage_item_cloud_info('s3://old/sample.mp4', new URL, verify_access=False, skip_missing=True)",
        [answer([ITEM])],
    ),
    "item_create_groups": Scenario(
        lambda client: client.folder.create_data_groups(
            [
                [UUID(ITEM), UUID(OTHER_ITEM)],
                storage.DataGroupCarousel(name="carousel", layout_contents=[UUID(ITEM)], client_metadata=_METADATA),
                storage.DataGroupGrid(name="grid", layout_contents=[UUID(ITEM), UUID(OTHER_ITEM)]),
                storage.DataGroupCustom(
                    name="custom",
                    layout_contents={"left": UUID(ITEM), "right": UUID(OTHER_ITEM)},
                    layout={
                        "direction": "row",
                        "first": {"type": "data_unit", "key": "left"},
                        "second": {"type": "data_unit", "key": "right"},
                        "splitPercentage": 50,
                    },
                ),
            ]
        ),
        "create data groups",
        "create_data_groups([list of items, carousel, grid, custom layout]) in a folder",
        [answer([f"{ITEM[:-1]}{at}" for at in (5, 6, 7, 8)])],
    ),
    "item_reencode": Scenario(
        lambda client: client.folder.re_encode_videos([UUID(ITEM), UUID(OTHER_ITEM)], "title of the process", True),
        "re-encode items: start",
        "re_encode_videos([two items], 'title of the process', force_full_reencoding=True)",
        [answer(JOB)],
    ),
    "item_reencode_http_500": Scenario(
        lambda client: client.folder.re_encode_videos([UUID(ITEM)], "title of the process", False),
        "re-encode items: start",
        "re_encode_videos([one item], 'title of the process', force_full_reencoding=False); HTTP 500: not retried",
        [answer({"message": "text from the stub"}, 500)],
    ),
}
for _status, _result in {"submitted": None, "done": [{"itemUuid": ITEM}], "error": {"reason": "stub"}}.items():
    SCENARIOS[f"item_reencode_status_{_status}"] = Scenario(
        lambda client: client.folder.get_re_encoding_status(UUID(JOB)),
        "re-encode items: status",
        f"get_re_encoding_status of a job: {_status}",
        [answer({"status": _status, "result": _result})],
    )
