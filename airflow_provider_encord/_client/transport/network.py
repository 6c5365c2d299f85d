"""What both transports share: time limits, TLS and proxies."""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy

CHUNK_BYTES = 1024 * 1024


class NetworkSettingsProblem(ValueError):
    """An environment variable for the network cannot be used; the message names it."""


@dataclass(frozen=True)
class Timeouts:
    """Time limits of one request, in seconds.

    :param connect: to open a connection.
    :param read: between two pieces of an answer, plus the time that a poll may be held.
    :param total: for a whole answer, plus the same time.
    :param stall: without progress of an upload.
    """

    connect: float = 30.0
    read: float = 60.0
    total: float = 600.0
    stall: float = 60.0


def ca_bundle() -> str:
    """Return the CA file or folder for both transports: the user's, or else certifi's."""
    variable = _ca_variable()
    return os.environ[variable] if variable else DEFAULT_CA_BUNDLE_PATH


def _ca_variable() -> str | None:
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    return next((name for name in names if os.environ.get(name)), None)


@lru_cache(maxsize=4)
def _tls_context(bundle: str) -> ssl.SSLContext:
    if Path(bundle).is_dir():
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)


def tls_context(bundle: str | None = None) -> ssl.SSLContext:
    """Return the TLS context of the process; it is made once, since loading the CAs takes longer than a request.

    :param bundle: a CA file or folder in place of the usual one.
    """
    if bundle is not None:
        return _tls_context(bundle)
    bundle = ca_bundle()
    try:
        return _tls_context(bundle)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        reason = getattr(error, "strerror", None) or type(error).__name__
    variable = _ca_variable()
    whose = f"the environment variable {variable} is" if variable else "the default of Python's certifi is"
    raise NetworkSettingsProblem(f"{whose} {bundle!r}, which cannot be used as a file of CA certificates ({reason})")


def proxy_for(url: str) -> str | None:
    """Return the proxy for a URL from the environment, by the rules of ``requests``."""
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc}"
    proxy = select_proxy(host, get_environ_proxies(host, no_proxy=None))
    if proxy and not _PROXY.fullmatch(proxy):
        raise NetworkSettingsProblem(
            f"the proxy for {parts.scheme} in the environment variable {_proxy_variable(parts.scheme)} is not a URL "
            "such as 'http://proxy.example:3128'"
        )
    return proxy


# The URL of a proxy is never shown: it may hold a password.
_PROXY = re.compile(
    r"((https?|socks[45][ah]?)://)?([^\s/?#@]*@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?", re.IGNORECASE
)


def _proxy_variable(scheme: str) -> str:
    kind = scheme if scheme in getproxies() else "all"
    name = f"{kind}_proxy"
    return name if os.environ.get(name) else name.upper()
