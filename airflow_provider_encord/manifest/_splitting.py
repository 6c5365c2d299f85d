"""Split a manifest of any size into parts, one job each. Memory holds one part at a time."""

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
    RepeatedUrls,
    entry_urls,
    flag_problems,
    placed_problems,
    skipping_duplicates,
)

ITEMS_PER_PART = 10_000
URLS_PER_PART = 100_000
BYTES_PER_PART = 16 * 1024 * 1024
"""Far below Encord's limits: its pages advise small parts, which show up sooner. A limit in bytes is not documented."""


@dataclass
class Share:
    """The size of one kind: its entries, their URLs and bytes of JSON, and the number of parts that have any."""

    items: int = 0
    urls: int = 0
    bytes: int = 0
    parts: int = 0


@dataclass(frozen=True)
class Plan:
    """What :func:`split` will make of a manifest.

    :param kinds: size of each kind.
    :param parts: number of parts; each is one job.
    :param bytes: size of all parts as JSON.
    :param flags: flags of each part.
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
    """Check a manifest of any size and return what :func:`split` will make of it.

    A file is read to its end, in bounded memory. Without ``skip_duplicate_urls``, repeated URLs are only found within
    one part.

    :param source: the manifest as a dict, or as a file that is open for reading bytes.
    :param skip_duplicate_urls: the flag of that name, unless the manifest has it.
    :param max_items: most entries in a part.
    :param max_urls: most URLs in a part.
    :param max_bytes: most bytes of JSON in a part.
    :raises ManifestProblem: names each wrong entry, as :func:`check` does.
    :raises EmptyManifest: when it has no items.
    """
    limits = _Limits(max_items, max_urls, max_bytes)
    own_flags: dict[str, Any] = {}
    problems, repeats = Problems(), Problems()
    kinds: dict[str, Share] = {}
    parts = size = 0
    for part in _parts(walk(source, own_flags, problems), limits, problems.extend, repeats.extend):
        parts += 1
        size += part.bytes
        for kind, share in part.shares.items():
            total = kinds.setdefault(kind, Share())
            total.items += share.items
            total.urls += share.urls
            total.bytes += share.bytes
            total.parts += 1
    flags = skipping_duplicates(own_flags, skip_duplicate_urls)
    if flags["skip_duplicate_urls"] is not True:
        problems.merge(repeats)
    problems.extend(flag_problems(flags))
    if not parts and not problems.total:
        raise EmptyManifest("the manifest cannot be sent: it has no items")
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
    """Yield manifests that together hold the entries, one part at a time; each kind keeps its order.

    Entries are checked one by one, so an entry may be refused after parts were yielded; :func:`plan` finds it in
    advance. Without ``skip_duplicate_urls``, repeated URLs are only found within one part. The same entries and limits
    make the same parts, whatever the flags.

    :param entries: pairs of kind and item, from :func:`entries`, ``make``, or anywhere.
    :param flags: flags of each part; by default ``skip_duplicate_urls``, so that a part can be sent again.
    :param max_items: most entries in a part.
    :param max_urls: most URLs in a part.
    :param max_bytes: most bytes of JSON in a part, in the format of :func:`json.dumps`.
    :raises ManifestProblem: at once for a wrong flag or limit; while iterating, for an entry that Encord would refuse
        or that alone exceeds a limit, with its index among all entries of its kind.
    """
    limits = _Limits(max_items, max_urls, max_bytes)
    part_flags: dict[str, Any] = skipping_duplicates({}) if flags is None else dict(flags)
    _raise(flag_problems(part_flags))
    repeats = None if part_flags.get("skip_duplicate_urls") else _raise
    return ({**part.lists, **part_flags} for part in _parts(_numbered(entries), limits, _raise, repeats))


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
"""Space that each part keeps free, so that flags, which may be at the end of a file, do not change the parts."""


@dataclass
class _Part:
    lists: dict[str, list[Any]] = field(default_factory=dict)
    shares: dict[str, Share] = field(default_factory=dict)
    items: int = 0
    urls: int = 0
    bytes: int = 0
    """Size of the part as JSON, without its flags."""

    def add(self, kind: str, item: Any, urls: int, size: int, limits: _Limits) -> bool:
        """Add an entry, unless that would be too much."""
        share = self.shares.get(kind)
        grown = self.bytes + size + (len(f'"{kind}": [], ') if share is None else len(", "))
        if self.items >= limits.items or self.urls + urls > limits.urls or grown + _FLAGS_BYTES > limits.bytes:
            return False
        if share is None:
            share = self.shares[kind] = Share(parts=1)
            self.lists[kind] = []
        self.items += 1
        self.urls += urls
        self.bytes = grown
        share.items += 1
        share.urls += urls
        share.bytes += size
        self.lists[kind].append(item)
        return True


def _parts(
    entries: Iterable[tuple[Any, int, Any]],
    limits: _Limits,
    refuse: Callable[[Iterable[str]], None],
    refuse_repeats: Callable[[Iterable[str]], None] | None,
) -> Iterator[_Part]:
    """Check the entries and yield the parts; if ``refuse`` does not raise, a wrong entry is left out."""
    part, repeated = _Part(), RepeatedUrls()
    for kind, index, item in entries:
        if problems := placed_problems(kind, index, item):
            refuse(problems)
            continue
        urls = entry_urls(kind, item)
        size = _json_size(item)
        if not part.add(kind, item, len(urls), size, limits):
            if problems := list(_too_large(f"{kind}[{index}]", kind, len(urls), size, limits)):
                refuse(problems)
                continue
            yield part
            part.lists.clear()  # frees its memory even if the caller still holds the part
            part, repeated = _Part(), RepeatedUrls()
            part.add(kind, item, len(urls), size, limits)
        if refuse_repeats:
            refuse_repeats(repeated.problems(kind, index, urls))
    if part.items:
        yield part


def _json_size(item: dict[str, Any]) -> int:
    """Return ``len(json.dumps(item))``, without ``json.dumps`` if the item holds only strings, as most do."""
    size = len("{}") + len(": ") * len(item) + len(", ") * max(0, len(item) - 1)
    for name, value in item.items():
        if not isinstance(value, str):
            return len(json.dumps(item))
        size += len(_as_json(name)) + len(_as_json(value))
    return size


def _too_large(where: str, kind: str, urls: int, size: int, limits: _Limits) -> Iterator[str]:
    if urls > limits.urls:
        yield f"{where}: its {urls:,} URLs alone are more than max_urls ({limits.urls:,})"
    elif not _Part().add(kind, None, urls, size, limits):
        yield f"{where}: its {size:,} bytes alone are more than max_bytes ({limits.bytes:,}) allows"


def _numbered(entries: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, int, Any]]:
    counts: dict[Any, int] = {}
    for kind, item in entries:
        name = kind if isinstance(kind, str) else None
        index = counts.get(name, 0)
        counts[name] = index + 1
        yield kind, index, item if isinstance(item, dict) or not isinstance(item, Mapping) else dict(item)


def _raise(messages: Iterable[str]) -> None:
    problems = Problems()
    problems.extend(messages)
    problems.raise_if_any()
