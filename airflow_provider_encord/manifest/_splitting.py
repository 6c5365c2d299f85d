"""Make parts of a manifest of any size, each one job, holding one part at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii as _as_json
from typing import Any

from airflow_provider_encord.manifest._reading import Source, walk
from airflow_provider_encord.manifest._rules import (
    FLAGS,
    MAX_ITEMS,
    MAX_URLS,
    EmptyManifest,
    ManifestProblem,
    Problems,
    Seen,
    entry_urls,
    flag_problems,
    placed_problems,
    skipping_duplicates,
)

ITEMS_PER_PART = 10_000
URLS_PER_PART = 100_000
BYTES_PER_PART = 16 * 1024 * 1024
"""Far below Encord's limits: its pages advise small parts, which show up sooner. It tells no limit in bytes."""


@dataclass
class Share:
    """How much there is of one kind: entries, URLs, their bytes as JSON, and in how many parts they come."""

    items: int = 0
    urls: int = 0
    bytes: int = 0
    parts: int = 0


@dataclass(frozen=True)
class Plan:
    """What :func:`split` will make of a manifest.

    :param kinds: how much there is of each kind.
    :param parts: number of parts, each of which is one job.
    :param bytes: of all parts as JSON.
    :param flags: that go with each part.
    """

    kinds: dict[str, Share]
    parts: int
    bytes: int
    flags: dict[str, bool]

    @property
    def items(self) -> int:
        """Number of entries."""
        return sum(share.items for share in self.kinds.values())

    @property
    def urls(self) -> int:
        """Number of URLs."""
        return sum(share.urls for share in self.kinds.values())


def plan(
    source: Source,
    *,
    skip_duplicate_urls: bool = True,
    max_items: int = ITEMS_PER_PART,
    max_urls: int = URLS_PER_PART,
    max_bytes: int = BYTES_PER_PART,
) -> Plan:
    """Check a manifest of any size and tell what :func:`split` will make of it.

    A file is read once to its end, in bounded memory. Without ``skip_duplicate_urls``, a URL that comes twice is found
    within a part only.

    :param source: the manifest as dict, or as a file open for reading bytes.
    :param skip_duplicate_urls: the flag of that name, unless the manifest has it.
    :param max_items: entries in a part at most.
    :param max_urls: URLs in a part at most.
    :param max_bytes: size of a part's JSON at most.
    :raises ManifestProblem: names each wrong entry, as :func:`check` does.
    :raises EmptyManifest: when it holds no item.
    """
    limits = _Limits(max_items, max_urls, max_bytes)
    found: dict[str, Any] = {}
    problems, repeats = Problems(), Problems()
    kinds: dict[str, Share] = {}
    parts = size = 0
    for part in _parts(walk(source, found, problems), limits, problems.extend, repeats.extend):
        parts += 1
        size += part.bytes
        for kind, share in part.shares.items():
            total = kinds.setdefault(kind, Share())
            total.items += share.items
            total.urls += share.urls
            total.bytes += share.bytes
            total.parts += 1
    flags = skipping_duplicates(found, skip_duplicate_urls)
    if flags["skip_duplicate_urls"] is not True:
        problems.merge(repeats)
    problems.extend(flag_problems(flags))
    if not parts and not problems.total:
        raise EmptyManifest("the manifest cannot be sent: it holds no item")
    problems.raise_if_any()
    return Plan(kinds, parts, size + parts * len(json.dumps(flags)), flags)


def split(
    entries: Iterable[tuple[str, Mapping[str, Any]]],
    *,
    flags: Mapping[str, bool] | None = None,
    max_items: int = ITEMS_PER_PART,
    max_urls: int = URLS_PER_PART,
    max_bytes: int = BYTES_PER_PART,
) -> Iterator[dict[str, Any]]:
    """Yield manifests that together hold the entries, in their order within each kind, one part at a time.

    Each entry is checked when its turn comes, so parts may have been yielded before one is refused; :func:`plan` finds
    it beforehand. Without ``skip_duplicate_urls``, a URL that comes twice is found within a part only. The same entries
    and limits make the same parts, whatever the flags.

    :param entries: kind and item each, from :func:`entries`, :data:`make`, or anywhere.
    :param flags: go with each part; by default ``skip_duplicate_urls``, so that a part can be sent again.
    :param max_items: entries in a part at most.
    :param max_urls: URLs in a part at most.
    :param max_bytes: size of a part's JSON at most, in the layout of :func:`json.dumps`.
    :raises ManifestProblem: for a wrong flag or limit at once; while iterating, for an entry that Encord would not take
        or that alone is over a limit, naming it by its index among all of its kind.
    """
    limits = _Limits(max_items, max_urls, max_bytes)
    chosen: dict[str, Any] = skipping_duplicates({}) if flags is None else dict(flags)
    _raise(flag_problems(chosen))
    repeats = None if chosen.get("skip_duplicate_urls") else _raise
    return ({**part.lists, **chosen} for part in _parts(_numbered(entries), limits, _raise, repeats))


