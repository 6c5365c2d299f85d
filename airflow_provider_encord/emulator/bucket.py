"""Private data in S3, read through boto3 from any endpoint."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from airflow_provider_encord.emulator.extras import need

_VIRTUAL_HOST = re.compile(r"(?P<bucket>.+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com")
_PATH_HOST = re.compile(r"s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com")


class Unreadable(Exception):
    """A private object that cannot be had."""


class Bucket:
    """Reads objects of any bucket at one S3 endpoint.

    :param endpoint: base URL of the S3 service
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint.rstrip("/")
        # Without credentials boto3 would look for them on the network, for seconds, at every start.
        own = any(os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"))
        dummy = {} if own else {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        config = need("botocore.config").Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"max_attempts": 2},
            s3={"addressing_style": "path"},
            signature_version="s3v4",
            max_pool_connections=16,
        )
        self._errors = need("botocore.exceptions")
        self._client: Any = (
            need("boto3")
            .session.Session()
            .client(
                "s3",
                endpoint_url=self._endpoint,
                region_name=os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
                config=config,
                **dummy,
            )
        )

    def locate(self, url: str) -> tuple[str, str]:
        """Return bucket and key of an object URL in one of the forms Encord's documentation shows."""
        bucket, key = self._place(url)
        if not key:
            raise Unreadable("the URL names no object in a bucket")
        return bucket, key

    def _place(self, url: str) -> tuple[str, str]:
        parts = urlsplit(url)
        path = parts.path.lstrip("/")
        if parts.scheme == "s3":
            # Here a key stands as it is; '?' and '#' belong to it.
            bucket, _, key = url.removeprefix("s3://").partition("/")
        elif url.startswith(f"{self._endpoint}/"):
            bucket, _, key = unquote(url.removeprefix(f"{self._endpoint}/").partition("?")[0]).partition("/")
        elif match := _VIRTUAL_HOST.fullmatch(parts.netloc):
            bucket, key = match["bucket"], unquote(path)
        elif _PATH_HOST.fullmatch(parts.netloc):
            bucket, _, key = unquote(path).partition("/")
        else:
            raise Unreadable("not the URL of an S3 object this integration can reach")
        if not bucket:
            raise Unreadable("the URL names no object in a bucket")
        return bucket, key

    def look(self, url: str) -> tuple[int, str | None]:
        """Return size and media type of an object without reading it."""
        answer = self._ask("head_object", url)
        kind = answer.get("ContentType")
        return answer["ContentLength"], None if kind in ("binary/octet-stream", "application/octet-stream") else kind

    @contextmanager
    def fetched(self, url: str) -> Iterator[Path]:
        """Lend a local copy of an object."""
        body = self._ask("get_object", url)["Body"]
        with tempfile.NamedTemporaryFile(prefix="encord-emulator-") as copy:
            for piece in body.iter_chunks(1 << 20):
                copy.write(piece)
            copy.flush()
            yield Path(copy.name)

    def pages(self, url: str, size: int) -> Iterator[list[tuple[str, int, str]]]:
        """List the objects below a folder of a bucket, page by page, each with URL, size and entity tag."""
        bucket, folder = self._place(url)
        start = url[: len(url) - len(folder)] if url.startswith("s3://") else f"{self._endpoint}/{bucket}/"
        encoded = not url.startswith("s3://")
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=folder, PaginationConfig={"PageSize": size}
        )
        with self._told():
            for page in pages:
                yield [
                    (f"{start}{quote(entry['Key']) if encoded else entry['Key']}", entry["Size"], entry["ETag"])
                    for entry in page.get("Contents", [])
                    if not entry["Key"].endswith("/")
                ]

    def signed_url(self, url: str) -> str:
        """Return a URL anyone can read the object with for an hour."""
        bucket, key = self.locate(url)
        signed: str = self._client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
        return signed

    def _ask(self, method: str, url: str) -> Any:
        bucket, key = self.locate(url)
        with self._told():
            return getattr(self._client, method)(Bucket=bucket, Key=key)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in plain words why a bucket gives no answer."""
        try:
            yield
        except self._errors.ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in ("404", "NoSuchKey", "NoSuchBucket"):
                raise Unreadable("the object does not exist") from error
            raise Unreadable(f"the object cannot be read ({code})") from error
        except (self._errors.BotoCoreError, ValueError) as error:
            raise Unreadable(f"the storage cannot be reached ({type(error).__name__})") from error
