"""Signed URLs and what lies behind them."""

import http.client
from urllib.parse import urlsplit

import pytest

from airflow_provider_encord.emulator import LocalEncord, ManualClock

PNG = {"Content-Type": "image/png"}


@pytest.fixture
def ticket(raw):
    def issue(upload_type="image"):
        return raw.v2("GET", f"/v2/public/presigned-urls?count=1&uploadItemType={upload_type}").json()["results"][0]

    return issue


def code(answer):
    status = answer.status_code
    return status, answer.text.partition("<Code>")[2].partition("</Code>")[0]


def test_put_and_put_again(raw, ticket, encord):
    url = ticket()["signedUrl"]
    first, second = (raw.session.put(url, data=content, headers=PNG, timeout=10) for content in (b"one", b"two!"))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.headers["ETag"] != second.headers["ETag"]
    state = encord.state()
    assert (state["objects"], state["puts"]) == (1, 2)


def test_url_is_good_for_one_method_one_object_and_its_time(raw, ticket):
    url, other = ticket()["signedUrl"], ticket()["signedUrl"]
    put = raw.session.put
    assert code(raw.session.get(url, timeout=10)) == (403, "SignatureDoesNotMatch")
    mixed = urlsplit(url)._replace(query=urlsplit(other).query).geturl()
    assert code(put(mixed, data=b"x", headers=PNG, timeout=10)) == (403, "SignatureDoesNotMatch")
    later = url.replace("expires=1", "expires=2")
    assert code(put(later, data=b"x", headers=PNG, timeout=10)) == (403, "SignatureDoesNotMatch")
    bare = urlsplit(url)._replace(query="").geturl()
    assert code(put(bare, data=b"x", headers=PNG, timeout=10)) == (403, "SignatureDoesNotMatch")
    assert raw.session.post(url, data=b"x", timeout=10).status_code == 405


def test_url_expires(raw_client):
    clock = ManualClock(1_000_000)
    with LocalEncord(clock=clock, url_lifetime=60) as local:
        raw = raw_client(local)
        url = raw.v2("GET", "/v2/public/presigned-urls?count=1&uploadItemType=image").json()["results"][0]["signedUrl"]
        clock.advance(59)
        assert raw.session.put(url, data=b"x", headers=PNG, timeout=10).status_code == 200
        clock.advance(1)
        answer = raw.session.put(url, data=b"x", headers=PNG, timeout=10)
        assert code(answer) == (403, "AccessDenied")
        assert "expired" in answer.text


def test_encord_credentials_do_not_belong_here(raw, ticket):
    headers = {**PNG, "Authorization": "Bearer x"}
    answer = raw.session.put(ticket()["signedUrl"], data=b"x", headers=headers, timeout=10)
    assert code(answer) == (400, "InvalidArgument")


@pytest.mark.parametrize(
    ("upload_type", "content_type", "status"),
    [
        ("video", "application/octet-stream", 200),
        ("video", "image/png", 403),
        ("image", "image/jpeg", 200),
        ("image", None, 200),
        ("image", "text/html", 403),
        ("dicomFile", "application/dicom", 200),
        ("dicomFile", "video/mp4", 403),
    ],
)
def test_content_type_must_fit(raw, ticket, upload_type, content_type, status):
    headers = {"Content-Type": content_type} if content_type else {}
    answer = raw.session.put(ticket(upload_type)["signedUrl"], data=b"x", headers=headers, timeout=10)
    assert answer.status_code == status


def test_chunked_upload_is_not_implemented(raw, ticket):
    answer = raw.session.put(ticket()["signedUrl"], data=iter([b"a", b"b"]), headers=PNG, timeout=10)
    assert code(answer) == (501, "NotImplemented")


def test_length_is_required(encord, ticket):
    parts = urlsplit(ticket()["signedUrl"])
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}")
    connection.endheaders()
    assert connection.getresponse().status == 411
    connection.close()


def test_upload_that_breaks_off_leaves_nothing(encord, ticket, in_background, raw):
    parts = urlsplit(ticket()["signedUrl"])
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}")
    connection.putheader("Content-Length", "1000000")
    connection.endheaders(b"only the beginning")
    connection.close()
    assert encord.state()["objects"] == 0


def test_big_upload_arrives_whole(raw, ticket, encord):
    content = bytes(range(256)) * 20_000
    assert raw.session.put(ticket("video")["signedUrl"], data=content, timeout=30).status_code == 200
    assert encord.state()["objects"] == 1


def test_demanded_headers(raw, ticket, encord):
    encord.settings(upload_headers={"x-ms-blob-type": "BlockBlob"})
    given = ticket()
    assert given["uploadHeaders"] == {"x-ms-blob-type": "BlockBlob"}
    assert raw.session.put(given["signedUrl"], data=b"x", headers=PNG, timeout=10).status_code == 400
    headers = {**PNG, **given["uploadHeaders"]}
    assert raw.session.put(given["signedUrl"], data=b"x", headers=headers, timeout=10).status_code == 201


def test_links_have_the_wanted_base(raw_client):
    with LocalEncord(domain_url="http://encord.example:1234/") as local:
        answer = raw_client(local).v2("GET", "/v2/public/presigned-urls?count=1&uploadItemType=image").json()
        assert answer["results"][0]["signedUrl"].startswith("http://encord.example:1234/storage/user-uploads/")


def test_only_ones_own_uploads_count(encord, raw, raw_client, media):
    stranger = raw_client(encord, encord.new_user())
    key = stranger.upload((media / "a.png").read_bytes())
    dataset = raw.create_dataset()
    unused = raw.v2("GET", "/v2/public/presigned-urls?count=1&uploadItemType=image").json()["results"][0]["objectKey"]
    for url in (key, "user-uploads/never", unused):
        done = raw.add(dataset, {"dataItems": {"images": [{"objectUrl": url}]}, "ignoreErrors": False})
        assert (done["status"], done["units_error_count"]) == ("ERROR", 1)
        assert "nothing has been uploaded" in done["errors"][0]
