"""The command ``encord-emulator``."""

import argparse
import asyncio
import json
import logging
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from airflow_provider_encord.emulator.auth import generate_key, user_of_file, user_of_private_key
from airflow_provider_encord.emulator.errors import MissingExtra
from airflow_provider_encord.emulator.server import Emulator
from airflow_provider_encord.emulator.settings import Settings
from airflow_provider_encord.emulator.state_directory import StateDirectory, open_private


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="encord-emulator",
        description="Run a local Encord. When it is ready, one line of JSON with its URL appears on standard output.",
    )
    add = result.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="port to listen on (default: a free one)")
    add(
        "--public-key",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="OpenSSH public key (Ed25519) of a user; may be repeated (default: a throwaway key is made)",
    )
    add("--state-dir", type=Path, metavar="DIR", help="keep everything here (default: forget it at the end)")
    add("--s3-endpoint", metavar="URL", help="S3 service private data is looked up in (default: believe in it)")
    add("--domain-url", metavar="URL", help="base of the links handed out (default: the server's own URL)")
    add(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="host name by which it may be called, besides localhost and --host; may be repeated",
    )
    add("--url-lifetime", type=_seconds, default=3600, metavar="SECONDS", help="how long signed URLs work")
    add("--job-seconds", type=_seconds, default=0, metavar="SECONDS", help="how long a registration job takes")
    add("--re-encode-seconds", type=_seconds, default=0, metavar="SECONDS", help="how long re-encoding takes")
    add(
        "--setting",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any setting of the control API; the value is JSON or a word; may be repeated",
    )
    add("--log-level", default="WARNING", choices=("DEBUG", "INFO", "WARNING", "ERROR"), help="(default: %(default)s)")
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT, and return the exit code."""
    command = parser()
    options = command.parse_args(arguments)
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    ready: dict[str, Any] = {}
    with ExitStack() as cleaning:
        try:
            if options.state_dir:
                StateDirectory(options.state_dir)
            users = [user_of_file(file) for file in options.public_key]
            if not users:
                directory = options.state_dir or Path(cleaning.enter_context(tempfile.TemporaryDirectory()))
                file, user = _throwaway_key(directory)
                users = [user]
                ready["private_key_path"] = str(file.resolve())
            settings = Settings(options.job_seconds, options.re_encode_seconds, options.url_lifetime)
            settings.update(dict(options.setting))
            emulator = Emulator(
                users,
                state_dir=options.state_dir,
                s3_endpoint=options.s3_endpoint,
                domain_url=options.domain_url,
                allow_hosts=options.allow_host,
                settings=settings,
            )
        except (ValueError, OSError, MissingExtra) as error:
            command.error(str(error))
        cleaning.callback(emulator.close)
        try:
            asyncio.run(_serve(emulator, options.host, options.port, ready))
        except OSError as error:
            print(f"{command.prog}: {error}", file=sys.stderr)
            return 1
    return 0


async def _serve(emulator: Emulator, host: str, port: int, ready: dict[str, Any]) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    try:
        url = await emulator.start(host, port)
        print(f"encord-emulator: listening on {', '.join(emulator.addresses)}", file=sys.stderr, flush=True)
        print(json.dumps({"url": url, "integrations": emulator.integrations, **ready}), flush=True)
        await stopping.wait()
    finally:
        await emulator.stop()


def _throwaway_key(directory: Path) -> tuple[Path, str]:
    """Return the key file in a directory, made if it is not there, and the user it stands for."""
    file = directory / "throwaway_ed25519"
    if not file.exists():
        text, _ = generate_key()
        with open_private(file, "x") as stream:
            stream.write(text)
    return file, user_of_private_key(file.read_text())


def _setting(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign:
        raise ValueError
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError
    return value


if __name__ == "__main__":
    sys.exit(main())
