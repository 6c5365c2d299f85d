"""Connections to the storage that signed URLs lead to: allowed addresses only, by the environment's proxies."""

from __future__ import annotations

from typing import Any

import aiohttp
from yarl import URL

from airflow_provider_encord._client.transport.async_transport import AsyncTransport, open_session
from airflow_provider_encord._client.transport.network import proxy_for
from airflow_provider_encord._client.upload_target import AddressRefused, Reach


class StorageSession:
    """A pool of connections to storage. Make it on the event loop, and close it.

    :param transport: of the API that handed the URLs out.
    :param allow_private: whether private addresses are allowed.
    """

    def __init__(self, transport: AsyncTransport, *, allow_private: bool) -> None:
        self._transport = transport
        self._reach = Reach(transport.account.domain, allow_private)
        self._session = open_session(limit=0, socket_factory=self._reach.open_socket)
        # Reading the environment takes a good part of what a small file takes.
        self._proxies: dict[tuple[str, str], str | None] = {}

    async def close(self) -> None:
        """Close the pooled connections."""
        await self._session.close()

    def request(self, method: str, url: str, **more: Any) -> Any:
        """Send one request; use what it returns as an asynchronous context manager of the response.

        :param url: a signed one.
        :param more: arguments of the client library.
        :raises AddressRefused: when nothing may be sent there; otherwise connecting raises it.
        """
        address = URL(url, encoded=True)
        origin = (address.scheme, address.raw_authority)
        if origin not in self._proxies:
            self._proxies[origin] = proxy_for(url)
        proxy = self._proxies[origin]
        if proxy and (problem := self._reach.problem_with(address.host or "")):
            raise AddressRefused(problem)
        # A proxy may have any address, so files on their way to one go through the pool of the API's requests.
        session = self._transport.session if proxy else self._session
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._transport.timeouts.connect)
        return session.request(method, address, timeout=timeout, allow_redirects=False, proxy=proxy, **more)
