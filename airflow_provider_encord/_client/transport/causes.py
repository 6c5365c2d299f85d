"""Says what broke on the way to a server and what to do about it, for both transports."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import tempfile
from collections.abc import Iterator
from urllib.parse import urlsplit

from airflow_provider_encord._client.errors import ErrorKind
from airflow_provider_encord._client.protocol import NoAnswer
from airflow_provider_encord._client.redaction import server_text
from airflow_provider_encord._client.transport.network import ca_bundle, proxy_for

_CLOCK = "Check this machine's clock; if it is right, the certificate must be renewed there."
_HOST = "Check the host of the connection, and whether a proxy answers in its place."
# By OpenSSL's error numbers.
_CERTIFICATES = {
    9: ("is not valid yet", _CLOCK),
    10: ("has expired", _CLOCK),
    18: ("is self-signed", ""),
    19: ("is signed by a CA that this machine does not trust", ""),
    20: ("is signed by a CA that this machine does not know", ""),
    21: ("is signed by a CA that this machine does not know", ""),
    62: ("belongs to another host", _HOST),
    64: ("belongs to another host", _HOST),
}
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG")
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ENOENT)
_OF_FILES = (OSError, FileNotFoundError)  # sockets and name lookups raise other types


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all errors inside of it: each client library wraps errors in its own way."""
    left, visited = [error], set()
    while left:
        cause = left.pop(0)
        if id(cause) in visited:
            continue
        visited.add(id(cause))
        yield cause
        inner = (*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__)
        left += [error for error in inner if isinstance(error, BaseException)]


def why(error: BaseException) -> str:
    """Return the system's message, or else the error's type; messages of client libraries may quote URLs."""
    causes = list(causes_of(error))
    for cause in reversed(causes):
        if isinstance(cause, socket.gaierror):
            return str(cause.strerror)
        number = 0 if isinstance(cause, ssl.SSLError) else getattr(cause, "errno", 0) or 0
        if number in errno.errorcode:
            return os.strerror(number)
    return type(causes[-1]).__name__


def full_disk(error: BaseException) -> NoAnswer | None:
    """Return the reason if this machine could not store the answer, or None."""
    of_files = [cause for cause in causes_of(error) if isinstance(cause, OSError) and type(cause) in _OF_FILES]
    if not any(cause.errno in _DISK for cause in of_files):
        return None
    try:
        folder = repr(tempfile.gettempdir())
    except FileNotFoundError:
        folder = "a temporary file"
    return NoAnswer(f"the answer could not be kept in {folder} ({why(error)})", sent=True, kind=ErrorKind.DISK)


def tls_failure(error: ssl.SSLError, host: str, *, sent: bool) -> NoAnswer:
    """Return what is wrong with a certificate, or with TLS in general.

    :param host: the server, or the proxy, whose certificate it is.
    :param sent: whether the request may have been sent, if the certificate is fine.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        what, advice = _CERTIFICATES.get(error.verify_code, (f"was refused ({server_text(error.verify_message)})", ""))
        advice = advice or (
            "If a proxy or your own installation presents it, set REQUESTS_CA_BUNDLE to a file of CA certificates that "
            f"also has its issuer. Now in use: {ca_bundle()}."
        )
        return NoAnswer(f"the TLS certificate of {host} {what}", sent=False, advice=advice)
    reason = error.reason or type(error).__name__
    if reason in _NO_TLS:
        advice = "Check scheme and port in the host of the connection, and in HTTPS_PROXY if it is set."
        return NoAnswer(f"{host} does not speak TLS there ({reason})", sent=False, advice=advice)
    return NoAnswer(f"TLS with {host} failed ({server_text(reason)})", sent=sent)


def proxy_refusal(url: str, status: int) -> NoAnswer:
    """Return that the proxy does not let us through to this URL's host."""
    proxy, host = proxy_name(url), urlsplit(url).hostname
    if status == 407:
        reason = f"the proxy {proxy} asks for a login (HTTP 407)"
        advice = "Put user and password into the proxy's URL in HTTPS_PROXY, or check the ones that are there."
    else:
        reason = f"the proxy {proxy} does not connect to {host} (HTTP {status})"
        advice = f"Allow {host} in the proxy, or add it to NO_PROXY if it can be reached without the proxy."
    return NoAnswer(reason, sent=False, advice=advice)


def no_proxy(url: str, error: BaseException) -> NoAnswer:
    """Return that the proxy for this URL cannot be reached."""
    advice = "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY, and whether the proxy runs."
    return NoAnswer(f"no connection to the proxy {proxy_name(url)} ({why(error)})", sent=False, advice=advice)


def proxy_name(url: str) -> str:
    """Return host and port of the proxy for a URL, without its login."""
    proxy = proxy_for(url) or ""
    return urlsplit(proxy if "://" in proxy else f"//{proxy}").netloc.rpartition("@")[2]
