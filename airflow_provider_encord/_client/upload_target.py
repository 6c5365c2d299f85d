"""May a file be sent there: checks of the signed URL and the headers that a server hands out for an upload."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]{0,8192}")
_URL_TEXT = re.compile(r"[\x21-\x7e]{1,16384}")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")
# What decides how the request is framed, where it goes and as whom is for the HTTP client alone.
_RESERVED = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect"}
    | {"authorization", "proxy-authorization", "proxy-connection", "cookie"}
)
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"})


def problem_with_target(url: str, headers: Mapping[str, str], domain: str) -> str | None:
    """Tell what is wrong with an upload's signed URL or headers; never quotes the URL's query or a header's value.

    :param domain: base URL of the API that handed them out. An API that is public, by name and over TLS, has no reason
        to send files to this machine, to its network's metadata service, or over plain HTTP.
    """
    return _problem_with_url(url, domain) or _problem_with_headers(headers)


def _problem_with_url(url: str, domain: str) -> str | None:
    if not _URL_TEXT.fullmatch(url):
        return "the signed URL has characters that no URL can have, or is too long"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "the signed URL has no valid host or port"
    api = urlsplit(domain)
    if parts.scheme not in ("http", "https"):
        return "the signed URL is neither https nor http"
    if port == 0 or not host or not (":" in host or _HOST.fullmatch(host)) or host.strip(".") == "" or ".." in host:
        return "the signed URL has no valid host or port"
    if "@" in parts.netloc:
        return "the signed URL has a user name in it"
    if parts.scheme == "http" and api.scheme == "https":
        return "the signed URL is plain http, though Encord was asked by https"
    if not _is_local(api.hostname or "") and _is_local(host):
        return f"the signed URL leads to {host!r}, which is no public address"
    return None


def _is_local(host: str) -> bool:
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith((".localhost", ".localdomain")) or name in _METADATA_NAMES:
        return True
    address = _address(name)
    return address is not None and not address.is_global


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        # Resolvers also read 2130706433, 0x7f.1 and the like as addresses.
        try:
            return ipaddress.IPv4Address(socket.inet_aton(name))
        except (OSError, ValueError):
            return None
    return getattr(address, "ipv4_mapped", None) or address


def _problem_with_headers(headers: Mapping[str, str]) -> str | None:
    if len(headers) > 64:
        return "the upload has too many headers"
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            return "an upload header has a name that no header can have"
        if name.lower() in _RESERVED:
            return f"the upload header {name!r} is not for the server to choose"
        if not _HEADER_VALUE.fullmatch(value):
            return f"the upload header {name!r} has characters that no header can have, or is too long"
    return None
