"""The command ``encord-demo``: an example DAG on a real Airflow, beside a local Encord and a local S3, all offline.

Needs the extra ``demo``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from airflow_provider_encord._client.auth import SshCredentials, load_private_key
from airflow_provider_encord._client.exchange import Account
from airflow_provider_encord._client.resources import data_rows, datasets
from airflow_provider_encord._client.resources.data_rows import DataRow
from airflow_provider_encord._client.transport.sync_transport import BlockingTransport

# In a wheel the example DAGs lie beside this file, in a checkout beside the package.
DAGS = next(
    folder
    for folder in (Path(__file__).parent / "example_dags", Path(__file__).parents[1] / "example_dags")
    if folder.is_dir()
)
DAG_ID = "encord_ingest"
BUCKET, PREFIX = "encord-demo", "incoming/"
# From disk and from the bucket 2 videos each; the bucket's images; a group for each size, of which the DAG deletes one.
EXPECTED = Counter({"VIDEO": 4, "IMAGE": 2, "IMG_GROUP": 1})

# The child watches its standard input, so that it ends even if this process is killed.
S3_SERVER = """
import json, logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)  # its log of requests would show signed URLs
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
host, port = server.get_host_and_port()
print(json.dumps({"url": f"http://{host}:{port}"}), flush=True)
sys.stdin.read()
"""


class DemoFailed(Exception):
    """The demo cannot go on; the message says why."""


@dataclass
class Stage:
    """Everything the DAG needs: folders, servers, the environment of Airflow."""

    folder: Path
    log: TextIO
    private_key: Path
    encord_url: str = ""
    s3_url: str = ""
    media: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)

    @property
    def media_folder(self) -> Path:
        """The folder of the local media."""
        return self.folder / "media"

    @property
    def home(self) -> Path:
        """Airflow's home."""
        return self.folder / "airflow"


def say(text: str) -> None:
    """Show one step."""
    print(f"* {text}", flush=True)


def make_key(folder: Path) -> tuple[Path, Path]:
    """Make a key pair; return the files of its private and its public half."""
    key = Ed25519PrivateKey.generate()
    private, public = folder / "demo_key", folder / "demo_key.pub"
    private.touch(mode=0o600)
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b" demo\n")
    return private, public


def make_video(path: Path, size: tuple[int, int] = (320, 240), frames: int = 24) -> None:
    """Write a short H.264 MP4 whose colour changes."""
    import av
    from PIL import Image

    frame: Any = av.VideoFrame
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(frames):
            picture = Image.new("RGB", size, (number * 10 % 256, 90, 160))
            container.mux(stream.encode(frame.from_image(picture)))
        container.mux(stream.encode())


def make_image(path: Path, size: tuple[int, int], shade: int) -> None:
    """Write a JPEG."""
    from PIL import Image

    Image.linear_gradient("L").resize(size).point(lambda value: (value + shade) % 256).save(path, "JPEG")


def make_media(folder: Path, name: str, videos: int, images: int) -> list[str]:
    """Write videos and images of two sizes; return their file names."""
    folder.mkdir(parents=True)
    for number in range(videos):
        make_video(folder / f"{name}-{number + 1}.mp4")
    for number in range(images):
        make_image(folder / f"{name}-{number + 1}.jpg", ((320, 240), (240, 320))[number % 2], number * 40)
    return sorted(path.name for path in folder.iterdir())


def fill_bucket(s3_url: str, folder: Path) -> list[str]:
    """Copy the folder's files below the prefix of a new bucket; return the objects' keys."""
    import boto3

    client = boto3.client(
        "s3", endpoint_url=s3_url, region_name="us-east-1", aws_access_key_id="demo", aws_secret_access_key="demo"
    )
    client.create_bucket(Bucket=BUCKET)
    for path in sorted(folder.iterdir()):
        client.upload_file(str(path), BUCKET, PREFIX + path.name)
    return [entry["Key"] for entry in client.list_objects_v2(Bucket=BUCKET, Prefix=PREFIX)["Contents"]]


def clean_environment() -> dict[str, str]:
    """Return the environment without settings that could mislead a child: proxies, Airflow, AWS and Python."""
    foreign = re.compile(r"_?AIRFLOW|AWS_|PYTHON(HOME|PATH)$|VIRTUAL_ENV$|.*_proxy$", re.IGNORECASE)
    own = {
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "*",
    }
    return {name: value for name, value in os.environ.items() if not foreign.match(name)} | own


