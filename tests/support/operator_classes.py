"""All operators, sensors and transfers of the package, and how each is made."""

import importlib
import inspect
import re

from airflow_provider_encord.provider_info import get_provider_info

ID = "00000000-0000-0000-0000-000000000001"
REQUIRED = {
    "dataset_hash": ID,
    "title": "t",
    "name": "n",
    "folder_uuid": ID,
    "file_paths": ["f"],
    "integration": "AWS",
    "manifest": {},
    "prefix": "s3://bucket/",
    "data_hashes": [ID],
    "item_uuids": [ID],
    "destination": "/to",
    "metadata_by_item": {ID: {"a": 1}},
    "job_id": 1,
    "job_ids": ["j"],
    "kind": "image",
}


def modules():
    info = get_provider_info()
    for kind in ("operators", "sensors"):
        for entry in info[kind]:
            yield from entry["python-modules"]
    yield from (entry["python-module"] for entry in info["transfers"])


CLASSES = [
    each
    for path in modules()
    for _, each in inspect.getmembers(importlib.import_module(path), inspect.isclass)
    if each.__module__ == path and re.search(r"(Operator|Sensor)$", each.__name__) and not inspect.isabstract(each)
]


def parameters(each):
    """The parameters that this provider adds, by name."""
    ours = [base for base in each.__mro__ if base.__module__.startswith("airflow_provider_encord.")]
    found = {}
    for base in ours:
        if "__init__" in base.__dict__:
            found |= dict(inspect.signature(base.__dict__["__init__"]).parameters)
    return {name: found[name] for name in found if name not in ("self", "kwargs", "args")}


CHOICES = {
    "EncordDeleteDataOperator": "data_hashes",
    "EncordReEncodeDataOperator": "data_hashes",
    "EncordLinkItemsOperator": "item_uuids",
    "EncordUpdateItemsOperator": "metadata_by_item",
}
"""What must be given of those that take ids or filters."""


def required(each):
    """The parameters that must be given; of ids and filters, the ids, and of dataset and folder, the dataset."""
    names = parameters(each)
    found = {name for name, parameter in names.items() if parameter.default is inspect.Parameter.empty}
    return found | {CHOICES.get(each.__name__, "dataset_hash")} & set(names)


def build(each):
    return each(task_id="task", **{name: REQUIRED[name] for name in required(each)})
