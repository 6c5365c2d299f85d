"""What the hook tells Airflow's collector of hook-level lineage: folders in, the dataset or folder of Encord out."""

import importlib
import sys
from types import SimpleNamespace

import pytest

from airflow_provider_encord import _compat
from airflow_provider_encord._airflow import lineage
from airflow_provider_encord.operators.private_data import EncordAddPrivateDataOperator

try:
    MODULE = importlib.import_module("airflow.sdk.lineage")
except ImportError:
    MODULE = importlib.import_module("airflow.lineage.hook")

try:
    from airflow.sdk.execution_time.context import set_current_context
except ImportError:
    from airflow.models.taskinstance import set_current_context

HookLineageCollector = MODULE.HookLineageCollector
IS_2 = not hasattr(HookLineageCollector, "add_input_asset")
SECRET = "0123456789abcdef"
URIS = {
    "s3://bucket/incoming/": "s3://bucket/incoming",
    "s3://aws_default@bucket/incoming": "s3://bucket/incoming",
    f"s3://AKIA:{SECRET}@bucket/incoming/": "s3://bucket/incoming",
    f"gs://bucket/in/?X-Goog-Signature={SECRET}": "gs://bucket/in",
    f"https://host.test/in/?sig={SECRET}#{SECRET}": "https://host.test/in",
    "abfs://media@account.dfs.core.windows.net/in": "abfs://media@account.dfs.core.windows.net/in",
    f"abfs://media:{SECRET}@account.dfs.core.windows.net/in": "abfs://account.dfs.core.windows.net/in",
    "s3://bucket/Größe %/": "s3://bucket/Gr%C3%B6%C3%9Fe%20%",
    "s3://bucket": "s3://bucket",
    "/data/in": "file:///data/in",
    "/data/Größe": "file:///data/Gr%C3%B6%C3%9Fe",
    "file:///data/in/": "file:///data/in",
}


@pytest.fixture
def in_task():
    with set_current_context({}):
        yield


@pytest.fixture
def collected(monkeypatch, in_task):
    """A collector as there is one where a plugin reads it; it gives what it holds as inputs and outputs."""
    collector = HookLineageCollector()
    monkeypatch.setattr(MODULE, "get_hook_lineage_collector", lambda: collector)

    def told():
        held = collector.collected_datasets if IS_2 else collector.collected_assets
        return [
            [getattr(info, "dataset" if IS_2 else "asset").uri for info in side] for side in (held.inputs, held.outputs)
        ]

    return told


@pytest.fixture
def place(encord):
    return lambda path: f"{encord.url.replace('http', 'encord')}/{path}"


def test_an_upload(hook, dataset, media, collected, place):
    hook.upload_images(dataset, [media / "a.png", media / "b.png"])
    assert collected() == [[media.as_uri()], [place(f"datasets/{dataset}")]]


def test_private_data_and_links(hook, dataset, collected, place):
    folder = hook.create_folder("a folder").uuid
    manifest = {"videos": [{"objectUrl": f"s3://bucket/1.mp4?X-Amz-Signature={SECRET}", "title": "1.mp4"}]}
    hook.add_private_data_to_folder(folder, "AWS", manifest)
    assert collected() == [[], [place(f"folders/{folder}")]]
    other = hook.create_dataset("other", create_backing_folder=False).dataset_hash
    hook.link_items(other, [item.uuid for item in hook.iter_items(folder)])
    assert collected()[1] == [place(f"folders/{folder}"), place(f"datasets/{other}")]


@pytest.mark.parametrize(("location", "uri"), URIS.items())
def test_places_without_credentials(location, uri):
    assert lineage._uris([location, location]) == [uri]


def test_the_folder_of_a_signed_url():
    folders = lineage.folders_of([f"s3://bucket/in/a.mp4?X-Amz-Signature={SECRET}/x", "/data/in/b.mp4"])
    assert list(folders) == ["s3://bucket/in/", "/data/in"]


def test_many_folders_are_cut(collected):
    lineage.add_inputs(None, lambda: (f"s3://bucket/{number}/" for number in range(1000)))
    assert len(collected()[0]) == 100


def test_nothing_is_told_outside_a_task_and_no_plugin_is_loaded_for_that(monkeypatch, hook, dataset, media):
    asked = []
    monkeypatch.setattr(MODULE, "get_hook_lineage_collector", lambda: asked.append(1))
    assert len(hook.upload_images(dataset, [media / "a.png"])) == 1
    assert not asked
    with set_current_context({}):
        hook.upload_images(dataset, [media / "b.png"])
    assert asked


def test_nothing_is_looked_at_where_no_plugin_reads_it(in_task):
    assert _compat.hook_lineage() is None
    lineage.add_inputs(None, lambda: pytest.fail("looked"))
    lineage.add_output(None, dataset_hash="unknown")


def test_lineage_ends_no_task(monkeypatch, in_task, hook, dataset, media):
    def add(*_, **__):
        raise RuntimeError("the plugin is broken")

    names = ("add_input_asset", "add_output_asset", "add_input_dataset", "add_output_dataset")
    broken = SimpleNamespace(**dict.fromkeys(names, add))
    monkeypatch.setattr(MODULE, "get_hook_lineage_collector", lambda: broken)
    assert len(hook.upload_images(dataset, [media / "a.png"])) == 1


def test_without_openlineage_nothing_of_it_is_told(dataset, encord):
    task = EncordAddPrivateDataOperator(task_id="t", dataset_hash=dataset, integration="AWS", manifest={})
    assert not [name for name in sys.modules if name.startswith("openlineage")]
    assert task.get_openlineage_facets_on_complete(None) is None