@dataclass(frozen=True)
class _Limits:
    items: int
    urls: int
    bytes: int

    def __post_init__(self) -> None:
        for name, value, most in (
            ("items", self.items, MAX_ITEMS),
            ("urls", self.urls, MAX_URLS),
            ("bytes", self.bytes, None),
        ):
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or value < 1 or (most and value > most):
                raise ManifestProblem(
                    f"max_{name}: must be a whole number above 0{f', {most:,} at most' if most else ''}"
                )


_FLAGS_BYTES = len(json.dumps(dict.fromkeys(FLAGS, False)))
"""Kept free in each part, so that flags, which a file may hold at its end, do not move the borders of parts."""


@dataclass
class _Part:
    lists: dict[str, list[Any]] = field(default_factory=dict)
    shares: dict[str, Share] = field(default_factory=dict)
    items: int = 0
    urls: int = 0
    bytes: int = 0
    """Of all that stands in the part besides the flags' object."""

    def takes(self, kind: str, urls: int, size: int, limits: _Limits) -> bool:
        return (
            self.items + 1 <= limits.items
            and self.urls + urls <= limits.urls
            and self.bytes + self._growth(kind, size) + _FLAGS_BYTES <= limits.bytes
        )

    def add(self, kind: str, item: Any, urls: int, size: int) -> None:
        self.items += 1
        self.urls += urls
        self.bytes += self._growth(kind, size)
        if kind not in self.lists:
            self.lists[kind], self.shares[kind] = [], Share(parts=1)
        share = self.shares[kind]
        share.items += 1
        share.urls += urls
        share.bytes += size
        self.lists[kind].append(item)

    def _growth(self, kind: str, size: int) -> int:
        return size + (len(", ") if kind in self.lists else len(f'"{kind}": [], '))


def _parts(
    entries: Iterable[tuple[Any, int, Any]],
    limits: _Limits,
    refuse: Callable[[Iterable[str]], None],
    refuse_repeats: Callable[[Iterable[str]], None] | None,
) -> Iterator[_Part]:
    """Yield the parts of checked entries; an entry is left out when ``refuse`` does not raise."""
    part, seen = _Part(), Seen()
    for kind, index, item in entries:
        if found := placed_problems(kind, index, item):
            refuse(found)
            continue
        urls = entry_urls(kind, item)
        size = _json_size(item)
        if not part.takes(kind, len(urls), size, limits):
            if found := list(_too_large(f"{kind}[{index}]", kind, len(urls), size, limits)):
                refuse(found)
                continue
            yield part
            part.lists.clear()  # a part is held no longer than it takes to make use of it
            part, seen = _Part(), Seen()
        if refuse_repeats:
            refuse_repeats(seen.problems(kind, index, urls))
        part.add(kind, item, len(urls), size)
    if part.items:
        yield part


def _json_size(item: dict[str, Any]) -> int:
    """Return ``len(json.dumps(item))``; an item of texts only, as most are, is measured without being dumped."""
    size = len("{}") + len(", ") * max(0, len(item) - 1)
    for name, value in item.items():
        if not isinstance(value, str):
            return len(json.dumps(item))
        size += len(_as_json(name)) + len(": ") + len(_as_json(value))
    return size


def _too_large(where: str, kind: str, urls: int, size: int, limits: _Limits) -> Iterator[str]:
    if urls > limits.urls:
        yield f"{where}: its {urls:,} URLs alone are more than max_urls ({limits.urls:,})"
    elif not _Part().takes(kind, urls, size, limits):
        yield f"{where}: its {size:,} bytes alone are more than max_bytes ({limits.bytes:,}) allows"


def _numbered(entries: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, int, Any]]:
    counts: dict[Any, int] = {}
    for kind, item in entries:
        name = kind if isinstance(kind, str) else None
        index = counts.get(name, 0)
        counts[name] = index + 1
        yield kind, index, dict(item) if isinstance(item, Mapping) and not isinstance(item, dict) else item


def _raise(found: Iterable[str]) -> None:
    problems = Problems()
    problems.extend(found)
    problems.raise_if_any()
