"""Read a manifest entry by entry, from a dict or from a JSON file of any size."""

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
"""A manifest: a dict, or a file that is open for reading bytes. Reading starts at the file's current position."""

_Events = Iterator[tuple[str, Any]]
_OPENING = {"start_map": "an object", "start_array": "a list"}
_WORDS = re.compile(r"[A-Za-z0-9 :.]{1,80}")
_CLOSING = ("end_map", "end_array")


def entries(source: Source, flags: dict[str, Any] | None = None) -> Iterator[Entry]:
    """Yield the entries of a manifest as kind and item; only one entry of a file is held at a time.

    The entries are not checked: :func:`split` and :func:`plan` do that.

    :param source: the manifest.
    :param flags: receives the manifest's flags. In a file they may be anywhere, so they are complete only at the end;
        :func:`plan` returns them in advance.
    :raises ManifestProblem: when it is not JSON, or the value of a kind is not a list.
    """
    problems = Problems()
    for kind, _, item in walk(source, {} if flags is None else flags, problems):
        problems.raise_if_any()
        yield kind, item
    problems.raise_if_any()


def walk(source: Source, flags: dict[str, Any], problems: Problems) -> Iterator[tuple[str, int, Any]]:
    """Yield kind, index in the kind's list, and item; collect the flags, and the problems outside of the entries.

    :param source: the manifest. The flags of a dict are collected before its first entry is yielded.
    :raises ManifestProblem: when it is not JSON, or not a manifest at all.
    """
    if isinstance(source, Mapping):
        return _walk_dict(source, flags, problems)
    if callable(getattr(source, "read", None)):
        return _walk_file(source, flags, problems)
    raise ManifestProblem(f"the manifest must be a JSON object with a list per kind, not {type_name(source)}")


def refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object from its pairs; if a key comes twice, JSON readers silently drop the first value.

    :raises ManifestProblem: when a key comes twice.
    """
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ManifestProblem(f"{place(twice).removeprefix('.')}: comes twice in one object")
    return result


def _walk_dict(
    manifest: Mapping[str, Any], flags: dict[str, Any], problems: Problems
) -> Iterator[tuple[str, int, Any]]:
    flags.update((name, value) for name, value in manifest.items() if name in FLAGS)
    for kind, value in manifest.items():
        if kind in FLAGS:
            continue
        is_list = isinstance(value, list | tuple)
        if messages := list(kind_problems(kind, None if is_list else type_name(value))):
            problems.extend(messages)
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
        # Only the first words of the parser: the rest quotes the file, which may hold signed URLs.
        reason = _WORDS.match(str(error).removeprefix("b'"))
        raise ManifestProblem(f"the manifest is not JSON: {reason[0] if reason else 'it cannot be read'}") from None
    except (SystemError, TypeError, ValueError):
        # The C parser raises these for numbers that are too long for Python, and Python for a closed file.
        raise ManifestProblem("the manifest is not JSON: it cannot be read") from None


def _walk_events(events: _Events, flags: dict[str, Any], problems: Problems) -> Iterator[tuple[str, int, Any]]:
    first, value = next(events)
    if first != "start_map":
        what = _OPENING.get(first) or type_name(value)
        raise ManifestProblem(f"the manifest must be a JSON object with a list per kind, not {what}")
    names = set()
    for event, name in events:
        if event != "map_key":
            continue  # the end of the object; the parser refuses anything after it
        if name in names:
            raise ManifestProblem(f"{place(name).removeprefix('.')}: comes twice in one object")
        names.add(name)
        event, value = next(events)
        if name in FLAGS:
            flags[name] = _build(event, value, events, name)
            continue
        other = None if event == "start_array" else _OPENING.get(event) or type_name(value)
        if messages := list(kind_problems(name, other)):
            problems.extend(messages)
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
                raise ManifestProblem(f"{where}{place(value)}: comes twice in one object")
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
