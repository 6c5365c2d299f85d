"""A server for benchmarks that takes uploads at hardly any cost, and the client that shows what can be done at all.

Both are small C programs, built into a temporary folder with ``cc`` and OpenSSL's headers. The sink is in one process
and one thread; what it has used of a processor tells whether it was what a contestant waited for.

A link's round trip is an added delay: whatever the sink sends, an answer or its part of a TLS handshake, leaves it one
round trip late, and what a connection gets first, two, since it would not be open sooner. That is what a link of that
length and without end in width would do to request and answer. It does not model a slow start, by which a real link
would keep back new connections more than kept ones, so it flatters who makes a new connection for each file.
"""

from __future__ import annotations

import datetime
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Taken(NamedTuple):
    """What a sink has taken since it began."""

    puts: int
    bytes: int
    cpu_seconds: float

    def since(self, before: Taken) -> Taken:
        """Return the differences."""
        return Taken(self.puts - before.puts, self.bytes - before.bytes, self.cpu_seconds - before.cpu_seconds)


@dataclass(frozen=True)
class Sink:
    """A running sink.

    :param url: its base URL.
    :param port: where it listens.
    :param ca: file of the CA that vouches for it; None without TLS.
    :param bundle: file of that CA and all those that a machine usually trusts; None without TLS.
    """

    url: str
    port: int
    ca: Path | None
    bundle: Path | None
    process: subprocess.Popen[str]

    def taken(self) -> Taken:
        """Return what it has taken since it began."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        puts, size, cpu = self.process.stdout.readline().split()
        return Taken(int(puts), int(size), float(cpu))


@contextmanager
def built(name: str) -> Iterator[Path]:
    """Build the program ``name`` of this folder, and keep it while the block runs."""
    compiler = shutil.which("cc")
    if not compiler:
        raise SystemExit("The benchmarks build small C programs; there is no cc (Debian: apt install gcc libssl-dev).")
    with tempfile.TemporaryDirectory(prefix="encord-bench-") as folder:
        program = Path(folder, name)
        command = [compiler, "-O2", "-pthread", "-D_GNU_SOURCE", "-o", str(program)]
        source = Path(__file__).with_name(f"{name}.c")
        result = subprocess.run([*command, str(source), "-lssl", "-lcrypto"], capture_output=True, text=True)
        if result.returncode:
            raise SystemExit(f"{name}.c cannot be built (Debian: apt install gcc libssl-dev):\n{result.stderr[:2000]}")
        yield program


@contextmanager
def sink(*, tls: bool, round_trip_ms: float = 0) -> Iterator[Sink]:
    """Run a sink on a free port of the loopback interface while the block runs."""
    with built("sink") as program:
        command = [str(program), str(round_trip_ms)]
        ca = bundle = None
        if tls:
            ca, bundle, key = (program.parent / name for name in ("ca.pem", "bundle.pem", "key.pem"))
            _certify(ca, key)
            bundle.write_bytes(Path(certifi.where()).read_bytes() + ca.read_bytes())
            command += [str(ca), str(key)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin and process.stdout
        try:
            port = int(process.stdout.readline())
            yield Sink(f"{'https' if tls else 'http'}://localhost:{port}", port, ca, bundle, process)
        finally:
            process.stdin.close()
            process.wait()


def _certify(certificate: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
