"""An object has one name, whatever form its address has, and a content that can be told from another one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_encord._storage.grouping import object_url, percent_encoded
from airflow_provider_encord._storage.sources import (
    entry_name,
    is_same,
    name_of,
    note_of,
    source_of,
    title_name,
    version_of,
)

FORMS = {
    "s3://bucket/in/a b+c.mp4": [
        "s3a://bucket/in/a b+c.mp4",
        "S3://bucket/in/a b+c.mp4",
        "https://bucket.s3.amazonaws.com/in/a%20b%2Bc.mp4",
        "https://bucket.s3.amazonaws.com/in/a%20b%2bc.mp4?versionId=1#top",
        "http://bucket.s3.amazonaws.com:80/in/a%20b+c.mp4",
        "https://BUCKET.S3.amazonaws.com:443/in/a%20b+c.mp4",
        "https://bucket.s3.eu-west-1.amazonaws.com/in/a%20b+c.mp4",
        "https://bucket.s3-eu-west-1.amazonaws.com/in/a%20b+c.mp4",
        "https://bucket.s3.dualstack.us-gov-west-1.amazonaws.com/in/a%20b+c.mp4",
        "https://bucket.s3-accelerate.amazonaws.com/in/a%20b+c.mp4",
        "https://bucket.s3.cn-north-1.amazonaws.com.cn/in/a%20b+c.mp4",
        "https://s3.amazonaws.com/bucket/in/a%20b+c.mp4",
        "https://s3.eu-west-1.amazonaws.com/bucket/in/a%20b+c.mp4",
        "https://s3-eu-west-1.amazonaws.com/bucket/in%2Fa%20b+c.mp4",
    ],
    "s3://my.s3.bucket/a?.mp4": [
        "https://my.s3.bucket.s3.eu-west-1.amazonaws.com/a%3F.mp4",
        "https://s3.eu-west-1.amazonaws.com/my.s3.bucket/a%3f.mp4",
    ],
    "s3://bucket/100%25.mp4": ["https://bucket.s3.amazonaws.com/100%2525.mp4"],
    "gs://bucket/in/é.mp4": [
        "gcs://bucket/in/é.mp4",
        "https://storage.googleapis.com/bucket/in/%C3%A9.mp4",
        "https://bucket.storage.googleapis.com/in/%c3%a9.mp4",
        "https://storage.cloud.google.com/bucket/in/é.mp4",
    ],
    "https://account.blob.core.windows.net/container/in/a%20b.mp4": [
        "https://account.blob.core.windows.net/container/in/a b.mp4?sv=1&sig=x",
        "https://ACCOUNT.dfs.core.windows.net/container/in%2Fa%20b.mp4",
        "abfss://container@account.dfs.core.windows.net/in/a b.mp4",
        "abfs://container@account.dfs.core.windows.net/in/a b.mp4",
        "wasbs://container@account.blob.core.windows.net/in/a b.mp4",
    ],
    "https://minio.local:9000/bucket/a%20b.mp4": ["https://MINIO.local:9000/bucket/a b.mp4"],
    "https://cdn.example/get?key=a%20b": [],
}


@pytest.mark.parametrize(("form", "url"), [(form, url) for form, urls in FORMS.items() for url in [form, *urls]])
def test_every_form_of_an_address_is_one(form, url):
    assert source_of(url) == form


def test_other_objects_are_others():
    urls = [
        "s3://bucket/a",
        "s3://bucket/A",
        "s3://bucket/a%20b",
        "s3://bucket/a b",
        "s3://other/a",
        "gs://bucket/a",
        "https://bucket.s3.other.example/a",
        "https://mys3.amazonaws.com/a",
        "https://account.blob.core.windows.net/bucket/a",
        "https://other.blob.core.windows.net/bucket/a",
        "https://cdn.example/get?key=1",
        "https://cdn.example/get?key=2",
        "abfs://bucket/a",
        "file:///bucket/a",
        "no URL",
    ]
    assert len({source_of(url) for url in urls}) == len(urls)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50),
    st.sampled_from(["s3", "gs", "az"]),
    st.sampled_from([None, "https://x.s3.eu-west-1.amazonaws.com/{key}", "https://x.example/{bucket}?k={key}"]),
)
def test_what_is_sent_and_what_is_listed_have_one_name(key, scheme, form):
    own = f"{scheme}://x/{key}"
    if scheme == "az":
        own = f"https://account.blob.core.windows.net/x/{percent_encoded(key)}"
    sent = source_of(object_url(own, "x", key, form))
    assert source_of(sent) == sent
    if form is None:
        assert sent == own
    elif "amazonaws" in form:
        assert sent == f"s3://x/{key}"


def test_what_tells_an_address_has_it_as_its_name_and_only_the_rest_a_title():
    note = {"url": "s3://b/in/", "kind": "image_groups", "objects": 2, "digest": "x"}
    group = {"airflow_source": note}
    assert name_of("https://b.s3.amazonaws.com/a", "a", {}) == "s3://b/a"
    assert name_of("s3://b/a", "a", {"airflow_source": {"url": "s3://b/copied"}}) == "s3://b/a"
    assert name_of(None, "a", {"airflow_source": {"url": "s3://b/a"}}) == "s3://b/a"
    assert name_of(None, "in", group, grouped=True) == "image_groups s3://b/in/"
    assert name_of("https://any/thing", "in", {}, grouped=True) == name_of(None, "in", None) == title_name("in")
    assert entry_name({"title": "in", "objectUrl_0": "s3://b/in/1", "clientMetadata": group}) == name_of(
        None, "", group
    )


@pytest.mark.parametrize("note", [None, "x", [], {}, {"url": 1}, {"size": 1}])
def test_what_people_make_of_a_note_is_no_source(note):
    assert note_of({"airflow_source": note}) == {}
    assert name_of("s3://b/a", "t", {"airflow_source": note}) == "s3://b/a"
    assert version_of(note_of({"airflow_source": note})) == ""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"size": 1, "etag": "a"}, {"size": 1, "etag": "a"}, True),
        ({"size": 1, "etag": "a"}, {"size": 1, "etag": "b"}, False),
        ({"size": 1, "etag": "a"}, {"size": 2, "etag": "a"}, False),
        ({"size": 1}, {"size": 1, "etag": "b"}, True),
        ({"size": 1}, {"size": 2}, False),
        ({}, {"size": 2}, True),
        ({"digest": "a"}, {"digest": "b"}, False),
        ({"digest": "a"}, {"digest": "a"}, True),
        ({"size": 1, "etag": "a", "md5": "m"}, {"size": 1, "etag": "b", "md5": "m"}, True),
        ({"size": 1, "etag": "a", "md5": "m"}, {"size": 1, "etag": "a", "md5": "n"}, False),
        ({"size": 1, "etag": "a", "md5": "m"}, {"size": 2, "etag": "a", "md5": "m"}, False),
        ({"size": 1, "etag": "a", "md5": "m"}, {"size": 1, "etag": "a"}, True),
        ({"size": 1, "etag": "a", "md5": "m"}, {"size": 1, "etag": "b"}, False),
        ({"size": 1, "md5": "m"}, {"size": 1, "etag": "b"}, True),
        ({"digest": "a", "md5": "m"}, {"digest": "b", "md5": "m"}, True),
        ({"digest": "a", "md5": "m"}, {"digest": "b", "md5": "n"}, False),
        ({"digest": "a", "md5": "m"}, {"digest": "a"}, True),
        ({"digest": "a", "md5": "m"}, {"digest": "b"}, False),
    ],
)
def test_contents_are_told_apart_where_both_are_known(one, other, same):
    assert is_same(version_of(one), version_of(other)) is is_same(version_of(other), version_of(one)) is same
