"""Buckets of S3, Google Cloud Storage and Azure: how to ask for an object on an event loop.

The clouds' own SDKs find the credentials, the address and the region, and keep the credentials fresh. The requests
themselves are plain HTTP, and cost a tenth of what they cost through an SDK or a file system (docs/architecture.md).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import ssl
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from airflow_provider_encord._client.redaction import cause_of, server_text, shown
from airflow_provider_encord._client.transport.network import proxy_for, tls_context
from airflow_provider_encord._storage.credentials import azure_client, gcs_client, s3_client, store_errors
from airflow_provider_encord._storage.location import Location
from airflow_provider_encord.exceptions import EncordError, EncordMachineError

_FRESH_SECONDS = 60
"""How long credentials are used before the SDK is asked again, which renews them minutes before they expire."""
_SCOPE = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/[0-9]{8}/([^/]+)/([^/]+)/aws4_request,")
_NOTHING = hashlib.sha256().hexdigest()


class Ask(NamedTuple):
    """One request."""

    method: str
    url: str
    headers: Mapping[str, str]


class Found(NamedTuple):
    """What a store tells of an object.

    :param size: bytes.
    :param etag: tells its content from another one.
    :param version: by which only this content is asked for.
    """

    size: int
    etag: str
    version: str


class Unreachable(Exception):
    """A bucket of a kind that only its own file system can read."""


class Store(ABC):
    """A bucket. Make it on the thread of the task, since it looks the connection up."""

    scheme = ""
    tls: ssl.SSLContext | bool = True
    """As aiohttp takes it."""

    def __init__(self, place: Location) -> None:
        self.bucket = place.bucket
        self._log_in()
        self.fresh_since = time.monotonic()
        self._refused_at = -float("inf")
        self._renewing = threading.Lock()
        self.proxy = self._own_proxy() or proxy_for(self.ask("GET", "").url)

    @property
    def is_fresh(self) -> bool:
        """Whether the credentials need not be renewed yet."""
        return time.monotonic() < self.fresh_since + _FRESH_SECONDS

    def renew(self, since: float, *, refused: bool = False) -> bool:
        """Renew the credentials, unless that has been done since; may send requests, so it belongs on a thread.

        :param refused: whether the store refused the ones that it had.
        :return: False if it refused new ones a moment ago.
        """
        with self._renewing:
            if self.fresh_since != since:
                return True
            if refused:
                if time.monotonic() < self._refused_at + _FRESH_SECONDS:
                    return False
                self._refused_at = time.monotonic()
                self._look_again()
            self._log_in()
            self.fresh_since = time.monotonic()
            return True

    @abstractmethod
    def _log_in(self) -> None:
        """Take credentials from the SDK."""

    def _look_again(self) -> None:
        """Find out what else may be why the store refused."""
        return

    def _own_proxy(self) -> str | None:
        """Return the connection's own proxy."""
        return None

    @abstractmethod
    def ask(self, method: str, key: str) -> Ask:
        """Ask for an object."""

    def look(self, key: str) -> Ask:
        """Ask what an object is."""
        return self.ask("HEAD", key)

    def found(self, headers: Mapping[str, str], body: bytes) -> Found:
        """Read the answer to that."""
        etag = headers.get("ETag", "")
        return Found(int(headers["Content-Length"]), etag.strip('"'), etag)

    def read(self, key: str, found: Found) -> Ask:
        """Ask for the content of an object as it was found."""
        method, url, headers = self.ask("GET", key)
        return Ask(method, url, {**headers, "If-Match": found.version} if found.version else headers)

    def is_changed(self, headers: Mapping[str, str], found: Found) -> bool:
        """Whether an answer brings another content than the one that was found."""
        return headers.get("ETag", found.version) != found.version


