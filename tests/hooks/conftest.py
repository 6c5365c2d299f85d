"""Media to upload."""

import shutil

import pytest


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
