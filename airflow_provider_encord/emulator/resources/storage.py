"""Object storage behind signed URLs: strict like the real ones about method, lifetime and headers."""

import asyncio
import hashlib
import hmac
import secrets
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote
from xml.sax.saxutils import escape

from aiohttp import web

from airflow_provider_encord.emulator.bucket import Bucket, Unreadable
from airflow_provider_encord.emulator.clock import Clock
from airflow_provider_encord.emulator.placeholders import Placeholders
from airflow_provider_encord.emulator.settings import Settings
from airflow_provider_encord.emulator.state_directory import private_opener
from airflow_provider_encord.emulator.store import Store

UPLOAD_TYPES: dict[str, tuple[str, ...]] = {
    "video": ("application/octet-stream", "video/"),
    # As DICOM: so it sends the images of a group that is to go into a folder.
    "image": ("image/", "application/octet-stream", "application/dicom"),
    "dicomFile": ("application/dicom", "application/octet-stream"),
    "audio": ("application/octet-stream", "audio/"),
    "nifti": ("application/",),
    "pdf": ("application/pdf", "application/octet-stream"),
    "plainText": ("text/", "application/"),
    "timeseries": ("text/", "application/"),
    "scene": ("application/", "text/", "model/"),
}
"""Upload types Encord's client 0.1.211 asks URLs for, and how the Content-Type of the upload may begin."""

URLS_PER_REQUEST = 200
"""The most URLs Encord's client 0.1.211 asks for at once."""

METADATA = "client-metadata/"
"""What the key of an item's client metadata begins with."""

OPERATIONS = frozenset({"storage_put", "storage_get"})

_PIECE = 1 << 20


@dataclass(frozen=True)
class StoredObject:
    """An uploaded file."""

    key: str
    uuid: str
    type: str
    size: int
    path: Path
    folder: str | None
    """Where it is to become an item, if its URL was asked for a folder."""


