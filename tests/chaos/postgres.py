"""A PostgreSQL of its own: no TCP, a socket in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

SETTINGS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=300",
    # What a killed scheduler leaves behind inherits its connection, and would hold its locks for ever.
    "idle_in_transaction_session_timeout=30s",
)
MISSING = "There is no PostgreSQL server under /usr/lib/postgresql (Debian: apt-get install postgresql)."


class NoPostgres(Exception):
    """PostgreSQL is not installed."""


def programs() -> Path:
    """Return the folder with PostgreSQL's newest programs.

    :raises NoPostgres: when there are none.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise NoPostgres(MISSING)
    return found[-1].parent


def _user() -> pwd.struct_passwd | None:
    if os.geteuid():
        return None
    for name in ("postgres", "nobody"):  # the server refuses to run as root
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise NoPostgres("PostgreSQL does not run as root, and there is no user postgres or nobody.")


class Server:
    """A PostgreSQL that can be stopped and started again.

    :param folder: of its data and its socket.
    """

    def __init__(self, folder: Path, log: TextIO) -> None:
        self.folder = str(folder)
        self._programs, user = programs(), _user()
        self._as_user: list[str] = []
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": self.folder}
        self._process = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "cwd": folder, "env": environment}
        initdb = [str(self._programs / "initdb"), "-D", f"{folder}/data", "-U", "airflow", "--auth=trust", "--no-sync"]
        subprocess.run([*self._as_user, *initdb, "-E", "UTF8"], check=True, **self._process)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        command = [str(self._programs / "postgres"), "-D", f"{self.folder}/data", "-k", self.folder]
        for setting in ("listen_addresses=", *SETTINGS):
            command += ["-c", setting]
        self.process = subprocess.Popen([*self._as_user, *command], start_new_session=True, **self._process)
        ready = [str(self._programs / "pg_isready"), "--quiet", "-h", self.folder, "-U", "airflow"]
        until = time.monotonic() + 60
        while subprocess.run(ready, check=False).returncode:
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("PostgreSQL did not start")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it with all its connections."""
        self.process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        self.process.wait()


@contextmanager
def postgres(log: TextIO) -> Iterator[Server]:
    """Run a new, empty PostgreSQL. Its user is ``airflow``."""
    programs()
    folder = Path(tempfile.mkdtemp(prefix="chaos-pg-"))
    try:
        server = Server(folder, log)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def dump(folder: str, file: Path) -> None:
    """Write the whole database as text."""
    command = [str(programs() / "pg_dump"), "-h", folder, "-U", "airflow", "--inserts", "-f", str(file), "postgres"]
    subprocess.run(command, check=True, stdout=sys.stderr)
