"""The page of the local Encord: what it tells, and what it keeps to itself. How it looks is tested in tests/browser."""

import io
import json
import re
from datetime import UTC
from urllib.parse import quote

import pytest
import requests

from airflow_provider_encord.emulator import LocalEncord

UNKNOWN = "00000000-0000-4000-8000-000000000000"
HTML = '<script>alert("owned")</script>'
SECRET = "s3cr3t"
DATA = "/_emulator/page/view"


@pytest.fixture
def get(encord):
    """Fetch without any credentials, as a browser does."""
    return lambda path, **options: requests.get(encord.url + path, timeout=30, **options)


@pytest.fixture
def shown(get):
    """Return what a page shows."""

    def fetch(path, status=200):
        answer = get(DATA + path)
        assert answer.status_code == status, answer.text
        return answer.json()

    return fetch


def section(view, name):
    (found,) = (section for section in view["sections"] if section["id"] == name)
    return found


def column(section, name):
    index = section["columns"].index(name)
    return [row["cells"][index] for row in section["rows"]]


def texts(cells):
    return [cell["text"] if isinstance(cell, dict) else cell for cell in cells]


@pytest.fixture
def dataset(official, media):
    """One of each: a video, an image with a dangerous name, a group, and data in a bucket."""
    made = official.create_dataset("Of each", 0, create_backing_folder=True)
    dataset = official.get_dataset(made.dataset_hash)
    dataset.upload_video(str(media / "clip.mp4"), title="clip.mp4")
    dataset.upload_image(media / "a.png", title=HTML)
    dataset.create_image_group([str(media / "a.png"), str(media / "b.png")], title="two", create_video=False)
    signed = f"https://bucket.s3.amazonaws.com/far.png?X-Amz-Signature={SECRET}"
    image = {"objectUrl": signed, "title": "far", "clientMetadata": {"from": signed, "html": HTML}}
    dataset.add_private_data_to_dataset(official.get_cloud_integrations()[0].id, {"images": [image]})
    return dataset


def test_it_shows_what_encords_client_shows(dataset, official, shown):
    view = shown(f"/datasets/view/{dataset.dataset_hash}")
    rows = section(view, "rows")
    listed = dataset.list_data_rows()
    assert rows["count"] == len(listed) == 4
    assert texts(column(rows, "Title")) == [row.title for row in listed]
    assert [row["key"] for row in rows["rows"]] == [row.uid for row in listed]
    sizes = [cell and int(cell["hint"].removesuffix(" bytes").replace(",", "")) for cell in column(rows, "Size")]
    assert sizes == [row.file_size for row in listed]
    squares = [f"{row.width:,} × {row.height:,}" if row.width else None for row in listed]  # noqa: RUF001
    assert [cell and cell.split(",")[0] for cell in column(rows, "Dimensions")] == squares
    moments = [int(cell["moment"]) for cell in column(rows, "Added")]
    assert moments == [int(row.created_at.replace(tzinfo=row.created_at.tzinfo or UTC).timestamp()) for row in listed]
    assert dict(view["facts"])["Holds"] == "2 images, 1 image group, 1 video"
    datasets = section(shown("/"), "datasets")
    assert texts(column(datasets, "Title")) == [found["dataset"].title for found in official.get_datasets()]
    assert column(datasets, "Data rows") == ["4"]


def hrefs(value):
    if isinstance(value, dict):
        return {entry for name, entry in value.items() if name == "href"}.union(*map(hrefs, value.values()))
    return set().union(*map(hrefs, value)) if isinstance(value, list) else set()


def test_every_link_leads_somewhere(dataset, official, encord, media, get, shown):
    top = official.create_storage_folder("top", client_metadata={"site": "north"})
    below = official.create_storage_folder("below", parent_folder=top)
    below.upload_image(media / "b.png", title="b.png")
    dataset.re_encode_data([dataset.list_data_rows()[0].uid])
    seen, waiting = set(), {"/"}
    while waiting:
        path = waiting.pop()
        seen.add(path)
        assert get(path).status_code == 200, path
        waiting |= hrefs(shown(path)) - seen
    kinds = {path.split("/")[1] for path in seen}
    assert kinds == {"", "datasets", "folders", "items", "jobs"}
    assert len([path for path in seen if path.startswith("/folders/")]) == 3
    assert len([path for path in seen if path.startswith("/jobs/")]) == len(encord.state()["jobs"]) + 1