def airflow_environment(stage: Stage) -> dict[str, str]:
    """Return the environment of an Airflow that knows the local Encord and the local S3 and nothing else."""
    encord = {
        "conn_type": "encord",
        "host": stage.encord_url,
        "extra": {"ssh_key_file": str(stage.private_key)},
    }
    aws = {
        "conn_type": "aws",
        "login": "demo",
        "password": "demo",
        "extra": {"endpoint_url": stage.s3_url, "region_name": "us-east-1"},
    }
    return clean_environment() | {
        "AIRFLOW_HOME": str(stage.home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW_CONN_ENCORD_DEFAULT": json.dumps(encord),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(aws),
    }


def stop(process: subprocess.Popen[str]) -> None:
    """End a child process and everything that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(timeout=10)


@contextmanager
def server(name: str, command: list[str], log: TextIO) -> Iterator[str]:
    """Run a server that prints ``{"url": ...}`` once it is ready; give that URL."""
    process = subprocess.Popen(
        command,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    try:
        answers = cast("TextIO", process.stdout)
        ready, _, _ = select.select([answers], [], [], 60)
        line = answers.readline() if ready else ""
        if not line:
            raise DemoFailed(f"{name} did not start")
        yield json.loads(line)["url"]
    finally:
        stop(process)
        process.communicate()


def airflow(stage: Stage, *arguments: str, timeout: float = 900) -> None:
    """Run one command of Airflow; its output goes to the log."""
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow", *arguments],
        env=airflow_environment(stage),
        stdin=subprocess.DEVNULL,
        stdout=stage.log,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        raise DemoFailed(f"airflow {' '.join(arguments[:2])} did not end within {timeout:.0f} s") from None
    finally:
        stop(process)
    if code:
        raise DemoFailed(f"airflow {' '.join(arguments[:2])} ended with code {code}")


@contextmanager
def staged(log: TextIO, folder: Path) -> Iterator[Stage]:
    """Make media and keys, start the local Encord and the local S3; stop them at the end."""
    private_key, public_key = make_key(folder)
    stage = Stage(folder, log, private_key)
    say("Making videos and images")
    stage.media = make_media(stage.media_folder, "local", videos=2, images=4)
    make_media(folder / "bucket", "cloud", videos=2, images=2)

    say("Starting a local S3 (moto)")
    with server("The local S3", [sys.executable, "-c", S3_SERVER], log) as stage.s3_url:
        stage.objects = fill_bucket(stage.s3_url, folder / "bucket")
        say("Starting a local Encord")
        command = [sys.executable, "-m", "airflow_provider_encord.emulator", "--host", "127.0.0.1", "--port", "0"]
        command += ["--public-key", str(public_key), "--state-dir", str(folder / "encord")]
        command += ["--s3-endpoint", stage.s3_url, "--job-seconds", "2", "--re-encode-seconds", "2"]
        with server("The local Encord", command, log) as stage.encord_url:
            yield stage


def prepare_airflow(stage: Stage) -> None:
    """Make Airflow's database."""
    say(f"Setting up Airflow {version('apache-airflow')} on SQLite")
    stage.home.mkdir()
    airflow(stage, "db", "migrate")
    if version("apache-airflow").startswith("3.0."):  # its `dags test` finds only what is in the database
        airflow(stage, "dags", "reserialize")


def run_dag(stage: Stage) -> None:
    """Run the DAG once, in one process, triggers included."""
    say(f"Running the DAG {DAG_ID} (about a minute)")
    conf = {
        "media": stage.media_folder.as_uri(),
        "bucket_prefix": f"s3://{BUCKET}/{PREFIX}",
        "integration": "AWS",
    }
    today = datetime.now(UTC).date().isoformat()
    airflow(stage, "dags", "test", DAG_ID, today, "--conf", json.dumps(conf))


def task_states(stage: Stage) -> dict[str, str]:
    """Return the state of each task instance, in the order in which they started."""
    with closing(sqlite3.connect(stage.home / "airflow.db")) as database:
        rows = database.execute(
            "SELECT task_id, map_index, state FROM task_instance WHERE dag_id = ? ORDER BY start_date", (DAG_ID,)
        ).fetchall()
    return {task if index < 0 else f"{task}[{index}]": str(state) for task, index, state in rows}


def rows_by_title(stage: Stage) -> dict[str, tuple[DataRow, ...]]:
    """Ask the local Encord for the rows of each dataset, by title."""
    credentials = SshCredentials(load_private_key(stage.private_key.read_text()))
    transport = BlockingTransport(Account(credentials=credentials, domain=stage.encord_url, agent="encord-demo"))
    with closing(transport):
        listed = transport.run(datasets.list_datasets())
        return {info.title: transport.run(data_rows.list_data_rows(info.dataset_hash)) for info in listed}


def problems(states: Mapping[str, str], found: Mapping[str, tuple[DataRow, ...]]) -> list[str]:
    """Return what is not as expected."""
    wrong = [f"task {task} ended as {state}" for task, state in states.items() if state != "success"]
    if not states:
        wrong.append("no task ran")
    if len(found) != 1:
        wrong.append(f"Encord holds {len(found)} datasets, not one")
    for title, rows in found.items():
        held = Counter(row.data_type for row in rows)
        if held != EXPECTED:
            wrong.append(f"dataset {title!r} holds {dict(held)}, not {dict(EXPECTED)}")
    return wrong


def report(states: Mapping[str, str], found: Mapping[str, tuple[DataRow, ...]]) -> None:
    """Show the DAG, how its tasks ended, and what is in Encord."""
    print(f"\nThe DAG: {DAGS / DAG_ID}.py")
    print("\nTasks")
    for task, state in states.items():
        print(f"  {state:<10} {task}")
    for title, rows in found.items():
        print(f"\nIn Encord: dataset {title!r} with {len(rows)} items")
        for row in rows:
            print(f"  {row.data_type:<10} {row.data_title}")
    print()


def notable(log: list[str]) -> list[str]:
    """Return the log's first errors and its end."""
    errors = [line for line in log[:-30] if re.search(r"(Error|Exception|Failed)\b.*: |\[error|\bERROR\b", line)]
    return [line[:400] for line in [*errors[:20], "...", *log[-30:]]]


def demo(folder: Path, log: TextIO, *, stay: bool = False) -> list[str]:
    """Run the demo; return what went wrong."""
    wrong = []
    with staged(log, folder) as stage:
        prepare_airflow(stage)
        try:
            run_dag(stage)
        except DemoFailed as error:
            wrong.append(str(error))
        states, found = task_states(stage), rows_by_title(stage)
        report(states, found)
        if stay:
            say(f"The local Encord goes on at {stage.encord_url}/ until you press Ctrl-C")
            with suppress(KeyboardInterrupt):
                signal.pause()
    return wrong + problems(states, found)


def interrupt(*_: object) -> NoReturn:
    """Turn SIGTERM into an exception, so that every server is stopped."""
    raise KeyboardInterrupt


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="encord-demo",
        description="Run an example DAG offline: a real Airflow on SQLite, a local Encord, a local S3.",
    )
    result.add_argument("--stay", action="store_true", help="leave the local Encord and its page open until Ctrl-C")
    result.add_argument("--keep", action="store_true", help="keep the temporary folder")
    result.add_argument("--log", type=Path, metavar="FILE", help="file for all output of Airflow and the servers")
    return result


