"""What a file really is: probed with PyAV and Pillow, or recognised by its first bytes."""

import gzip
import mimetypes
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from airflow_provider_encord.emulator.extras import need

_CONTAINERS = {
    "mp4": "video/mp4",
    "webm": "video/webm",
    "avi": "video/x-msvideo",
    "mpegts": "video/mp2t",
    "mpeg": "video/mpeg",
    "flv": "video/x-flv",
    "ogg": "video/ogg",
    "asf": "video/x-ms-asf",
}


class NotThisMedia(Exception):
    """The bytes are not what they were registered as."""


class Facts(NamedTuple):
    """What is known about a file; None where nothing is."""

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    duration: float | None = None
    file_size: int | None = None
    file_type: str | None = None


def stated(metadata: Mapping[str, Any], file_size: int | None = None, file_type: str | None = None) -> Facts:
    """Take a client's word for it: Encord does not check the metadata of private data either.

    Both spellings of the names are understood, since documentation and Encord's client 0.1.211 differ in them.
    """
    return Facts(
        width=metadata.get("width"),
        height=metadata.get("height"),
        fps=metadata.get("fps"),
        duration=metadata.get("duration"),
        file_size=metadata.get("fileSize", metadata.get("file_size", file_size)),
        file_type=metadata.get("mimeType", metadata.get("mime_type", file_type)),
    )


def guess_type(name: str) -> str | None:
    """Guess a media type from the name or URL of a file.

    A key may hold ``#``, which Python 3.13 takes for the end of a URL's path.
    """
    return mimetypes.guess_type(name.partition("?")[0].rpartition("/")[2])[0]


def probe(data_type: str, file: Path) -> Facts:
    """Look into a file and return what it holds.

    :raises NotThisMedia: if it is not of the given type
    """
    size = file.stat().st_size
    if size == 0:
        raise NotThisMedia("the file is empty")
    return _PROBES[data_type](file)._replace(file_size=size)


def _container_type(formats: str) -> str:
    names = formats.split(",")
    # Matroska and WebM share one reader; the difference is not worth telling here.
    return next((kind for name, kind in _CONTAINERS.items() if name in names), f"video/{names[0]}")


def _probe_video(file: Path) -> Facts:
    av = need("av")
    try:
        with av.open(str(file)) as container:
            name = container.format.name
            if not container.streams.video or name.startswith("image2") or name.endswith("_pipe"):
                raise NotThisMedia("the file holds no video")
            stream = container.streams.video[0]
            next(container.decode(stream))
            fps = float(stream.average_rate or 0) or None
            if stream.duration is not None:
                duration = float(stream.duration * stream.time_base)
            else:
                duration = (container.duration or 0) / av.time_base
            return Facts(stream.width, stream.height, fps, round(duration, 6), None, _container_type(name))
    except (av.error.FFmpegError, StopIteration, ValueError) as error:
        raise NotThisMedia(f"the file cannot be read as a video ({type(error).__name__})") from error


def _probe_image(file: Path) -> Facts:
    image = need("PIL.Image")
    try:
        with image.open(file) as picture:
            picture.verify()
            return Facts(picture.width, picture.height, file_type=image.MIME.get(picture.format))
    except (OSError, SyntaxError, ValueError, image.DecompressionBombError) as error:
        raise NotThisMedia(f"the file cannot be read as an image ({type(error).__name__})") from error


def _probe_audio(file: Path) -> Facts:
    av = need("av")
    try:
        with av.open(str(file)) as container:
            if not container.streams.audio:
                raise NotThisMedia("the file holds no sound")
            next(container.decode(audio=0))
            kind = guess_type(f"x.{container.format.name.split(',')[0]}") or "audio/mpeg"
            return Facts(duration=round((container.duration or 0) / av.time_base, 6), file_type=kind)
    except (av.error.FFmpegError, StopIteration, ValueError) as error:
        raise NotThisMedia(f"the file cannot be read as audio ({type(error).__name__})") from error


def _beginning(file: Path, count: int) -> bytes:
    with file.open("rb") as stream:
        start = stream.read(count)
    if start.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(file) as stream:
                return stream.read(count)
        except (OSError, EOFError) as error:
            raise NotThisMedia("the file cannot be decompressed") from error
    return start


def _probe_dicom(file: Path) -> Facts:
    if _beginning(file, 132)[128:] != b"DICM":
        raise NotThisMedia("the file is not DICOM: the mark DICM is missing")
    return Facts(file_type="application/dicom")


def _probe_nifti(file: Path) -> Facts:
    # The header of NIfTI 1 and 2 begins with its own length, in either byte order.
    length = _beginning(file, 4)
    if {int.from_bytes(length, "little"), int.from_bytes(length, "big")}.isdisjoint({348, 540}):
        raise NotThisMedia("the file is not NIfTI")
    return Facts(file_type="application/octet-stream")


def _probe_pdf(file: Path) -> Facts:
    if not _beginning(file, 5).startswith(b"%PDF-"):
        raise NotThisMedia("the file is not a PDF")
    return Facts(file_type="application/pdf")


def _probe_text(file: Path) -> Facts:
    try:
        with file.open(encoding="utf-8") as stream:
            while stream.read(1 << 20):
                pass
    except UnicodeDecodeError as error:
        raise NotThisMedia("the file is not text in UTF-8") from error
    return Facts(file_type="text/plain")


_PROBES: dict[str, Callable[[Path], Facts]] = {
    "VIDEO": _probe_video,
    "IMAGE": _probe_image,
    "AUDIO": _probe_audio,
    "DICOM": _probe_dicom,
    "NIFTI": _probe_nifti,
    "PDF": _probe_pdf,
    "PLAIN_TEXT": _probe_text,
    "TIME_SERIES": _probe_text,
    "SCENE": lambda file: Facts(file_type="application/octet-stream"),
}