@pytest.mark.parametrize("kind", ["datasets", "folders", "items", "jobs"])
@pytest.mark.parametrize("key", [UNKNOWN, "nope", "%3Cscript%3E", "1' OR '1'='1"])
def test_what_is_not_there_gets_a_page_too(get, shown, kind, key):
    answer = get(f"/{kind}/view/{key}")
    assert answer.status_code == 404
    assert answer.text == get("/").text
    shown(f"/{kind}/view/{key}", status=404)


def test_hashes_are_read_in_any_case(dataset, shown):
    assert shown(f"/datasets/view/{dataset.dataset_hash.upper()}")["name"] == "Of each"


def test_nothing_from_outside_runs(dataset, get, shown):
    """The document is the same for all, and may load nothing but what is this server's."""
    view = shown(f"/datasets/view/{dataset.dataset_hash}")
    assert HTML in texts(column(section(view, "rows"), "Title"))
    for path in ("/", f"/datasets/view/{dataset.dataset_hash}", f"/datasets/view/{quote(HTML, safe='')}"):
        answer = get(path)
        assert answer.text == get("/").text
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    loaded = re.findall(r'(?:src|href)="([^"]+)"', get("/").text)
    assert sorted(loaded) == [
        "/",
        *(f"/_emulator/page/{name}" for name in ("icon.svg", "icon.svg", "page.css", "page.js")),
    ]
    for path in loaded:
        assert get(path).status_code == 200
    for path in ("page.css", "page.js"):
        assert not re.search(
            r"https?://|innerHTML|insertAdjacentHTML|document\.write", get(f"/_emulator/page/{path}").text
        )
    answer = get(f"{DATA}/datasets/view/{dataset.dataset_hash}")
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_it_tells_nothing_secret(dataset, encord, official, raw, shown, get):
    key = raw.legacy(
        "datasetapikey", "POST", None, {"dataset_hash": dataset.dataset_hash, "title": "k", "scopes": ["dataset.read"]}
    )
    token = raw.v2("GET", "/v2/public/user/bearer-token").json()["token"]
    requests.get(f"{encord.url}/storage/x?signature={SECRET}", headers={"Authorization": SECRET}, timeout=30)
    encord.fault("get_dataset", status=500, body=SECRET, headers={"X-Fault": SECRET})
    seen, waiting = {}, {"/"}
    while waiting:
        path = waiting.pop()
        seen[path] = get(DATA + path).text
        waiting |= hrefs(json.loads(seen[path])) - set(seen)
    told = "\n".join(seen.values())
    assert "/storage/x" in told
    assert "X-Amz" not in told
    for secret in (SECRET, "signature=", token, key["response"]["api_key"], encord.private_key.splitlines()[2]):
        assert secret not in told, secret


def test_failed_jobs_tell_why_without_queries(raw, shown):
    dataset = raw.create_dataset()
    url = f"https://bucket.example/a b.png?sig={SECRET}"
    integration = raw.v2("GET", "/v2/public/cloud-integrations").json()["result"][0]["integrationUuid"]
    job = raw.start(
        dataset, {"files": {"images": [{"objectUrl": url}]}, "integrationId": integration, "ignoreErrors": True}
    )
    raw.poll(dataset, job)
    view = shown(f"/jobs/view/{job}")
    assert dict(view["facts"])["State"] == {"state": "DONE"}
    assert dict(view["facts"])["Units"] == "1 failed"
    (error,) = column(section(view, "errors"), "Error")
    assert "white space" in error
    assert SECRET not in json.dumps(view)


def test_the_overview(encord, raw, shown):
    dataset = raw.create_dataset(title="raw")
    encord.fault("presigned_urls", status=503, times=None, skip=2, body="not told")
    view = shown("/")
    facts = dict(view["facts"])
    assert facts["Address"] == {"code": encord.url}
    (key,) = facts["Keys"]["lines"]
    assert re.fullmatch(r"SHA256:[\w+/]{43} \([0-9a-f]{8}@local-encord.invalid\)", key["code"])
    assert section(view, "faults")["rows"][0]["cells"] == [
        {"code": "presigned_urls"},
        "answers HTTP 503",
        "every time",
        "after 2 requests",
    ]
    assert column(section(view, "requests"), "Operation") == ["create_dataset"]
    assert texts(column(section(view, "requests"), "Dataset")) == [dataset[:8]]


