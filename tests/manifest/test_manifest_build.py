"""What the builder takes, the checker takes; what the checker refuses, the builder refuses at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_encord import manifest
from airflow_provider_encord.manifest import ManifestBuilder, ManifestProblem, check, make

URL = "s3://bucket/key"


def test_every_form_of_entry() -> None:
    built = (
        ManifestBuilder()
        .video(URL, "v", client_metadata={"a": 1}, video_metadata={"fps": 25})
        .image(URL, image_metadata={"width": 1})
        .image_group([URL + "1", URL + "2"], "g")
        .image_group(iter([URL + "3"]), "h", create_video=True, client_metadata={"b": 2})
        .dicom_series([URL], "d", client_metadata={"c": 3})
        .audio(URL, audio_metadata={"codec": "mp3"})
        .text(URL, text_metadata={"file_size": 1})
        .pdf(URL, pdf_metadata={"num_pages": 1})
        .add("nifti", {"objectUrl": URL})
        .build()
    )
    assert built == {
        "videos": [{"objectUrl": URL, "title": "v", "clientMetadata": {"a": 1}, "videoMetadata": {"fps": 25}}],
        "images": [{"objectUrl": URL, "imageMetadata": {"width": 1}}],
        "image_groups": [
            {"title": "g", "createVideo": False, "objectUrl_0": URL + "1", "objectUrl_1": URL + "2"},
            {"title": "h", "createVideo": True, "clientMetadata": {"b": 2}, "objectUrl_0": URL + "3"},
        ],
        "dicom_series": [{"title": "d", "clientMetadata": {"c": 3}, "objectUrl_0": URL}],
        "audio": [{"objectUrl": URL, "audioMetadata": {"codec": "mp3"}}],
        "text": [{"objectUrl": URL, "textMetadata": {"file_size": 1}}],
        "pdfs": [{"objectUrl": URL, "pdfMetadata": {"num_pages": 1}}],
        "nifti": [{"objectUrl": URL}],
        "skip_duplicate_urls": True,
    }
    assert check(built) == 9


def test_flags() -> None:
    assert ManifestBuilder(upsert_metadata=True).video(URL).build()["upsert_metadata"] is True
    assert ManifestBuilder(skip_duplicate_urls=False).video(URL).build()["skip_duplicate_urls"] is False
    with pytest.raises(ManifestProblem, match="upsert_metadata: works only"):
        ManifestBuilder(skip_duplicate_urls=False, upsert_metadata=True)
    with pytest.raises(ManifestProblem, match="skip_duplicate_urls: must be"):
        ManifestBuilder(skip_duplicate_urls="no")  # type: ignore[arg-type]


def test_a_refused_entry_is_named_and_not_taken() -> None:
    builder = ManifestBuilder(skip_duplicate_urls=False).video(URL)
    for wrong, said in [
        (lambda: builder.video("nowhere"), r"videos\[1\].objectUrl: not a URL"),
        (lambda: builder.video(None), r"videos\[1\].objectUrl: missing"),  # type: ignore[arg-type]
        (lambda: builder.video(URL), r"videos\[1\].objectUrl: the same URL as videos\[0\].objectUrl"),
        (lambda: builder.video(URL + "2", client_metadata=7), r"videos\[1\].clientMetadata: must be an object"),
        (lambda: builder.video(URL + "2", video_metadata={"fps": -1}), r"videos\[1\].videoMetadata.fps: must be"),
        (lambda: builder.image_group([URL, None], "g"), r"image_groups\[0\].objectUrl_1: missing"),
        (lambda: builder.image_group([], "g"), r"image_groups\[0\].objectUrl_0: missing"),
        (lambda: builder.image_group([URL], ""), r"image_groups\[0\].title: missing"),
        (lambda: builder.image_group(URL, "g"), "image_groups: the URLs must be a list, not a string"),
        (lambda: builder.dicom_series(None, "g"), "dicom_series: the URLs must be a list, not null"),
        (lambda: builder.add("movies", {}), "movies: unknown"),
        (lambda: builder.add(["videos"], {}), "not a string"),
        (lambda: builder.add("videos", [URL]), r"videos\[1\]: must be an object"),
    ]:
        with pytest.raises(ManifestProblem, match=said):
            wrong()
    assert check(builder.video(URL + "2").build()) == 2


def test_a_group_always_says_whether_it_is_a_sequence() -> None:
    with pytest.raises(ManifestProblem, match="createVideo: must be true or false"):
        ManifestBuilder().image_group([URL], "g", create_video=None)  # type: ignore[arg-type]


def test_a_refused_group_leaves_no_trace() -> None:
    builder = ManifestBuilder(skip_duplicate_urls=False).image_group(["s3://b/0"], "g")
    with pytest.raises(ManifestProblem, match="the same URL"):
        builder.image_group(["s3://b/1", "s3://b/0"], "h")
    assert check(builder.image_group(["s3://b/2", "s3://b/1"], "h").build()) == 2


def test_nothing_is_no_manifest() -> None:
    with pytest.raises(ManifestProblem, match="has no items"):
        ManifestBuilder().build()


def test_what_is_built_later_does_not_change_what_was_built() -> None:
    builder = ManifestBuilder().video(URL)
    first = builder.build()
    builder.video(URL + "2")
    assert check(first) == 1


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest._building, "MAX_ITEMS", 2)
    monkeypatch.setattr(manifest._building, "MAX_URLS", 3)
    builder = ManifestBuilder().video(URL)
    with pytest.raises(ManifestProblem, match="4 URLs"):
        builder.image_group([URL] * 3, "g")
    builder.video(URL)
    with pytest.raises(ManifestProblem, match="3 items"):
        builder.video(URL)


def test_single_entries() -> None:
    assert make.video(URL) == ("videos", {"objectUrl": URL})
    assert make.image_group([URL], "g")[1]["createVideo"] is False
    with pytest.raises(ManifestProblem, match=r"^the manifest cannot be sent: audio\.objectUrl: not a URL"):
        make.audio("nowhere")


_TEXT = st.sampled_from([URL, "s3://b/k", "https://h/k?x", "nowhere", "", "s3://b/ k", "x" * 301, "t"]) | st.text(
    max_size=3
)
_ODD = st.none() | st.integers() | st.floats()
_DATA = st.dictionaries(st.sampled_from(["fps", "mimeType", "fileSize", "x"]), _ODD | _TEXT, max_size=2) | _ODD
_CALL = st.one_of(
    st.tuples(
        st.sampled_from(["video", "image", "audio", "text", "pdf"]),
        st.tuples(_TEXT | _ODD, _TEXT | _ODD),
        st.fixed_dictionaries({}, optional={"client_metadata": _DATA}),
    ),
    st.tuples(
        st.sampled_from(["image_group", "dicom_series"]),
        st.tuples(st.lists(_TEXT | _ODD, max_size=3) | _TEXT | _ODD, _TEXT | _ODD),
        st.fixed_dictionaries({}, optional={"client_metadata": _DATA}),
    ),
    st.tuples(
        st.just("add"),
        st.tuples(
            st.sampled_from([*manifest.KINDS, "other"]), st.dictionaries(st.sampled_from(["objectUrl", "title"]), _TEXT)
        ),
        st.just({}),
    ),
)


@given(st.lists(_CALL, max_size=12), st.booleans())
def test_the_checker_takes_what_the_builder_builds_and_refuses_what_it_refuses(calls: list, skip: bool) -> None:
    builder = ManifestBuilder(skip_duplicate_urls=skip)
    taken = 0
    for method, arguments, named in calls:
        try:
            getattr(builder, method)(*arguments, **named)
            taken += 1
        except ManifestProblem:
            if method == "add" and arguments[0] in manifest.KINDS:
                so_far = builder.build() if taken else {"skip_duplicate_urls": skip}
                whole = {**so_far, arguments[0]: [*so_far.get(arguments[0], []), arguments[1]]}
                with pytest.raises(ManifestProblem):
                    check(whole)
    if taken:
        assert check(builder.build()) == taken
