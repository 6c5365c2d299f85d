"""What both transports must agree on: time limits, TLS, proxies, and how large an answer may be."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy

MAX_ANSWER_BYTES = 512 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Timeouts:
    """Time limits of one request, in seconds.

    :param connect: to make a connection.
    :param read: between two pieces of an answer; grows by the time a poll may be held.
    :param total: for a whole answer; grows alike.
    :param stall: of an upload without any progress.
    """

    connect: float = 30.0
    read: float = 60.0
    total: float = 600.0
    stall: float = 60.0


def ca_bundle() -> str:
    """Return the CA file that ``requests`` would use: the user's, or else certifi's."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or DEFAULT_CA_BUNDLE_PATH


@lru_cache(maxsize=4)
def _tls_context(bundle: str) -> ssl.SSLContext:
    if Path(bundle).is_dir():
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)


def tls_context() -> ssl.SSLContext:
    """Return the process's TLS context; loading the CAs takes longer than a request, so it is done once."""
    return _tls_context(ca_bundle())


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment asks for, by the rules of ``requests``."""
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc}"
    return select_proxy(host, get_environ_proxies(host, no_proxy=None))
