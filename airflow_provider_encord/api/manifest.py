"""The manifest that registers objects of a private cloud: read, checked, and made safe to send twice.

Kinds and fields are those that Encord's pages on registering cloud data show; a manifest is a JSON object with one list
per kind, and flags.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

KINDS = ("videos", "images", "image_groups", "dicom_series", "audio", "text", "pdfs", "pdf", "nifti", "scenes")
_SEVERAL_FILES = ("image_groups", "dicom_series")
_FLAGS = ("skip_duplicate_urls", "upsert_metadata")
_NUMBERED = re.compile(r"objectUrl_(0|[1-9][0-9]{0,6})")
_WHITE_SPACE = re.compile(r"\s")
MAX_ITEMS = 500_000
MAX_URLS = 1_000_000
MAX_URL_BYTES = 16 * 1024
_MOST_PROBLEMS_SHOWN = 20


class ManifestProblem(ValueError):
    """The manifest is not one that Encord takes; the text names the entries."""


def parse(text: str) -> dict[str, Any]:
    """Read a manifest from JSON text.

    :raises ManifestProblem: when it is not a JSON object.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestProblem(f"the manifest is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ManifestProblem(f"the manifest must be a JSON object with a list per kind, not a {type(value).__name__}")
    return value


def check(manifest: Mapping[str, Any]) -> int:
    """Check a manifest before it is sent, and return its number of items.

    :raises ManifestProblem: names each wrong entry, such as ``videos[3].objectUrl: ...``.
    """
    problems: list[str] = []
    items = urls = 0
    for kind, value in manifest.items():
        if kind in _FLAGS:
            if not isinstance(value, bool):
                problems.append(f"{kind}: must be true or false")
            continue
        if kind not in KINDS:
            problems.append(f"{kind}: unknown; kinds are {', '.join(KINDS)}, flags are {', '.join(_FLAGS)}")
            continue
        if not isinstance(value, list):
            problems.append(f"{kind}: must be a list")
            continue
        items += len(value)
        for index, item in enumerate(value):
            count, found = _check_item(kind, item)
            urls += count
            problems.extend(f"{kind}[{index}]{problem}" for problem in found)
            if len(problems) > _MOST_PROBLEMS_SHOWN:
                break
    if not items and not problems:
        problems.append("it holds no item")
    if items > MAX_ITEMS:
        problems.append(f"it holds {items:,} items; Encord takes {MAX_ITEMS:,} at most")
    if urls > MAX_URLS:
        problems.append(f"it holds {urls:,} URLs; Encord takes {MAX_URLS:,} at most")
    if problems:
        more = " ..." if len(problems) > _MOST_PROBLEMS_SHOWN else ""
        raise ManifestProblem("the manifest cannot be sent: " + "; ".join(problems[:_MOST_PROBLEMS_SHOWN]) + more)
    return items


def _check_item(kind: str, item: Any) -> tuple[int, list[str]]:
    if not isinstance(item, Mapping):
        return 0, [": must be an object"]
    problems = list(_check_fields(item))
    if kind == "scenes":
        return 0, problems
    if kind not in _SEVERAL_FILES:
        problems.extend(_check_url("objectUrl", item.get("objectUrl")))
        return 1, problems
    numbers = sorted(int(match.group(1)) for name in item if (match := _NUMBERED.fullmatch(str(name))))
    if not numbers:
        problems.append(".objectUrl_0: missing; the files are objectUrl_0, objectUrl_1 and so on")
    elif numbers != list(range(len(numbers))):
        problems.append(f": objectUrl_<n> must count from 0 without gaps, not {numbers[:10]}")
    for number in numbers:
        problems.extend(_check_url(f"objectUrl_{number}", item[f"objectUrl_{number}"]))
    if not isinstance(item.get("title"), str) or not item["title"]:
        problems.append(".title: missing; groups and series from a private cloud need one")
    return len(numbers), problems


def _check_fields(item: Mapping[str, Any]) -> Iterator[str]:
    title = item.get("title")
    if title is not None and not isinstance(title, str):
        yield ".title: must be a text"
    for name in ("clientMetadata", "videoMetadata", "imageMetadata", "audioMetadata"):
        if item.get(name) is not None and not isinstance(item[name], Mapping):
            yield f".{name}: must be an object"
    if "createVideo" in item and not isinstance(item["createVideo"], bool):
        yield ".createVideo: must be true or false"


def _check_url(name: str, url: Any) -> Iterator[str]:
    if not isinstance(url, str) or not url:
        yield f".{name}: missing"
    elif "://" not in url:
        yield f".{name}: not a URL ({url[:80]!r})"
    elif _WHITE_SPACE.search(url):
        yield f".{name}: has white space; percent-encode it ({url[:80]!r})"
    elif len(url.encode()) > MAX_URL_BYTES:
        yield f".{name}: longer than {MAX_URL_BYTES:,} bytes"


def skipping_duplicates(manifest: Mapping[str, Any], skip: bool = True) -> dict[str, Any]:
    """Return the manifest with ``skip_duplicate_urls`` set unless it says so itself.

    Skipping makes a repeated registration harmless.
    """
    return {"skip_duplicate_urls": skip, **manifest}
