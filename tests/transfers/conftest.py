"""A bucket in a local S3, a local Encord, and the connections that lead to both."""

import json

import boto3
import pytest
from moto.server import ThreadedMotoServer

from airflow_provider_encord.emulator import LocalEncord
from airflow_provider_encord.hooks.encord import EncordHook


@pytest.fixture(scope="module")
def s3_url():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def local_encord():
    with LocalEncord() as local:
        yield local


@pytest.fixture
def bucket(s3_url, request):
    """The client and the name of a new bucket."""
    client = boto3.client(
        "s3", endpoint_url=s3_url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    name = f"bucket-{abs(hash(request.node.name))}"
    client.create_bucket(Bucket=name)

    def put(*keys, body=b"x"):
        for key in keys:
            client.put_object(Bucket=name, Key=key, Body=body)

    return put, name


@pytest.fixture
def encord(local_encord, s3_url, monkeypatch):
    local_encord.settings(job_seconds=0)
    local_encord.clear_faults()
    extra = {"ssh_private_key": local_encord.private_key}
    aws = {"endpoint_url": s3_url, "region_name": "us-east-1"}
    connections = {
        "ENCORD_DEFAULT": {"conn_type": "encord", "host": local_encord.url, "extra": extra},
        "AWS_DEFAULT": {"conn_type": "aws", "login": "x", "password": "x", "extra": aws},
    }
    for name, connection in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
    return local_encord


@pytest.fixture
def dataset(encord, request):
    made = EncordHook().create_dataset(request.node.name).dataset_hash
    encord.clear_requests()
    return made
