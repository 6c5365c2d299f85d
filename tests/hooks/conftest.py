"""A local Encord, and the hook that talks to it."""

import json
import shutil

import pytest

from airflow_provider_encord.emulator import LocalEncord
from airflow_provider_encord.hooks.encord import EncordHook


@pytest.fixture(scope="session")
def local_encord():
    """One for all tests: Airflow's masker gets slower with each key that it has ever seen."""
    with LocalEncord() as local:
        yield local


@pytest.fixture
def encord(local_encord, monkeypatch):
    """A local Encord that behaves, with an empty log, and the connection that leads to it."""
    local_encord.settings(job_seconds=0, re_encode_seconds=0)
    local_encord.clear_faults()
    local_encord.force_job()
    local_encord.clear_requests()
    extra = {"ssh_private_key": local_encord.private_key}
    connection = {"conn_type": "encord", "host": local_encord.url, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", json.dumps(connection))
    return local_encord


@pytest.fixture
def hook(encord):
    return EncordHook()


@pytest.fixture
def dataset(hook, encord):
    """A dataset; that it was made is forgotten."""
    made = hook.create_dataset("a dataset").dataset_hash
    encord.clear_requests()
    return made


@pytest.fixture
def asked(encord):
    """The operations that were asked for, in order."""
    return lambda: [each["operation"] for each in encord.requests()]


@pytest.fixture(scope="session")
def media(tmp_path_factory):
    """Images of two sizes, and a video."""
    av = pytest.importorskip("av")
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("media")
    for name, size in {"a": (32, 16), "b": (32, 16), "c": (8, 8)}.items():
        image.new("RGB", size, (10, 20, 30)).save(folder / f"{name}.png")
    with av.open(str(folder / "1.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for frame in [*(av.VideoFrame.from_image(image.new("RGB", (64, 48))) for _ in range(5)), None]:
            container.mux(stream.encode(frame))
    shutil.copy(folder / "1.mp4", folder / "2.mp4")
    return folder
