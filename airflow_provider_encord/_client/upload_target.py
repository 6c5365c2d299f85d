"""Checks where a file may be uploaded: the signed URL and headers from a server, and the address that they lead to."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

_URL = re.compile(r"https?://[a-z0-9._:\[\]-]+[/?][\x21-\x7e]{0,16384}", re.IGNORECASE)
_NAME = re.compile(r"([a-z0-9_-]+\.)*[a-z][a-z0-9_-]*\.?")  # a host that ends in a number is an address
_HEADER_NAME = re.compile(r"(x-(amz|goog|ms)-|content-(?!length$))[a-z0-9-]{1,200}|cache-control", re.IGNORECASE)
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]{0,8192}")

_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
# Metadata services of Alibaba, Azure, Oracle, AWS and Google outside of link-local addresses.
_METADATA = ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::/32", "fd20:ce::254")
_OUTDATED = ("2002::/16", "fec0::/10")  # 6to4, and the former site-local addresses
_EMBEDDING = ("::ffff:0:0/96", "64:ff9b::/96")  # an IPv4 address in an IPv6 one: mapped, NAT64


def problem_with_target(url: str, headers: Mapping[str, str], domain: str) -> str | None:
    """Return what is wrong with an upload's signed URL or headers, without the URL's query or a header's value.

    :param domain: base URL of the API that sent them.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        well_formed = _URL.fullmatch(url) and parts.port != 0 and (_NAME.fullmatch(host) or ip_address(host))
    except ValueError:
        well_formed = False
    if not well_formed:
        return "the signed URL is not an http(s) URL with a plain host and a path"
    if parts.scheme == "http" and domain.startswith("https:"):
        return "the signed URL is plain http, but Encord's API uses https"
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            return f"the upload header {name[:200]!r} is none of x-ms-*, x-goog-*, x-amz-*, content-* and cache-control"
        if not _HEADER_VALUE.fullmatch(value):
            return f"the upload header {name!r} has invalid characters or is too long"
    return None


class AddressRefused(OSError):
    """Files must not be sent to this address."""


@dataclass(frozen=True)
class Reach:
    """Where files may be sent: to public addresses, or to any address if the API itself is on this machine.

    :param domain: base URL of the API.
    :param private: whether files may be sent to private addresses too.
    """

    domain: str
    private: bool = False

    def open_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Make the socket for an address in the form of :func:`socket.getaddrinfo`.

        :raises AddressRefused: when files must not be sent there.
        """
        if problem := self.problem_with(info[4][0]):
            raise AddressRefused(problem)
        return socket.socket(*info[:3])

    def problem_with(self, host: str) -> str | None:
        """Return why files must not be sent to an address. A host name is judged when it is connected to."""
        address, api = _address(host), _address(urlsplit(self.domain).hostname or "")
        if address is None or (api and api.is_loopback):
            return None
        if not _is_in(_METADATA + _OUTDATED, address):
            if _is_in(_PRIVATE, address):
                hint = "if files may be sent there, set the connection's extra allow_private_storage to true"
                return None if self.private else f"{host} is a private address; {hint}"
            if address.is_global and not address.is_multicast and not address.is_reserved:
                return None
        return f"{host} is not a public address"


def _address(host: str) -> IPv4Address | IPv6Address | None:
    name = host.lower().partition("%")[0].rstrip(".")
    try:
        address = ip_address("127.0.0.1" if name == "localhost" or name.endswith(".localhost") else name)
    except ValueError:
        return None
    return IPv4Address(int(address) & 0xFFFFFFFF) if _is_in(_EMBEDDING, address) else address


def _is_in(networks: tuple[str, ...], address: IPv4Address | IPv6Address) -> bool:
    return any(address in ip_network(network) for network in networks)
