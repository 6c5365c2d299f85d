"""What leans on private parts of other packages: one check for each, which fails with the name of what moved.

A part that nobody documents may move in any release of its package. Each is listed with where it is used, and with why
nothing public does.
"""

from __future__ import annotations

import ast
import http.client
import inspect
import io
import socket
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
import urllib3
from airflow import __version__ as airflow_version
from requests.adapters import HTTPAdapter

import airflow_provider_encord
from airflow_provider_encord._compat import _MASKERS, BaseOperator, BaseSensorOperator
from buckets import bring_clouds

ROOT = Path(airflow_provider_encord.__file__).parent
AIRFLOW = tuple(map(int, airflow_version.split(".")[:2]))
ANY, SDK = (2, 0), (3, 0)


@dataclass(frozen=True)
class Part:
    """A private part.

    :param name: as its package calls it.
    :param used_in: our file.
    :param word: what in that file leans on it.
    :param works: whether it still does what is needed.
    :param since: the first release of Airflow that has it.
    :param until: the last one.
    """

    name: str
    used_in: str
    word: str
    works: Callable[[], Any]
    since: tuple[int, int] = ANY
    until: tuple[int, int] = (9, 9)


def masker() -> Any:
    # Each name is that of one range of releases: the first one that there is must be the one that masks logs.
    expected = _MASKERS[0 if AIRFLOW >= (3, 1) else 1 if AIRFLOW >= (3, 0) else 2]
    found = import_module(expected)._secrets_masker()
    found.add_mask(["only-for-this-test"])
    return "only-for-this-test" not in str(found.redact("it is only-for-this-test"))


def airflow_code(module: str, *path: str) -> Any:
    found: Any = import_module(module)
    for name in path:
        found = getattr(found, name)
    return found


def calls(code: Any, name: str) -> bool:
    return name in code.__code__.co_names


def mapped_operator() -> Any:
    module = "airflow.sdk.definitions.mappedoperator" if AIRFLOW >= SDK else "airflow.models.mappedoperator"
    return airflow_code(module, "MappedOperator")


def response_reads_from_its_file() -> bool:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        response = http.client.HTTPResponse(ours)
        assert isinstance(response.fp, io.BufferedReader)
        theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        response.fp = io.BufferedReader(response.fp.detach())  # type: ignore[arg-type]
        response.begin()
        return response.read() == b"ok" and response.msg.defects == [] and callable(response.msg.set_payload)


def payload_has_its_size() -> bool:
    class Body(aiohttp.payload.Payload):
        def __init__(self) -> None:
            super().__init__(None)
            self._size = 7

        def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
            return ""

        async def write(self, writer: Any) -> None:
            return None

    return Body().size == 7


def request_writes_its_payload() -> bool:
    module = import_module("aiohttp.client_reqrep")
    return "write_with_length" in inspect.getsource(module) and hasattr(aiohttp.payload.Payload, "write_with_length")


TOTAL_TIMEOUT, SYNC = "_client/transport/total_timeout.py", "_client/transport/sync_transport.py"
UPLOADER, NETWORK = "_client/transport/uploader.py", "_client/transport/network.py"
RUNNER = "airflow.sdk.execution_time.task_runner"
SUPERVISOR = "airflow.sdk.execution_time.supervisor"


def event_of_any_service_comes_first() -> bool:
    from botocore.hooks import HierarchicalEmitter

    order: list[str] = []
    events = HierarchicalEmitter()
    events.register_first("before-parse.s3.*", lambda **_: order.append("boto3's own"))
    events.register("before-parse.*.ListObjectsV2", lambda **_: order.append("ours"))
    events.emit("before-parse.s3.ListObjectsV2")
    return order == ["ours", "boto3's own"]


def pipeline_of_a_container() -> Any:
    bring_clouds()
    from azure.storage.blob import ContainerClient

    return ContainerClient("https://account.blob.core.windows.net", "container")._pipeline.run


def s3_client_shows_login_and_trust() -> Any:
    import boto3

    client = boto3.Session("key id", "secret").client("s3", region_name="us-east-1", verify="/ca.pem")
    return (
        client._request_signer._credentials.get_frozen_credentials().secret_key == "secret"
        and client._endpoint.http_session._verify == "/ca.pem"
    )


def google_client_shows_login_and_endpoint() -> Any:
    bring_clouds()
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client

    login = AnonymousCredentials()
    client = Client(project="test", credentials=login, client_options={"api_endpoint": "http://127.0.0.1:9"})
    return client._credentials is login and client._connection.API_BASE_URL == "http://127.0.0.1:9"


