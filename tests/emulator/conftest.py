"""A local Encord, clients of several kinds for it, and real media to feed them with."""

import base64
import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from airflow_provider_encord.emulator import LocalEncord


class RawClient:
    """Signs by hand what it sends, so that every field of a request is the test's choice."""

    def __init__(self, url, private_key):
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.key = load_ssh_private_key(private_key.encode(), None)
        self.user = self.key.public_key().public_bytes_raw().hex()

    def sign(self, body):
        return f"{self.user}:{self.key.sign(hashlib.sha256(body).digest()).hex()}"

    def envelope(self, query_type, method, uid=None, payload=None):
        values = {"uid": uid, "payload": payload}
        return json.dumps({"query_type": query_type, "query_method": method, "values": values}).encode()

    def post(self, body, *, dataset="", authorization=None, path=None, headers=()):
        path = path or ("/public" if dataset else "/public/user")
        sent = {
            "Content-Type": "application/json",
            "ResourceType": "dataset" if dataset else "",
            "ResourceID": dataset,
            "Authorization": authorization or self.sign(body),
            **dict(headers),
        }
        return self.session.post(self.url + path, data=body, headers=sent, timeout=30)

    def legacy(self, query_type, method, uid=None, payload=None, **options):
        return self.post(self.envelope(query_type, method, uid, payload), **options).json()

    def result(self, *args, **options):
        answer = self.legacy(*args, **options)
        assert answer["status"] == 200, answer
        return answer["response"]

    def refusal(self, *args, **options):
        answer = self.legacy(*args, **options)
        assert answer["status"] != 200, answer
        (name,) = answer["response"]
        return name

    def v2_headers(self, method, target, body=b"", created=None):
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
        params = (
            f'("@method" "@request-target" "content-digest");created={int(created or time.time())}'
            f';keyid="{self.user}";alg="ed25519"'
        )
        base = f'"@method": {method}\n"@request-target": {target}\n"content-digest": {digest}\n'
        base += f'"@signature-params": {params}'
        signature = base64.b64encode(self.key.sign(base.encode())).decode()
        return {
            "Content-Digest": digest,
            "Signature-Input": f"encord-sig={params}",
            "Signature": f"encord-sig=:{signature}:",
        }

    def v2(self, method, target, body=None, headers=None):
        data = b"" if body is None else json.dumps(body).encode()
        if headers is None:
            headers = self.v2_headers(method, target, data)
        return self.session.request(method, self.url + target, data=data, headers=headers, timeout=30)

    def create_dataset(self, **given):
        answer = self.v2("POST", "/v2/public/datasets", {"title": "raw", "createBackingFolder": True, **given})
        assert answer.status_code == 200, answer.text
        return answer.json()["datasetUuid"]

    def upload(self, content, upload_type="image", content_type="image/png"):
        ticket = self.v2("GET", f"/v2/public/presigned-urls?count=1&uploadItemType={upload_type}").json()["results"][0]
        answer = self.session.put(ticket["signedUrl"], data=content, headers={"Content-Type": content_type}, timeout=30)
        assert answer.status_code == 200, answer.text
        return ticket["objectKey"]

    def start(self, dataset, payload, **options):
        job = self.result("datasetdatalongpolling", "POST", dataset, payload, dataset=dataset, **options)
        return job["process_hash"]

    def poll(self, dataset, job, seconds=10, **options):
        payload = {"process_hash": job, "timeout_seconds": seconds}
        return self.result("datasetdatalongpolling", "GET", dataset, payload, dataset=dataset, **options)

    def add(self, dataset, payload):
        return self.poll(dataset, self.start(dataset, payload))

    def rows(self, dataset):
        return self.result("datarows", "GET", None, {}, dataset=dataset)


@pytest.fixture
def encord():
    with LocalEncord() as local:
        yield local


@pytest.fixture
def raw_client():
    """Make a client for the default user of a local Encord, or for another."""
    return lambda local, key=None: RawClient(local.url, key or local.private_key)


@pytest.fixture
def raw(encord, raw_client):
    return raw_client(encord)


@pytest.fixture
def official_client():
    """Make Encord's own client; the tests that use it are skipped where it is not installed."""
    client = pytest.importorskip("encord").EncordUserClient
    return lambda local, key=None: client.create_with_ssh_private_key(key or local.private_key, domain=local.url)


@pytest.fixture
def official(encord, official_client):
    return official_client(encord)


@pytest.fixture(scope="session")
def media(tmp_path_factory):
    """Make small files that really are what they are called."""
    av = pytest.importorskip("av")
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("media")
    with av.open(str(folder / "clip.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frames = [av.VideoFrame.from_image(image.new("RGB", (64, 48), (shade * 9, 0, 0))) for shade in range(25)]
        for frame in [*frames, None]:
            for packet in stream.encode(frame):
                container.mux(packet)
    for name, size in {"a.png": (32, 16), "b.png": (32, 16), "c.png": (8, 8), "d.png": (20, 10)}.items():
        image.new("RGB", size, (10, 20, 30)).save(folder / name)
    image.new("RGB", (32, 16)).save(folder / "e.jpg")
    for name in ("1.dcm", "2.dcm"):
        (folder / name).write_bytes(bytes(128) + b"DICM" + name.encode())
    (folder / "note.txt").write_text("nothing to see", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def s3():
    """Run an S3 service with a bucket, and return its endpoint and a client."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    boto3 = pytest.importorskip("boto3")
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket="bucket")
    yield endpoint, client
    server.stop()


@pytest.fixture
def in_background():
    """Run something in a thread and return its future."""
    with ThreadPoolExecutor(8) as pool:
        yield pool.submit
