"""The golden vectors: what Encord's own client sent, and what a stub answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_provider_encord._client.auth import (
    ApiKeyCredentials,
    BearerCredentials,
    Credentials,
    SshCredentials,
    load_private_key,
)
from airflow_provider_encord._client.errors import ErrorKind
from airflow_provider_encord._client.exchange import Account
from airflow_provider_encord._client.pages import Page
from airflow_provider_encord._client.resources.storage_location import StorageLocation
from airflow_provider_encord._client.retry import RetryPolicy
from loopback import Loopback, Received, Reply

DATA = Path(__file__).parents[1] / "data"
VECTORS = {path.stem: json.loads(path.read_text()) for path in sorted((DATA / "vectors").glob("*.json"))}
KEY = (DATA / "keys" / "TEST_ONLY_ed25519").read_text()
PROTECTED_KEY = (DATA / "keys" / "TEST_ONLY_ed25519_passphrase").read_text()
RSA_KEY = (DATA / "keys" / "TEST_ONLY_rsa_must_be_rejected").read_text()
PUBLIC_KEY = (DATA / "keys" / "TEST_ONLY_ed25519.pub").read_text()
PASSPHRASE = "test-only-passphrase"
TOKEN = "test-only-bearer-token"
API_KEY = "test-only-dataset-api-key"
TRACE = "0123456789abcdef0123456789abcdef"
CREATED = 1767323045

DATASET = "d5000000-0000-4000-8000-000000000001"
VIDEO = "da7a0000-0000-4000-8000-000000000001"
GROUP = "da7a0000-0000-4000-8000-000000000002"
INTEGRATION = "c1000000-0000-4000-8000-000000000001"
FOLDER = "f0000000-0000-4000-8000-000000000001"
JOB = "70b00000-0000-4000-8000-000000000001"
ITEM = "17e00000-0000-4000-8000-000000000001"

Vector = dict[str, Any]


class Clock:
    """A clock that only moves when somebody sleeps, or a server is said to hold a request."""

    def __init__(self, now: float = CREATED) -> None:
        self.now = now
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


class StandingClock(Clock):
    """A clock that does not move: Encord's client was recorded with one, and signatures hold the time."""

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)


def credentials(auth: str) -> Credentials:
    """Return the credentials that a vector was recorded with."""
    return {
        "ssh": SshCredentials(load_private_key(KEY)),
        "bearer": BearerCredentials(TOKEN),
        "api_key": ApiKeyCredentials(API_KEY, DATASET),
    }[auth]


def account(domain: str, clock: Callable[[], float], auth: str = "ssh", **more: Any) -> Account:
    """Return an account with everything random frozen."""
    given: dict[str, Any] = {
        "credentials": credentials(auth),
        "domain": domain,
        "agent": "test/1",
        "policy": RetryPolicy(),
        "clock": clock,
        "trace_id": lambda: TRACE,
        "jitter": lambda: 1.0,
    }
    return Account(**given | more)


class Playback:
    """Plays recorded answers: each PUT the one for its path, all other requests in the recorded order.

    :param fresh: if given, another signed URL is handed out on request, and this answers the PUT to it.
    """

    def __init__(self, loopback: Loopback, vector: Vector, plays: list[int], fresh: Reply | None = None) -> None:
        self._url = loopback.url
        self._left = [(vector["requests"][at], vector["responses"][at]) for at in plays]
        self._fresh = fresh
        self.unrecorded: list[Received] = []
        loopback.received.clear()
        loopback.respond = self.respond

    def respond(self, received: Received) -> Reply:
        for at, (request, response) in enumerate(self._left):
            if (request["method"] == "PUT") != (received.method == "PUT"):
                continue
            if (request["method"], request["path"]) == (received.method, received.path):
                del self._left[at]
                return self.reply(response)
            if received.method != "PUT":
                break
        self.unrecorded.append(received)
        if self._fresh and received.path.endswith(("/presigned-urls", "/upload-signed-urls")):
            url = {
                "itemUuid": ITEM,
                "objectKey": "user-uploads/fresh",
                "signedUrl": f"{self._url}/bucket/fresh?sig=fresh",
            }
            return Reply(body=json.dumps({"results": [url]}).encode())
        if self._fresh and received.path == "/bucket/fresh":
            return self._fresh
        return Reply(599, b"nothing is left to play")

    def reply(self, response: dict[str, Any]) -> Reply:
        if response.get("drop"):
            return Reply(cut=0)
        body = response["body"].replace("http://storage.encord.test", self._url)
        return Reply(response["status"], body.encode(), response["headers"])


# Headers that must be equal, absence included.
_API_HEADERS = (
    "accept",
    "content-type",
    "resourcetype",
    "resourceid",
    "authorization",
    "content-digest",
    "signature-input",
    "signature",
)
_PUT_HEADERS = (
    "content-type",
    "content-length",
    "transfer-encoding",
    "cache-control",
    "x-ms-blob-type",
    "authorization",
)


