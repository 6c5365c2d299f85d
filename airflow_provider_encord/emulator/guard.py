"""Keeps web pages out: a browser sends what any page tells it to, and the control API asks for no credentials."""

import ipaddress
import re
from collections.abc import Iterable

from aiohttp import web

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - addresses to bind to, not names to be called by
_SAFE_METHODS = ("GET", "HEAD")

_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d*)?")
_NAME = re.compile(r"[\w.-]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*")


class Guard:
    """Refuses requests to a name that is not ours (DNS rebinding), and what pages of other sites send.

    :param names: host names and addresses by which the server may be called, besides those of the loopback interface
        and the address at which a request came in
    :raises ValueError: if one of them is no host name
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = {_plain(name) for name in (*_LOOPBACK, *names)} - set(_WILDCARDS)

    def refusal(self, request: web.Request) -> tuple[int, str] | None:
        """Return status and reason if a request is not to be answered."""
        host = request.headers.get("Host", "").lower()
        match = _HOST.fullmatch(host)
        if match is None or match["name"].strip("[]") not in self._names | {_own_address(request)}:
            return 421, f"the local Encord does not go by the name {host!r}: allow it with --allow-host or allow_hosts"
        origin = request.headers.get("Origin", "").lower()
        if origin and origin not in (f"http://{host}", f"https://{host}"):
            return 403, f"the local Encord takes nothing from pages of {origin!r}"
        site = request.headers.get("Sec-Fetch-Site", "none")
        if site not in ("none", "same-origin") and request.method not in _SAFE_METHODS:
            return 403, f"the local Encord takes nothing from pages of other sites (Sec-Fetch-Site: {site!r})"
        return None


def is_loopback(address: str) -> bool:
    """Tell whether an address can be reached from this machine only."""
    return ipaddress.ip_address(address).is_loopback


def _plain(name: str) -> str:
    plain = name.removeprefix("[").removesuffix("]").lower()
    if not _NAME.fullmatch(plain):
        raise ValueError(f"{name!r} is not a host name or an address, without scheme and port")
    return plain


def _own_address(request: web.Request) -> str | None:
    """Return the address at which a request came in."""
    if request.transport is None:
        return None
    address = ipaddress.ip_address(request.transport.get_extra_info("sockname")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)
