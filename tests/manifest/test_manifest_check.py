"""Manifests that are wrong, each with the place that the message names, and right ones of every kind."""

import json
import math
from types import MappingProxyType, SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_encord import manifest
from airflow_provider_encord.manifest import ManifestProblem, _rules, check

URL = "https://bucket.example/v.mp4"
SECRET = "X-Amz-Signature=c0ffee"
GROUP = {"title": "g", "objectUrl_0": "s3://b/0.png", "objectUrl_1": "s3://b/1.png"}
VIDEO = {"fps": 25.0, "duration": 12.5, "width": 1920, "height": 1080, "fileSize": 7, "mimeType": "video/mp4"}
LOOP: dict = {}
LOOP["again"] = [LOOP, LOOP]


def deep(levels: int) -> dict:
    value: dict = {}
    for _ in range(levels):
        value = {"in": value}
    return value


def bomb() -> dict:
    """A small value in memory that is larger than any memory as JSON."""
    value: list = ["x"] * 10
    for _ in range(50):
        value = [value] * 10
    return {"bomb": value}


def videos(*items: object, **flags: object) -> dict:
    return {"videos": list(items), **flags}


def video(**fields: object) -> dict:
    return videos({"objectUrl": URL, **fields})


def media(**fields: object) -> dict:
    return video(videoMetadata=fields)


def url(text: object) -> dict:
    return videos({"objectUrl": URL}, {"objectUrl": text})


def group(**fields: object) -> dict:
    return {"image_groups": [{**GROUP, **fields}]}