def assert_sent(received: Received, recorded: dict[str, Any]) -> None:
    """Compare a request with a recorded one: all that means something on the wire, to the byte."""
    assert (received.method, received.path, received.query) == (
        recorded["method"],
        recorded["path"],
        recorded["query"],
    )
    assert received.text == (recorded["body"] or "")
    theirs = {name.lower(): value for name, value in recorded["headers"].items()}
    names = _PUT_HEADERS if recorded["method"] == "PUT" else _API_HEADERS
    assert {name: received.headers.get(name) for name in names} == {name: theirs.get(name) for name in names}
    if recorded["method"] != "PUT":
        assert received.headers["x-cloud-trace-context"] == f"{TRACE}/1;o=1"
        assert received.headers["user-agent"] == "test/1"
        assert theirs.get("accept-encoding") != "gzip" or received.headers["accept-encoding"] == "gzip"
    else:
        assert "x-cloud-trace-context" not in received.headers


_OUR_NAMES = {
    "type": "storage_location",
    "dataset_type": "storage_location",
    "data_hashes_with_titles": "items",
    "data_unit_errors": "unit_errors",
    "units_pending_count": "pending",
    "units_done_count": "done",
    "units_error_count": "failed",
    "units_cancelled_count": "cancelled",
    "items_with_names": "items",
    "scan_pages_processing_pending": "pages_pending",
    "scan_pages_processing_done": "pages_done",
    "scan_pages_processing_error": "pages_failed",
    "scan_pages_processing_cancelled": "pages_cancelled",
    "upload_jobs_pending": "jobs_pending",
    "upload_jobs_done": "jobs_done",
    "upload_jobs_error": "jobs_failed",
    "upload_jobs_units_pending": "pending",
    "upload_jobs_units_done": "done",
    "upload_jobs_units_error": "failed",
    "upload_jobs_units_cancelled": "cancelled",
}
# ``user_hash`` is a filler of Encord's client, and nothing can be done with the key of an uploaded object.
_NOT_OURS = {("CreatedDataset", "user_hash"), ("DatasetInfo", "user_hash"), ("UploadedItem", "file_link")}
# How the web app draws an item is nothing for pipelines.
_NOT_OURS |= {("StorageItem", "timeseries_settings"), ("ItemSummary", "data_group")}
_NOT_OURS |= {("DatasetOfItem", "data_units_created_at"), ("FolderUploadJob", "file_name")}
_WRAPPERS = ({"dataset_data_list"}, {"process_hash"}, {"units_cancelled_count"})


def assert_read(ours: Any, theirs: Any) -> None:
    """Compare what we read from an answer with what Encord's client read."""
    if isinstance(ours, Page):
        ours = ours.results
    if isinstance(ours, Mapping) and isinstance(theirs, str):
        theirs = json.loads(theirs)
    if isinstance(theirs, dict) and set(theirs) in _WRAPPERS:
        theirs = next(iter(theirs.values()))
    if isinstance(theirs, dict) and set(theirs) == {"dataset", "user_role"}:
        theirs = theirs["dataset"] | {"user_role": {0: "admin", 1: "user", None: None}[theirs["user_role"]]}
    if is_dataclass(ours):
        for name, value in theirs.items():
            if (type(ours).__name__, name) in _NOT_OURS:
                continue
            mine = "videos" if (name, type(ours).__name__) == ("result", "ReEncodeTask") else _OUR_NAMES.get(name, name)
            assert_read(getattr(ours, mine), value)
    elif isinstance(theirs, list) or (theirs is None and ours == ()):
        assert len(ours) == len(theirs or [])
        for mine, value in zip(ours, theirs or [], strict=True):
            assert_read(mine, value)
    elif isinstance(ours, StorageLocation):
        assert ours is StorageLocation.parse(theirs)
        assert ours is not StorageLocation.UNKNOWN
    elif isinstance(ours, datetime):
        moment = datetime.fromisoformat(theirs)
        assert ours == (moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    else:
        assert ours == theirs


_INVALID = [
    "MethodNotAllowedError",
    "InvalidArgumentsError",
    "InvalidDateFormatError",
    "FileTypeNotSupportedError",
    "FileSizeNotSupportedError",
    "UploadOperationNotSupportedError",
    "WrongProjectTypeError",
    "MultiLabelLimitError",
    "CorruptedLabelError",
    "AnswerDictionaryError",
    "FeatureDoesNotExistError",
    "ModelWeightsInconsistentError",
    "ModelFeaturesInconsistentError",
    "DetectionRangeInvalidError",
]
OUR_KINDS = {
    "AuthenticationError": ErrorKind.AUTHENTICATION,
    "DuplicateSshKeyError": ErrorKind.AUTHENTICATION,
    "SshKeyNotFound": ErrorKind.KEY_NOT_FOUND,
    "AuthorisationError": ErrorKind.PERMISSION,
    "OperationNotAllowed": ErrorKind.PERMISSION,
    "ResourceNotFoundError": ErrorKind.NOT_FOUND,
    "ResourceExistsError": ErrorKind.EXISTS,
    "PayloadTooLargeError": ErrorKind.TOO_LARGE,
    "RateLimitExceededError": ErrorKind.RATE_LIMITED,
    "UnknownException": ErrorKind.SERVER,
    "GenericServerError": ErrorKind.SERVER,
    **dict.fromkeys(_INVALID, ErrorKind.INVALID),
}


def expected_kind(vector: Vector, last: dict[str, Any]) -> ErrorKind:
    """Return our kind for the exception of Encord's client; its network error covers three of ours."""
    if (raised := vector["result"]["raised"]) != "RequestException":
        return OUR_KINDS[raised]
    if last.get("drop"):
        return ErrorKind.NETWORK
    return ErrorKind.SERVER if last["status"] >= 500 else ErrorKind.FOREIGN
