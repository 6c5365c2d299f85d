"""Reads keys in any form, and makes the headers that authenticate a request."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

_BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----"
_END = "-----END OPENSSH PRIVATE KEY-----"
_PUBLIC_KEY = re.compile(r"^(ssh-(ed25519|rsa|dss)|ecdsa-sha2-\S+)\s")
_OTHER_PEM = re.compile(r"-----BEGIN (?P<kind>[A-Z0-9 ]+)-----")
_BORDER = re.compile(r"-----[A-Z0-9 ]+-----")
_LINE = 70
_KEPT_SIGNATURES = 16_384
_SHORTEST_MASKED = 8  # masking anything shorter would hide ordinary text


class KeyProblem(ValueError):
    """The key cannot be used. The message names the mistake and never shows a part of the key."""


class Credentials(Protocol):
    """Proves to Encord who is calling."""

    @property
    def dataset_only(self) -> bool:
        """Whether they only work for one dataset and the legacy API."""

    def resource_headers(self, dataset_hash: str | None) -> dict[str, str]:
        """Headers of the legacy API that name the resource."""

    def legacy_headers(self, body: bytes) -> dict[str, str]:
        """Headers that authenticate a request of the legacy API."""

    def v2_headers(self, method: str, target: str, body: bytes, created: int) -> dict[str, str]:
        """Headers that authenticate a request of the v2 API."""


class _NamesDataset:
    dataset_only = False

    def resource_headers(self, dataset_hash: str | None) -> dict[str, str]:
        return {"ResourceType": "dataset" if dataset_hash else "", "ResourceID": dataset_hash or ""}


@dataclass(frozen=True)
class SshCredentials(_NamesDataset):
    """Signs each request with an Ed25519 key, as Encord's client 0.1.211 does."""

    key: Ed25519PrivateKey = field(repr=False, compare=False)
    public_key_hex: str = field(init=False, repr=False)
    """The identity in requests: the raw public key as 64 lower-case hex digits."""
    _sign: Callable[[bytes], bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        object.__setattr__(self, "public_key_hex", raw.hex())
        # All polls of a job in the legacy API are the same, and so are their signatures.
        object.__setattr__(self, "_sign", lru_cache(_KEPT_SIGNATURES)(self.key.sign))

    @property
    def key_text(self) -> str:
        """The private key as OpenSSH text without a passphrase. It is a secret."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()

    def legacy_headers(self, body: bytes) -> dict[str, str]:
        """Sign the SHA-256 of the body, and nothing else."""
        signature = self._sign(hashlib.sha256(body).digest())
        return {"Authorization": f"{self.public_key_hex}:{signature.hex()}"}

    def v2_headers(self, method: str, target: str, body: bytes, created: int) -> dict[str, str]:
        """Make an HTTP message signature over method, request target and content digest."""
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
        covered = '("@method" "@request-target" "content-digest")'
        parameters = f'{covered};created={created};keyid="{self.public_key_hex}";alg="ed25519"'
        base = "\n".join(
            (
                f'"@method": {method}',
                f'"@request-target": {target}',
                f'"content-digest": {digest}',
                f'"@signature-params": {parameters}',
            )
        )
        signature = base64.b64encode(self.key.sign(base.encode())).decode()
        return {
            "Content-Digest": digest,
            "Signature-Input": f"encord-sig={parameters}",
            "Signature": f"encord-sig=:{signature}:",
        }


@dataclass(frozen=True)
class BearerCredentials(_NamesDataset):
    """Sends a token that Encord issued for a user."""

    token: str = field(repr=False)

    def legacy_headers(self, body: bytes) -> dict[str, str]:
        """Send the token instead of the signature."""
        return {"Authorization": f"Bearer {self.token}"}

    def v2_headers(self, method: str, target: str, body: bytes, created: int) -> dict[str, str]:
        """Send the token instead of the three signature headers."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class ApiKeyCredentials:
    """Sends a dataset API key: legacy operations of one dataset only (last in Encord's client 0.1.145)."""

    api_key: str = field(repr=False)
    dataset_hash: str
    dataset_only = True

    def resource_headers(self, dataset_hash: str | None) -> dict[str, str]:
        """Name the key's own dataset, without a resource type."""
        return {"ResourceID": dataset_hash or self.dataset_hash}

    def legacy_headers(self, body: bytes) -> dict[str, str]:
        """Send the key without a scheme such as ``Bearer``."""
        return {"Authorization": self.api_key}

    def v2_headers(self, method: str, target: str, body: bytes, created: int) -> dict[str, str]:
        """Raise: the v2 API does not take API keys."""
        raise KeyProblem("Encord takes no dataset API key for this operation; use an SSH key or a bearer token.")


def key_forms(text: str) -> set[str]:
    """Return all forms in which parts of a secret could be printed: whole, escaped, line by line.

    Airflow masks a multi-line secret only as a whole, so all of these must be registered for masking.
    """
    stripped = text.strip()
    lines = [line for line in re.split(r"\s+|\\[rn]", _BORDER.sub(" ", stripped)) if len(line) >= _SHORTEST_MASKED]
    payload = "".join(lines)
    rewrapped = [payload[at : at + _LINE] for at in range(0, len(payload), _LINE)]
    forms = {text, stripped, json.dumps(text)[1:-1], json.dumps(stripped)[1:-1], payload, *lines, *rewrapped}
    return {form for form in forms if len(form) >= _SHORTEST_MASKED}


def normalise_key_text(text: str) -> str:
    r"""Turn a pasted key into the OpenSSH text that loaders read.

    Accepts real newlines, ``\n`` as two characters, CRLF, blanks instead of newlines, no newlines at all, and the whole
    file in base64.

    :raises KeyProblem: when it is not such a key; names the mistake and shows no part of the text.
    """
    stripped = text.strip().strip("\"'").strip()
    if not stripped:
        raise KeyProblem("The private key is empty.")
    if set(stripped) == {"*"}:
        raise KeyProblem(
            "The private key is only asterisks: the connection was saved with the mask instead of the key. "
            "Paste the key again."
        )
    if _PUBLIC_KEY.match(stripped) or stripped.startswith("---- BEGIN SSH2 PUBLIC KEY"):
        raise KeyProblem("This is a public key. The connection needs the private half, the file without '.pub'.")
    if "-----" not in stripped:
        stripped = _from_base64(stripped)
    stripped = stripped.replace("\\r", "").replace("\\n", "\n")
    if _BEGIN not in stripped:
        match = _OTHER_PEM.search(stripped)
        kind = f"a '{match['kind']}' file" if match else "not a private key in OpenSSH format"
        raise KeyProblem(
            f"The private key is {kind}. Encord needs an Ed25519 key in OpenSSH format "
            "('ssh-keygen -t ed25519' makes one)."
        )
    start, end = stripped.index(_BEGIN) + len(_BEGIN), stripped.find(_END)
    if end < start:
        raise KeyProblem("The private key has no last line: it was cut off when it was pasted.")
    payload = re.sub(r"\s", "", stripped[start:end])
    lines = [payload[at : at + _LINE] for at in range(0, len(payload), _LINE)]
    return "\n".join([_BEGIN, *lines, _END, ""])


def _from_base64(text: str) -> str:
    compact = re.sub(r"\\n|\\r|\s", "", text)
    # Raised outside of the handlers: a UnicodeDecodeError holds the bytes that it could not decode.
    decoded, inner = b"", None
    with contextlib.suppress(ValueError):
        decoded = base64.b64decode(compact, validate=True)
    if not decoded:
        raise KeyProblem(
            "The private key is neither an OpenSSH key nor its base64. "
            "Paste the whole file, with its first and last line."
        )
    if decoded.startswith(b"openssh-key-v1\0"):
        return "\n".join((_BEGIN, compact, _END))
    with contextlib.suppress(UnicodeDecodeError):
        inner = decoded.decode().strip()
    if inner is None:
        raise KeyProblem("The private key is base64, but not of an OpenSSH key file.")
    if _PUBLIC_KEY.match(inner):
        raise KeyProblem("This is a public key. The connection needs the private half, the file without '.pub'.")
    return inner


def load_private_key(text: str, passphrase: str | None = None) -> Ed25519PrivateKey:
    """Load an Ed25519 private key.

    :param text: the key in any form that :func:`normalise_key_text` takes.
    :param passphrase: passphrase of a protected key; an empty one counts as none.
    :raises KeyProblem: names the mistake, and shows no part of the key.
    """
    normal = normalise_key_text(text)
    key, problem = None, ""
    # Raised outside of the handlers: exceptions of the loader may quote the key, also as the context of another one.
    try:
        password = passphrase.encode() if passphrase else None
        key = load_ssh_private_key(normal.encode(), password)
    except TypeError:
        problem = (
            "The private key is not protected by a passphrase, but the connection has one: remove it."
            if passphrase
            else "The private key is protected by a passphrase; set 'passphrase' in the connection."
        )
    except UnsupportedAlgorithm:
        problem = "The private key's encryption is not supported here (is the package 'bcrypt' installed?)."
    except Exception:  # the loader has many exceptions
        problem = (
            "The private key could not be decrypted: wrong passphrase, or a damaged key."
            if passphrase
            else "The private key is damaged: it has the borders of an OpenSSH key but cannot be read."
        )
    if problem:
        raise KeyProblem(problem)
    if not isinstance(key, Ed25519PrivateKey):
        kind = type(key).__name__.lstrip("_").removesuffix("PrivateKey")
        raise KeyProblem(f"The private key is of type {kind}; Encord accepts Ed25519 only ('ssh-keygen -t ed25519').")
    return key
