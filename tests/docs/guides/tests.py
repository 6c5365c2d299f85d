import gzip
import inspect
import json
import time
from datetime import UTC, datetime, timedelta

import av
import boto3
import pytest
from moto.server import ThreadedMotoServer
from PIL import Image

from airflow_provider_encord.emulator import LocalEncord, ManualClock
from airflow_provider_encord.hooks.encord import EncordHook


def make_images(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.new("RGB", (32, 16)).save(folder / name)


def make_video(path):
    path.parent.mkdir(exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (32, 16)))))
        container.mux(stream.encode())


def rows(hook, title):
    (dataset,) = hook.get_datasets(title_eq=title)
    return hook.list_data_rows(dataset.dataset_hash, fetch_client_metadata=True)


def test_taskflow(dags, encord_default, tmp_path):
    make_images(tmp_path, "b.png", "a.png")
    assert dags["sorted_images"].test(run_conf={"folder": str(tmp_path)}).state == "success"
    assert [row.data_title for row in rows(EncordHook(), "Sorted images")] == ["a.png", "b.png"]


def test_mapping(dags, encord_default, tmp_path):
    for camera in ("north", "south"):
        make_video(tmp_path / camera / f"{camera}.mp4")
    assert dags["cameras"].test(run_conf={"folder": str(tmp_path)}).state == "success"
    found = {row.data_title: row.client_metadata["camera"] for row in rows(EncordHook(), "Cameras")}
    assert found == {"north.mp4": "north", "south.mp4": "south"}
    assert encord_default.state()["re_encode_tasks"] == 1


@pytest.fixture
def bucket(monkeypatch):
    """The bucket of the pages, in a local S3."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    extra = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "x", "password": "x", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    client = boto3.client("s3", aws_access_key_id="x", aws_secret_access_key="x", **extra)
    client.create_bucket(Bucket="my-bucket")
    yield client
    server.stop()


def test_backfill(dags, encord_default, bucket):
    bucket.put_object(Bucket="my-bucket", Key="incoming/today.mp4", Body=b"anything")
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    dag = dags["day_by_day"]
    date = "logical_date" if "logical_date" in inspect.signature(dag.test).parameters else "execution_date"  # on 2.11
    for day, found in ((today, []), (today + timedelta(days=1), ["incoming/today.mp4"])):
        assert dag.test(**{date: day}).state == "success"
        assert [row.data_title for row in rows(EncordHook(), "Day by day")] == found


def test_medical(dags, encord_default, tmp_path):
    for study in ("one", "two"):
        (tmp_path / study).mkdir()
        for number in range(2):
            (tmp_path / study / f"{number}.dcm").write_bytes(bytes(128) + b"DICM" + f"{study} {number}".encode())
    (tmp_path / "one" / "brain.nii.gz").write_bytes(gzip.compress((348).to_bytes(4, "little") + bytes(344)))
    assert dags["studies"].test(run_conf={"studies": str(tmp_path)}).state == "success"
    found = {row.data_title: row.client_metadata.get("study") for row in rows(EncordHook(), "Studies")}
    assert found == {"one": "one", "two": "two", "brain.nii.gz": None}


def test_clean_up(dags, tmp_path, monkeypatch):
    make_images(tmp_path, "test-1.png", "test-2.png", "real.png")
    month = 31 * 24 * 60 * 60
    clock = ManualClock(time.time() - month)
    with LocalEncord(clock=clock) as encord:
        monkeypatch.setenv("AIRFLOW_CONN_ENCORD_DEFAULT", encord.connection)
        hook = EncordHook()
        dataset = hook.create_dataset("To clean up").dataset_hash
        hook.upload_images(dataset, [tmp_path / "real.png", tmp_path / "test-1.png"])
        clock.advance(month)
        hook.upload_image(dataset, tmp_path / "test-2.png")
        assert dags["weekly_clean_up"].test(run_conf={"dataset_hash": dataset}).state == "success"
        assert {row.data_title for row in hook.list_data_rows(dataset)} == {"real.png", "test-2.png"}


@pytest.fixture
def other_encord(encord_default, monkeypatch):
    with LocalEncord() as other:
        monkeypatch.setenv("AIRFLOW_CONN_ENCORD_EU", encord_default.connection)
        monkeypatch.setenv("AIRFLOW_CONN_ENCORD_US", other.connection)
        yield other


def test_two_organisations(dags, encord_default, other_encord, tmp_path):
    make_video(tmp_path / "clip.mp4")
    assert dags["two_organisations"].test(run_conf={"video": str(tmp_path / "clip.mp4")}).state == "success"
    for organisation in ("encord_eu", "encord_us"):
        assert [row.data_title for row in rows(EncordHook(organisation), "In both")] == ["clip.mp4"]
