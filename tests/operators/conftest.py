"""Operators on their own: as much of a context as they read, and what to upload."""

import copy
import json

import pytest

from airflow_provider_encord._airflow import job_run
from airflow_provider_encord.operators import _creation


class TaskInstance:
    """Keeps what is pushed."""

    dag_id, task_id, run_id, map_index = "dag", "task", "run", -1

    def __init__(self):
        self.xcoms = {}
        self.try_number = 1
        self.max_tries = 10

    def clear(self):
        """Run once more, as when somebody clears the task."""
        self.max_tries = self.try_number
        self.try_number += 1

    def retry(self):
        """Run once more, as when the task has failed."""
        self.try_number += 1

    def xcom_push(self, key, value, **_):
        self.xcoms[key] = json.loads(json.dumps(value))

    def get_first_reschedule_date(self, context):
        """Tell when a rescheduled sensor first ran, which is now."""


class Store(dict):
    """The task state store of Airflow 3.3, as far as it is used; values are kept as they are when they are set."""

    def set(self, key, value):
        self[key] = copy.deepcopy(value)

    def delete(self, key):
        self.pop(key, None)


@pytest.fixture
def no_pause(monkeypatch):
    """Let no time pass before Encord is asked again."""
    monkeypatch.setattr(job_run, "PAUSE_BEFORE_LOST", 0)
    monkeypatch.setattr(_creation, "SETTLING_SECONDS", 0)


@pytest.fixture
def task_instance():
    return TaskInstance()


@pytest.fixture
def xcoms(task_instance):
    return task_instance.xcoms


@pytest.fixture
def context(task_instance):
    return {"ti": task_instance, "task_state_store": Store()}


@pytest.fixture
def manifest():
    """Make a manifest of so many videos."""
    return lambda count, **flags: {
        "videos": [{"objectUrl": f"s3://bucket/{number}.mp4", "title": f"{number}.mp4"} for number in range(count)],
        **flags,
    }


@pytest.fixture(scope="session")
def media(tmp_path_factory):
    """Images of three sizes, a video, DICOM files, and paths that are no files to upload."""
    av = pytest.importorskip("av")
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("media")
    for name, size in {"a": (32, 16), "b": (16, 32), "c": (8, 8), "d": (32, 16)}.items():
        image.new("RGB", size, (10, 20, 30)).save(folder / f"{name}.png")
    for name in ("1.dcm", "2.dcm"):
        (folder / name).write_bytes(bytes(128) + b"DICM" + name.encode())
    with av.open(str(folder / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for frame in [*(av.VideoFrame.from_image(image.new("RGB", (64, 48))) for _ in range(5)), None]:
            container.mux(stream.encode(frame))
    (folder / "empty.mp4").touch()
    (folder / "script.py").write_text("pass")
    (folder / "folder").mkdir()
    return folder
