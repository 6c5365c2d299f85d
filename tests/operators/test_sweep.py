"""Wrong kinds of values in each argument of each class: refused before the first request, or listed here as right."""

import decimal
import inspect
import json
import math
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_encord._client.transport.sync_transport import BlockingTransport
from airflow_provider_encord._compat import AirflowSkipException
from airflow_provider_encord.exceptions import EncordError, EncordInputError
from airflow_provider_encord.hooks import encord
from airflow_provider_encord.operators.data_rows import EncordLinkItemsOperator, EncordListDataRowsOperator
from airflow_provider_encord.operators.datasets import EncordDeleteDataOperator
from airflow_provider_encord.operators.folders import (
    EncordCreateFolderOperator,
    EncordSyncFolderOperator,
    EncordUpdateItemsOperator,
)
from airflow_provider_encord.operators.reencode import EncordReEncodeDataOperator
from airflow_provider_encord.operators.uploads import EncordUploadOperator
from airflow_provider_encord.sensors.encord import EncordSensor
from airflow_provider_encord.transfers.bucket_to_encord import BucketToEncordOperator
from airflow_provider_encord.transfers.encord_to_storage import EncordToStorageOperator
from airflow_provider_encord.transfers.s3_to_encord import S3ToEncordOperator
from operator_classes import CLASSES, ID, REQUIRED, parameters, required
from vectors import KEY


class Array:
    """As much of numpy's arrays and pandas' columns as matters here."""

    def __init__(self, *values):
        self._values = list(values)

    def tolist(self):
        return self._values

    def __bool__(self):
        raise ValueError("The truth value of an array is ambiguous.")

    __len__ = None
    __eq__ = None


class Broken:
    def __repr__(self):
        raise RuntimeError("no text")

    __str__ = __repr__


VALUES = {
    "None": lambda: None,
    "True": lambda: True,
    "0": lambda: 0,
    "-1": lambda: -1,
    "1.5": lambda: 1.5,
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "1e-9": lambda: 1e-9,
    "huge": lambda: 10**400,
    "Decimal": lambda: decimal.Decimal("1.5"),
    "''": lambda: "",
    "' '": lambda: " ",
    "'None'": lambda: "None",
    "'null'": lambda: "null",
    "'1'": lambda: "1",
    "'{{'": lambda: "{{",
    "'[]'": lambda: "[]",
    "a list as text": lambda: "['a', 'b']",
    "a dict as text": lambda: "{'a': 1}",
    "half a letter": lambda: "\ud800",
    "NUL": lambda: "a\x00b",
    "bytes": lambda: b"a",
    "bytearray": lambda: bytearray(b"a"),
    "object": object,
    "one without a text": Broken,
    "a type": lambda: float,
    "lambda": lambda: lambda: None,
    "{}": dict,
    "a dict": lambda: {"a": 1},
    "a set": lambda: {"a"},
    "frozenset": frozenset,
    "[]": list,
    "a list in a list": lambda: [["a"]],
    "[None]": lambda: [None],
    "['']": lambda: [""],
    "a datetime": lambda: datetime(2026, 1, 1, tzinfo=UTC),
    "a timedelta": lambda: timedelta(seconds=30),
    "a UUID": lambda: uuid.UUID(ID),
    "an array": lambda: Array(1, None),
    "an array of nothing": Array,
    "the type of an array": lambda: Array,
    "a generator": lambda: (each for each in (1, None)),
    "an exception": lambda: ValueError("a"),
}


class Sent(BaseException):
    """Raised in place of a request."""


@pytest.fixture(autouse=True)
def nothing_is_sent(monkeypatch):
    def refuse(*_, **__):
        raise Sent

    # There is no metadata database: what the environment does not define, nothing does.
    monkeypatch.setattr(encord, "is_undefined", lambda conn_id: True)
    monkeypatch.setattr(BlockingTransport, "_send", refuse)
    connection = {"conn_type": "encord", "host": "http://127.0.0.1:9", "extra": {"ssh_private_key": KEY}}
    monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", json.dumps(connection))