def azure_client_shows_login() -> Any:
    bring_clouds()
    from azure.core.credentials import AzureSasCredential
    from azure.storage.blob import ContainerClient

    url = "https://account.blob.core.windows.net"
    with_key = ContainerClient(url, "container", credential="a2V5")
    with_token = ContainerClient(url, "container", credential=AzureSasCredential("sig=x"))
    return with_key.credential.account_key == "a2V5" and with_token.credential.signature == "sig=x"


STORES = "_storage/stores.py"
PARTS = [
    # Objects are asked for on an event loop, with what the SDKs would log in with.
    Part(
        "boto3's client._request_signer._credentials and _endpoint.http_session._verify",
        STORES,
        "_request_signer._credentials",
        s3_client_shows_login_and_trust,
    ),
    Part(
        "Google's client._credentials and _connection.API_BASE_URL",
        STORES,
        "_connection.API_BASE_URL",
        google_client_shows_login_and_endpoint,
    ),
    Part(
        "the credential of Azure's clients, with account_key or signature",
        STORES,
        "credential.account_key",
        azure_client_shows_login,
    ),
    # In public, boto3 makes a dict of each object of a listing, and Azure's client an object with 40 fields.
    Part(
        "the order of boto3's events",
        "_storage/listing.py",
        '"before-parse.*.ListObjectsV2"',
        event_of_any_service_comes_first,
    ),
    Part("Azure's ContainerClient._pipeline", "_storage/listing.py", "_pipeline.run(request)", pipeline_of_a_container),
    # The public functions that mask secrets also send a message, which an event loop must not wait for.
    Part("Airflow's _secrets_masker().add_mask", "_compat.py", "_secrets_masker().add_mask", masker),
    # Nothing public tells whether a task runs in `dag.test`.
    Part(
        f"{RUNNER}.SUPERVISOR_COMMS",
        "_compat.py",
        '"SUPERVISOR_COMMS"',
        lambda: "SUPERVISOR_COMMS" in airflow_code(RUNNER).__annotations__,
        since=SDK,
    ),
    Part(
        f"{SUPERVISOR}.InProcessSupervisorComms",
        "_compat.py",
        '"InProcessSupervisorComms"',
        lambda: hasattr(airflow_code(SUPERVISOR), "InProcessSupervisorComms"),
        since=SDK,
    ),
    Part(
        "airflow.sdk.execution_time.comms.CommsDecoder.asend",
        "_compat.py",
        '"asend"',
        lambda: airflow_code("airflow.sdk.execution_time.comms", "CommsDecoder", "asend"),
        since=(3, 1),
    ),
    # Airflow says of a connection in a secrets backend that fails what it says of one that is not there.
    Part(
        f"{SUPERVISOR}.ensure_secrets_backend_loaded",
        "_compat.py",
        "ensure_secrets_backend_loaded",
        lambda: airflow_code(SUPERVISOR, "ensure_secrets_backend_loaded")(),
        since=SDK,
    ),
    Part(
        "airflow.configuration.ensure_secrets_loaded",
        "_compat.py",
        "ensure_secrets_loaded",
        lambda: airflow_code("airflow.configuration", "ensure_secrets_loaded")(),
        until=(2, 11),
    ),
    Part(
        "airflow.sdk.execution_time.comms.GetConnection, and ErrorType.CONNECTION_NOT_FOUND",
        "_compat.py",
        '"CONNECTION_NOT_FOUND"',
        lambda: (
            airflow_code("airflow.sdk.execution_time.comms", "GetConnection")(conn_id="c")
            and airflow_code("airflow.sdk.execution_time.comms", "ErrorResponse").model_fields["error"]
            and airflow_code("airflow.sdk.exceptions", "ErrorType", "CONNECTION_NOT_FOUND").value
            == "CONNECTION_NOT_FOUND"
        ),
        since=SDK,
    ),
    # Of all that renders, only this is called for mapped tasks, too.
    Part(
        "BaseOperator._do_render_template_fields(parent, ...)",
        "_airflow/masked_rendering.py",
        "_do_render_template_fields(parent, *args",
        lambda: list(inspect.signature(BaseOperator._do_render_template_fields).parameters)[:2] == ["self", "parent"],
    ),
    Part(
        "MappedOperator.render_template_fields calls _do_render_template_fields",
        "_airflow/masked_rendering.py",
        "_do_render_template_fields",
        lambda: calls(mapped_operator().render_template_fields, "_do_render_template_fields"),
    ),
    # A sensor's own one turns every error into a skip under soft_fail.
    Part(
        "BaseSensorOperator.resume_execution(next_method, next_kwargs, context)",
        "sensors/encord.py",
        "resume_execution(self, next_method, next_kwargs, context)",
        lambda: (
            "resume_execution" in BaseSensorOperator.__dict__
            and list(inspect.signature(BaseOperator.resume_execution).parameters)
            == ["self", "next_method", "next_kwargs", "context"]
        ),
    ),
    # Airflow 2's form keeps a stored secret only if its field comes back with this text.
    Part(
        "the placeholder of airflow.www.views",
        "_airflow/connection_form.py",
        "RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER",
        lambda: "RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER" in inspect.getsource(import_module("airflow.www.views")),
        until=(2, 11),
    ),
    # requests has no time limit for a whole answer; these let each read of a socket have what time is left.
    Part(
        "http.client.HTTPResponse.fp and begin",
        TOTAL_TIMEOUT,
        "self.fp.detach()",
        response_reads_from_its_file,
    ),
    Part(
        "http.client.HTTPConnection.getresponse makes a response_class",
        TOTAL_TIMEOUT,
        '{"response_class": _LimitedResponse}',
        lambda: calls(http.client.HTTPConnection.getresponse, "response_class"),
    ),
    Part(
        "urllib3's pools make a ConnectionCls",
        TOTAL_TIMEOUT,
        "pool.ConnectionCls",
        lambda: (
            calls(urllib3.HTTPConnectionPool._new_conn, "ConnectionCls")
            and calls(urllib3.HTTPSConnectionPool._new_conn, "ConnectionCls")
            and issubclass(urllib3.HTTPSConnectionPool.ConnectionCls, http.client.HTTPConnection)
        ),
    ),
    Part(
        "requests' HTTPAdapter.send calls get_connection_with_tls_context",
        TOTAL_TIMEOUT,
        "get_connection_with_tls_context",
        lambda: calls(HTTPAdapter.send, "get_connection_with_tls_context"),
    ),
    # Even if redirects are not followed, requests parses where they lead.
    Part(
        "requests' Session.resolve_redirects calls get_redirect_target",
        SYNC,
        "get_redirect_target",
        lambda: calls(requests.Session.resolve_redirects, "get_redirect_target"),
    ),
    # Both transports must find the same CAs and the same proxy.
    *(
        Part(f"requests.utils.{name}", NETWORK, name, lambda name=name: hasattr(requests.utils, name))  # type: ignore[misc]
        for name in ("DEFAULT_CA_BUNDLE_PATH", "get_environ_proxies", "select_proxy")
    ),
    # A body that is read from a file in blocks, with its size known.
    Part("aiohttp.payload.Payload._size", UPLOADER, "self._size = file.size", payload_has_its_size),
    Part("aiohttp's requests call write_with_length", UPLOADER, "write_with_length", request_writes_its_payload),
    Part(
        "Enum._value2member_map_",
        "_client/resources/storage_location.py",
        "_value2member_map_",
        lambda: Enum("Any", {"A": 1})._value2member_map_.keys() == {1},
    ),
    Part(
        "zlib._Decompress",
        "_client/transport/response_body.py",
        "zlib._Decompress",
        lambda: type(zlib.decompressobj()).__name__.endswith("Decompress"),
    ),
]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_private_part_is_where_it_was(part: Part) -> None:
    assert part.word in (ROOT / part.used_in).read_text(), f"{part.name} is used in {part.used_in} no more"
    if not part.since <= AIRFLOW <= part.until:
        pytest.skip(f"not on Airflow {airflow_version}")
    try:
        works = part.works()
    except (ImportError, AttributeError, TypeError, AssertionError) as error:
        works, moved = False, f" ({type(error).__name__}: {error})"
    else:
        moved = ""
    assert works, f"{part.name} moved{moved}; {part.used_in} leans on it"


def test_all_private_parts_are_listed() -> None:
    """Whatever begins with an underscore and is defined nowhere in the package belongs to somebody else."""
    used, own = {}, {"_replace"}  # a named tuple's, and documented
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                own.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                own.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                own.add(node.attr)
            elif isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                used[node.attr] = path
    listed = " ".join(part.name for part in PARTS)
    unlisted = {name: str(path) for name, path in used.items() if name not in own and name not in listed}
    assert not unlisted
