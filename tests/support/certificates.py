"""Certificates of a CA of our own, made when a test needs them."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = x509.IPAddress(ip_address("127.0.0.1"))
OTHER = x509.DNSName("other.example")


class Authority:
    """A CA; ``path`` is the file with its own certificate."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("A CA of the tests")
        self.path = folder / "ca.pem"
        self.path.write_bytes(_pem(self._sign(self._name, self._key, self._name, self._key, ca=True)))

    def server(
        self, host: x509.GeneralName = LOOPBACK, *, days: tuple[int, int] = (-1, 1), self_signed: bool = False
    ) -> ssl.SSLContext:
        """Return the context of a server.

        :param host: the host that its certificate is for.
        :param days: from when to when it is valid, counted from today.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = (_name("server"), key) if self_signed else (self._name, self._key)
        certificate = self._sign(_name("server"), key, *issuer, host=host, days=days)
        path = self._folder / "server.pem"
        no_password = serialization.NoEncryption()
        secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
        path.write_bytes(_pem(certificate) + secret)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    @staticmethod
    def _sign(
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        issuer: x509.Name,
        issuer_key: ec.EllipticCurvePrivateKey,
        *,
        host: x509.GeneralName = LOOPBACK,
        days: tuple[int, int] = (-1, 1),
        ca: bool = False,
    ) -> x509.Certificate:
        now, (start, end) = datetime.now(UTC), days
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(start))
            .not_valid_after(now + timedelta(end))
            .add_extension(x509.SubjectAlternativeName([host]), critical=False)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(identifier, critical=False)
            .add_extension(_usage(ca), critical=True)
            .sign(issuer_key, hashes.SHA256())
        )


def _usage(ca: bool) -> x509.KeyUsage:
    """Return what a key may do; from Python 3.13 on, a CA must say that it signs certificates."""
    rest = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only")
    off = dict.fromkeys((*rest, "decipher_only"), False)
    return x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **off)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
