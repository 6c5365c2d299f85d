"""Pictures for the page, made here of what was uploaded: a browser never gets the bytes of an upload themselves."""

import io
from functools import lru_cache
from pathlib import Path
from typing import Any

from airflow_provider_encord.emulator.extras import need

SIZES = {"small": 192, "large": 1280}
"""Name of a size -> the longest side, in pixels."""

LARGEST = 100_000_000
"""Pixels; what is larger gets no picture."""

_KEPT = 2_000


class NoPicture(Exception):
    """No picture can be made of a file."""


@lru_cache(maxsize=_KEPT)
def small(path: Path, kind: str, etag: str) -> tuple[bytes, str]:
    """Return a thumbnail, kept as long as the bytes stay the same."""
    return picture(path, kind, SIZES["small"])


def picture(path: Path, kind: str, side: int) -> tuple[bytes, str]:
    """Return the bytes and the media type of a picture: of an image, or of the first frame of a video.

    :raises NoPicture: if there is none
    """
    try:
        return _encoded(_first_frame(path) if kind == "video" else _image(path, side), side)
    except Exception as error:  # a file can be broken in any way
        raise NoPicture(str(error)) from error


def _image(path: Path, side: int) -> Any:
    with need("PIL.Image").open(path) as image:
        image.draft("RGB", (side, side))
        if image.width * image.height > LARGEST:
            raise NoPicture("the image is too large")
        image.load()
        return need("PIL.ImageOps").exif_transpose(image)


def _first_frame(path: Path) -> Any:
    with need("av").open(str(path)) as container:
        frame = next(container.decode(video=0))
        if frame.width * frame.height > LARGEST:
            raise NoPicture("the video is too large")
        # The oldest PyAV of the extra does not know how a phone was held.
        return frame.to_image().rotate(getattr(frame, "rotation", 0), expand=True)


def _encoded(image: Any, side: int) -> tuple[bytes, str]:
    if image.mode.startswith(("I", "F")):
        # More than 8 bits: from black to white is what there is in the image.
        low, high = image.getextrema()
        scale = 255 / ((high - low) or 1)
        image = image.convert("F").point(lambda value: value * scale - low * scale).convert("L")
    clear = "A" in image.mode or "transparency" in image.info
    image = image.convert("RGBA" if clear else "RGB")
    image.thumbnail((side, side))
    written = io.BytesIO()
    if clear:
        image.save(written, "PNG")
        return written.getvalue(), "image/png"
    image.save(written, "JPEG", quality=82)
    return written.getvalue(), "image/jpeg"
