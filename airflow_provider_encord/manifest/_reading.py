"""Go through a manifest entry by entry: a dict, or a JSON file of any size."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, BinaryIO

from airflow_provider_encord.manifest._rules import (
    FLAGS,
    MAX_DEPTH,
    MAX_VALUES,
    Entry,
    ManifestProblem,
    Problems,
    kind_problems,
    place,
    type_name,
)

Source = Mapping[str, Any] | BinaryIO
"""A manifest: a dict, or a file that is open for reading bytes. Reading starts where the file stands."""

_Events = Iterator[tuple[str, Any]]
_OPENING = {"start_map": "an object", "start_array": "a list"}
_WORDS = re.compile(r"[A-Za-z0-9 :.]{1,80}")
_CLOSING = ("end_map", "end_array")


def entries(source: Source, flags: dict[str, Any] | None = None) -> Iterator[Entry]:
    """Yield the entries of a manifest as kind and item; of a file, only one at a time is held.

    The entries are not checked: :func:`split` and :func:`plan` do that.

    :param source: the manifest.
    :param flags: receives the manifest's flags. They may stand anywhere in a file, so they are complete only when this
        has come to its end; :func:`plan` tells them beforehand.
    :raises ManifestProblem: when it is not JSON, or something else than a list stands where a list per kind belongs.
    """
    problems = Problems()
    for kind, _, item in walk(source, {} if flags is None else flags, problems):
        problems.raise_if_any()
        yield kind, item
    problems.raise_if_any()


def walk(source: Source, flags: dict[str, Any], problems: Problems) -> Iterator[tuple[str, int, Any]]:
    """Yield kind, index in the kind's list, and item; collect the flags and what is wrong around the entries.

    :param source: the manifest. The flags of a dict are collected before its first entry is yielded.
    :raises ManifestProblem: when it is not JSON, or no manifest at all.
    """
    if isinstance(source, Mapping):
        return _walk_dict(source, flags, problems)
    if callable(getattr(source, "read", None)):
        return _walk_file(source, flags, problems)
    raise ManifestProblem(f"the manifest must be a JSON object with a list per kind, not {type_name(source)}")


def refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its pairs; of two values for one key, JSON readers would drop the first silently.

    :raises ManifestProblem: when a key comes twice.
    """
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ManifestProblem(f"{place(twice).removeprefix('.')}: stands twice in one object")
    return result


def _walk_dict(
    manifest: Mapping[str, Any], flags: dict[str, Any], problems: Problems
) -> Iterator[tuple[str, int, Any]]:
    flags.update((name, value) for name, value in manifest.items() if name in FLAGS)
    for kind, value in manifest.items():
        if kind in FLAGS:
            continue
        whole = isinstance(value, list | tuple)
        if found := list(kind_problems(kind, None if whole else type_name(value))):
            problems.extend(found)
            continue
        for index, item in enumerate(value):
            yield kind, index, item


def _walk_file(file: Any, flags: dict[str, Any], problems: Problems) -> Iterator[tuple[str, int, Any]]:
    import ijson

    try:
        yield from _walk_events(ijson.basic_parse(file), flags, problems)
    except ManifestProblem:
        raise
    except ijson.JSONError as error:
        # Only the parser's own words: what follows them quotes the file, which may hold signed URLs.
        reason = _WORDS.match(str(error).removeprefix("b'"))
        raise ManifestProblem(f"the manifest is not JSON: {reason[0] if reason else 'it cannot be read'}") from None
    except (SystemError, TypeError, ValueError):
        # So the C parser says that a number is too long for Python, and Python that a file is closed.
        raise ManifestProblem("the manifest is not JSON: it cannot be read") from None


def _walk_events(events: _Events, flags: dict[str, Any], problems: Problems) -> Iterator[tuple[str, int, Any]]:
    first, value = next(events)
    if first != "start_map":
        what = _OPENING.get(first) or type_name(value)
        raise ManifestProblem(f"the manifest must be a JSON object with a list per kind, not {what}")
    met = set()
    for event, name in events:
        if event != "map_key":
            continue  # the end of the object; what follows it is an error of the parser
        if name in met:
            raise ManifestProblem(f"{place(name).removeprefix('.')}: stands twice in one object")
        met.add(name)
        event, value = next(events)
        if name in FLAGS:
            flags[name] = _build(event, value, events, name)
            continue
        other = None if event == "start_array" else _OPENING.get(event) or type_name(value)
        if found := list(kind_problems(name, other)):
            problems.extend(found)
            _skip(event, events)
            continue
        yield from _walk_list(name, events)


def _walk_list(kind: str, events: _Events) -> Iterator[tuple[str, int, Any]]:
    for index in itertools.count():
        event, value = next(events)
        if event == "end_array":
            return
        yield kind, index, _build(event, value, events, f"{kind}[{index}]")


def _build(event: str, value: Any, events: _Events, where: str) -> Any:
    """Build the value that begins with an event."""
    if event not in _OPENING:
        return _scalar(value)
    root: dict[str, Any] | list[Any] = {} if event == "start_map" else []
    stack = [root]
    values, key = 0, ""
    top: Any = root
    for event, value in events:
        if event == "map_key":
            if value in top:
                raise ManifestProblem(f"{where}{place(value)}: stands twice in one object")
            key = value
            continue
        if event in _CLOSING:
            stack.pop()
            if not stack:
                break
            top = stack[-1]
            continue
        opens = event in _OPENING
        inner: Any = ({} if event == "start_map" else []) if opens else _scalar(value)
        if isinstance(top, dict):
            top[key] = inner
        else:
            top.append(inner)
        values += 1
        if values > MAX_VALUES:
            raise ManifestProblem(f"{where}: holds more than {MAX_VALUES:,} values")
        if opens:
            if len(stack) > MAX_DEPTH:
                raise ManifestProblem(f"{where}: nested deeper than {MAX_DEPTH} levels")
            stack.append(inner)
            top = inner
    return root


def _scalar(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _skip(event: str, events: _Events) -> None:
    depth = int(event in _OPENING)
    while depth:
        event, _ = next(events)
        depth += (event in _OPENING) - (event in _CLOSING)
