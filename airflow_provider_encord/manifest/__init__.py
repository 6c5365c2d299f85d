"""Manifests, which register objects of a private cloud: build, read, check, plan and split them.

A manifest is a JSON object with flags and one list of entries for each kind of data. To send one of any size, read it
twice: :func:`plan` checks all of it before the first request, then :func:`split` makes the parts, one job each::

    with path.open("rb") as file:
        planned = manifest.plan(file)
        file.seek(0)
        for part in manifest.split(manifest.entries(file), flags=planned.flags):
            ...
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_encord.manifest._building import EntryMaker, ManifestBuilder, make
from airflow_provider_encord.manifest._reading import Source, entries, refuse_repeated_keys, walk
from airflow_provider_encord.manifest._rules import (
    FLAGS,
    KINDS,
    MAX_ITEMS,
    MAX_TITLE,
    MAX_URL_BYTES,
    MAX_URLS,
    EmptyManifest,
    Entry,
    ManifestProblem,
    Problems,
    RepeatedUrls,
    entry_urls,
    flag_problems,
    placed_problems,
    size_problems,
    skipping_duplicates,
)
from airflow_provider_encord.manifest._splitting import Plan, Share, plan, split

__all__ = [
    "FLAGS",
    "KINDS",
    "MAX_ITEMS",
    "MAX_TITLE",
    "MAX_URLS",
    "MAX_URL_BYTES",
    "EmptyManifest",
    "Entry",
    "EntryMaker",
    "ManifestBuilder",
    "ManifestProblem",
    "Plan",
    "Share",
    "Source",
    "check",
    "entries",
    "make",
    "parse",
    "plan",
    "skipping_duplicates",
    "split",
]


def parse(text: str) -> dict[str, Any]:
    """Read a manifest from JSON text.

    :param text: the JSON text.
    :raises ManifestProblem: when it is not a JSON object, or an object in it has the same key twice.
    """
    try:
        value = json.loads(text, object_pairs_hook=refuse_repeated_keys)
    except ManifestProblem:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        raise ManifestProblem(f"the manifest is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ManifestProblem(f"the manifest must be a JSON object with a list per kind, not a {type(value).__name__}")
    return value


def check(manifest: Mapping[str, Any]) -> int:
    """Check a manifest that will be sent as one job, and return its number of items.

    The check uses the flags in the manifest, so call :func:`skipping_duplicates` first.

    :param manifest: the manifest.
    :raises ManifestProblem: names each wrong entry, such as ``videos[3].objectUrl: ...``.
    """
    problems = Problems()
    flags: dict[str, Any] = {}
    repeated = RepeatedUrls()
    items = url_count = 0
    for kind, index, entry in walk(manifest, flags, problems):
        items += 1
        urls = entry_urls(kind, entry)
        url_count += len(urls)
        problems.extend(placed_problems(kind, index, entry))
        if flags.get("skip_duplicate_urls") is not True:
            problems.extend(repeated.problems(kind, index, urls))
    problems.extend(flag_problems(flags))
    problems.extend(size_problems(items, url_count, max_items=MAX_ITEMS, max_urls=MAX_URLS))
    problems.raise_if_any()
    return items