def main() -> int:
    """Run the demo from the command line; return the exit code."""
    command = parser()
    options = command.parse_args()
    if missing := [name for name in ("av", "boto3", "moto", "PIL") if find_spec(name) is None]:
        command.error(f"{', '.join(missing)} not found; run: pip install 'airflow-provider-encord[demo]'")

    signal.signal(signal.SIGTERM, interrupt)
    os.environ.update(environment := clean_environment())
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]

    folder = Path(tempfile.mkdtemp(prefix="encord-demo-"))
    log_file = options.log or folder / "demo.log"
    try:
        with log_file.open("w") as log:
            wrong = demo(folder, log, stay=options.stay)
    except DemoFailed as error:
        wrong = [str(error)]
    except KeyboardInterrupt:
        wrong = ["interrupted"]
    finally:
        excerpt = notable(log_file.read_text(errors="replace").splitlines())
        if not options.keep:
            shutil.rmtree(folder)
    if options.keep:
        print(f"Kept {folder}")
    if wrong:
        print("\nFrom the log:", *excerpt, f"\nThe demo failed: {'; '.join(wrong)}.", sep="\n", file=sys.stderr)
        return 1
    print("The demo succeeded: everything ran here, offline, and nothing is left running.")
    if not options.stay:
        print("To look at the local Encord in a browser: encord-demo --stay")
    return 0


if __name__ == "__main__":
    sys.exit(main())
