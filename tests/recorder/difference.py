"""What another release of the client does differently, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

Vector = dict[str, Any]

# They follow from the rest of a request, so they are told only where nothing else differs.
_DERIVED = {"Authorization", "Content-Digest", "Content-Length", "Signature", "Signature-Input"}
_LONGEST = 200


def differences(kept: Vector | None, made: Vector | None) -> list[str]:
    """Return what differs, one line each; nothing where only the client's release does."""
    if kept is None:
        return ["new vector"]
    if made is None:
        return ["no scenario makes it any more"]
    same_release = json.dumps(kept).replace(kept["sdk_version"], made["sdk_version"])
    if same_release == json.dumps(made):
        return []
    kept = json.loads(same_release)
    return list(_lines(kept, made, _DERIVED)) or list(_lines(kept, made, set())) or ["the canned answers"]


def _lines(kept: Vector, made: Vector, without: set[str]) -> Iterator[str]:
    before, after = ([_title(request) for request in vector["requests"]] for vector in (kept, made))
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            for at, to in zip(range(i1, i2), range(j1, j2), strict=True):
                ours, theirs = (_told(each, without) for each in (kept["requests"][at], made["requests"][to]))
                yield from (f"request {to + 1}, {after[to]}: {line}" for line in _changes(ours, theirs))
        else:
            yield from (f"gone request {at + 1}: {before[at]}" for at in range(i1, i2))
            yield from (f"new request {to + 1}: {after[to]}" for to in range(j1, j2))
    if kept["sleeps"] != made["sleeps"]:
        yield f"sleeps: {kept['sleeps']}, now {made['sleeps']}"
    if kept["result"].keys() & made["result"].keys():
        yield from _changes(_flat(kept["result"], "result"), _flat(made["result"], "result"))
    else:
        yield f"result: {_short(json.dumps(kept['result']))}, now {_short(json.dumps(made['result']))}"
    prose = {"operation", "auth", "call", "frozen", "notes"}
    yield from _changes(*(_flat({name: each for name, each in v.items() if name in prose}) for v in (kept, made)))


def _title(request: dict[str, Any]) -> str:
    if request["path"].startswith("/public"):
        asked = json.loads(request["body"])
        return f"{request['path']} {asked['query_type']} {asked['query_method']}"
    return f"{request['method']} {request['path']}"


def _told(request: dict[str, Any], without: set[str]) -> dict[str, str]:
    """Return a request field by field; the orders of headers and of the body's fields are fields, too."""
    headers = {name: value for name, value in request["headers"].items() if name not in without}
    try:
        body = json.loads(request["body"])
    except ValueError:
        return _flat(request | {"headers": headers, "order of headers": " ".join(headers)})
    fields = _flat(body, "body")
    order = {"order of headers": " ".join(headers), "order of fields": " ".join(fields)}
    return _flat(request | {"headers": headers, "body": None} | order) | fields


def _flat(value: Any, at: str = "") -> dict[str, str]:
    if isinstance(value, dict | list) and value:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return {name: text for key, each in pairs for name, text in _flat(each, f"{at}.{key}".lstrip(".")).items()}
    return {at: json.dumps(value)}


def _changes(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    same_names = before.keys() == after.keys()
    for name in before | after:
        if before.get(name) == after.get(name) or (name.startswith("order of ") and not same_names):
            continue
        if name not in before:
            yield f"new {name} = {_short(after[name])}"
        elif name not in after:
            yield f"gone {name} = {_short(before[name])}"
        else:
            yield f"{name} = {_short(before[name])}, now {_short(after[name])}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