@pytest.fixture
def good(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    return {
        **REQUIRED,
        "file_paths": [str(tmp_path / "file")],
        "manifest": {"videos": [{"objectUrl": "s3://bucket/a.mp4"}]},
    }


TEXTS = {"'null'", "'1'", "'{{'", "'[]'", "a list as text", "a dict as text"}
HASHES = {"a UUID"}
CONNECTIONS = {"'null'", "'1'"}
JOBS = {"'1'", "a list as text", "a list in a list"}
ZERO = {"0"}
NOTHING = {"[]", "'[]'", "an array of nothing"}
SECONDS = {"1.5", "a timedelta"}
TIMES = {"a datetime"}
RIGHT = {
    **dict.fromkeys(
        ("name", "search", "title", "title_eq", "title_like", "desc_eq", "desc_like", "integration", "pattern"), TEXTS
    ),
    **dict.fromkeys(("dataset_hash", "data_hashes", "item_uuids"), HASHES),
    **dict.fromkeys(
        ("created_before", "created_after", "edited_before", "edited_after", "modified_after", "modified_before"), TIMES
    ),
    **dict.fromkeys(
        ("source_conn_id", "destination_conn_id", "aws_conn_id", "manifest_conn_id", "details_conn_id"), CONNECTIONS
    ),
    **dict.fromkeys(("job_id", "job_ids"), JOBS),
    **dict.fromkeys(("max_deletions", "max_size", "min_size"), ZERO),
    **dict.fromkeys(("poll_interval", "poke_interval", "timeout"), SECONDS),
    "older_than": {"a timedelta"},
    "exclude": TEXTS | NOTHING,
    "defer_after": {"0", *SECONDS},
    "ignore_errors": {"True"},
    "max_failed_items": {"0", "1e-9"},
    "client_metadata": {"{}", "a dict", "a dict as text"},
    "client_metadata_by_item": {"{}"},
    "description": {"''", "' '", *TEXTS},
    "details_path": {"'1'", "'{{'"},
    "folder_uuid": {"''", *HASHES},
    "parent_folder": HASHES,
}
"""What comes as far as Encord, beside True for flags and None where that is the default."""
MORE = {
    (S3ToEncordOperator, "source_conn_id"): set(),
    (S3ToEncordOperator, "aws_conn_id"): {"'null'", "'1'", "None"},
    (BucketToEncordOperator, "in_data_interval"): set(),
    (EncordCreateFolderOperator, "integration"): {"None"},
    (EncordLinkItemsOperator, "item_uuids"): HASHES,
    (EncordLinkItemsOperator, "folder_uuid"): HASHES,
    (EncordSyncFolderOperator, "folder_uuid"): HASHES,
    (EncordLinkItemsOperator, "is_in_dataset"): {"True", "None"},
    **{(EncordUpdateItemsOperator, name): set() for name in ("metadata_by_item", "recursive", "item_column")},
    **{
        (EncordUpdateItemsOperator, name): {"None"}
        for name in ("metadata_path", "metadata_conn_id", "column_types", "folder_uuid", "dataset_hash")
    },
    **{
        (each, name): TEXTS - {"a dict as text"}  # braces hold a field's name
        for each in (BucketToEncordOperator, S3ToEncordOperator)
        for name in ("title", "group_title")
    },
    (EncordToStorageOperator, "folder_uuid"): HASHES,
    (EncordToStorageOperator, "dataset_hash"): HASHES,
    (S3ToEncordOperator, "in_data_interval"): set(),
    **{
        (each, "client_metadata_by_item"): {"None"} if each.one_item else {"None", "{}", "[None]"}
        for each in CLASSES
        if issubclass(each, EncordUploadOperator)
    },
}
EMPTY = {
    **dict.fromkeys(("data_hashes", "item_uuids", "file_paths"), NOTHING),
    "manifest": {"{}"},
    "metadata_by_item": {"{}"},
}
FILTERS = ("title_like", "created_before", "older_than")
OF_FOLDERS = {EncordLinkItemsOperator: "item_uuids", EncordToStorageOperator: "dataset_hash"}
"""What takes the items of a folder, and what it takes instead."""
FOLDER_FILTERS = ("folder_uuid", "recursive", "search", "item_types", "is_in_dataset")


def arguments(each):
    more = {"poke_interval", "timeout"} if issubclass(each, EncordSensor) else set()
    return sorted({*parameters(each), *more})


def right(each, name):
    """The outcome of each value that is not refused."""
    default = getattr(parameters(each).get(name), "default", inspect.Parameter.empty)
    chooses = issubclass(each, EncordDeleteDataOperator | EncordReEncodeDataOperator)
    sent = set(RIGHT.get(name, ()))
    if isinstance(default, bool):
        sent.add("True")
    if name == "timeout":
        sent |= {"None", "0"} if issubclass(each, EncordSensor) else {"None"}
    elif default is None and not (chooses and name in ("data_hashes", *FILTERS)):
        # Data that is added must go somewhere.
        sent |= set() if name == "dataset_hash" and "cancel_on_kill" in parameters(each) else {"None"}
    found = dict.fromkeys(MORE.get((each, name), sent), "sent")
    if name in EMPTY and not issubclass(each, EncordSensor):
        found |= dict.fromkeys(
            EMPTY[name], "green" if issubclass(each, EncordListDataRowsOperator) else "nothing to do"
        )
    return found


def outcome(each, name, given, context):
    try:
        each(task_id="task", **given).execute(context)
    except EncordError as error:
        named = name in str(error) or not isinstance(error, EncordInputError)
        return "refused" if named else f"refused without its name: {error}"
    except AirflowSkipException:
        return "nothing to do"
    except Sent:
        return "sent"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "green"


@pytest.mark.parametrize(
    ("each", "name"), [pytest.param(e, n, id=f"{e.__name__}-{n}") for e in CLASSES for n in arguments(e)]
)
def test_it_is_refused_or_right(each, name, good, context):
    base = {key: good[key] for key in required(each)}
    if name in FILTERS:
        base.pop("data_hashes", None)
    if each in OF_FOLDERS and name in FOLDER_FILTERS:
        del base[OF_FOLDERS[each]]
        base["folder_uuid"] = ID
    found = {value: outcome(each, name, {**base, name: make()}, context) for value, make in VALUES.items()}
    assert {value: end for value, end in found.items() if end != "refused"} == right(each, name)
