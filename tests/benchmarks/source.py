"""A fast bucket: nginx serves a folder as S3 does, as far as reading goes, over plain HTTP and without latency."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

_SETTINGS = """
daemon off; worker_processes 1; pid {room}/pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; keepalive_requests 10000000;
    client_body_temp_path {room}; proxy_temp_path {room}; fastcgi_temp_path {room}; uwsgi_temp_path {room};
    scgi_temp_path {room};
    server {{ listen 127.0.0.1:{port}; location /bucket/ {{ alias {folder}/; }} }}
}}
"""


@dataclass(frozen=True)
class Source:
    """A running source.

    :param environment: variables with its Airflow connection ``source``.
    """

    url: str
    environment: dict[str, str]

    def urls(self, paths: Sequence[Path]) -> list[str]:
        """Return the URLs of objects, by the files that they are."""
        return [f"s3://source@bucket/{path.name}" for path in paths]


@contextmanager
def source(folder: Path) -> Iterator[Source]:
    """Serve the files of a folder while the block runs."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if not nginx:
        raise SystemExit("The benchmarks of buckets need nginx (Debian: apt install nginx-light).")
    with tempfile.TemporaryDirectory(prefix="encord-bench-") as room:
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        settings = Path(room, "nginx.conf")
        settings.write_text(_SETTINGS.format(room=room, port=port, folder=folder))
        for path in (Path(room), folder):
            path.chmod(0o755)  # the worker of a root's nginx is another user
        process = subprocess.Popen([nginx, "-p", room, "-c", str(settings)])
        try:
            _wait_for(port, process)
            extra = {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "us-east-1"}
            connection = {"conn_type": "aws", "login": "x", "password": "x", "extra": extra}
            yield Source(extra["endpoint_url"], {"AIRFLOW_CONN_SOURCE": json.dumps(connection)})
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with closing(socket.socket()) as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit("nginx did not start")
