"""What each run of the DAG brings into Encord, and what is therefore in its datasets and its folder in the end."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3

from airflow_provider_encord import demo
from tests.chaos.tally import Place

DAG_ID = "chaos"
GROUP_TITLE = "group"
SHELF = "shelf/"
LINKED = " linked"
"""Follows the name of a run in the title of the dataset that its folder's data is linked into."""
CALM_JOBS, CALM_FOLDER_JOBS, CALM_RE_ENCODES = 10, 9, 1
"""Registration jobs of datasets and folders, and re-encode tasks, that a run starts when nothing goes wrong."""


@dataclass(frozen=True)
class Workload:
    """Files and objects; the same for each run, whose datasets and folder are its own."""

    images: list[str]
    videos: list[str]
    mapped: list[list[str]]
    group: list[str]
    notes: list[str]
    manifest: dict[str, Any]
    prefix: str
    keys: list[str]

    def places(self, run: str) -> list[Place]:
        """Return what must be where after a run."""
        images, notes, videos = names(self.images), names(self.notes), names(self.videos)
        mapped = [name for paths in self.mapped for name in names(paths)]
        shelf = [item["title"] for items in self.manifest.values() for item in items]
        return [
            Place("dataset", run, (*images, *videos, *mapped, GROUP_TITLE), (*shelf, *self.keys)),
            Place("folder", run, (*images, *notes, GROUP_TITLE), (*shelf, *self.keys)),
            Place("dataset", run + LINKED, images, shelf),
        ]

    def write(self, file: Path) -> None:
        """Write it for the DAG."""
        file.write_text(json.dumps(asdict(self)))


def names(paths: list[str]) -> list[str]:
    """Return the titles that uploaded files get."""
    return [Path(path).name for path in paths]


def make(folder: Path) -> Workload:
    """Make tiny media, each with other content."""
    folder.mkdir()

    def images(name: str, count: int) -> list[str]:
        paths = [folder / f"{name}-{number}.jpg" for number in range(1, count + 1)]
        for number, path in enumerate(paths):
            demo.make_image(path, (32, 24), number * 20)
        return [str(path) for path in paths]

    def videos(name: str, count: int) -> list[str]:
        paths = [folder / f"{name}-{number}.mp4" for number in range(1, count + 1)]
        for number, path in enumerate(paths):
            demo.make_video(path, (64, 48), 4 + number)
        return [str(path) for path in paths]

    def notes(name: str, count: int) -> list[str]:
        paths = [folder / f"{name}-{number}.txt" for number in range(1, count + 1)]
        for path in paths:
            path.write_text(f"This is {path.name}.")
        return [str(path) for path in paths]

    def entries(names: list[str]) -> list[dict[str, str]]:
        return [{"objectUrl": f"s3://{demo.BUCKET}/{SHELF}{name}", "title": name} for name in names]

    manifest = {
        "videos": entries([f"shelf-{number}.mp4" for number in range(1, 4)]),
        "images": entries([f"shelf-{number}.jpg" for number in range(1, 6)]),
    }
    return Workload(
        images=images("image", 5),
        videos=videos("video", 3),
        mapped=[images("left", 2), images("right", 3)],
        group=images("grouped", 3),
        notes=notes("note", 3),
        manifest=manifest,
        prefix=f"s3://{demo.BUCKET}/{demo.PREFIX}",
        keys=[f"{demo.PREFIX}{name}" for name in ("1.jpg", "2.jpg", "3.mp4", "4.mp4")],
    )


def fill_bucket(s3_url: str, workload: Workload) -> None:
    """Put the objects that are registered where they are into a new bucket."""
    client = boto3.client(
        "s3", endpoint_url=s3_url, region_name="us-east-1", aws_access_key_id="demo", aws_secret_access_key="demo"
    )
    client.create_bucket(Bucket=demo.BUCKET)
    shelf = [SHELF + item["title"] for items in workload.manifest.values() for item in items]
    for key in [*shelf, *workload.keys]:
        source = workload.images[0] if key.endswith(".jpg") else workload.videos[0]
        client.upload_file(source, demo.BUCKET, key)