class StorageError(Exception):
    """What object storage answers when it says no."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code

    def response(self) -> web.Response:
        """Return the answer, in the form S3 gives it."""
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{self.code}</Code><Message>{escape(str(self))}</Message></Error>"
        )
        response = web.Response(status=self.status, text=body, content_type="application/xml")
        # The body of a refused upload is not read, so the connection is of no more use.
        response.force_close()
        return response


class Storage:
    """Uploaded objects and the URLs that lead to them."""

    def __init__(
        self, store: Store, placeholders: Placeholders, settings: Settings, clock: Clock, bucket: Bucket | None
    ) -> None:
        self.base_url = ""
        self._store = store
        self._placeholders = placeholders
        self._settings = settings
        self._clock = clock
        self._bucket = bucket
        self._secret = store.secret

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; their names are the names of the operations."""
        return [
            web.put("/storage/{key:.+}", self.put, name="storage_put"),
            web.get("/storage/{key:.+}", self.get, name="storage_get", allow_head=False),
        ]

    def issue(self, user: str, upload_type: str, count: int, folder: str | None = None) -> list[dict[str, object]]:
        """Hand out URLs to upload to; with a folder, what is uploaded is to become an item of it."""
        tickets = [(f"user-uploads/{name}", name) for name in (str(uuid.uuid4()) for _ in range(count))]
        with self._store.transaction():
            self._store.run_many(
                "INSERT INTO objects (key, uuid, owner, type, folder) VALUES (?, ?, ?, ?, ?)",
                [(key, name, user, upload_type, folder) for key, name in tickets],
            )
            if self._settings.placeholders_from == "url":
                self._placeholders.announce([name for _, name in tickets])
        return [
            {
                "itemUuid": name,
                "objectKey": key,
                "signedUrl": self._signed_url("PUT", key),
                "uploadHeaders": self._settings.upload_headers,
            }
            for key, name in tickets
        ]

    def text_url(self, key: str) -> str:
        """Return a URL under which the client metadata of an item can be read."""
        return self._signed_url("GET", f"{METADATA}{key}")

    def download_url(self, url: str, storage_location: int) -> str:
        """Return a URL that can be read without credentials, as far as there is one."""
        if storage_location == 0:
            return self._signed_url("GET", url)
        if self._bucket and storage_location == 1:
            try:
                return self._bucket.signed_url(url)
            except Unreadable:
                pass
        return url

    def find(self, user: str, key: str) -> StoredObject | None:
        """Return what this user uploaded under a key."""
        return self._stored(
            self._store.one("SELECT * FROM objects WHERE key = ? AND owner = ? AND size IS NOT NULL", (key, user))
        )

    def find_item(self, user: str, item: str) -> StoredObject | None:
        """Return what this user uploaded for an item that was announced with the URL."""
        return self._stored(
            self._store.one("SELECT * FROM objects WHERE uuid = ? AND owner = ? AND size IS NOT NULL", (item, user))
        )

    def forget(self, keys: Sequence[str]) -> list[Path]:
        """Remove objects from the books; the caller unlinks the files once that is committed."""
        paths = []
        for key in keys:
            name = self._store.value("SELECT uuid FROM objects WHERE key = ?", (key,))
            if name is not None:
                self._store.run("DELETE FROM objects WHERE key = ?", (key,))
                paths.append(self._path(name))
        return paths

    async def put(self, request: web.Request) -> web.StreamResponse:
        """Take an upload, piece by piece."""
        try:
            row = await asyncio.to_thread(self._admit, request)
            self._check_upload_headers(request, row[1])
            etag = await self._receive(request, row[0])
        except StorageError as error:
            return error.response()
        status = 201 if self._settings.upload_headers.get("x-ms-blob-type") else 200
        return web.Response(status=status, headers={"ETag": f'"{etag}"'})

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Hand out an object."""
        try:
            if (text := await asyncio.to_thread(self._metadata, request)) is not None:
                return web.Response(text=text, content_type="application/json")
            name, _, content_type = await asyncio.to_thread(self._admit, request)
            if content_type is None:
                raise StorageError(404, "NoSuchKey", "The specified key does not exist.")
        except StorageError as error:
            return error.response()
        return web.FileResponse(self._path(name), headers={"Content-Type": content_type})

    def _stored(self, row: sqlite3.Row | None) -> StoredObject | None:
        if row is None:
            return None
        name = row["uuid"]
        return StoredObject(row["key"], name, row["type"], row["size"], self._path(name), row["folder"])

    def _path(self, name: str) -> Path:
        return self._store.objects / name

    def _signature(self, method: str, key: str, expires: str) -> str:
        return hmac.new(self._secret, f"{method}\n{key}\n{expires}".encode(), hashlib.sha256).hexdigest()

    def _signed_url(self, method: str, key: str) -> str:
        expires = f"{self._clock.time() + self._settings.url_lifetime:.3f}"
        return (
            f"{self.base_url}/storage/{quote(key)}?expires={expires}&signature={self._signature(method, key, expires)}"
        )

    def _metadata(self, request: web.Request) -> str | None:
        """Return the client metadata that a URL leads to, None if it leads to an object."""
        key = request.match_info["key"]
        if not key.startswith(METADATA):
            return None
        self._check_signature(request, key)
        text: str | None = self._store.value(
            "SELECT client_metadata FROM items WHERE uuid = ?", (key.removeprefix(METADATA),)
        )
        if text is None:
            raise StorageError(404, "NoSuchKey", "The specified key does not exist.")
        return text

    def _admit(self, request: web.Request) -> tuple[str, str, str | None]:
        """Check the URL and return name, upload type and content type of the object it leads to."""
        key = request.match_info["key"]
        self._check_signature(request, key)
        row = self._store.one("SELECT uuid, type, content_type FROM objects WHERE key = ?", (key,))
        if row is None:
            raise StorageError(404, "NoSuchKey", "The specified key does not exist.")
        return row["uuid"], row["type"], row["content_type"]

    def _check_signature(self, request: web.Request, key: str) -> None:
        expires = request.query.get("expires", "")
        signature = request.query.get("signature", "")
        if "Authorization" in request.headers:
            raise StorageError(400, "InvalidArgument", "Only one auth mechanism allowed: the URL is signed already")
        if not hmac.compare_digest(signature.encode(), self._signature(request.method, key, expires).encode()):
            raise StorageError(403, "SignatureDoesNotMatch", "The signature does not fit this method and object.")
        if self._clock.time() >= float(expires):
            raise StorageError(403, "AccessDenied", "Request has expired")

    def _check_upload_headers(self, request: web.Request, upload_type: str) -> None:
        if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
            # Encord's client sends an empty file this way; S3 refuses it with these words.
            raise StorageError(
                501, "NotImplemented", "A header you provided implies functionality that is not implemented"
            )
        if "Content-Length" not in request.headers:
            raise StorageError(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        content_type = request.headers.get("Content-Type")
        if content_type is not None and not content_type.lower().startswith(UPLOAD_TYPES[upload_type]):
            raise StorageError(
                403, "SignatureDoesNotMatch", f"The URL was signed for {upload_type}, not for {content_type}"
            )
        for name, value in self._settings.upload_headers.items():
            if request.headers.get(name) != value:
                raise StorageError(400, "MissingRequiredHeader", f"The URL was signed with the header {name}")

    async def _receive(self, request: web.Request, name: str) -> str:
        part = self._path(f"{name}.{secrets.token_hex(4)}.part")
        size = 0
        digest = hashlib.md5(usedforsecurity=False)
        file: IO[bytes] = await asyncio.to_thread(open, part, "wb", opener=private_opener)
        try:
            with file:
                async for piece in request.content.iter_chunked(_PIECE):
                    size += len(piece)
                    await asyncio.to_thread(file.write, piece)
                    digest.update(piece)
            if size != request.content_length:
                raise StorageError(400, "IncompleteBody", "You did not provide the number of bytes you announced")
            content_type = request.headers.get("Content-Type", "binary/octet-stream")
            await asyncio.to_thread(self._keep, part, name, size, content_type, digest.hexdigest())
        finally:
            part.unlink(missing_ok=True)
        return digest.hexdigest()

    def _keep(self, part: Path, name: str, size: int, content_type: str, etag: str) -> None:
        with self._store.transaction():
            kept = self._store.run(
                "UPDATE objects SET size = ?, content_type = ?, etag = ?, puts = puts + 1 WHERE uuid = ?",
                (size, content_type, etag, name),
            ).rowcount
            if not kept:
                raise StorageError(404, "NoSuchKey", "The specified key does not exist.")
            if self._settings.placeholders_from == "upload":
                self._placeholders.announce([name])
            part.replace(self._path(name))