RIGHT = {
    "video": (video(title="v", clientMetadata={"a": [1, None, "b"]}, videoMetadata=VIDEO), 1),
    "video with snake case metadata": (media(file_size=7, mime_type="video/mp4"), 1),
    "whole number with a point": (media(width=1920.0), 1),
    "metadata of unknown names": (media(colour="red", rotation=-90), 1),
    "image": ({"images": [{"objectUrl": URL, "imageMetadata": {"width": 1, "height": 1}}]}, 1),
    "image group": (group(createVideo=False), 1),
    "image sequence": (group(createVideo=True), 1),
    "image group without createVideo": ({"image_groups": [GROUP]}, 1),
    "numbers in any order": ({"image_groups": [dict(reversed(GROUP.items()))]}, 1),
    "DICOM series": ({"dicom_series": [GROUP]}, 1),
    "audio": (
        {"audio": [{"objectUrl": URL, "audioMetadata": {"sample_rate": 44100, "bitDepth": 0, "codec": "mp3"}}]},
        1,
    ),
    "text": ({"text": [{"objectUrl": URL, "textMetadata": {"fileSize": 1, "mimeType": "text/plain"}}]}, 1),
    "PDF": ({"pdfs": [{"objectUrl": URL, "pdfMetadata": {"numPages": 3}}]}, 1),
    "PDF by its other name": ({"pdf": [{"objectUrl": URL}]}, 1),
    "NIfTI": ({"nifti": [{"objectUrl": URL}]}, 1),
    "time series": ({"time_series": [{"objectUrl": URL, "settings": {}}]}, 1),
    "scene": ({"scenes": [{"title": "s", "scene": {"lidar": {"events": [{"uri": URL}]}}}]}, 1),
    "all kinds of addresses": (
        videos(
            *({"objectUrl": each} for each in ("gs://b/k", "s3://b/a@2x.png", "https://b:443/k", URL + "?" + SECRET))
        ),
        4,
    ),
    "container in an Azure address": (url("abfss://box@account.dfs.core.windows.net/k"), 2),
    "access point": (url("s3://arn:aws:s3:eu-west-1:1:accesspoint/name/k"), 2),
    "letters beyond ASCII": (url("s3://b/\u00fc\u4e2d\U0001f469\u200d\U0001f4bb.mp4"), 2),
    "title of the longest": (video(title="\u00e9" * 300), 1),
    "same URL with skipping": (videos({"objectUrl": URL}, {"objectUrl": URL}, skip_duplicate_urls=True), 2),
    "same URL in two kinds": ({**video(), "images": [{"objectUrl": URL}]}, 2),
    "both flags": (videos({"objectUrl": URL}, skip_duplicate_urls=True, upsert_metadata=True), 1),
    "flags off": (videos({"objectUrl": URL}, skip_duplicate_urls=False, upsert_metadata=False), 1),
    "deep metadata": (video(clientMetadata=deep(manifest._rules.MAX_DEPTH - 1)), 1),
    "tuple for a list": ({"videos": ({"objectUrl": URL},)}, 1),
    "read-only mapping": (MappingProxyType(video()), 1),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_manifest_is_counted(name: str) -> None:
    content, items = RIGHT[name]
    assert check(content) == items
    json.dumps(dict(content), allow_nan=False)


WRONG = {
    # the manifest as a whole
    "no manifest": (None, "the manifest must be a JSON object"),
    "list for a manifest": ([video()], "the manifest must be a JSON object with a list per kind, not a list"),
    "text for a manifest": ("{}", "not a string"),
    "nothing": ({}, "it has no items"),
    "empty lists": ({"videos": [], "images": []}, "it has no items"),
    "flags only": ({"skip_duplicate_urls": True}, "it has no items"),
    "kind in camel case": ({"imageGroups": [GROUP]}, "imageGroups: unknown; did you mean 'image_groups'?"),
    "kind in the singular": ({"video": []}, "video: unknown; did you mean 'videos'?"),
    "kind in capitals": ({"VIDEOS": []}, "VIDEOS: unknown; did you mean 'videos'?"),
    "kind misspelt": ({"dicom_serise": []}, "dicom_serise: unknown; did you mean 'dicom_series'?"),
    "kind unlike any": ({"zzz": []}, "zzz: unknown; kinds are videos, images, image_groups"),
    "kind no text": ({7: []}, "a key of the manifest is not a string (a number)"),
    "kind null": ({None: []}, "a key of the manifest is not a string (null)"),
    "kind with a signed URL for a name": ({f"{URL}?{SECRET}": []}, f"['{URL}?...']: unknown"),
    "kind in foreign letters": ({"vide\u043es": []}, r"['vide\u043es']: unknown; did you mean 'videos'?"),
    "object for a list": ({"videos": {"objectUrl": URL}}, "videos: must be a list, not an object"),
    "text for a list": ({"images": URL}, "images: must be a list, not a string"),
    "null for a list": ({"audio": None}, "audio: must be a list, not null"),
    "flag in camel case": (
        {**video(), "skipDuplicateUrls": True},
        "skipDuplicateUrls: unknown; did you mean 'skip_dup",
    ),
    "flag as text": (
        videos({"objectUrl": URL}, skip_duplicate_urls="true"),
        "skip_duplicate_urls: must be true or false",
    ),
    "flag as number": (videos({"objectUrl": URL}, skip_duplicate_urls=1), "skip_duplicate_urls: must be true or false"),
    "flag null": (videos({"objectUrl": URL}, upsert_metadata=None), "upsert_metadata: must be true or false"),
    "flag as list": (videos({"objectUrl": URL}, upsert_metadata=[True]), "upsert_metadata: must be true or false"),
    "updating alone": (
        videos({"objectUrl": URL}, upsert_metadata=True),
        "upsert_metadata: works only together with skip_",
    ),
    "updating without skipping": (
        videos({"objectUrl": URL}, upsert_metadata=True, skip_duplicate_urls=False),
        "upsert_metadata: works only together with skip_duplicate_urls",
    ),
    # entries
    "entry a text": (videos({"objectUrl": URL}, URL), "videos[1]: must be an object, not a string"),
    "entry null": ({"nifti": [None]}, "nifti[0]: must be an object, not null"),
    "entry a list": ({"text": [[URL]]}, "text[0]: must be an object, not a list"),
    "entry empty": ({"audio": [{}]}, "audio[0].objectUrl: missing"),
    "key of an entry no text": (videos({"objectUrl": URL, 3: 4}), "videos[0]: a key is not a string (a number)"),
    "field misspelt": (videos({"objectURL": URL}), "videos[0].objectURL: unknown; did you mean 'objectUrl'?"),
    "field misspelt, and what misses": (videos({"objectURL": URL}), "videos[0].objectUrl: missing"),
    "field in snake case": (videos({"object_url": URL}), "videos[0].object_url: unknown; did you mean 'objectUrl'?"),
    "field unlike any": (
        video(frames=3),
        "videos[0].frames: unknown; fields are objectUrl, title, clientMetadata, vid",
    ),
    "field of another kind": (video(createVideo=True), "videos[0].createVideo: unknown"),
    "metadata in lower case": (
        video(videometadata={}),
        "videos[0].videometadata: unknown; did you mean 'videoMetadata'?",
    ),
    "metadata of another kind": (video(audioMetadata={}), "videos[0].audioMetadata: unknown; did you mean"),
    "numbered URL of a video": (
        videos({"objectUrl_0": URL}),
        "videos[0].objectUrl_0: unknown; did you mean 'objectUrl'?",
    ),
    "field with odd letters": (video(**{"objectUrl\n": URL}), r"videos[0]['objectUrl\n']: unknown; did you mean"),
    # URLs
    "URL null": (url(None), "videos[1].objectUrl: missing"),
    "URL empty": (url(""), "videos[1].objectUrl: missing"),
    "URL a number": (url(7), "videos[1].objectUrl: must be a string with a URL, not a number"),
    "URL a list": (url([URL]), "videos[1].objectUrl: must be a string with a URL, not a list"),
    "URL bytes": (url(b"s3://b/k"), "videos[1].objectUrl: must be a string with a URL, not a value of type bytes"),
    "path": (url("/data/v.mp4"), "videos[1].objectUrl: not a URL ('/data/v.mp4')"),
    "key": (url("bucket/key.mp4"), "videos[1].objectUrl: not a URL"),
    "address without scheme": (url("//bucket.example/v.mp4"), "videos[1].objectUrl: not a URL"),
    "one slash": (url("https:/bucket.example/v.mp4"), "videos[1].objectUrl: not a URL"),
    "scheme with a digit first": (url("3s://b/k"), "videos[1].objectUrl: not a URL"),
    "port no number": (url("https://host:port/k"), "videos[1].objectUrl: not a URL"),
    "bracket": (url("https://[b/k"), "videos[1].objectUrl: not a URL"),
    "no bucket": (url("s3:///k"), "videos[1].objectUrl: has no host or bucket"),
    "file": (url("file:///k"), "videos[1].objectUrl: has no host or bucket"),
    "port only": (url("https://:443/k"), "videos[1].objectUrl: has no host or bucket"),
    "blank": (url("s3://b/a b.mp4"), "videos[1].objectUrl: has white space; percent-encode it ('s3://b/a b.mp4')"),
    "blank before": (url(" s3://b/k"), "videos[1].objectUrl: has white space"),
    "line end": (url("s3://b/k\n"), "videos[1].objectUrl: has white space"),
    "tab": (url("s3://b/\tk"), "videos[1].objectUrl: has white space"),
    "no-break space": (url("s3://b/a\u00a0b"), "videos[1].objectUrl: has white space"),
    "zero width space": (url("s3://b/a\u200bb"), "videos[1].objectUrl: has white space"),
    "NUL": (url("s3://b/\x00"), "videos[1].objectUrl: has a control character"),
    "DEL": (url("s3://b/\x7f"), "videos[1].objectUrl: has a control character"),
    "half a character": (url("s3://b/\ud800"), "videos[1].objectUrl: has a lone surrogate"),
    "too many bytes": (url("s3://b/" + "\u00e9" * 8190), "videos[1].objectUrl: longer than 16,384 bytes"),
    "password": (url("https://me:pass@host/k"), "videos[1].objectUrl: has a user name or password"),
    "token for a user": (url("https://token@host/k"), "videos[1].objectUrl: has a user name or password"),
    "password in a bucket's address": (url("s3://id:key@b/k"), "videos[1].objectUrl: has a user name or password"),
    "same URL": (
        videos({"objectUrl": URL}, {"objectUrl": URL}),
        "videos[1].objectUrl: the same URL as videos[0].objectUrl",
    ),
    "same URL in a group": (
        group(objectUrl_1="s3://b/0.png"),
        "image_groups[0].objectUrl_1: the same URL as image_groups[0].o",
    ),
    "same URL in two series": (
        {"dicom_series": [GROUP, {"title": "h", "objectUrl_0": "s3://b/1.png"}]},
        "dicom_series[1].objectUrl_0: the same URL as dicom_series[0].objectUrl_1",
    ),
    # titles
    "title a number": (video(title=7), "videos[0].title: must be a string, not a number"),
    "title empty": (video(title=""), "videos[0].title: must not be empty"),
    "title blank": (video(title=" \n"), "videos[0].title: must not be empty"),
    "title too long": (video(title="x" * 301), "videos[0].title: longer than 300 characters"),
    "title with half a character": (video(title="\udfff"), "videos[0].title: has a lone surrogate"),
    "group without title": ({"image_groups": [{"objectUrl_0": URL}]}, "image_groups[0].title: missing"),
    "group with title null": (group(title=None), "image_groups[0].title: missing"),
    "series with blank title": ({"dicom_series": [{**GROUP, "title": " "}]}, "dicom_series[0].title: missing"),
    "series with a list for title": (
        {"dicom_series": [{**GROUP, "title": []}]},
        "dicom_series[0].title: must be a string",
    ),
    # several files
    "group without files": ({"image_groups": [{"title": "g"}]}, "image_groups[0].objectUrl_0: missing"),
    "group with one plain URL": (
        {"image_groups": [{"title": "g", "objectUrl": URL}]},
        "image_groups[0].objectUrl: unknown; did you mean 'objectUrl_0'?",
    ),
    "group from 1": (
        {"image_groups": [{"title": "g", "objectUrl_1": URL}]},
        "image_groups[0].objectUrl_0: missing; obj",
    ),
    "gap": (
        group(objectUrl_3=URL),
        "image_groups[0].objectUrl_2: missing; objectUrl_<n> must count from 0 without gaps",
    ),
    "number with a zero before": (group(objectUrl_02=URL), "image_groups[0].objectUrl_02: unknown; did you mean"),
    "number below 0": (group(**{"objectUrl_-1": URL}), "image_groups[0]['objectUrl_-1']: unknown; did you mean"),
    "number in other digits": (
        {"image_groups": [GROUP | {"objectUrl_\u0662": URL}]},
        r"image_groups[0]['objectUrl_\u0662']: unknown",
    ),
    "huge number": (group(objectUrl_99999999=URL), "image_groups[0].objectUrl_99999999: unknown"),
    "file null": (group(objectUrl_2=None), "image_groups[0].objectUrl_2: missing"),
    "file with a blank": (group(objectUrl_2="s3://b/ "), "image_groups[0].objectUrl_2: has white space"),
    "list of files": (group(objectUrls=[URL]), "image_groups[0].objectUrls: unknown; did you mean"),
    "createVideo as text": (group(createVideo="false"), "image_groups[0].createVideo: must be true or false"),
    "createVideo null": (group(createVideo=None), "image_groups[0].createVideo: must be true or false"),
    "createVideo of a series": (
        {"dicom_series": [{**GROUP, "createVideo": False}]},
        "dicom_series[0].createVideo: unknown",
    ),
    # metadata
    "metadata a text": (video(clientMetadata="{}"), "videos[0].clientMetadata: must be an object, not a string"),
    "metadata a list": (video(clientMetadata=[]), "videos[0].clientMetadata: must be an object, not a list"),
    "NaN": (video(clientMetadata={"a": [0, math.nan]}), "videos[0].clientMetadata.a[1]: must be a finite number"),
    "Infinity": (
        video(clientMetadata={"a": {"b-c": -math.inf}}),
        "videos[0].clientMetadata.a['b-c']: must be a finite",
    ),
    "key a number": (video(clientMetadata={"a": {1: 2}}), "clientMetadata.a: a key is not a string (a number)"),
    "key null": (video(clientMetadata={None: 2}), "videos[0].clientMetadata: a key is not a string (null)"),
    "bytes": (video(clientMetadata={"a": b"b"}), "videos[0].clientMetadata.a: a value of type bytes is not JSON"),
    "set": (video(clientMetadata={"a": {1}}), "videos[0].clientMetadata.a: a value of type set is not JSON"),
    "object": (
        video(clientMetadata={"a": SimpleNamespace()}),
        "videos[0].clientMetadata.a: a value of type SimpleNamesp",
    ),
    "half a character in metadata": (
        video(clientMetadata={"a": "\ud83d"}),
        "videos[0].clientMetadata.a: has a lone surrogate",
    ),
    "too large a number": (video(clientMetadata={"a": 10**5000}), "videos[0].clientMetadata.a: too large a number"),
    "too deep": (video(clientMetadata=deep(5000)), "videos[0].clientMetadata: nested deeper than 100 levels"),
    "loop": (video(clientMetadata=LOOP), "videos[0].clientMetadata: nested deeper than 100 levels"),
    "bomb": (video(clientMetadata=bomb()), "videos[0].clientMetadata: holds more than 1,000,000 values"),
    "fps 0": (media(fps=0), "videos[0].videoMetadata.fps: must be a positive number"),
    "fps NaN": (media(fps=math.nan), "videos[0].videoMetadata.fps: must be a finite number"),
    "fps a text": (media(fps="25"), "videos[0].videoMetadata.fps: must be a positive number"),
    "duration infinite": (media(duration=math.inf), "videos[0].videoMetadata.duration: must be a finite number"),
    "duration below 0": (media(duration=-1.5), "videos[0].videoMetadata.duration: must be a positive number"),
    "width true": (media(width=True), "videos[0].videoMetadata.width: must be a positive whole number"),
    "width with a fraction": (media(width=1920.5), "videos[0].videoMetadata.width: must be a positive whole number"),
    "height null": (media(height=None), "videos[0].videoMetadata.height: must be a positive whole number"),
    "file size below 0": (media(fileSize=-1), "videos[0].videoMetadata.fileSize: must be a positive whole number"),
    "file_size a text": (media(file_size="1 MB"), "videos[0].videoMetadata.file_size: must be a positive whole number"),
    "media type a number": (media(mimeType=4), "videos[0].videoMetadata.mimeType: must be a string"),
    "media type empty": (media(mime_type=""), "videos[0].videoMetadata.mime_type: must be a string"),
    "video metadata a list": (video(videoMetadata=[VIDEO]), "videos[0].videoMetadata: must be an object, not a list"),
    "image height": (
        {"images": [{"objectUrl": URL, "imageMetadata": {"height": 0}}]},
        "images[0].imageMetadata.height: must",
    ),
    "sample rate": (
        {"audio": [{"objectUrl": URL, "audioMetadata": {"sampleRate": 0}}]},
        "audio[0].audioMetadata.sampleRate",
    ),
    "bit depth": (
        {"audio": [{"objectUrl": URL, "audioMetadata": {"bit_depth": -8}}]},
        "audio[0].audioMetadata.bit_depth: mus",
    ),
    "codec": (
        {"audio": [{"objectUrl": URL, "audioMetadata": {"codec": None}}]},
        "audio[0].audioMetadata.codec: must be a st",
    ),
    "pages": (
        {"pdfs": [{"objectUrl": URL, "pdfMetadata": {"numPages": 1.5}}]},
        "pdfs[0].pdfMetadata.numPages: must be a posi",
    ),
    "settings": ({"time_series": [{"objectUrl": URL, "settings": 1}]}, "time_series[0].settings: must be an object"),
    "scene missing": ({"scenes": [{"title": "s"}]}, "scenes[0].scene: missing"),
    "scene null": ({"scenes": [{"title": "s", "scene": None}]}, "scenes[0].scene: missing"),
    "scene a text": ({"scenes": [{"title": "s", "scene": URL}]}, "scenes[0].scene: must be an object, not a string"),
    "scene without title": ({"scenes": [{"scene": {}}]}, "scenes[0].title: missing"),
}


def problem_of(content: object) -> str:
    with pytest.raises(ManifestProblem) as caught:
        check(content)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_manifest_is_refused_with_the_place(name: str) -> None:
    content, said = WRONG[name]
    assert said in problem_of(content)


def test_there_are_many_wrong_ones() -> None:
    assert len(WRONG) >= 80


def test_the_first_problems_are_shown_and_all_are_counted() -> None:
    said = problem_of({"videos": [{}] * 12_345, "images": 7})
    assert "(12,346 problems, the first 20 are)" in said
    assert "videos[19].objectUrl: missing ..." in said
    assert "videos[20]" not in said
    assert "(2 problems)" in problem_of({"videos": [{}], "images": 7})


@pytest.mark.parametrize(
    "text",
    [
        f"s3://b/a b?{SECRET}",
        f"https://[b?{SECRET}",
        f"https://host:port/k?{SECRET}",
        f"/v.mp4?{SECRET}",
        f"s3:///k#{SECRET}",
        f"https://{SECRET}:p@host/k",
        f"https://me:{SECRET}@host/k",
        f"https://me:{SECRET}/x@host/k",
        f"https://me:?{SECRET}@host/a b",
        f"me:{SECRET}@host/k",
        f"s3://b/k?{SECRET}\x00",
        f"s3://b/k?{SECRET}\ud800",
        f"https://a\u2100b/k?{SECRET}",
        f"s3://b/k?{SECRET}" + "x" * 20_000,
    ],
)
def test_no_message_shows_a_query_or_password(text: str) -> None:
    assert "videos[0].objectUrl: " in (said := problem_of({"videos": [{"objectUrl": text}]}))
    assert SECRET not in said
    assert SECRET not in problem_of({"videos": [{"objectUrl": URL, f"s3://b/k?{SECRET}": 1}]})


def test_a_repeated_url_is_named_without_it() -> None:
    assert SECRET not in problem_of(videos(*[{"objectUrl": f"{URL}?{SECRET}"}] * 2))


@pytest.mark.parametrize("text", ['{"videos": [], "videos": []}', '{"videos": [{"title": "a", "title": "b"}]}'])
def test_a_key_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(ManifestProblem, match="comes twice in one object"):
        manifest.parse(text)


KEYS = st.sampled_from(
    [*manifest.KINDS, *manifest.FLAGS, "objectUrl", "objectUrl_0", "title", "clientMetadata", "scene"]
)
TEXTS = st.text(max_size=8) | st.sampled_from([URL, "s3://b/k", "http://[", "a://b@c:d", "\ud800"]) | KEYS
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | TEXTS, inner, max_size=5),
    max_leaves=25,
)
OBJECTS = st.recursive(
    st.none()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.binary(max_size=4)
    | st.complex_numbers()
    | TEXTS
    | st.sampled_from([object(), int, LOOP, len, iter("x"), range(3), {1}, frozenset(), Ellipsis]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS | st.integers() | st.none() | st.tuples(st.integers()) | TEXTS, inner, max_size=5)
    ),
    max_leaves=25,
)


