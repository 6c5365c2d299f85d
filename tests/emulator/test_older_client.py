"""Encord's client 0.1.145, the last one with dataset API keys, against the local Encord."""

import os
import subprocess
import sys
from pathlib import Path

import av
import pytest
from PIL import Image

from airflow_provider_encord.emulator import LocalEncord

CLIENT = Path(sys.prefix) / "encord-0.1.145"
SCRIPT = Path(__file__).parent / "scripts" / "older_client.py"


@pytest.fixture
def media(tmp_path):
    for name, size in (("first.jpg", (64, 48)), ("second.jpg", (48, 64))):
        Image.new("RGB", size, "red").save(tmp_path / name)
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (64, 48), "blue"))))
        container.mux(stream.encode())
    return tmp_path


@pytest.mark.skipif(not CLIENT.is_dir(), reason=f"client 0.1.145 is not in {CLIENT.name}: `make test` puts it there")
def test_the_whole_tutorial_with_api_keys(media):
    key_file = media / "key"
    with LocalEncord() as local:
        key_file.write_text(local.private_key)
        run = subprocess.run(
            [sys.executable, str(SCRIPT), local.url, str(key_file), str(media)],
            env={"PYTHONPATH": str(CLIENT), "PATH": os.environ["PATH"], "NO_PROXY": "*"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        operations = {each["operation"] for each in local.requests()}
    assert run.returncode == 0, run.stderr
    assert "delete_data" in operations