def open_store(place: Location) -> Store | None:
    """Return a bucket, or None if it is of a kind that only its own file system can read."""
    kinds: dict[str, type[Store]] = {"s3": S3Store, "gs": GoogleStore, "az": AzureStore}
    if not place.bucket or place.scheme not in kinds:
        return None
    if place.scheme == "az" and not (place.conn_id or place.host):
        return None  # its file system finds the account in the environment
    where = f"{place.scheme}://{place.bucket}"
    try:
        with store_errors(where, place.bucket, place.conn_id):
            return kinds[place.scheme](place)
    except Unreachable:
        return None
    except EncordError:
        raise
    except Exception as error:  # of Airflow's lookup of the connection, or of its hooks
        by = f"with connection {shown(place.conn_id)}" if place.conn_id else "without a connection"
        raise EncordMachineError(
            f"{shown(where)} cannot be opened {by} ({type(error).__name__}: {server_text(str(error))})."
        ) from cause_of(error)


class S3Store(Store):
    """A bucket of S3, or of a store that speaks like it."""

    scheme = "s3"

    def __init__(self, place: Location) -> None:
        self._client = s3_client(place.conn_id)
        # Private, and asserted by tests: the SDK tells nobody what it logs in with, and whom it trusts.
        self._credentials = self._client._request_signer._credentials
        verify = self._client._endpoint.http_session._verify
        self.tls = verify if isinstance(verify, bool) else tls_context(verify)
        super().__init__(place)

    def _log_in(self) -> None:
        """Learn address, region and way to sign from a request of the SDK."""
        sent = self._request_of_sdk()
        parts = urlsplit(sent.url)
        self._host = parts.netloc
        self._origin, self._path = f"{parts.scheme}://{parts.netloc}", parts.path.removesuffix("k")
        self._scope, self._keys = [], None
        if login := sent.headers.get("Authorization"):
            signed = _SCOPE.match(login.decode() if isinstance(login, bytes) else login)
            if not signed or "x-amz-s3session-token" in sent.headers:
                raise Unreachable
            self._scope, self._keys = [signed[1], signed[2]], self._credentials.get_frozen_credentials()

    def _request_of_sdk(self) -> Any:
        """Return a signed request for the object "k", which is not sent."""
        from botocore.awsrequest import AWSResponse
        from urllib3 import HTTPResponse

        requests = []

        def answer(request: Any, **_: Any) -> Any:
            requests.append(request)
            return AWSResponse(request.url, 200, {}, HTTPResponse(BytesIO(), preload_content=False))

        events = self._client.meta.events
        events.register("before-send.s3.HeadObject", answer)
        try:
            self._client.head_object(Bucket=self.bucket, Key="k")
        finally:
            events.unregister("before-send.s3.HeadObject", answer)
        return requests[0]

    def _look_again(self) -> None:
        with suppress(Exception):  # if nothing is learned, the next refusal says why
            self._client.head_bucket(Bucket=self.bucket)  # the SDK then knows a bucket of another region

    def _own_proxy(self) -> str | None:
        return (self._client.meta.config.proxies or {}).get(urlsplit(self._origin).scheme)

    def ask(self, method: str, key: str) -> Ask:
        """Sign a request as AWS describes it ("Signature Version 4"), which takes the SDK several times as long."""
        path = self._path + quote(key, safe="/~")
        headers = {"Accept-Encoding": "identity"}
        if self._keys is None:
            return Ask(method, self._origin + path, headers)
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        signed = {"host": self._host, "x-amz-content-sha256": _NOTHING, "x-amz-date": now}
        if self._keys.token:
            signed["x-amz-security-token"] = self._keys.token
        names = ";".join(signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{_NOTHING}".encode()
        scope = [now[:8], *self._scope, "aws4_request"]
        signature = f"AWS4{self._keys.secret_key}".encode()
        to_sign = f"AWS4-HMAC-SHA256\n{now}\n{'/'.join(scope)}\n{hashlib.sha256(canonical).hexdigest()}"
        for part in (*scope, to_sign):
            signature = hmac.digest(signature, part.encode(), "sha256")
        signer = f"Credential={'/'.join((self._keys.access_key, *scope))}"
        headers["Authorization"] = f"AWS4-HMAC-SHA256 {signer}, SignedHeaders={names}, Signature={signature.hex()}"
        del signed["host"]
        return Ask(method, self._origin + path, {**headers, **signed})


class GoogleStore(Store):
    """A bucket of Google Cloud Storage."""

    scheme = "gs"

    def __init__(self, place: Location) -> None:
        # Private, and asserted by tests: the SDK tells nobody what it logs in with, and which endpoint it asks.
        client = gcs_client(place.conn_id)
        self._credentials = client._credentials
        self._origin = client._connection.API_BASE_URL
        super().__init__(place)

    def _log_in(self) -> None:
        from google.auth.transport.requests import Request

        # An object that is kept as gzip would come unpacked, and be of another size.
        headers = {"Accept-Encoding": "gzip"}
        self._credentials.before_request(Request(), "GET", self._origin, headers)
        self._headers = headers

    def _look_again(self) -> None:
        from google.auth.transport.requests import Request

        with suppress(Exception):  # if nothing is renewed, the next refusal says why
            self._credentials.refresh(Request())

    def ask(self, method: str, key: str, way: str = "", query: str = "") -> Ask:
        """Ask for an object."""
        path = f"{way}/storage/v1/b/{quote(self.bucket, safe='')}/o/{quote(key, safe='')}"
        return Ask(method, f"{self._origin}{path}?{query}", self._headers)

    def look(self, key: str) -> Ask:
        """Ask what an object is."""
        return self.ask("GET", key, query="fields=size,md5Hash,crc32c,etag,generation")

    def found(self, headers: Mapping[str, str], body: bytes) -> Found:
        """Read the answer to that."""
        told = json.loads(body)
        etag = told.get("md5Hash") or told.get("crc32c") or told.get("etag") or ""
        return Found(int(told["size"]), etag, str(told.get("generation") or ""))

    def read(self, key: str, found: Found) -> Ask:
        """Ask for the content of an object as it was found."""
        condition = f"&ifGenerationMatch={found.version}" if found.version else ""
        return self.ask("GET", key, "/download", f"alt=media{condition}")

    def is_changed(self, headers: Mapping[str, str], found: Found) -> bool:
        """Whether an answer brings another content than the one that was found."""
        return headers.get("X-Goog-Generation", found.version) != found.version


class AzureStore(Store):
    """A container of Azure."""

    scheme = "az"

    def __init__(self, place: Location) -> None:
        self._client = azure_client(place.conn_id, place.host)
        super().__init__(place)

    def _log_in(self) -> None:
        container = self._client.get_container_client(self.bucket)
        self._origin, _, self._query = container.url.partition("?")  # behind it: a SAS token
        self._headers = {"Accept-Encoding": "identity", "x-ms-version": container.api_version}
        credential = container.credential
        if hasattr(credential, "get_token"):
            token = credential.get_token("https://storage.azure.com/.default").token
            self._headers["Authorization"] = f"Bearer {token}"
        elif hasattr(credential, "account_key"):
            self._query = self._sas_of(credential.account_key)
        elif hasattr(credential, "signature"):
            self._query = credential.signature.lstrip("?")

    def _sas_of(self, account_key: str) -> str:
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        now = datetime.now(UTC)
        sas: str = generate_container_sas(
            self._client.account_name,
            self.bucket,
            account_key=account_key,
            permission=ContainerSasPermissions(read=True),
            start=now - timedelta(minutes=15),  # clocks differ
            expiry=now + timedelta(hours=1),
        )
        return sas

    def ask(self, method: str, key: str) -> Ask:
        """Ask for an object."""
        url = f"{self._origin}/{quote(key, safe='/~')}"
        return Ask(method, f"{url}?{self._query}" if self._query else url, self._headers)
