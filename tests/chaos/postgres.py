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


@contextmanager
def postgres(log: TextIO) -> Iterator[str]:
    """Run a new, empty PostgreSQL; give the folder of its socket. Its user is ``airflow``."""
    bin_folder, user = programs(), _user()
    folder = Path(tempfile.mkdtemp(prefix="chaos-pg-"))
    as_user: list[str] = []
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
        as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    output = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "cwd": folder, "env": environment}
    data = str(folder / "data")
    initdb = [str(bin_folder / "initdb"), "-D", data, "-U", "airflow", "--auth=trust", "--no-sync", "-E", "UTF8"]
    try:
        subprocess.run([*as_user, *initdb], check=True, **output)
        server = [str(bin_folder / "postgres"), "-D", data, "-k", str(folder), "-c", "listen_addresses="]
        for setting in SETTINGS:
            server += ["-c", setting]
        process = subprocess.Popen([*as_user, *server], start_new_session=True, **output)
        try:
            socket = folder / ".s.PGSQL.5432"
            until = time.monotonic() + 60
            while not socket.exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("PostgreSQL did not start")
                time.sleep(0.1)
            yield str(folder)
        finally:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def dump(folder: str, file: Path) -> None:
    """Write the whole database as text."""
    command = [str(programs() / "pg_dump"), "-h", folder, "-U", "airflow", "--inserts", "-f", str(file), "postgres"]
    subprocess.run(command, check=True, stdout=sys.stderr)