def test_the_fingerprint_is_that_of_ssh_keygen():
    """Of a key made for this test, as ``ssh-keygen -lf`` of OpenSSH 9 shows it."""
    from airflow_provider_encord.emulator.auth import fingerprint, user_of

    line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    assert fingerprint(user_of(line)) == "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"


def test_looking_leaves_no_trace(encord, get):
    """Neither the log nor a fault that is for every request knows of the page."""
    encord.fault(status=500, times=None)
    for path in ("/", f"/datasets/view/{UNKNOWN}", f"{DATA}/", "/_emulator/page/page.js"):
        assert get(path).status_code in (200, 404)
        assert get(path, headers={"Accept": "application/json"}).content == get(path).content
    assert encord.requests() == []
    assert get("/v2/public/datasets/list").status_code == 500


def test_long_tables_come_in_pages(encord, raw, shown):
    for number in range(45):
        raw.create_dataset(title=f"number {number}")
    first, last, beyond = (section(shown(f"/?datasets={page}"), "datasets") for page in ("1", "3", "99"))
    assert (first["count"], first["page"], first["pages"], len(first["rows"])) == (45, 1, 3, 20)
    assert texts(column(last, "Title")) == [f"number {number}" for number in (4, 3, 2, 1, 0)]
    assert beyond == last
    for page in ("0", "-1", "x", "9" * 5000):
        assert section(shown(f"/?datasets={page}"), "datasets")["page"] == 1


def test_pictures(dataset, get, shown):
    from PIL import Image

    previews = column(section(shown(f"/datasets/view/{dataset.dataset_hash}"), "rows"), "Preview")
    assert [len(cell["pictures"]) for cell in previews] == [1, 1, 2, 0]
    assert [cell["missing"] for cell in previews] == [None, None, None, "in AWS, not held here"]
    assert [cell["alt"] for cell in previews[2]["pictures"]] == ["a.png", "b.png"]
    assert previews[1]["pictures"][0]["alt"] == HTML
    for cell, size in zip(previews, [(64, 48), (32, 16), (32, 16)], strict=False):
        answer = get(cell["pictures"][0]["src"])
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert Image.open(io.BytesIO(answer.content)).size == size


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGB", "jpeg"), ("RGBA", "png"), ("P", "jpeg"), ("LA", "png"), ("I;16", "jpeg"), ("F", "jpeg")]
)
def test_pictures_are_made_of_any_image(tmp_path, mode, kind):
    from PIL import Image

    from airflow_provider_encord.emulator.page.pictures import picture

    file = tmp_path / "x.tiff"
    image = Image.new(mode, (400, 300))
    if mode == "I;16":
        image.paste(4000, (0, 0, 200, 300))
    image.save(file)
    made, media_type = picture(file, "image", 192)
    assert media_type == f"image/{kind}"
    small = Image.open(io.BytesIO(made)).convert("L")
    assert small.size == (192, 144)
    if mode == "I;16":
        assert small.getpixel((10, 10)) > 250 > 5 > small.getpixel((180, 10))


@pytest.mark.parametrize(
    "content", [b"<html><script>alert(1)</script></html>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b""]
)
def test_uploads_are_never_handed_out_as_they_are(raw, get, content):
    key = raw.upload(content, content_type="image/svg+xml")
    name = key.removeprefix("user-uploads/")
    for size in ("small", "large"):
        answer = get(f"/_emulator/page/pictures/{size}/{name}")
        assert answer.status_code == 404
        assert answer.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize(
    "path", ["small/../../x", "small/%2e%2e%2fencord.sqlite3", "huge/x", f"small/{UNKNOWN}", "nothing.js", "page.html"]
)
def test_nothing_else_can_be_fetched(get, path):
    assert get(f"/_emulator/page/{path if '.' in path and '/' not in path else 'pictures/' + path}").status_code == 404


def test_the_links_that_it_hands_out_are_its_address():
    with LocalEncord(domain_url="http://encord.example:8080/") as local:
        facts = dict(requests.get(f"{local.url}{DATA}/", timeout=30).json()["facts"])
    assert facts["Address"] == {"code": "http://encord.example:8080"}
