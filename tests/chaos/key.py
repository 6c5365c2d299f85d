"""The key of the connection, which changes while tasks run."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_ssh_private_key,
)

from tests.chaos.encord import Control


class Key:
    """A key file that a connection names.

    :param file: the file.
    :param control: of the local Encord that knows the key in it.
    """

    def __init__(self, file: Path, control: Control) -> None:
        self.file = file
        self.texts = [file.read_text()]
        """All private keys that were ever in it."""
        self._control = control

    def rotate(self) -> None:
        """Let a new key of the same user in, save it, and revoke the old one."""
        key = Ed25519PrivateKey.generate()
        new = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
        old = _public(self.texts[-1])
        self._control.ask("POST", "keys", add=_public(new), same_user_as=old)
        beside = self.file.with_suffix(".new")
        beside.touch(mode=0o600)
        beside.write_text(new)
        beside.replace(self.file)
        self.texts.append(new)
        self._control.ask("POST", "keys", revoke=old)


def _public(private_key: str) -> str:
    key = load_ssh_private_key(private_key.encode(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return key.public_key().public_bytes_raw().hex()
