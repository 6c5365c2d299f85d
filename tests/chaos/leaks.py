"""Secrets where they must not be: in logs, in Airflow's database, in what the local Encord keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

SIGNATURES = (b"signature=", b"X-Amz-Signature")


def secrets_of(private_key: str) -> list[bytes]:
    """Return each line of a private key, and what marks the signature of a signed URL."""
    lines = [line.strip().encode() for line in private_key.splitlines() if line.strip() and not line.startswith("---")]
    return [*lines, *SIGNATURES]


def find(places: Iterable[Path], secrets: Iterable[bytes], spared: Iterable[Path] = ()) -> Iterator[str]:
    """Yield where a secret is, without saying it.

    :param places: files, and folders of them.
    :param spared: files that hold secrets rightly.
    """
    secrets, spared = list(secrets), set(spared)
    for place in places:
        files = [place] if place.is_file() else sorted(place.rglob("*"))
        for file in files:
            if not file.is_file() or file in spared:
                continue
            content = file.read_bytes()
            for number, secret in enumerate(secrets):
                if (at := content.find(secret)) >= 0:
                    what = secret.decode() if secret in SIGNATURES else f"line {number + 1} of the private key"
                    yield f"{file}, byte {at}: {what} ({content.count(secret)} times)"