@given(JSON | OBJECTS | st.dictionaries(KEYS, st.lists(st.dictionaries(KEYS, JSON | OBJECTS))))
def test_anything_passes_or_is_a_manifest_problem(content: object) -> None:
    try:
        items = check(content)  # type: ignore[arg-type]
    except ManifestProblem as problem:
        str(problem).encode()
    else:
        assert items > 0
        json.dumps(content, allow_nan=False).encode()


BEGINNINGS = st.sampled_from(["", "s3://b/", "s3://b", "https://host/", "3s://b/", "://"])
PIECES = st.lists(
    st.sampled_from(
        [*"ab/:@?#[]% \t\x00\x7f\u00a0\u200b\u00e9\u2100\ud800", "://", ":80", ":x", "k" * 4096, "\u00e9" * 4096]
    ),
    max_size=4,
)


@given(BEGINNINGS, PIECES)
def test_a_url_that_is_plain_at_first_sight_passes_the_whole_check(beginning: str, pieces: list[str]) -> None:
    url = beginning + "".join(pieces)
    assert list(_rules._url(url)) == list(_rules._odd_url(url))


@pytest.mark.parametrize("url", [URL, "s3://b", "gs://b/k?x=1#y", "s3://b/@:[]", "https://host/\u00e9.mp4"])
def test_what_most_urls_look_like_is_plain_at_first_sight(url: str) -> None:
    assert _rules._url(url) == ()
