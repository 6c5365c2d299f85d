"""A bucket in a local S3, and the connection that leads to it."""

import json

import boto3
import pytest
from moto.server import ThreadedMotoServer


@pytest.fixture(scope="session")  # Airflow keeps a connection's file system for the life of the process
def s3_url():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


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
def encord(encord, s3_url, monkeypatch):
    """The same, with the connection to the S3."""
    extra = {"endpoint_url": s3_url, "region_name": "us-east-1"}
    aws = {"conn_type": "aws", "login": "x", "password": "x", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(aws))
    return encord
