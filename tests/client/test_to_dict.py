"""What a model says of itself in an XCom: JSON values under our names, whatever Encord sent, and nothing secret."""

import dataclasses
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from airflow_provider_encord._client.fields import Model
from airflow_provider_encord._client.resources import data_rows, datasets, re_encoding, registration
from airflow_provider_encord._client.resources.storage_location import StorageLocation
from every_call import ROOMS

try:
    from airflow.sdk.serde import deserialize, serialize
except ImportError:
    from airflow.serialization.serde import deserialize, serialize

SECRET = "cGxhbnRlZA"
URL = f"https://bucket.s3.amazonaws.com/a.mp4?X-Amz-Signature={SECRET}&x=1"
MOMENT = datetime(2026, 3, 1, 10, tzinfo=UTC)
MODELS = {
    name: model
    for room in ROOMS
    for name, model in vars(room).items()
    if inspect.isclass(model) and issubclass(model, Model) and model is not Model
}


def filled(kind: Any) -> Any:
    """A value of a type, with a secret wherever there can be one."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return filled(next(each for each in arguments if each is not NoneType))
    if origin in (tuple, Sequence):
        made = [filled(arguments[0])]
        return tuple(made) if origin is tuple else made
    if origin is Mapping:
        return {"url": URL, "token": SECRET, "inside": [{"text": f'{{"signed_url": "{URL}"}}'}], "nan": float("nan")}
    if kind in (str, Any):
        return f"\x00\ud800 {URL}"
    if kind is datetime:
        return MOMENT
    if kind is StorageLocation:
        return StorageLocation.S3_COMPATIBLE
    if kind in (bool, int, float):
        return kind(1)
    hints = get_type_hints(kind)
    return kind(**{each.name: filled(hints[each.name]) for each in dataclasses.fields(kind)})


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def test_each_dataclass_of_a_room_is_a_model() -> None:
    classes = {each for room in ROOMS for each in vars(room).values() if inspect.isclass(each)}
    own = {
        each
        for each in classes
        if dataclasses.is_dataclass(each) and each.__module__.rpartition(".")[0].endswith("resources")
    }
    assert own == set(MODELS.values())
    assert len(own) >= 12


@pytest.mark.parametrize("name", MODELS)
def test_it_fits_an_xcom_and_holds_no_secret(name: str) -> None:
    told = filled(MODELS[name]).to_dict()
    text = json.dumps(told, allow_nan=False)
    assert json.loads(text) == told
    assert deserialize(json.loads(json.dumps(serialize(told)))) == told
    assert SECRET not in text
    assert not {"\x00", "\ud800"} & set("".join(texts(told)))


@pytest.mark.parametrize("name", MODELS)
def test_only_what_may_be_secret_is_left_out(name: str) -> None:
    secret = {"api_key", "signed_url", "upload_headers", "images_data"}
    secret |= {"result"} if name == "ItemReEncoding" else set()
    names = {each.name for each in dataclasses.fields(MODELS[name])}
    assert set(filled(MODELS[name]).to_dict()) == names - secret


def test_its_values_are_plain() -> None:
    row = data_rows.read_data_row(
        {
            "data_hash": "h",
            "data_title": "t",
            "created_at": "2026-03-01 10:00:00",
            "storage_location": 1,
            "width": 4,
            "client_metadata": {"site": ["A", 1.5, None, True]},
            "signed_url": URL,
        }
    )
    told = row.to_dict()
    assert (told["created_at"], told["storage_location"], told["width"]) == ("2026-03-01T10:00:00+00:00", "AWS", 4)
    assert (told["client_metadata"], told["last_edited_at"]) == ({"site": ["A", 1.5, None, True]}, None)
    assert StorageLocation.parse(told["storage_location"]) is row.storage_location


def test_models_within_are_told_too() -> None:
    job = {"status": "DONE", "data_hashes_with_titles": [{"data_hash": "h", "title": "t"}], "errors": ["e"]}
    told = registration.read_upload_job(job).to_dict()
    assert told["items"] == [{"data_hash": "h", "title": "t", "backing_item_uuid": None}]
    assert told["errors"] == ["e"]
    task = re_encoding.read_re_encode_task({"status": "DONE", "result": [{"data_hash": "h", "signed_url": URL}]})
    assert task.to_dict() == {"status": "DONE", "videos": [{"data_hash": "h", "bucket_path": None}]}
    many = {"dataset_hash": "d", "data_rows": [{"data_hash": f"h{at}", "data_title": "x" * 1000} for at in range(2000)]}
    rows = datasets.read_dataset(many).to_dict()["data_rows"]
    assert [row["data_hash"] for row in rows] == [f"h{at}" for at in range(2000)]
