"""What each run of the DAG brings into Encord, and what is therefore in its dataset in the end."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3

DAG_ID = "chaos"
GROUP_TITLE = "group"
SHELF = "shelf/"
CALM_JOBS, CALM_RE_ENCODES = 10, 1
"""Registration jobs and re-encode tasks that a run starts when nothing goes wrong."""


@dataclass(frozen=True)
class Workload:
    """Files and objects; the same for each run, whose dataset is its own."""

    images: list[str]
    videos: list[str]
    mapped: list[list[str]]
    group: list[str]
    manifest: dict[str, Any]
    prefix: str
    keys: list[str]

    def uploaded(self) -> list[str]:
        """Return the titles of the items that are uploaded."""
        files = [*self.images, *self.videos, *(path for paths in self.mapped for path in paths)]
        return [*(Path(path).name for path in files), GROUP_TITLE]

    def registered(self) -> list[str]:
        """Return the titles of the items that stay in the bucket."""
        return [*(item["title"] for items in self.manifest.values() for item in items), *self.keys]

    def write(self, file: Path) -> None:
        """Write it for the DAG."""
        file.write_text(json.dumps(asdict(self)))


def load_demo() -> ModuleType:
    """Return the demo's module: it knows how to stage a local Encord and a local S3."""
    spec = spec_from_file_location("encord_demo", Path(__file__).parents[2] / "example_dags" / "demo.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def make(demo: ModuleType, folder: Path) -> Workload:
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
        manifest=manifest,
        prefix=f"s3://{demo.BUCKET}/{demo.PREFIX}",
        keys=[f"{demo.PREFIX}{name}" for name in ("1.jpg", "2.jpg", "3.mp4", "4.mp4")],
    )


def fill_bucket(demo: ModuleType, s3_url: str, workload: Workload) -> None:
    """Put the objects that are registered where they are into a new bucket."""
    client = boto3.client(
        "s3", endpoint_url=s3_url, region_name="us-east-1", aws_access_key_id="demo", aws_secret_access_key="demo"
    )
    client.create_bucket(Bucket=demo.BUCKET)
    shelf = [SHELF + item["title"] for items in workload.manifest.values() for item in items]
    for key in [*shelf, *workload.keys]:
        source = workload.images[0] if key.endswith(".jpg") else workload.videos[0]
        client.upload_file(source, demo.BUCKET, key)
