"""Who is calling: SSH signatures of both generations, bearer tokens and dataset API keys.

Written from the description of the schemes, not from any client's code, so that a client's mistake cannot hide here.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from airflow_provider_encord.emulator.caller import ApiKey, Caller
from airflow_provider_encord.emulator.errors import Reason, Refusal
from airflow_provider_encord.emulator.resources.users import Users

CREATED_TOLERANCE = 300
"""Seconds ``created`` may be off. Encord's clients up to 0.1.193 set it 30 s back; the real tolerance is not known."""

_LEGACY_SIGNATURE = re.compile(r"(?P<key>[0-9a-f]{64}):(?P<signature>[0-9a-f]{128})")
_SIGNATURE_INPUT = re.compile(
    r'encord-sig=(?P<params>\("@method" "@request-target" "content-digest"\)'
    r';created=(?P<created>\d{1,15});keyid="(?P<key>[0-9a-f]{64})";alg="ed25519")'
)
_SIGNATURE = re.compile(r"encord-sig=:(?P<signature>[A-Za-z0-9+/]{86}==):")


def user_of(public_key: str) -> str:
    """Return the user an OpenSSH public key line stands for."""
    try:
        key = serialization.load_ssh_public_key(public_key.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("not an OpenSSH public key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key; Encord takes no others")
    return key.public_bytes_raw().hex()


def user_of_file(file: Path) -> str:
    """Return the user a ``.pub`` file stands for."""
    try:
        return user_of(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from error


def fingerprint(user: str) -> str:
    """Return the fingerprint of a public key, given in hex, the way ``ssh-keygen -l`` shows it."""
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-ed25519", bytes.fromhex(user)))
    return f"SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')}"


def generate_key() -> tuple[str, str]:
    """Make a new user: private key as OpenSSH text, and the user it stands for."""
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()
    return text, key.public_key().public_bytes_raw().hex()


def user_of_private_key(text: str) -> str:
    """Return the user an unprotected OpenSSH private key stands for."""
    key = serialization.load_ssh_private_key(text.encode(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("not an Ed25519 key")
    return key.public_key().public_bytes_raw().hex()


class Authenticator:
    """Checks what a request says about its sender.

    :param users: who may sign
    :param find_api_key: looks up the owner and the grant of a dataset API key
    :param now: the time signatures are judged by
    """

    def __init__(
        self, users: Users, find_api_key: Callable[[str], tuple[str, ApiKey] | None], now: Callable[[], float]
    ) -> None:
        self._users = users
        self._find_api_key = find_api_key
        self._now = now

    def legacy(self, headers: Mapping[str, str], body: bytes) -> Caller:
        """Identify the sender of a legacy request."""
        authorization = headers.get("Authorization", "")
        if not authorization:
            raise Refusal(Reason.AUTHENTICATION, "no Authorization header")
        if authorization.startswith("Bearer "):
            return self._bearer(authorization)
        if ":" not in authorization:
            return self._by_api_key(authorization, headers.get("ResourceID", ""))
        match = _LEGACY_SIGNATURE.fullmatch(authorization)
        if not match:
            raise Refusal(Reason.AUTHENTICATION, "Authorization is not <public key hex>:<signature hex>")
        return self._signer(match["key"], bytes.fromhex(match["signature"]), hashlib.sha256(body).digest())

    def v2(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Caller:
        """Identify the sender of a v2 request; ``target`` is path and query as they came over the wire."""
        authorization = headers.get("Authorization")
        if authorization is not None:
            if not authorization.startswith("Bearer "):
                raise Refusal(Reason.AUTHENTICATION, "v2 takes an SSH signature or a bearer token")
            return self._bearer(authorization)
        given = _SIGNATURE_INPUT.fullmatch(headers.get("Signature-Input", ""))
        signature = _SIGNATURE.fullmatch(headers.get("Signature", ""))
        if not given or not signature:
            raise Refusal(Reason.AUTHENTICATION, "Signature-Input or Signature is missing or malformed")
        digest = headers.get("Content-Digest", "")
        if digest != f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:":
            raise Refusal(Reason.AUTHENTICATION, "Content-Digest is not the digest of the body")
        if abs(self._now() - int(given["created"])) > CREATED_TOLERANCE:
            raise Refusal(Reason.AUTHENTICATION, "the signature's creation time is too far from the server's clock")
        try:
            raw_signature = base64.b64decode(signature["signature"], validate=True)
        except binascii.Error as error:
            raise Refusal(Reason.AUTHENTICATION, "Signature is not base64") from error
        lines = (
            f'"@method": {method}',
            f'"@request-target": {target}',
            f'"content-digest": {digest}',
            f'"@signature-params": {given["params"]}',
        )
        return self._signer(given["key"], raw_signature, "\n".join(lines).encode())

    def _signer(self, key: str, signature: bytes, signed: bytes) -> Caller:
        user = self._users.by_key(key)
        if user is None:
            raise Refusal(Reason.UNKNOWN_KEY, "this SSH key is not known here; is this the right region?")
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, signed)
        except (InvalidSignature, ValueError) as error:
            raise Refusal(Reason.AUTHENTICATION, "the signature does not fit the request") from error
        return Caller(user)

    def _bearer(self, authorization: str) -> Caller:
        user = self._users.by_token(authorization.removeprefix("Bearer "))
        if user is None:
            raise Refusal(Reason.AUTHENTICATION, "this bearer token is not known here")
        return Caller(user)

    def _by_api_key(self, key: str, resource: str) -> Caller:
        found = self._find_api_key(key)
        if found is None or found[1].dataset != resource.lower():
            raise Refusal(Reason.AUTHENTICATION, "this API key is not known for this resource")
        owner, api_key = found
        return Caller(owner, api_key)
