"""What a new release changes is told, and nothing else."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.recorder import VECTORS
from tests.recorder.difference import Vector, differences

KEPT = json.loads((VECTORS / "upload_video_title_folder.json").read_text())
CREATE = json.loads((VECTORS / "create_dataset.json").read_text())


def changed(change: Callable[[Vector], Any], of: Vector = KEPT) -> Vector:
    made = json.loads(json.dumps(of))
    change(made)
    return made


def body_of(vector: Vector, at: int, old: str, new: str) -> None:
    request = vector["requests"][at]
    assert old in request["body"]
    request["body"] = request["body"].replace(old, new)
    # As in a real recording, a changed body changes these.
    request["headers"] |= {"Authorization": "other", "Content-Length": "1"}


START = "request 3, /public datasetdatalongpolling POST: "
CHANGES = {
    "a value": (
        lambda made: body_of(made, 2, '"ignoreErrors": false', '"ignoreErrors": true'),
        [f"{START}body.values.payload.ignoreErrors = false, now true"],
    ),
    "a new field": (
        lambda made: body_of(made, 2, '"ignoreErrors"', '"more": 1, "ignoreErrors"'),
        [f"{START}new body.values.payload.more = 1"],
    ),
    "a field less": (
        lambda made: body_of(made, 2, ', "ignoreErrors": false', ""),
        [f"{START}gone body.values.payload.ignoreErrors = false"],
    ),
    "another query": (
        lambda made: made["requests"][0].update(query="count=1"),
        ['request 1, GET /v2/public/presigned-urls: query = "count=1&uploadItemType=video", now "count=1"'],
    ),
    "another header": (
        lambda made: made["requests"][1]["headers"].update({"Cache-Control": "none"}),
        ['request 2, PUT /bucket/key-1: headers.Cache-Control = "max-age=86400", now "none"'],
    ),
    "a request less": (
        lambda made: made["requests"].pop(4),
        ["gone request 5: /public datasetdatalongpolling GET"],
    ),
    "a request more": (
        lambda made: made["requests"].insert(0, {**CREATE["requests"][0]}),
        ["new request 1: POST /v2/public/datasets"],
    ),
    "another signature alone": (
        lambda made: made["requests"][0]["headers"].update({"Signature": "x"}),
        ["request 1, GET /v2/public/presigned-urls: headers.Signature = "],
    ),
    "other pauses": (lambda made: made.update(sleeps=[5]), ["sleeps: [], now [5]"]),
    "an error": (lambda made: made.update(result={"raised": "ValueError"}), ['result: {"returned": ']),
    "another result": (
        lambda made: made["result"]["returned"].update(title="other"),
        ['result.returned.title = "Vid\\u00e9o 1.mp4", now "other"'],
    ),
    "another order of fields": (
        lambda made: body_of(
            made,
            4,
            '"query_type": "datasetdatalongpolling", "query_method": "GET"',
            '"query_method": "GET", "query_type": "datasetdatalongpolling"',
        ),
        ["request 5, /public datasetdatalongpolling GET: order of fields = "],
    ),
    "another order of headers": (
        lambda made: made["requests"][1].update(headers=dict(reversed(made["requests"][1]["headers"].items()))),
        ["request 2, PUT /bucket/key-1: order of headers = "],
    ),
    "another answer": (lambda made: made["responses"].pop(), ["the canned answers"]),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_is_told(case: str) -> None:
    change, told = CHANGES[case]
    lines = differences(KEPT, changed(change))
    assert [line[: len(start)] for line, start in zip(lines, told, strict=True)] == told


def test_another_release_alone_is_no_difference() -> None:
    text = json.dumps(KEPT)
    assert differences(KEPT, json.loads(text.replace("0.1.211", "0.1.999"))) == []
    assert "0.1.999" in text.replace("0.1.211", "0.1.999")


def test_vectors_that_come_and_go() -> None:
    assert differences(None, KEPT) == ["new vector"]
    assert differences(KEPT, None) == ["no scenario makes it any more"]
