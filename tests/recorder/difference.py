"""What another release of the client does differently, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

Vector = dict[str, Any]

# They follow from the rest of a request, so they are only worth a word where nothing else differs.
_DERIVED = {"authorization", "content-digest", "content-length", "signature", "signature-input"}


def differences(kept: Vector | None, made: Vector | None) -> list[str]:
    """Return what differs, one line each; nothing where only the client's release does."""
    if kept is None:
        return [f"new: {len(made['requests'])} requests"]
    if made is None:
        return ["gone: no scenario makes it"]
    kept = json.loads(json.dumps(kept).replace(kept["sdk_version"], made["sdk_version"]))
    if kept == made:
        return []
    return list(_lines(kept, made, without=_DERIVED)) or list(_lines(kept, made, without=set()))


def _lines(kept: Vector, made: Vector, without: set[str]) -> Iterator[str]:
    titles = [[_title(each) for each in vector["requests"]] for vector in (kept, made)]
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, *titles, autojunk=False).get_opcodes():
        if kind != "equal":
            yield from (f"gone request {at + 1}: {titles[0][at]}" for at in range(i1, i2))
            yield from (f"new request {at + 1}: {titles[1][at]}" for at in range(j1, j2))
            continue
        for at, to in zip(range(i1, i2), range(j1, j2), strict=True):
            before, after = (_flat(_readable(vector["requests"][n], without)) for vector, n in ((kept, at), (made, to)))
            yield from (f"request {at + 1}, {titles[0][at]}: {line}" for line in _changes(before, after))
    for name in sorted((kept.keys() | made.keys()) - {"requests"}):
        yield from _changes(_flat(kept.get(name), name), _flat(made.get(name), name))


def _title(request: dict[str, Any]) -> str:
    if request["path"].startswith("/public"):
        asked = json.loads(request["body"])
        return f"{request['path']} {asked['query_type']} {asked['query_method']}"
    return f"{request['method']} {request['path']}"


def _readable(request: dict[str, Any], without: set[str]) -> dict[str, Any]:
    headers = {name: value for name, value in request["headers"].items() if name.lower() not in without}
    try:
        body = json.loads(request["body"])
    except ValueError:
        body = request["body"]
    # The order of headers and of the body's fields is part of a vector.
    return {
        **request,
        "headers": headers,
        "order of headers": list(headers),
        "body": body,
        "body as sent": request["body"],
    }


def _flat(value: Any, at: str = "") -> dict[str, str]:
    if isinstance(value, dict | list) and value:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return {name: text for key, each in pairs for name, text in _flat(each, f"{at}.{key}".lstrip(".")).items()}
    return {at: json.dumps(value)}


def _changes(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    names = [name for name in (before | after) if before.get(name) != after.get(name)]
    for name in names:
        if name in ("body as sent",) and any(other.startswith("body.") for other in names):
            continue
        if name not in before:
            yield f"new {name} = {after[name]}"
        elif name not in after:
            yield f"gone {name} = {before[name]}"
        else:
            yield f"{name} = {before[name]}, now {after[name]}"
