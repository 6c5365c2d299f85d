"""Waits of a triggerer: 10,000 at once, and what one poll costs, against a session for each poll."""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from tests.benchmarks.earlier import TOP, earlier
from tests.benchmarks.measure import Table, interleave

WAITS = 10_000
INTERVAL = 30.0
RAMP = 40.0
WINDOW = 60.0


def run(runs: int) -> list[Table]:
    """Hold 10,000 waits once, which takes two minutes, and compare the costs of a poll in ``runs`` rounds."""
    with tempfile.TemporaryDirectory() as folder, encord(Path(folder)) as environment:
        held = interleave({"ours": partial(hold, environment, "ours", WAITS, INTERVAL, RAMP, WINDOW)}, 1)
        few = {name: partial(cost, environment, name, waits) for name, waits in CONTESTANTS.items()}
        if where := earlier():  # its own client, which is asked for the same
            few["earlier version"] = partial(cost, environment, "ours", CONTESTANTS["ours"], where)
        polls = interleave(few, runs)
    return [
        Table(f"{WAITS:,} waits in one process, each polled every {INTERVAL:g} s over TLS", "ours", held),
        Table("One poll over TLS", "ours", polls),
    ]


CONTESTANTS = {"ours": 300, "session_per_poll_one_context": 10, "session_per_poll": 10}


def cost(environment: Mapping[str, str], name: str, waits: int, where: Path = TOP) -> dict[str, float]:
    """Return the CPU time of polls: a few hundred each second, or as many as fit."""
    found = hold(environment, name, waits, 1.0, 2.0, 5.0, where)
    return {metric: found[metric] for metric in ("CPU s per 1,000 polls", "polls/s")}


def hold(
    environment: Mapping[str, str],
    name: str,
    waits: int,
    interval: float,
    ramp: float,
    window: float,
    where: Path = TOP,
) -> dict[str, float]:
    """Hold waits in a fresh process on the first core, with the version in a folder."""
    arguments = [name, *map(str, (waits, interval, ramp, window))]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.waits_client", *arguments],
        cwd=where,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        preexec_fn=partial(_settle, 0),
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _settle(core: int) -> None:
    """Keep to one core, before others where that is allowed, with as many connections as may be."""
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def encord(folder: Path) -> Iterator[dict[str, str]]:
    """Run the fake Encord on the second core; give the environment of those who call it."""
    certificate, key = _certificate(folder)
    bundle = folder / "bundle.pem"
    bundle.write_bytes(Path(DEFAULT_CA_BUNDLE_PATH).read_bytes() + certificate.read_bytes())
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.waits_server", str(certificate), str(key)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=partial(_settle, 1),
    )
    assert server.stdin
    assert server.stdout
    try:
        port = int(server.stdout.readline())
        private = ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        connection = {
            "conn_type": "encord",
            "host": f"https://127.0.0.1:{port}",
            "extra": {"ssh_private_key": private.decode()},
        }
        clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        yield clean | {
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW_CONN_ENCORD_DEFAULT": json.dumps(connection),
            "REQUESTS_CA_BUNDLE": str(bundle),
            "SSL_CERT_FILE": str(bundle),
        }
    finally:
        server.stdin.close()
        server.wait(10)
        server.stdout.close()


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for the loopback address that its own key signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "benchmark")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
