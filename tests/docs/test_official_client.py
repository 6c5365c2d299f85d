"""The page for who comes from the official client names what both sides have, and leaves nothing of theirs out."""

import dataclasses
import re

import pytest

pytest.importorskip("encord")

from encord.dataset import Dataset
from encord.orm import dataset as orm
from encord.storage import StorageFolder, StorageItem
from encord.user_client import EncordUserClient

from airflow_provider_encord._client.resources import (
    data_rows,
    datasets,
    folders,
    items,
    re_encoding,
    registration,
)
from airflow_provider_encord.hooks.encord import EncordHook

THEIRS = {
    "user": EncordUserClient,
    "dataset": Dataset,
    "row": orm.DataRow,
    "result": orm.DatasetDataLongPolling,
    "task": orm.ReEncodeVideoTask,
    "folder": StorageFolder,
    "item": StorageItem,
}
OURS = {
    "dataset": datasets.Dataset,
    "row": data_rows.DataRow,
    "result": registration.UploadJob,
    "task": re_encoding.ReEncodeTask,
    "folder": folders.StorageFolder,
    "item": items.StorageItem,
}
# Rights and groups of users are not about data, and an item is updated through the official client.
NOT_OF_THE_TUTORIAL = {"add_users", "list_users", "remove_users", "list_groups", "add_group", "remove_group"}
NOT_OF_THE_TUTORIAL |= {"update_data_item", "get_dataset", "save", "from_dict", "from_dict_list"}
# Groups of items are made by jobs; set-ups are no pipeline's.
NOT_OF_THE_TUTORIAL |= {"create_data_group", "create_data_groups", "create_dicom_series", "create_image_group"}
NOT_OF_THE_TUTORIAL |= {"create_image_sequence", "upload_scene", "get_folder_config", "enable_metadata_ingestion"}
NOT_OF_THE_TUTORIAL |= {"parent", "parent_folder", "is_cloud_synced", "timeseries_settings"}


@pytest.fixture
def tables(pages):
    """The rows of the tables of calls and of attributes: names of theirs, and all names in the cell of ours."""
    page = pages["docs/official_client.md"]
    calls, attributes = page.split("## Attributes")
    rows = [re.findall(r"^\| (`\w+\..*?) \| (.*?) \|", text, re.MULTILINE) for text in (calls, attributes)]
    return [
        [(re.findall(r"`(\w+)\.(\w+)`", left), re.findall(r"`(\w+)`", right)) for left, right in each] for each in rows
    ]


def members(kind):
    return {name for name in vars(kind) if not name.startswith("_")} | set(getattr(kind, "model_fields", ()))


def test_each_name_of_theirs_exists_and_none_of_data_is_left_out(tables):
    named = [pair for table in tables for theirs, _ in table for pair in theirs]
    assert [(side, name) for side, name in named if name not in members(THEIRS[side])] == []
    for side in ("dataset", "row", "result", "task", "folder", "item"):
        missing = members(THEIRS[side]) - {name for each, name in named if each == side} - NOT_OF_THE_TUTORIAL
        assert missing - {"model_config", "is_optimised_image_group"} == set()


def test_each_call_leads_to_a_method_of_the_hook(tables):
    assert len(tables[0]) >= 20
    assert [name for _, names in tables[0] for name in names if not hasattr(EncordHook, name)] == []
    assert all(names for _, names in tables[0])


def test_each_attribute_leads_to_a_field(tables):
    assert len(tables[1]) >= 9
    for theirs, ours in tables[1]:
        side = theirs[0][0]
        fields = {each.name for each in dataclasses.fields(OURS[side])}
        same = {name for _, name in theirs}
        assert (set(ours[: len(theirs)]) <= fields and len(ours) >= len(theirs)) or same <= fields, theirs
