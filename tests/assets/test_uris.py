"""``encord://``: each place has one URI, in Airflow's own classes of assets and datasets."""

import sys
import types
from types import SimpleNamespace
from urllib.parse import urlsplit
from warnings import catch_warnings, simplefilter

import pytest

from airflow_provider_encord._compat import Asset
from airflow_provider_encord.assets import create_asset
from airflow_provider_encord.assets.encord import convert_asset_to_openlineage, sanitize_uri

HASH = "0b5c8de1-7a0e-4d3f-9c55-1b0f6a3a2f01"
STAGE = "5e3c2b1a-0000-4000-8000-00000000000a"
PLACES = {
    f"encord://api.encord.com/datasets/{HASH}": {"dataset_hash": HASH},
    f"encord://api.encord.com/projects/{HASH}": {"project_hash": HASH},
    f"encord://api.encord.com/projects/{HASH}/stages/{STAGE}": {"project_hash": HASH, "stage_uuid": STAGE},
    f"encord://api.encord.com/folders/{HASH}": {"folder_uuid": HASH},
}
HOSTS = {
    "https://API.us.encord.com": "api.us.encord.com",
    "https://api.encord.com:443/": "api.encord.com",
    "http://127.0.0.1:8080": "127.0.0.1:8080",
    "http://[::1]:8080": "[::1]:8080",
}
WRONG = {
    "user": f"encord://me@api.encord.com/datasets/{HASH}",
    "user and password": f"encord://me:secret@api.encord.com/datasets/{HASH}",
    "no host": f"encord:///datasets/{HASH}",
    "no place": "encord://api.encord.com",
    "no hash": "encord://api.encord.com/datasets",
    "no UUID": "encord://api.encord.com/datasets/traffic",
    "no such place": f"encord://api.encord.com/dataset/{HASH}",
    "a stage of a dataset": f"encord://api.encord.com/datasets/{HASH}/stages/{STAGE}",
    "too long": f"encord://api.encord.com/folders/{HASH}/folders/{HASH}",
    "port": f"encord://api.encord.com:no/folders/{HASH}",
}


@pytest.mark.parametrize(("uri", "place"), PLACES.items())
def test_the_uri_of_each_place(uri, place):
    assert create_asset(**place).uri == uri
    assert create_asset(**{name: value.upper() for name, value in place.items()}) == create_asset(**place)


@pytest.mark.parametrize(("host", "authority"), HOSTS.items())
def test_the_host_tells_regions_apart(host, authority):
    assert create_asset(folder_uuid=HASH, host=host).uri == f"encord://{authority}/folders/{HASH}"


@pytest.mark.parametrize("uri", PLACES)
def test_airflow_sanitises_a_uri_by_our_handler(uri):
    written = uri.replace("api.encord", "API.Encord").replace(HASH, HASH.upper()) + "/?sig=secret#part"
    assert Asset(written).uri == uri
    assert Asset(uri).uri == uri


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_place_is_refused(kind):
    with pytest.raises(ValueError, match=r"encord://|Port") as refused:
        sanitize_uri(urlsplit(WRONG[kind]))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("kind", ["user", "no UUID", "no such place"])
def test_airflow_tells_it(kind):
    """Airflow 3 refuses it with our words; Airflow 2 warns, and drops a user by itself."""
    with catch_warnings(record=True) as warned:
        simplefilter("always")
        try:
            asset = Asset(WRONG[kind])
        except ValueError as error:
            assert "encord://" in str(error)
        else:
            assert [each for each in warned if issubclass(each.category, UserWarning)]
            assert "me@" not in asset.uri


@pytest.mark.parametrize(
    "place",
    [
        {},
        {"dataset_hash": HASH, "folder_uuid": HASH},
        {"stage_uuid": STAGE},
        {"dataset_hash": HASH, "stage_uuid": STAGE},
    ],
    ids=repr,
)
def test_the_factory_takes_one_place(place):
    with pytest.raises(ValueError, match="Give one of dataset_hash, project_hash and folder_uuid"):
        create_asset(**place)


def test_extra_is_kept():
    assert create_asset(dataset_hash=HASH, extra={"team": "vision"}).extra == {"team": "vision"}


def test_openlineage_gets_the_host_as_namespace(monkeypatch):
    client = types.ModuleType("openlineage.client.event_v2")
    client.Dataset = lambda namespace, name: SimpleNamespace(namespace=namespace, name=name)
    for name in ("openlineage", "openlineage.client"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, client.__name__, client)
    made = convert_asset_to_openlineage(create_asset(project_hash=HASH, stage_uuid=STAGE), None)
    assert made.namespace == "encord://api.encord.com"
    assert made.name == f"projects/{HASH}/stages/{STAGE}"
