"""Secrets where they must not be: in logs, in Airflow's database, in what the local Encord keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

SIGNATURES = {b"signature=": "signature=", b"X-Amz-Signature": "X-Amz-Signature"}


def secrets_of(private_key: str) -> dict[bytes, str]:
    """Return each line of a private key, and what marks the signature of a signed URL, with their names."""
    lines = [line.strip().encode() for line in private_key.splitlines() if line.strip() and not line.startswith("---")]
    return {line: f"line {number} of the private key" for number, line in enumerate(lines, 1)} | SIGNATURES


def find(places: Iterable[Path], secrets: Mapping[bytes, str], spared: Iterable[Path] = ()) -> Iterator[str]:
    """Yield where a secret is, without saying it.

    :param places: files, and folders of them.
    :param secrets: what to look for, with what to call it.
    :param spared: files that hold secrets rightly.
    """
    spared = set(spared)
    for place in places:
        files = [place] if place.is_file() else sorted(place.rglob("*"))
        for file in files:
            if not file.is_file() or file in spared:
                continue
            content = file.read_bytes()
            for secret, name in secrets.items():
                if (at := content.find(secret)) >= 0:
                    yield f"{file}, byte {at}: {name} ({content.count(secret)} times)"
